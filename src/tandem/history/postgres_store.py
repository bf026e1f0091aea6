"""The history in PostgreSQL: many rows go in by COPY; few, or what may be there already, as an array for each column.

Commits do not wait for the disk: what a crash of the database takes back is told again from the log.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from os import sched_yield
from typing import Any

import psycopg
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql

from tandem.history import schema
from tandem.history.database import HistoryUnusable
from tandem.history.rows import CHANGING, Rows, Values
from tandem.history.store import APPENDED, COLUMNS, LIVE_NAMES, REPLACED, Names, Store, listed

VACUUM = 0.05
"""After this share of new rows: whoever reads a row first before that looks up who wrote it, and marks the page."""
_COPY_FROM = 100
"""As many rows go by COPY, which has to be waited for; fewer are told with everything else at once."""


class PostgresStore(Store):
    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._cursor: psycopg.Cursor[Any] = self._driver.cursor()
        self._months: set[int] = set()
        self._is_settling = False
        with connection.begin():
            for statement in _SESSION:
                connection.exec_driver_sql(statement)

    def _settle(self) -> None:
        self._is_settling = True

    def _write(self, rows: Rows, names: Names, digest: str) -> None:
        try:
            super()._write(rows, names, digest)
        except psycopg.Error as error:
            raise HistoryUnusable(f"{self._url.render_as_string()}: {str(error).strip()}") from error

    def _put(self, rows: Rows, names: Names) -> None:
        if self._is_settling:
            self._is_settling = False
            self._cursor.execute("SET LOCAL synchronous_commit = on")
        self._make_partitions(rows)
        added = {"orders": rows.orders, **rows.appended}
        for table, values in added.items():
            if len(values) >= _COPY_FROM:
                self._copy(table, values)
        with self._driver.pipeline():
            for table, values in added.items():
                if len(values) < _COPY_FROM:
                    self._run(_ADD_ARRAYS[table], values)
            self._run(_CHANGE_ARRAYS, rows.changed_orders)
            for table, values in (*rows.replaced.items(), *names.items()):
                self._run(_MERGE_ARRAYS[table], values)

    def _copy(self, table: str, rows: Sequence[Values]) -> None:
        with self._cursor.copy(f"COPY {table} ({listed(COLUMNS[table])}) FROM STDIN") as copy:
            write = copy.write_row
            for row in rows:
                write(row)
                sched_yield()

    def _run(self, statement: str, rows: Sequence[Values]) -> None:
        """With an array for each column."""
        if rows:
            self._cursor.execute(statement, [list(column) for column in zip(*rows, strict=True)])

    def _make_partitions(self, rows: Rows) -> None:
        """For the months of the rows and the one after them."""
        for month in range(month_of(rows.from_us), month_of(rows.time_us) + 2):
            if month not in self._months:
                for table in schema.PARTITIONED:
                    self._make_partition(table, month)
                self._months.add(month)

    def _make_partition(self, table: str, month: int) -> None:
        """Beside the table and then attached: made as its partition it would wait for everybody who reads the table,
        an audit or a dump for hours, and whoever reads next would wait for it."""
        name, statements = partition_of(table, month)
        if self._cursor.execute("SELECT to_regclass(%s) IS NULL", [name]).fetchone() == (True,):
            for statement in statements:
                self._cursor.execute(statement)


def partition_of(table: str, month: int) -> tuple[str, Sequence[str]]:
    """The name of the partition of a month, counted from year 0, and what makes it."""
    year, index = divmod(month, 12)
    name = f"{table}_{year:04d}_{index + 1:02d}"
    return name, (
        f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL) WITH (autovacuum_vacuum_insert_scale_factor = {VACUUM})",
        f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({_start_of(month)}) TO ({_start_of(month + 1)})",
    )


def month_of(time_us: int) -> int:
    at = datetime.fromtimestamp(time_us // 1_000_000, UTC)
    return at.year * 12 + at.month - 1


def _start_of(month: int) -> int:
    return int(datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC).timestamp()) * 1_000_000


# --- statements

_POSTGRES = postgresql.dialect()  # type: ignore[no-untyped-call]


def _arrays(table: str, columns: Sequence[str]) -> str:
    types = schema.metadata.tables[table].columns
    arrays = ", ".join(f"%s::{types[name].type.compile(_POSTGRES)}[]" for name in columns)
    return f"unnest({arrays}) AS new({listed(columns)})"


def _added_arrays(table: str) -> str:
    columns = COLUMNS[table]
    return f"INSERT INTO {table} ({listed(columns)}) SELECT * FROM {_arrays(table, columns)}"


def _merged_arrays(table: str) -> str:
    key = schema.metadata.tables[table].primary_key.columns.keys()
    changes = ", ".join(f'"{name}" = EXCLUDED."{name}"' for name in COLUMNS[table] if name not in key)
    return f"{_added_arrays(table)} ON CONFLICT ({listed(key)}) DO UPDATE SET {changes}"


_ADD_ARRAYS = {table: _added_arrays(table) for table in APPENDED}
_MERGE_ARRAYS = {table: _merged_arrays(table) for table in REPLACED}
_CHANGE_ARRAYS = (
    f"UPDATE orders o SET {', '.join(f'{name} = new.{name}' for name in CHANGING)}"
    f" FROM {_arrays('orders', LIVE_NAMES)} WHERE o.id = new.id AND o.accepted_us = new.accepted_us"
)
_SESSION = (
    "SET synchronous_commit = off",
    # Every question of the writer is by key; before the first ANALYZE the planner would read whole tables instead.
    "SET enable_hashjoin = off",
    "SET enable_mergejoin = off",
    "SET enable_seqscan = off",
    "SET jit = off",
)
