"""What is kept in SQL for ever: one set of tables for SQLite and PostgreSQL.

Every row carries the seq of the command that made or last changed it. Amounts are integers in minor units, times
microseconds, enums the engine's numbers (`tandem.domain.trading`). `position` holds the seq up to which everything else
is told, written in the same transaction.

PostgreSQL partitions what grows with time by month of its time column; there the time is part of the primary key.
"""

from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Index,
    Integer,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.types import TypeDecorator, TypeEngine

INT64_MAX = 2**63 - 1
metadata = MetaData()
IS_OPEN = "status IN ('NEW', 'PENDING_NEW', 'PARTIALLY_FILLED')"


class Units(TypeDecorator[int]):
    """An amount of up to 128 bits. PostgreSQL: NUMERIC(39). SQLite: an integer, or text where 64 bits do not hold it.

    SQLite's own arithmetic is exact only for the first; sums over accounts are made in Python.
    """

    impl = Numeric(39, 0)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(_Untyped())
        return dialect.type_descriptor(Numeric(39, 0))

    def process_bind_param(self, value: int | None, dialect: Dialect) -> Any:
        if value is None or dialect.name != "sqlite" or -INT64_MAX <= value <= INT64_MAX:
            return value
        return str(value)

    def process_result_value(self, value: int | str | Decimal | None, dialect: Dialect) -> int | None:
        return None if value is None else int(value)


class _Untyped(TypeEngine[Any]):
    """A column without affinity keeps what it is given as it is."""

    __visit_name__ = "BLOB"


def _key(name: str) -> Column[Any]:
    return Column(name, BigInteger, nullable=False)


def _units(name: str) -> Column[Any]:
    return Column(name, Units, nullable=False)


def _small(name: str) -> Column[Any]:
    return Column(name, SmallInteger, nullable=False)


def _text(name: str) -> Column[Any]:
    return Column(name, Text, nullable=False)


position = Table(
    "position",
    metadata,
    Column("id", Integer, primary_key=True),  # always 1
    Column("cluster_id", Text, nullable=False),
    _key("seq"),
    _key("time_us"),
    _text("digest"),  # of the engine at seq, 16 hex digits
    _key("archived_us"),  # rows of periods that ended before may be in the archive only; 0: none
    comment="How far the log is told; one row.",
)

assets = Table(
    "assets", metadata, Column("id", Integer, primary_key=True), _text("code"), _text("name"), _small("decimals")
)
markets = Table(
    "markets",
    metadata,
    Column("id", Integer, primary_key=True),
    _text("symbol"),
    Column("base", Integer, nullable=False),
    Column("quote", Integer, nullable=False),
)
accounts = Table("accounts", metadata, Column("id", Integer, primary_key=True), _text("name"))

orders = Table(
    "orders",
    metadata,
    _key("id"),
    Column("account", Integer, nullable=False),
    Column("market", Integer, nullable=False),
    _small("side"),
    _small("kind"),
    _small("tif"),
    _key("price"),
    _key("qty"),  # as amended
    _units("quote_qty"),
    _small("stp"),
    Column("strategy_id", BigInteger),
    Column("strategy_type", Integer),
    _text("client_id"),  # of the cancel, once canceled
    _text("orig_client_id"),  # before the cancel; empty: not canceled
    _key("list_id"),  # -1: none
    _key("stop_price"),
    Column("trailing_delta", Integer, nullable=False),
    _key("trailing_us"),  # -1: not tracking
    _key("iceberg_qty"),
    _small("peg_price"),  # -1: none
    _small("peg_offset"),  # -1: none
    _key("pegged_price"),
    Column("used_sor", Boolean, nullable=False),
    Column("is_routed", Boolean, nullable=False),  # its last fill came from another market
    _small("state"),
    Column("status", Text, nullable=False),  # as the API names it
    Column("expiry_reason", Text, nullable=False),
    _key("left_qty"),
    _key("filled"),
    _units("filled_quote"),
    _key("prevented"),
    _key("prevented_match_id"),  # of the latest; -1: none
    Column("amends", Integer, nullable=False),
    _key("accepted_us"),
    _key("working_us"),  # -1: not yet
    _key("updated_us"),
    _key("first_seq"),
    _key("seq"),
    PrimaryKeyConstraint("id", "accepted_us", name="orders_pk"),
    Index("orders_by_market", "account", "market", "id"),
    Index("orders_by_time", "account", "market", "accepted_us", "id"),
    Index("orders_by_client", "account", "market", "client_id"),
    Index("orders_by_orig_client", "account", "market", "orig_client_id"),
    Index("orders_open", "id", sqlite_where=text(IS_OPEN), postgresql_where=text(IS_OPEN)),
    comment="Every order as it is now.",
)

order_changes = Table(
    "order_changes",
    metadata,
    _key("seq"),
    Column("n", Integer, nullable=False),  # of the event in its command
    _key("time_us"),
    _key("order_id"),
    Column("account", Integer, nullable=False),
    Column("market", Integer, nullable=False),
    _text("change"),  # ACCEPTED RELEASED TRAILING AMENDED PREVENTED CLOSED; a fill is in `fills`
    _key("qty"),
    _key("left_qty"),
    _text("client_id"),
    _text("old_client_id"),  # AMENDED, CLOSED by a cancel: before it
    _small("detail"),  # AMENDED: 0; CLOSED: the reason's number; RELEASED: the cause's; PREVENTED: the mode's
    _key("old_qty"),  # AMENDED: before it; else as qty
    PrimaryKeyConstraint("seq", "n", "time_us", name="order_changes_pk"),
    Index("order_changes_by_order", "order_id", "seq", "n"),
    comment="Everything that happened to an order but its fills.",
)

fills = Table(
    "fills",
    metadata,
    Column("account", Integer, nullable=False),
    Column("market", Integer, nullable=False),
    _key("trade_id"),  # -1: an allocation
    _key("allocation_id"),  # -1: a trade
    _small("side"),
    Column("is_maker", Boolean, nullable=False),
    _key("order_id"),
    _key("list_id"),
    _key("price"),
    _key("qty"),
    _units("quote_amount"),
    _units("fee"),
    Column("fee_asset", Integer, nullable=False),
    Column("maker_market", Integer, nullable=False),  # of an allocation: where it came from; else as market
    _key("maker_trade_id"),
    _key("time_us"),
    _key("seq"),
    Column("n", Integer, nullable=False),
    PrimaryKeyConstraint("seq", "n", "side", "time_us", name="fills_pk"),
    Index("fills_by_trade", "account", "market", "trade_id"),
    Index("fills_by_allocation", "account", "market", "allocation_id"),
    Index("fills_by_order", "order_id", "trade_id"),
    Index("fills_by_time", "account", "market", "time_us", "trade_id"),
    comment="One side of a trade each; of a routed order its allocations.",
)

trades = Table(
    "trades",
    metadata,
    Column("market", Integer, nullable=False),
    _key("trade_id"),
    _key("price"),
    _key("qty"),
    _units("quote_amount"),
    _small("taker_side"),
    _key("taker_order"),
    _key("maker_order"),
    _key("aggregate_id"),
    _key("time_us"),
    _key("seq"),
    PrimaryKeyConstraint("market", "trade_id", "time_us", name="trades_pk"),
    Index("trades_by_time", "market", "time_us", "trade_id"),
    Index("trades_by_aggregate", "market", "aggregate_id", "trade_id"),
    comment="What the public sees.",
)

ledger = Table(
    "ledger",
    metadata,
    _key("seq"),
    Column("n", Integer, nullable=False),
    Column("asset", Integer, nullable=False),
    _units("amount"),
    Column("debit_account", Integer, nullable=False),  # gives; -1: outside
    Column("credit_account", Integer, nullable=False),  # receives; -1: outside
    _text("cause"),  # CREDIT DEBIT TRADE FEE TRANSFER ALLOCATION
    _key("reference"),  # the order it belongs to; -1: none
    _key("time_us"),
    PrimaryKeyConstraint("seq", "n", "time_us", name="ledger_pk"),
    Index("ledger_by_debit", "debit_account", "asset", "seq", "n"),
    Index("ledger_by_credit", "credit_account", "asset", "seq", "n"),
    comment="Every movement between owners, as a pair: what one gives another receives.",
)

transfers = Table(
    "transfers",
    metadata,
    _key("seq"),
    Column("account", Integer, nullable=False),
    Column("asset", Integer, nullable=False),
    _units("amount"),  # negative: out
    _key("time_us"),
    PrimaryKeyConstraint("seq", "time_us", name="transfers_pk"),
    Index("transfers_by_account", "account", "time_us", "seq"),
    comment="Funds that came in and went out.",
)

order_lists = Table(
    "order_lists",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("account", Integer, nullable=False),
    Column("market", Integer, nullable=False),
    _small("kind"),
    _text("client_id"),
    _text("orders"),  # their ids with commas, rising
    Column("is_open", Boolean, nullable=False),
    _key("accepted_us"),
    _key("updated_us"),
    _key("seq"),
    Index("order_lists_by_account", "account", "id"),
    Index("order_lists_by_time", "account", "accepted_us", "id"),
    Index("order_lists_by_client", "account", "client_id"),
)

prevented_matches = Table(
    "prevented_matches",
    metadata,
    Column("market", Integer, nullable=False),
    _key("id"),
    Column("maker_market", Integer, nullable=False),
    Column("taker_account", Integer, nullable=False),
    Column("maker_account", Integer, nullable=False),
    _key("taker_order"),
    _key("maker_order"),
    Column("trade_group", BigInteger, nullable=False),  # -1: one account
    _small("mode"),
    _key("price"),
    _key("taker_prevented"),
    _key("maker_prevented"),
    _units("transferred"),
    _key("time_us"),
    _key("seq"),
    PrimaryKeyConstraint("market", "id", name="prevented_matches_pk"),
    Index("prevented_by_taker", "taker_order", "id"),
    Index("prevented_by_maker", "maker_order", "id"),
)

candles = Table(
    "candles",
    metadata,
    Column("market", Integer, nullable=False),
    _text("interval"),  # 1s ... 1M in UTC
    _key("open_us"),
    _key("open"),
    _key("high"),
    _key("low"),
    _key("close"),
    _units("volume"),
    _units("quote_volume"),
    _key("trades"),
    _units("taker_buy_volume"),
    _units("taker_buy_quote_volume"),
    _key("seq"),
    PrimaryKeyConstraint("market", "interval", "open_us", name="candles_pk"),
    comment="Only of periods with trades.",
)

daily = Table(
    "daily",
    metadata,
    Column("market", Integer, nullable=False),
    _key("day_us"),  # start of the day in UTC
    _key("orders"),
    _key("trades"),
    _units("volume"),
    _units("quote_volume"),
    _key("seq"),
    PrimaryKeyConstraint("market", "day_us", name="daily_pk"),
)

PARTITIONED = {
    "orders": "accepted_us",
    "order_changes": "time_us",
    "fills": "time_us",
    "trades": "time_us",
    "ledger": "time_us",
    "transfers": "time_us",
}
"""Table name to the time column that PostgreSQL partitions it by."""
