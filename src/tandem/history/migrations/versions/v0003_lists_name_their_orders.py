"""A list holds its orders' client ids, so they are not looked up among all orders, and stay when an order leaves SQL.

Orders that have left before are without a name here; the history told again has them all.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

INT, BIG, TEXT = sa.Integer(), sa.BigInteger(), sa.Text()
INDEXES = {
    "order_lists_by_account": ["account", "id"],
    "order_lists_by_client": ["account", "client_id", "id"],
    "order_lists_by_seq": ["seq"],
    "order_lists_by_time": ["account", "accepted_us", "id"],
}
KEPT_BEFORE, KEPT_AFTER = "id, account, market, kind, client_id, orders", "accepted_us, is_open, updated_us, seq"
MEMBERS = {
    "sqlite": "(SELECT CAST(value AS INTEGER) AS id, key AS n FROM json_each('[' || l.orders || ']'))",
    "postgresql": (
        "(SELECT CAST(id AS BIGINT) AS id, n"
        " FROM unnest(string_to_array(l.orders, ',')) WITH ORDINALITY members (id, n))"
    ),
}
JOINED = {"sqlite": "group_concat(name, ',')", "postgresql": "string_agg(name, ',' ORDER BY n)"}
"""SQLite's goes by the order of what it is given."""


def upgrade() -> None:
    kind = op.get_context().dialect.name
    names = (
        f"SELECT {JOINED[kind]} FROM (SELECT coalesce(o.client_id, '') AS name, m.n AS n FROM {MEMBERS[kind]} m"
        " LEFT JOIN orders o ON o.account = l.account AND o.market = l.market AND o.accepted_us = l.accepted_us"
        " AND o.id = m.id ORDER BY m.n) named"
    )
    _make_again(sa.Column("client_ids", TEXT, nullable=False), values=f"({names})")


def downgrade() -> None:
    _make_again()


def _make_again(*more: sa.Column[str], values: str = "") -> None:
    """With more columns beside `orders`, or without them: `ADD COLUMN` puts them last."""
    op.execute("CREATE TABLE order_lists_before AS SELECT * FROM order_lists")
    op.drop_table("order_lists")
    op.create_table(
        "order_lists",
        sa.Column("id", BIG, primary_key=True, autoincrement=False),
        sa.Column("account", INT, nullable=False),
        sa.Column("market", INT, nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("client_id", TEXT, nullable=False),
        sa.Column("orders", TEXT, nullable=False),
        *more,
        sa.Column("accepted_us", BIG, nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("updated_us", BIG, nullable=False),
        sa.Column("seq", BIG, nullable=False),
    )
    selected = ", ".join(filter(None, (KEPT_BEFORE, values, KEPT_AFTER)))
    op.execute(f"INSERT INTO order_lists SELECT {selected} FROM order_lists_before l ORDER BY id")
    op.drop_table("order_lists_before")
    for name, columns in INDEXES.items():
        op.create_index(name, "order_lists", columns)
