"""Client ids are indexed by the day of their order: the pages that change fit in memory however long the history is."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

CANCELED = sa.text("cancel_id <> ''")
DAY = sa.text("(accepted_us / 86400000000)")


def upgrade() -> None:
    _make(DAY)


def downgrade() -> None:
    _make()


def _make(*first: sa.TextClause) -> None:
    for name in ("orders_by_client", "orders_by_cancel"):
        op.drop_index(name, "orders")
    op.create_index("orders_by_client", "orders", [*first, "account", "market", "client_id", "id"])
    columns: list[Any] = [*first, "account", "market", "cancel_id", "id"]
    op.create_index("orders_by_cancel", "orders", columns, sqlite_where=CANCELED, postgresql_where=CANCELED)
