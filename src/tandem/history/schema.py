"""What is kept in SQL for ever: one set of tables for SQLite and PostgreSQL.

Every row carries the seq of the command that made or last changed it. Amounts are integers in minor units, times
microseconds, enums the engine's numbers (`tandem.domain.trading`). `position` holds the seq up to which everything else
is told, written in the same transaction.

What grows with time is partitioned by month of its time column on PostgreSQL, which wants that column in the primary
key; on SQLite these tables are trees on the primary key. What an account asks for by the page, its orders and fills of
a market, lies there together: a page of 500 is twenty blocks and not 500. The others rise with the log. Ids and times
of one market rise together, so one order by time serves questions by id too. An index that no query needs is a fifth
of the speed.

`migrations/` makes the tables; a test holds both to be the same.
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
ACCEPTED_DAY = "(accepted_us / 86400000000)"
"""Client ids come in any order: an index of a day's is small enough to stay in memory while it grows."""
CANCELED = "cancel_id <> ''"
IS_TRADE = "trade_id >= 0"
IS_ALLOCATION = "allocation_id >= 0"
PARTITIONED = {
    "orders": "accepted_us",
    "order_changes": "time_us",
    "fills": "time_us",
    "trades": "time_us",
    "ledger": "time_us",
    "transfers": "time_us",
}
"""Table name to the time column that PostgreSQL partitions it by."""
RISING = {"orders": ("id",), "fills": ("seq", "n", "side")}
"""What rises with the log in tables whose primary key does not."""


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


def _int(name: str) -> Column[Any]:
    return Column(name, Integer, nullable=False)


def _flag(name: str) -> Column[Any]:
    return Column(name, Boolean, nullable=False)


def _grows(time: str) -> dict[str, Any]:
    return {"sqlite_with_rowid": False, "postgresql_partition_by": f"RANGE ({time})"}


def _only(condition: str) -> dict[str, Any]:
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


position = Table(
    "position",
    metadata,
    Column("id", Integer, primary_key=True),  # always 1
    _text("cluster_id"),
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
    _int("base"),
    _int("quote"),
)
accounts = Table("accounts", metadata, Column("id", Integer, primary_key=True), _text("name"))

orders = Table(
    "orders",
    metadata,
    _key("id"),
    _int("account"),
    _int("market"),
    _small("side"),
    _small("kind"),
    _small("tif"),
    _key("price"),
    _units("quote_qty"),
    _small("stp"),
    Column("strategy_id", BigInteger),
    Column("strategy_type", Integer),
    _key("list_id"),  # -1: none
    _key("stop_price"),
    _int("trailing_delta"),
    _key("iceberg_qty"),
    _small("peg_price"),  # -1: none
    _small("peg_offset"),  # -1: none
    _flag("used_sor"),
    _key("accepted_us"),
    _key("first_seq"),
    # From here on as it is now.
    _key("qty"),  # as amended
    _text("client_id"),  # as amended
    _text("cancel_id"),  # what the API shows as its client id once it is canceled; empty: not canceled
    _small("state"),
    _text("status"),  # as the API names it
    _text("expiry_reason"),
    _key("left_qty"),
    _key("filled"),
    _units("filled_quote"),
    _flag("is_routed"),  # its last fill came from another market
    _key("prevented"),
    _key("prevented_match_id"),  # of the latest; -1: none
    _int("amends"),
    _key("pegged_price"),
    _key("trailing_us"),  # -1: not tracking
    _key("working_us"),  # -1: not yet
    _key("updated_us"),
    _key("seq"),
    PrimaryKeyConstraint("account", "market", "accepted_us", "id", name="orders_pk"),
    Index("orders_by_id", "id", "accepted_us", unique=True),
    Index("orders_by_client", text(ACCEPTED_DAY), "account", "market", "client_id", "id"),
    Index("orders_by_cancel", text(ACCEPTED_DAY), "account", "market", "cancel_id", "id", **_only(CANCELED)),
    comment="Every order as it is now.",
    **_grows("accepted_us"),
)

order_changes = Table(
    "order_changes",
    metadata,
    _key("seq"),
    _int("n"),  # of the event in its command
    _key("time_us"),
    _key("order_id"),
    _int("account"),
    _int("market"),
    _text("change"),  # RELEASED TRAILING AMENDED PREVENTED CLOSED
    _key("qty"),
    _key("left_qty"),
    _text("client_id"),  # CLOSED by a cancel: the cancel's
    _text("old_client_id"),  # AMENDED, CLOSED by a cancel: before it
    _small("detail"),  # CLOSED: the reason's number; RELEASED: the cause's; PREVENTED: the mode's; else 0
    _key("old_qty"),  # AMENDED, RELEASED: before it; else as qty
    PrimaryKeyConstraint("seq", "n", "order_id", "time_us", name="order_changes_pk"),
    Index("order_changes_by_order", "order_id", "seq", "n"),
    comment="What happened to an order between its acceptance and its end, but for its fills.",
    **_grows("time_us"),
)

fills = Table(
    "fills",
    metadata,
    _key("seq"),
    _int("n"),
    _small("side"),
    _key("time_us"),
    _int("account"),
    _int("market"),
    _key("trade_id"),  # -1: an allocation
    _key("allocation_id"),  # -1: a trade
    _flag("is_maker"),
    _key("order_id"),
    _key("list_id"),
    _key("price"),
    _key("qty"),
    _units("quote_amount"),
    _units("fee"),
    _int("fee_asset"),
    _int("maker_market"),  # of an allocation: where it came from; else as market
    _key("maker_trade_id"),
    # Who trades with himself has two rows of one trade.
    PrimaryKeyConstraint(*("account", "market", "allocation_id", "time_us", "trade_id", "is_maker"), name="fills_pk"),
    Index("fills_by_seq", "seq", "n", "side", "time_us", unique=True),
    Index("allocations_by_time", "account", "market", "time_us", "allocation_id", **_only(IS_ALLOCATION)),
    Index("fills_by_order", "order_id", "trade_id", **_only(IS_TRADE)),
    Index("allocations_by_order", "order_id", "allocation_id", **_only(IS_ALLOCATION)),
    comment="One side of a trade each; of a routed order its allocations.",
    **_grows("time_us"),
)

trades = Table(
    "trades",
    metadata,
    _int("market"),
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
    **_grows("time_us"),
)

# An account's movements are found by the seqs of its fills, transfers and prevented matches.
ledger = Table(
    "ledger",
    metadata,
    _key("seq"),
    _int("n"),  # of the movement in its command
    _key("time_us"),
    _int("asset"),
    _units("amount"),
    _int("debit_account"),  # gives; -1: outside
    _int("credit_account"),  # receives; -1: outside
    _text("cause"),  # CREDIT DEBIT TRADE FEE TRANSFER ALLOCATION
    _key("reference"),  # the order it belongs to; -1: none
    PrimaryKeyConstraint("seq", "n", "time_us", name="ledger_pk"),
    comment="Every movement between owners, as a pair: what one gives another receives.",
    **_grows("time_us"),
)

transfers = Table(
    "transfers",
    metadata,
    _key("seq"),
    _int("account"),
    _int("asset"),
    _units("amount"),  # negative: out
    _key("time_us"),
    PrimaryKeyConstraint("seq", "time_us", name="transfers_pk"),
    Index("transfers_by_account", "account", "time_us", "seq"),
    comment="Funds that came in and went out.",
    **_grows("time_us"),
)

order_lists = Table(
    "order_lists",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    _int("account"),
    _int("market"),
    _small("kind"),
    _text("client_id"),
    _text("orders"),  # their ids with commas, rising
    _text("client_ids"),  # theirs likewise, as amended, in that order
    _key("accepted_us"),
    _flag("is_open"),
    _key("updated_us"),
    _key("seq"),
    Index("order_lists_by_account", "account", "id"),
    Index("order_lists_by_time", "account", "accepted_us", "id"),
    Index("order_lists_by_client", "account", "client_id", "id"),
    Index("order_lists_by_seq", "seq"),
)

prevented_matches = Table(
    "prevented_matches",
    metadata,
    _int("market"),
    _key("id"),
    _int("maker_market"),
    _int("taker_account"),
    _int("maker_account"),
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
    Index("prevented_by_maker_market", "maker_market", "id"),
    Index("prevented_by_seq", "seq"),
)

candles = Table(
    "candles",
    metadata,
    _int("market"),
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
    sqlite_with_rowid=False,
)

daily = Table(
    "daily",
    metadata,
    _int("market"),
    _key("day_us"),  # start of the day in UTC
    _key("orders"),
    _key("trades"),
    _units("volume"),
    _units("quote_volume"),
    _key("next_aggregate"),  # the id that the first aggregate trade after this day has
    _key("seq"),
    PrimaryKeyConstraint("market", "day_us", name="daily_pk"),
    sqlite_with_rowid=False,
)
