"""The migrations make the tables that the code knows, on both databases."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert, inspect, select, text
from sqlalchemy.engine import URL

from tandem.history.database import HistoryUnusable, database_url, migrate, open_engine
from tandem.history.postgres_store import month_of, partition_of
from tandem.history.schema import PARTITIONED, metadata
from tandem.history.store import open_store
from tests.history.twins import Twins

PARTITION_KEYS = "SELECT partrelid::regclass::text, pg_get_partkeydef(partrelid) FROM pg_partitioned_table"


@contextmanager
def opened(url: URL) -> Iterator[Connection]:
    engine = open_engine(url)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def described(url: URL) -> dict[str, Any]:
    """Everything about the tables that the database itself tells."""
    with opened(url) as connection:
        if url.get_backend_name() == "sqlite":
            made = text("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'alembic%' AND sql IS NOT NULL")
            return {row.name: row.sql for row in connection.execute(made)}
        inspector = inspect(connection)
        keys = {name.rpartition(".")[2]: key for name, key in connection.execute(text(PARTITION_KEYS))}
        return {table: _described(inspector, table) | {"by": keys.get(table)} for table in metadata.tables}


def _described(inspector: Any, table: str) -> dict[str, Any]:
    columns = [column | {"type": str(column["type"])} for column in inspector.get_columns(table)]
    indexes = sorted(inspector.get_indexes(table), key=lambda index: str(index["name"]))
    key, comment = inspector.get_pk_constraint(table), inspector.get_table_comment(table)
    return {"columns": columns, "indexes": indexes, "key": key, "comment": comment}


def test_an_upgraded_empty_database_has_the_tables_of_the_code(twins: Twins) -> None:
    engine = open_engine(twins.first)
    migrate(engine)
    migrate(engine)
    engine.dispose()
    with opened(twins.second) as connection:
        metadata.create_all(connection)
    upgraded = described(twins.first)
    assert upgraded.keys() >= metadata.tables.keys()
    assert upgraded == described(twins.second)
    if twins.first.get_backend_name() == "postgresql":
        partitioned = {name: found["by"] for name, found in upgraded.items() if found["by"]}
        assert partitioned == {name: f"RANGE ({time})" for name, time in PARTITIONED.items()}


def test_rows_of_an_older_version_stay(twins: Twins) -> None:
    engine = open_engine(twins.first)
    migrate(engine, "0001")
    now = month_of(0)
    with engine.begin() as connection:
        for table in (metadata.tables["orders"], metadata.tables["fills"]):
            if twins.first.get_backend_name() == "postgresql":
                for statement in partition_of(table.name, now)[1]:
                    connection.execute(text(statement))
            for number in range(3):
                row = {column.name: _value_for(column, number) for column in table.columns}
                connection.execute(insert(table).values(row))
    before = _rows(engine)
    migrate(engine)
    assert _rows(engine) == before
    assert [len(rows) for rows in before] == [3, 3]
    engine.dispose()


def test_lists_of_an_older_version_get_the_client_ids_of_their_orders(twins: Twins) -> None:
    engine = open_engine(twins.first)
    migrate(engine, "0002")
    orders, lists = metadata.tables["orders"], metadata.tables["order_lists"]
    names = {(1, 8): "a", (1, 9): "b", (1, 10): "c", (2, 11): "d", (2, 12): "e", (4, 13): "other"}
    with engine.begin() as connection:
        if twins.first.get_backend_name() == "postgresql":
            for statement in partition_of("orders", month_of(0))[1]:
                connection.execute(text(statement))
        # In the order of neither ids nor names.
        for (list_id, order_id), name in sorted(names.items(), key=lambda item: -item[0][1] % 3):
            row = {column.name: _value_for(column, 7) for column in orders.columns}
            row |= {"id": order_id, "list_id": list_id, "accepted_us": list_id, "client_id": name, "cancel_id": "x"}
            connection.execute(insert(orders).values(row))
        for list_id, members in ((1, "8,9,10"), (2, "11,12"), (3, "5,6"), (4, "4,13")):
            row = {column.name: _value_for(column, 7) for column in lists.columns if column.name != "client_ids"}
            row |= {"id": list_id, "orders": members, "accepted_us": list_id, "is_open": list_id == 2}
            connection.execute(text(_LIST_OF_0002), row)
        before = connection.execute(text("SELECT * FROM order_lists ORDER BY id")).mappings().all()
    migrate(engine)
    with engine.begin() as connection:
        found = connection.execute(select(lists).order_by(lists.c.id)).mappings().all()
    # Orders of the third, and one of the fourth, have left.
    assert [row["client_ids"] for row in found] == ["a,b,c", "d,e", ",", ",other"]
    assert [{name: row[name] for name in before[0]} for row in found] == before
    migrate(engine, "base")
    engine.dispose()


_LIST_OF_0002 = (
    "INSERT INTO order_lists (id, account, market, kind, client_id, orders, accepted_us, is_open, updated_us, seq)"
    " VALUES (:id, :account, :market, :kind, :client_id, :orders, :accepted_us, :is_open, :updated_us, :seq)"
)


def _value_for(column: Any, number: int) -> Any:
    return {str: str(number), bool: False}.get(column.type.python_type, number)


def _rows(engine: Any) -> list[list[Any]]:
    with engine.begin() as connection:
        tables = (metadata.tables["orders"], metadata.tables["fills"])
        return [sorted(connection.execute(select(table)).all(), key=str) for table in tables]


def test_a_downgrade_leaves_nothing(twins: Twins) -> None:
    engine = open_engine(twins.first)
    migrate(engine)
    migrate(engine, "base")
    engine.dispose()
    with opened(twins.first) as connection:
        assert inspect(connection).get_table_names() == ["alembic_version"]


def test_a_database_of_a_newer_program_is_refused(twins: Twins) -> None:
    open_store(twins.first).close()
    with opened(twins.first) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(HistoryUnusable, match="9999"):
        open_store(twins.first)


@pytest.mark.parametrize(
    ("database", "why"),
    [("mysql://host/db", "not mysql"), ("history", "is no URL"), ("sqlite://", "not sqlite")],
)
def test_other_databases_are_refused(database: str, why: str) -> None:
    with pytest.raises(HistoryUnusable, match=why):
        database_url(database, Path())


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "history.db").write_text("not a database" * 1000)
    with pytest.raises(HistoryUnusable, match=r"history\.db.*not a database"):
        open_store(database_url("", tmp_path))


def test_a_password_is_not_told() -> None:
    url = database_url("postgresql://someone:secret@127.0.0.1:1/none", Path())
    with pytest.raises(HistoryUnusable) as refused:
        open_store(url)
    assert "someone" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_partitions_are_months() -> None:
    january = 2026 * 12
    assert month_of(1_767_225_600_000_000 - 1) == january - 1
    assert month_of(1_767_225_600_000_000) == january
    assert partition_of("fills", january - 1) == (
        "fills_2025_12",
        (
            "CREATE TABLE fills_2025_12 (LIKE fills INCLUDING ALL) WITH (autovacuum_vacuum_insert_scale_factor = 0.05)",
            "ALTER TABLE fills ATTACH PARTITION fills_2025_12 FOR VALUES FROM (1764547200000000) TO (1767225600000000)",
        ),
    )
