"""An account's orders and fills of a market lie together, and client ids are indexed by the day of their order.

So a page is read from few places, and what changes while a batch is written fits in memory however long the history is.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

KEYS = {
    "orders": (("id", "accepted_us"), ("account", "market", "accepted_us", "id")),
    "fills": (
        ("seq", "n", "side", "time_us"),
        ("account", "market", "allocation_id", "time_us", "trade_id", "is_maker"),
    ),
}
"""Before and after."""
DAY: Any = sa.text("(accepted_us / 86400000000)")
CANCELED, IS_TRADE, IS_ALLOCATION = "cancel_id <> ''", "trade_id >= 0", "allocation_id >= 0"
MADE: Any = sa.text("SELECT name, sql FROM sqlite_master WHERE tbl_name = :name AND sql IS NOT NULL")
CLIENT, CANCEL = ["account", "market", "client_id", "id"], ["account", "market", "cancel_id", "id"]


def upgrade() -> None:
    _drop_all("orders", "orders_by_client", "orders_by_cancel", "orders_by_time")
    _drop_all("fills", "fills_by_time", "allocations_by_id")
    for table, (before, after) in KEYS.items():
        _change_key(table, before, after)
    op.create_index("orders_by_id", "orders", ["id", "accepted_us"], unique=True)
    op.create_index("orders_by_client", "orders", [DAY, *CLIENT])
    _create_partial("orders_by_cancel", "orders", [DAY, *CANCEL], CANCELED)
    op.create_index("fills_by_seq", "fills", ["seq", "n", "side", "time_us"], unique=True)
    op.create_index("order_lists_by_seq", "order_lists", ["seq"])
    op.create_index("prevented_by_seq", "prevented_matches", ["seq"])


def downgrade() -> None:
    _drop_all("orders", "orders_by_id", "orders_by_client", "orders_by_cancel")
    _drop_all("fills", "fills_by_seq")
    _drop_all("order_lists", "order_lists_by_seq")
    _drop_all("prevented_matches", "prevented_by_seq")
    for table, (before, after) in KEYS.items():
        _change_key(table, after, before)
    op.create_index("orders_by_client", "orders", CLIENT)
    _create_partial("orders_by_cancel", "orders", CANCEL, CANCELED)
    op.create_index("orders_by_time", "orders", ["account", "market", "accepted_us", "id"])
    _create_partial("fills_by_time", "fills", ["account", "market", "time_us", "trade_id", "is_maker"], IS_TRADE)
    _create_partial("allocations_by_id", "fills", ["account", "market", "allocation_id"], IS_ALLOCATION)


def _drop_all(table: str, *indexes: str) -> None:
    for name in indexes:
        op.drop_index(name, table)


def _create_partial(name: str, table: str, columns: Sequence[str], condition: str) -> None:
    only = sa.text(condition)
    op.create_index(name, table, columns, sqlite_where=only, postgresql_where=only)


def _change_key(table: str, before: Sequence[str], after: Sequence[str]) -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_pk")
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {table}_pk PRIMARY KEY ({', '.join(after)})")
        return
    kept = dict(op.get_bind().execute(MADE, {"name": table}).all())
    made = kept.pop(table)
    _drop_all(table, *kept)
    op.execute(f"ALTER TABLE {table} RENAME TO {table}_before")
    op.execute(made.replace(f"PRIMARY KEY ({', '.join(before)})", f"PRIMARY KEY ({', '.join(after)})"))
    op.execute(f"INSERT INTO {table} SELECT * FROM {table}_before ORDER BY {', '.join(after)}")
    op.execute(f"DROP TABLE {table}_before")
    for index in kept.values():
        op.execute(index)
