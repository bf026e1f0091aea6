"""The first version of the history's tables."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

SMALL, INT, BIG, TEXT, FLAG = sa.SmallInteger(), sa.Integer(), sa.BigInteger(), sa.Text(), sa.Boolean()
UNITS = sa.Numeric(39, 0).with_variant(sa.BLOB(), "sqlite")


def _grows(time: str) -> dict[str, Any]:
    return {"sqlite_with_rowid": False, "postgresql_partition_by": f"RANGE ({time})"}


def _only(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    _position_and_names()
    _orders()
    _order_changes()
    _fills()
    _trades()
    _ledger()
    _transfers()
    _order_lists()
    _prevented_matches()
    _candles()
    _daily()


def downgrade() -> None:
    for name in (
        "daily",
        "candles",
        "prevented_matches",
        "order_lists",
        "transfers",
        "ledger",
        "trades",
        "fills",
        "order_changes",
        "orders",
        "accounts",
        "markets",
        "assets",
        "position",
    ):
        op.drop_table(name)


def _position_and_names() -> None:
    op.create_table(
        "position",
        sa.Column("id", INT, primary_key=True),
        sa.Column("cluster_id", TEXT, nullable=False),
        sa.Column("seq", BIG, nullable=False),
        sa.Column("time_us", BIG, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("archived_us", BIG, nullable=False),
        comment="How far the log is told; one row.",
    )
    op.create_table(
        "assets",
        sa.Column("id", INT, primary_key=True),
        sa.Column("code", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("decimals", SMALL, nullable=False),
    )
    op.create_table(
        "markets",
        sa.Column("id", INT, primary_key=True),
        sa.Column("symbol", TEXT, nullable=False),
        sa.Column("base", INT, nullable=False),
        sa.Column("quote", INT, nullable=False),
    )
    op.create_table(
        "accounts",
        sa.Column("id", INT, primary_key=True),
        sa.Column("name", TEXT, nullable=False),
    )


def _orders() -> None:
    op.create_table(
        "orders",
        sa.Column("id", BIG, nullable=False),
        sa.Column("account", INT, nullable=False),
        sa.Column("market", INT, nullable=False),
        sa.Column("side", SMALL, nullable=False),
        sa.Column("kind", SMALL, nullable=False),
        sa.Column("tif", SMALL, nullable=False),
        sa.Column("price", BIG, nullable=False),
        sa.Column("quote_qty", UNITS, nullable=False),
        sa.Column("stp", SMALL, nullable=False),
        sa.Column("strategy_id", BIG, nullable=True),
        sa.Column("strategy_type", INT, nullable=True),
        sa.Column("list_id", BIG, nullable=False),
        sa.Column("stop_price", BIG, nullable=False),
        sa.Column("trailing_delta", INT, nullable=False),
        sa.Column("iceberg_qty", BIG, nullable=False),
        sa.Column("peg_price", SMALL, nullable=False),
        sa.Column("peg_offset", SMALL, nullable=False),
        sa.Column("used_sor", FLAG, nullable=False),
        sa.Column("accepted_us", BIG, nullable=False),
        sa.Column("first_seq", BIG, nullable=False),
        sa.Column("qty", BIG, nullable=False),
        sa.Column("client_id", TEXT, nullable=False),
        sa.Column("cancel_id", TEXT, nullable=False),
        sa.Column("state", SMALL, nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("expiry_reason", TEXT, nullable=False),
        sa.Column("left_qty", BIG, nullable=False),
        sa.Column("filled", BIG, nullable=False),
        sa.Column("filled_quote", UNITS, nullable=False),
        sa.Column("is_routed", FLAG, nullable=False),
        sa.Column("prevented", BIG, nullable=False),
        sa.Column("prevented_match_id", BIG, nullable=False),
        sa.Column("amends", INT, nullable=False),
        sa.Column("pegged_price", BIG, nullable=False),
        sa.Column("trailing_us", BIG, nullable=False),
        sa.Column("working_us", BIG, nullable=False),
        sa.Column("updated_us", BIG, nullable=False),
        sa.Column("seq", BIG, nullable=False),
        sa.PrimaryKeyConstraint("id", "accepted_us", name="orders_pk"),
        comment="Every order as it is now.",
        **_grows("accepted_us"),
    )
    op.create_index("orders_by_cancel", "orders", ["account", "market", "cancel_id", "id"], **_only("cancel_id <> ''"))
    op.create_index("orders_by_client", "orders", ["account", "market", "client_id", "id"])
    op.create_index("orders_by_time", "orders", ["account", "market", "accepted_us", "id"])


def _order_changes() -> None:
    op.create_table(
        "order_changes",
        sa.Column("seq", BIG, nullable=False),
        sa.Column("n", INT, nullable=False),
        sa.Column("time_us", BIG, nullable=False),
        sa.Column("order_id", BIG, nullable=False),
        sa.Column("account", INT, nullable=False),
        sa.Column("market", INT, nullable=False),
        sa.Column("change", TEXT, nullable=False),
        sa.Column("qty", BIG, nullable=False),
        sa.Column("left_qty", BIG, nullable=False),
        sa.Column("client_id", TEXT, nullable=False),
        sa.Column("old_client_id", TEXT, nullable=False),
        sa.Column("detail", SMALL, nullable=False),
        sa.Column("old_qty", BIG, nullable=False),
        sa.PrimaryKeyConstraint("seq", "n", "order_id", "time_us", name="order_changes_pk"),
        comment="What happened to an order between its acceptance and its end, but for its fills.",
        **_grows("time_us"),
    )
    op.create_index("order_changes_by_order", "order_changes", ["order_id", "seq", "n"])


def _fills() -> None:
    op.create_table(
        "fills",
        sa.Column("seq", BIG, nullable=False),
        sa.Column("n", INT, nullable=False),
        sa.Column("side", SMALL, nullable=False),
        sa.Column("time_us", BIG, nullable=False),
        sa.Column("account", INT, nullable=False),
        sa.Column("market", INT, nullable=False),
        sa.Column("trade_id", BIG, nullable=False),
        sa.Column("allocation_id", BIG, nullable=False),
        sa.Column("is_maker", FLAG, nullable=False),
        sa.Column("order_id", BIG, nullable=False),
        sa.Column("list_id", BIG, nullable=False),
        sa.Column("price", BIG, nullable=False),
        sa.Column("qty", BIG, nullable=False),
        sa.Column("quote_amount", UNITS, nullable=False),
        sa.Column("fee", UNITS, nullable=False),
        sa.Column("fee_asset", INT, nullable=False),
        sa.Column("maker_market", INT, nullable=False),
        sa.Column("maker_trade_id", BIG, nullable=False),
        sa.PrimaryKeyConstraint("seq", "n", "side", "time_us", name="fills_pk"),
        comment="One side of a trade each; of a routed order its allocations.",
        **_grows("time_us"),
    )
    op.create_index("allocations_by_id", "fills", ["account", "market", "allocation_id"], **_only("allocation_id >= 0"))
    op.create_index("allocations_by_order", "fills", ["order_id", "allocation_id"], **_only("allocation_id >= 0"))
    op.create_index(
        "allocations_by_time", "fills", ["account", "market", "time_us", "allocation_id"], **_only("allocation_id >= 0")
    )
    op.create_index("fills_by_order", "fills", ["order_id", "trade_id"], **_only("trade_id >= 0"))
    op.create_index(
        "fills_by_time", "fills", ["account", "market", "time_us", "trade_id", "is_maker"], **_only("trade_id >= 0")
    )


def _trades() -> None:
    op.create_table(
        "trades",
        sa.Column("market", INT, nullable=False),
        sa.Column("trade_id", BIG, nullable=False),
        sa.Column("price", BIG, nullable=False),
        sa.Column("qty", BIG, nullable=False),
        sa.Column("quote_amount", UNITS, nullable=False),
        sa.Column("taker_side", SMALL, nullable=False),
        sa.Column("taker_order", BIG, nullable=False),
        sa.Column("maker_order", BIG, nullable=False),
        sa.Column("aggregate_id", BIG, nullable=False),
        sa.Column("time_us", BIG, nullable=False),
        sa.Column("seq", BIG, nullable=False),
        sa.PrimaryKeyConstraint("market", "trade_id", "time_us", name="trades_pk"),
        comment="What the public sees.",
        **_grows("time_us"),
    )
    op.create_index("trades_by_aggregate", "trades", ["market", "aggregate_id", "trade_id"])
    op.create_index("trades_by_time", "trades", ["market", "time_us", "trade_id"])


def _ledger() -> None:
    op.create_table(
        "ledger",
        sa.Column("seq", BIG, nullable=False),
        sa.Column("n", INT, nullable=False),
        sa.Column("time_us", BIG, nullable=False),
        sa.Column("asset", INT, nullable=False),
        sa.Column("amount", UNITS, nullable=False),
        sa.Column("debit_account", INT, nullable=False),
        sa.Column("credit_account", INT, nullable=False),
        sa.Column("cause", TEXT, nullable=False),
        sa.Column("reference", BIG, nullable=False),
        sa.PrimaryKeyConstraint("seq", "n", "time_us", name="ledger_pk"),
        comment="Every movement between owners, as a pair: what one gives another receives.",
        **_grows("time_us"),
    )


def _transfers() -> None:
    op.create_table(
        "transfers",
        sa.Column("seq", BIG, nullable=False),
        sa.Column("account", INT, nullable=False),
        sa.Column("asset", INT, nullable=False),
        sa.Column("amount", UNITS, nullable=False),
        sa.Column("time_us", BIG, nullable=False),
        sa.PrimaryKeyConstraint("seq", "time_us", name="transfers_pk"),
        comment="Funds that came in and went out.",
        **_grows("time_us"),
    )
    op.create_index("transfers_by_account", "transfers", ["account", "time_us", "seq"])


def _order_lists() -> None:
    op.create_table(
        "order_lists",
        sa.Column("id", BIG, primary_key=True, autoincrement=False),
        sa.Column("account", INT, nullable=False),
        sa.Column("market", INT, nullable=False),
        sa.Column("kind", SMALL, nullable=False),
        sa.Column("client_id", TEXT, nullable=False),
        sa.Column("orders", TEXT, nullable=False),
        sa.Column("accepted_us", BIG, nullable=False),
        sa.Column("is_open", FLAG, nullable=False),
        sa.Column("updated_us", BIG, nullable=False),
        sa.Column("seq", BIG, nullable=False),
    )
    op.create_index("order_lists_by_account", "order_lists", ["account", "id"])
    op.create_index("order_lists_by_client", "order_lists", ["account", "client_id", "id"])
    op.create_index("order_lists_by_time", "order_lists", ["account", "accepted_us", "id"])


def _prevented_matches() -> None:
    op.create_table(
        "prevented_matches",
        sa.Column("market", INT, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("maker_market", INT, nullable=False),
        sa.Column("taker_account", INT, nullable=False),
        sa.Column("maker_account", INT, nullable=False),
        sa.Column("taker_order", BIG, nullable=False),
        sa.Column("maker_order", BIG, nullable=False),
        sa.Column("trade_group", BIG, nullable=False),
        sa.Column("mode", SMALL, nullable=False),
        sa.Column("price", BIG, nullable=False),
        sa.Column("taker_prevented", BIG, nullable=False),
        sa.Column("maker_prevented", BIG, nullable=False),
        sa.Column("transferred", UNITS, nullable=False),
        sa.Column("time_us", BIG, nullable=False),
        sa.Column("seq", BIG, nullable=False),
        sa.PrimaryKeyConstraint("market", "id", name="prevented_matches_pk"),
    )
    op.create_index("prevented_by_maker", "prevented_matches", ["maker_order", "id"])
    op.create_index("prevented_by_maker_market", "prevented_matches", ["maker_market", "id"])
    op.create_index("prevented_by_taker", "prevented_matches", ["taker_order", "id"])


def _candles() -> None:
    op.create_table(
        "candles",
        sa.Column("market", INT, nullable=False),
        sa.Column("interval", TEXT, nullable=False),
        sa.Column("open_us", BIG, nullable=False),
        sa.Column("open", BIG, nullable=False),
        sa.Column("high", BIG, nullable=False),
        sa.Column("low", BIG, nullable=False),
        sa.Column("close", BIG, nullable=False),
        sa.Column("volume", UNITS, nullable=False),
        sa.Column("quote_volume", UNITS, nullable=False),
        sa.Column("trades", BIG, nullable=False),
        sa.Column("taker_buy_volume", UNITS, nullable=False),
        sa.Column("taker_buy_quote_volume", UNITS, nullable=False),
        sa.Column("seq", BIG, nullable=False),
        sa.PrimaryKeyConstraint("market", "interval", "open_us", name="candles_pk"),
        comment="Only of periods with trades.",
        sqlite_with_rowid=False,
    )


def _daily() -> None:
    op.create_table(
        "daily",
        sa.Column("market", INT, nullable=False),
        sa.Column("day_us", BIG, nullable=False),
        sa.Column("orders", BIG, nullable=False),
        sa.Column("trades", BIG, nullable=False),
        sa.Column("volume", UNITS, nullable=False),
        sa.Column("quote_volume", UNITS, nullable=False),
        sa.Column("next_aggregate", BIG, nullable=False),
        sa.Column("seq", BIG, nullable=False),
        sa.PrimaryKeyConstraint("market", "day_us", name="daily_pk"),
        sqlite_with_rowid=False,
    )
