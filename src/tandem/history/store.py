"""Writing the history: what the fold asks of SQL, and batches of rows in one transaction each with the position.

Ints, strings and None go to the driver as they are; SQLite takes them by `executemany`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Column, Connection, Select, insert, select, update
from sqlalchemy.engine import URL

from tandem.history import schema
from tandem.history.database import (
    CHECKPOINT_PAGES,
    CHECKPOINT_PAGES_BEHIND,
    HistoryUnusable,
    as_fault,
    migrate,
    open_engine,
)
from tandem.history.rows import CHANGING, ORDER, CandleRow, DayRow, ListRow, LiveOrder, Rows, Values

Names = dict[str, list[Values]]
"""Rows of `assets`, `markets` and `accounts` to add or to replace."""
_CHUNK = 500
ROWS_BEHIND = 20_000
"""At once: it is catching up, and what it writes is brought into the file of SQLite in larger pieces."""
_LIVE = [schema.orders.c[name] for name in LiveOrder.__struct_fields__]
COLUMNS = {name: tuple(table.columns.keys()) for name, table in schema.metadata.tables.items()} | {"orders": ORDER}


class PositionMoved(HistoryUnusable):
    """Another process writes this history, or the database lost its last transactions: read the position again."""


class Position(NamedTuple):
    cluster_id: str
    seq: int
    time_us: int
    digest: str = ""
    """Of the engine at `seq`, 16 hex digits; empty at 0."""


def open_store(url: URL) -> "Store":
    """With the newest tables, made when they are not there. Raises HistoryUnusable."""
    engine = open_engine(url)
    try:
        migrate(engine)
        with as_fault(url):
            return _kind_for(url)(engine.connect())
    except BaseException:
        engine.dispose()
        raise


def _kind_for(url: URL) -> "type[Store]":
    if url.get_backend_name() == "sqlite":
        return SqliteStore
    # Its driver takes a while to load, and most have no use for it.
    from tandem.history.postgres_store import PostgresStore

    return PostgresStore


def drop_history(url: URL) -> None:
    """Leaves an empty database. Raises HistoryUnusable."""
    engine = open_engine(url)
    migrate(engine)
    migrate(engine, "base")
    engine.dispose()


class Store(ABC):
    """One writer's connection. Every method raises HistoryUnusable; afterwards only `close` may be called."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._url = connection.engine.url
        self.position = self._read_position()
        """`cluster_id` is empty before the first claim."""

    def _read_position(self) -> Position:
        table = schema.position
        row = self._one(select(table.c.cluster_id, table.c.seq, table.c.time_us, table.c.digest))
        return Position("", 0, 0) if row is None else Position(*row)

    def claim(self, cluster_id: str) -> None:
        """Whose history this is from now on, if it is nobody's yet."""
        if not self.position.cluster_id:
            position = Position(cluster_id, 0, 0)
            with as_fault(self._url), self._connection.begin():
                first = {"id": 1, "archived_us": 0} | position._asdict()
                self._connection.execute(insert(schema.position).values(first))
            self.position = position
        assert self.position.cluster_id == cluster_id, "the caller has looked"

    def close(self) -> None:
        self._connection.close()
        self._connection.engine.dispose()

    # --- what the fold asks

    def live_orders(self, ids: Iterable[int]) -> Iterator[LiveOrder]:
        return (LiveOrder(*row) for row in self._live(select(*_LIVE), schema.orders.c.id, ids))

    def live_lists(self, ids: Iterable[int]) -> Iterator[ListRow]:
        return (ListRow(*row) for row in self._live(select(schema.order_lists), schema.order_lists.c.id, ids))

    def _live(self, query: Select[Any], key: Column[Any], ids: Iterable[int]) -> Iterator[Any]:
        wanted = sorted(ids)
        with as_fault(self._url), self._connection.begin():
            for start in range(0, len(wanted), _CHUNK):
                chunk = wanted[start : start + _CHUNK]
                rows = self._connection.execute(query.where(key.in_(chunk))).all()
                if len(rows) != len(chunk):
                    lacking = f"{self._url.render_as_string()} lacks {key.table.name} that are open"
                    raise HistoryUnusable(f"{lacking}; rebuild it")
                yield from rows

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

    def ask(self, query: Any) -> Sequence[Any]:
        with as_fault(self._url), self._connection.begin():
            return self._connection.execute(query).all()

    # --- writing

    def write(self, rows: Rows, names: Names, digest: str, *, settle: bool = False) -> None:
        """All of it or nothing, and then the position is that of `rows`. `settle`: the machine's end does not take this
        back, nor anything before."""
        with as_fault(self._url):
            if settle:
                self._settle()
            self._write(rows, names, digest)
        self.position = self.position._replace(seq=rows.seq, time_us=rows.time_us, digest=digest)

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

    @abstractmethod
    def _settle(self) -> None:
        """The next transaction waits for the disk."""

    @property
    def _driver(self) -> Any:
        return self._connection.connection.driver_connection

    @abstractmethod
    def _put(self, rows: Rows, names: Names) -> None: ...


class SqliteStore(Store):
    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._cursor = self._driver.cursor()

    def _settle(self) -> None:
        self._cursor.execute("PRAGMA synchronous = FULL")

    def _write(self, rows: Rows, names: Names, digest: str) -> None:
        try:
            super()._write(rows, names, digest)
        except OverflowError:
            super()._write(_widened(rows), names, digest)
        self._cursor.execute("PRAGMA synchronous = NORMAL")

    def _put(self, rows: Rows, names: Names) -> None:
        pages = CHECKPOINT_PAGES_BEHIND if rows.count() > ROWS_BEHIND else CHECKPOINT_PAGES
        self._cursor.execute(f"PRAGMA wal_autocheckpoint = {pages}")
        run = self._cursor.executemany
        for table, values in ({"orders": rows.orders} | rows.appended).items():
            run(_ADD[table], values)
        run(_CHANGE, rows.changed_orders)
        for table, values in (*rows.replaced.items(), *names.items()):
            run(_REPLACE[table], values)


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


def listed(columns: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


def _added(table: str, verb: str = "INSERT") -> str:
    columns = COLUMNS[table]
    return f"{verb} INTO {table} ({listed(columns)}) VALUES ({', '.join('?' * len(columns))})"


APPENDED = ("orders", "order_changes", "fills", "trades", "ledger", "transfers", "prevented_matches")
REPLACED = ("order_lists", "candles", "daily", "assets", "markets", "accounts")
LIVE_NAMES = LiveOrder.__struct_fields__
_NUMBERS = {name: number for number, name in enumerate(LIVE_NAMES, 1)}
_ADD = {table: _added(table) for table in APPENDED}
_REPLACE = {table: _added(table, "REPLACE") for table in REPLACED}
_KEY = schema.orders.primary_key.columns.keys()
_CHANGE = (
    f"UPDATE orders SET {', '.join(f'{name} = ?{_NUMBERS[name]}' for name in CHANGING)}"
    f" WHERE {' AND '.join(f'{name} = ?{_NUMBERS[name]}' for name in _KEY)}"
)
