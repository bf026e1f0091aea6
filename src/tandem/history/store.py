"""Writing the history: what the fold asks of SQL, and batches of rows in one transaction each with the position.

Ints, strings and None go to the driver as they are. SQLite takes them by `executemany`; PostgreSQL by COPY when there
are many, and else, or when they may be there already, as an array for each column.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import psycopg
from sqlalchemy import Connection, insert, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import URL

from tandem.history import schema
from tandem.history.database import HistoryUnusable, as_fault, migrate, open_engine
from tandem.history.rows import CHANGING, ORDER, CandleRow, DayRow, LiveOrder, Rows, Values

Names = dict[str, list[Values]]
"""Rows of `assets`, `markets` and `accounts` to add or to replace."""
_CHUNK = 500
_LIVE = [schema.orders.c[name] for name in LiveOrder.__struct_fields__]
_COLUMNS = {name: tuple(table.columns.keys()) for name, table in schema.metadata.tables.items()} | {"orders": ORDER}
_COPY_FROM = 100
"""As many rows go by COPY, which has to be waited for; fewer are told with everything else at once."""


class PositionMoved(HistoryUnusable):
    """Another process writes this history, or the database lost its last transactions: read the position again."""


class Position(NamedTuple):
    cluster_id: str
    seq: int
    time_us: int


def open_store(url: URL) -> "Store":
    """With the newest tables, made when they are not there. Raises HistoryUnusable."""
    engine = open_engine(url)
    try:
        migrate(engine)
        with as_fault(url):
            kind = PostgresStore if url.get_backend_name() == "postgresql" else SqliteStore
            return kind(engine.connect())
    except BaseException:
        engine.dispose()
        raise


def drop_history(url: URL) -> None:
    """Leaves an empty database. Raises HistoryUnusable."""
    engine = open_engine(url)
    migrate(engine)
    migrate(engine, "base")
    engine.dispose()


class Store:
    """One writer's connection. Every method raises HistoryUnusable; afterwards only `close` may be called."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._url = connection.engine.url
        self.position = self._read_position()
        """`cluster_id` is empty before the first claim."""

    def _read_position(self) -> Position:
        table = schema.position
        row = self._one(select(table.c.cluster_id, table.c.seq, table.c.time_us))
        return Position("", 0, 0) if row is None else Position(*row)

    def claim(self, cluster_id: str) -> None:
        """Whose history this is from now on, if it is nobody's yet."""
        if not self.position.cluster_id:
            position = Position(cluster_id, 0, 0)
            with as_fault(self._url), self._connection.begin():
                first = {"id": 1, "digest": "", "archived_us": 0} | position._asdict()
                self._connection.execute(insert(schema.position).values(first))
            self.position = position
        assert self.position.cluster_id == cluster_id, "the caller has looked"

    def close(self) -> None:
        self._connection.close()
        self._connection.engine.dispose()

    # --- what the fold asks

    def live_orders(self, ids: Iterable[int]) -> Iterator[LiveOrder]:
        wanted = sorted(ids)
        query = select(*_LIVE)
        with as_fault(self._url), self._connection.begin():
            for start in range(0, len(wanted), _CHUNK):
                chunk = wanted[start : start + _CHUNK]
                rows = self._connection.execute(query.where(schema.orders.c.id.in_(chunk))).all()
                if len(rows) != len(chunk):
                    raise HistoryUnusable(f"{self._url.render_as_string()} lacks orders that are open; rebuild it")
                for row in rows:
                    yield LiveOrder(*row)

    def candle(self, market: int, interval: str, open_us: int) -> CandleRow | None:
        table = schema.candles
        row = self._one(
            select(table).where(table.c.market == market, table.c.interval == interval, table.c.open_us == open_us)
        )
        return None if row is None else CandleRow(*row)

    def last_day(self, market: int) -> DayRow | None:
        table = schema.daily
        row = self._one(select(table).where(table.c.market == market).order_by(table.c.day_us.desc()).limit(1))
        return None if row is None else DayRow(*row)

    def _one(self, query: Any) -> Any:
        with as_fault(self._url), self._connection.begin():
            return self._connection.execute(query).one_or_none()

    # --- writing

    def write(self, rows: Rows, names: Names, digest: str) -> None:
        """All of it or nothing, and then the position is that of `rows`."""
        with as_fault(self._url):
            self._write(rows, names, digest)
        self.position = self.position._replace(seq=rows.seq, time_us=rows.time_us)

    def _write(self, rows: Rows, names: Names, digest: str) -> None:
        with self._connection.begin():
            self._move_position(rows, digest)
            self._put(rows, names)

    def _move_position(self, rows: Rows, digest: str) -> None:
        table = schema.position
        moved = self._connection.execute(
            update(table)
            .where(table.c.seq == self.position.seq)
            .values(seq=rows.seq, time_us=rows.time_us, digest=digest)
        ).rowcount
        if moved != 1:
            raise PositionMoved(f"{self._url.render_as_string()} is not at seq {self.position.seq} any more")

    @property
    def _driver(self) -> Any:
        return self._connection.connection.driver_connection

    def _put(self, rows: Rows, names: Names) -> None:
        raise NotImplementedError


class SqliteStore(Store):
    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._cursor = self._driver.cursor()

    def _write(self, rows: Rows, names: Names, digest: str) -> None:
        try:
            super()._write(rows, names, digest)
        except OverflowError:
            super()._write(_widened(rows), names, digest)

    def _put(self, rows: Rows, names: Names) -> None:
        run = self._cursor.executemany
        for table, values in ({"orders": rows.orders} | rows.appended).items():
            run(_ADD[table], values)
        run(_CHANGE, rows.changed_orders)
        for table, values in (*rows.replaced.items(), *names.items()):
            run(_REPLACE[table], values)


class PostgresStore(Store):
    """Its commits do not wait for the disk: what a crash of the database takes back is told again from the log."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._cursor: psycopg.Cursor[Any] = self._driver.cursor()
        self._months: set[int] = set()
        with connection.begin():
            for statement in _SESSION:
                connection.exec_driver_sql(statement)

    def _put(self, rows: Rows, names: Names) -> None:
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
        with self._cursor.copy(f"COPY {table} ({_listed(_COLUMNS[table])}) FROM STDIN") as copy:
            write = copy.write_row
            for row in rows:
                write(row)

    def _run(self, statement: str, rows: Sequence[Values]) -> None:
        """With an array for each column."""
        if rows:
            self._cursor.execute(statement, [list(column) for column in zip(*rows, strict=True)])

    def _make_partitions(self, rows: Rows) -> None:
        """For the months of the rows and the one after them."""
        for month in range(month_of(rows.from_us), month_of(rows.time_us) + 2):
            if month not in self._months:
                for table in schema.PARTITIONED:
                    self._cursor.execute(partition_of(table, month))
                self._months.add(month)


def partition_of(table: str, month: int) -> str:
    """Makes the partition of a month, counted from year 0, unless it is there."""
    year, index = divmod(month, 12)
    return (
        f"CREATE TABLE IF NOT EXISTS {table}_{year:04d}_{index + 1:02d} PARTITION OF {table}"
        f" FOR VALUES FROM ({_start_of(month)}) TO ({_start_of(month + 1)})"
    )


def month_of(time_us: int) -> int:
    at = datetime.fromtimestamp(time_us // 1_000_000, UTC)
    return at.year * 12 + at.month - 1


def _start_of(month: int) -> int:
    return int(datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC).timestamp()) * 1_000_000


def _widened(rows: Rows) -> Rows:
    """Integers that SQLite does not hold become text; see `schema.Units`."""

    def widen(values: list[Values]) -> list[Values]:
        limit = schema.INT64_MAX
        return [tuple(str(v) if isinstance(v, int) and not -limit <= v <= limit else v for v in row) for row in values]

    return Rows(
        rows.from_us,
        rows.seq,
        rows.time_us,
        widen(rows.orders),
        widen(rows.changed_orders),
        {table: widen(values) for table, values in rows.appended.items()},
        {table: widen(values) for table, values in rows.replaced.items()},
        rows.references,
    )


# --- statements


_POSTGRES = postgresql.dialect()  # type: ignore[no-untyped-call]


def _listed(columns: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


def _added(table: str, verb: str = "INSERT") -> str:
    columns = _COLUMNS[table]
    return f"{verb} INTO {table} ({_listed(columns)}) VALUES ({', '.join('?' * len(columns))})"


def _arrays(table: str, columns: Sequence[str]) -> str:
    types = schema.metadata.tables[table].columns
    arrays = ", ".join(f"%s::{types[name].type.compile(_POSTGRES)}[]" for name in columns)
    return f"unnest({arrays}) AS new({_listed(columns)})"


def _added_arrays(table: str) -> str:
    columns = _COLUMNS[table]
    return f"INSERT INTO {table} ({_listed(columns)}) SELECT * FROM {_arrays(table, columns)}"


def _merged_arrays(table: str) -> str:
    key = schema.metadata.tables[table].primary_key.columns.keys()
    changes = ", ".join(f'"{name}" = EXCLUDED."{name}"' for name in _COLUMNS[table] if name not in key)
    return f"{_added_arrays(table)} ON CONFLICT ({_listed(key)}) DO UPDATE SET {changes}"


_APPENDED = ("orders", "order_changes", "fills", "trades", "ledger", "transfers", "prevented_matches")
_REPLACED = ("order_lists", "candles", "daily", "assets", "markets", "accounts")
_LIVE_NAMES = LiveOrder.__struct_fields__
_NUMBERS = {name: number for number, name in enumerate(_LIVE_NAMES, 1)}
_ADD = {table: _added(table) for table in _APPENDED}
_REPLACE = {table: _added(table, "REPLACE") for table in _REPLACED}
_CHANGE = (
    f"UPDATE orders SET {', '.join(f'{name} = ?{_NUMBERS[name]}' for name in CHANGING)}"
    f" WHERE id = ?{_NUMBERS['id']} AND accepted_us = ?{_NUMBERS['accepted_us']}"
)
_ADD_ARRAYS = {table: _added_arrays(table) for table in _APPENDED}
_MERGE_ARRAYS = {table: _merged_arrays(table) for table in _REPLACED}
_CHANGE_ARRAYS = (
    f"UPDATE orders o SET {', '.join(f'{name} = new.{name}' for name in CHANGING)}"
    f" FROM {_arrays('orders', _LIVE_NAMES)} WHERE o.id = new.id AND o.accepted_us = new.accepted_us"
)
_SESSION = (
    "SET synchronous_commit = off",
    # Every question of the writer is by key; before the first ANALYZE the planner would read whole tables instead.
    "SET enable_hashjoin = off",
    "SET enable_mergejoin = off",
    "SET enable_seqscan = off",
    "SET jit = off",
)
