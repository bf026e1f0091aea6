"""Reading the history in bulk: what an archive takes out, day by day, and what an audit compares.

A closed order, and so its list, belongs to the day on which it closed; everything else to the day on which it happened.
Rows of a day that ended never change again. Where no index is by time, the seqs of the day lead to them.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Table,
    and_,
    func,
    inspect,
    or_,
    select,
    union,
)
from sqlalchemy.engine import URL

from tandem.domain.intervals import DAY, INTERVALS, Interval
from tandem.domain.trading import OPEN_STATUSES
from tandem.history import schema
from tandem.history.database import HistoryUnusable, as_fault, open_engine
from tandem.history.schema import candles, daily, fills, order_changes, order_lists, orders, position, trades

CHUNK = 10_000
BY_SEQ = ("order_changes", "fills", "ledger", "transfers")
"""Tables whose primary key begins with the seq."""
ARCHIVED = (*BY_SEQ, "orders", "order_lists", "trades", "prevented_matches", "candles", "daily")
NOT_ARCHIVED = "1s"
"""Candles of this interval are added up from trades again."""
Row = tuple[Any, ...]
Chunk = Sequence[Sequence[Any]]
"""Rows of a table, with its columns in their order."""


class State(NamedTuple):
    cluster_id: str
    seq: int
    time_us: int
    digest: str
    archived_us: int


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days: times from `start_us` on and before `end_us`, seqs of `first_seq` to `last_seq`."""

    start_us: int
    end_us: int
    first_seq: int
    last_seq: int


class Exporter:
    """Reads only. Every method raises HistoryUnusable. For one thread."""

    def __init__(self, url: URL) -> None:
        self._url = url
        if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
            raise HistoryUnusable(f"there is no history at {url.database}: `tandem serve` writes one")
        self._engine = open_engine(url, readers=1)
        if url.get_backend_name() == "postgresql":
            self._engine = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._connection: Connection | None = None

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """What is asked inside is answered from one state, whatever is written meanwhile."""
        with as_fault(self._url), self._engine.begin() as connection:
            self._connection = connection
            try:
                yield
            finally:
                self._connection = None

    @contextmanager
    def _asking(self) -> Iterator[Connection]:
        if self._connection is not None:
            yield self._connection
        else:
            with as_fault(self._url), self._engine.begin() as connection:
                yield connection

    def state(self) -> State:
        """Raises HistoryUnusable when nothing has been told yet."""
        with self._asking() as connection:
            row = None
            if inspect(connection).has_table("position"):
                columns = (position.c[name] for name in State._fields)
                row = connection.execute(select(*columns)).one_or_none()
        if row is None:
            raise HistoryUnusable(f"{self._url.render_as_string()} holds no history yet: let `tandem serve` write one")
        return State(*row)

    def names(self) -> tuple[list[Row], list[Row], list[Row]]:
        """Assets as (id, code, decimals), markets as (id, symbol, base, quote), accounts as (id, name)."""
        assets, markets, accounts = schema.assets.c, schema.markets.c, schema.accounts.c
        with self._asking() as connection:
            return (
                _rows(connection, select(assets.id, assets.code, assets.decimals).order_by(assets.id)),
                _rows(connection, select(markets.id, markets.symbol, markets.base, markets.quote).order_by(markets.id)),
                _rows(connection, select(accounts.id, accounts.name).order_by(accounts.id)),
            )

    def first_us(self) -> int | None:
        """The oldest time of anything that is archived by day; None: there is nothing."""
        with self._asking() as connection:
            times = [
                connection.execute(select(table.c.time_us).order_by(table.c.seq).limit(1)).scalar_one_or_none()
                for table in map(schema.metadata.tables.__getitem__, BY_SEQ)
            ]
            times.append(connection.execute(select(func.min(daily.c.day_us))).scalar_one_or_none())
        return min((time for time in times if time is not None), default=None)

    def last_seq_before(self, time_us: int) -> int:
        """Of the rows by seq; 0: there are none so old."""
        with self._asking() as connection:
            return max(_last_before(connection, schema.metadata.tables[name], time_us) for name in BY_SEQ)

    def rows_of(self, table: str, period: Period) -> Iterator[Chunk]:
        """What belongs to a period that has ended, in chunks, by key."""
        for query in self._queries_of(table, period):
            yield from self._stream(query)

    def count(self, table: str, period: Period) -> int:
        counted = 0
        for query in self._queries_of(table, period):
            with self._asking() as connection:
                counted += connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
        return counted

    def rows_after(self, table: str, seq: int, time_us: int) -> Iterator[Chunk]:
        """What belongs to no day before `time_us`, whose last seq is `seq`: with what is not closed. 0, 0: all that an
        archive ever has."""
        source = schema.metadata.tables[table]
        yield from self._stream(_by_key(select(source), source).where(*_after(source, seq, time_us)))

    def rows(self, table: str) -> Iterator[Chunk]:
        """All of them, in no order. Of SQLite as they are there: flags are numbers, and amounts of more than 64 bits
        text."""
        query = select(schema.metadata.tables[table])
        if self._url.get_backend_name() == "sqlite":
            yield from self._bare_rows(query)
        else:
            yield from self._stream(query)

    def _bare_rows(self, query: Select[Any]) -> Iterator[Chunk]:
        with self._asking() as connection:
            driver: Any = connection.connection.driver_connection
            cursor = driver.execute(str(query.compile(connection)))
            while chunk := cursor.fetchmany(CHUNK):
                yield chunk

    def _queries_of(self, table: str, period: Period) -> Iterator[Select[Any]]:
        source = schema.metadata.tables[table]
        if source is trades or source is candles:
            with self._asking() as connection:
                markets = list(connection.execute(select(schema.markets.c.id).order_by(schema.markets.c.id)).scalars())
            for market in markets:
                yield from _market_queries(source, market, period)
        else:
            yield _by_key(select(source), source).where(*within(source, period))

    def _stream(self, query: Select[Any]) -> Iterator[Chunk]:
        with self._asking() as connection:
            answer = connection.execution_options(yield_per=CHUNK).execute(query)
            yield from answer.partitions(CHUNK)


def closed_in(period: Period) -> FromClause:
    """Ids of the orders that something happened to in a period: those that closed in it are among them."""
    changes = select(order_changes.c.order_id).where(_is_in(order_changes.c.seq, period))
    return union(changes, select(fills.c.order_id).where(_is_in(fills.c.seq, period))).subquery()


def within(source: Table, period: Period) -> Sequence[ColumnElement[bool]]:
    """What a row of a table other than `trades` and `candles` fulfils when it belongs to a period."""
    if source is orders:
        return (
            orders.c.id.in_(select(closed_in(period))),
            orders.c.status.not_in(OPEN_STATUSES),
            _is_in(orders.c.seq, period),
        )
    if source is order_lists:
        return (order_lists.c.is_open.is_(False), _is_in(order_lists.c.seq, period))
    if source is daily:
        return (daily.c.day_us >= period.start_us, daily.c.day_us < period.end_us)
    return (_is_in(source.c.seq, period),)


def candles_within(interval: Interval, period: Period) -> tuple[ColumnElement[bool], ...]:
    """A candle belongs to the day in which it ends."""
    open_us = candles.c.open_us
    first, end = interval.open_of(period.start_us), interval.open_of(period.end_us)
    return (candles.c.interval == interval.name, open_us >= first, open_us < end)


def _market_queries(source: Table, market: int, period: Period) -> Iterator[Select[Any]]:
    query = select(source).where(source.c.market == market)
    if source is trades:
        time = trades.c.time_us
        within_time = query.where(time >= period.start_us, time < period.end_us)
        yield within_time.order_by(time, trades.c.trade_id)
    else:
        for interval in archived_intervals():
            yield query.where(*candles_within(interval, period)).order_by(candles.c.open_us)


def archived_intervals() -> Iterable[Interval]:
    return (interval for name, interval in INTERVALS.items() if name != NOT_ARCHIVED)


def day_of(time_us: int) -> int:
    return time_us - time_us % DAY


def _after(source: Table, seq: int, time_us: int) -> Sequence[ColumnElement[bool]]:
    if source is orders:
        return (or_(orders.c.status.in_(OPEN_STATUSES), orders.c.seq > seq),)
    if source is order_lists:
        return (or_(order_lists.c.is_open, order_lists.c.seq > seq),)
    if source is daily:
        return (daily.c.day_us >= time_us,)
    if source is trades:
        return (trades.c.time_us >= time_us,)
    if source is candles:
        return (or_(*(_is_running(interval, time_us) for interval in archived_intervals())),)
    return (source.c.seq > seq,)


def _is_running(interval: Interval, time_us: int) -> ColumnElement[bool]:
    """A candle that had not ended by then."""
    return and_(candles.c.interval == interval.name, candles.c.open_us >= interval.open_of(time_us))


def _is_in(seq: Column[Any], period: Period) -> ColumnElement[bool]:
    return seq.between(period.first_seq, period.last_seq)


def _by_key(query: Select[Any], source: Table) -> Select[Any]:
    names = schema.RISING.get(source.name) or source.primary_key.columns.keys()
    return query.order_by(*(source.c[name] for name in names))


def _rows(connection: Connection, query: Select[Any]) -> list[Row]:
    return [tuple(row) for row in connection.execute(query)]


def _last_before(connection: Connection, table: Table, time_us: int) -> int:
    """By halves: times rise with seqs."""
    seq, time = table.c.seq, table.c.time_us

    def at_or_before(bound: int) -> Any:
        query = select(seq, time).where(seq <= bound).order_by(seq.desc()).limit(1)
        return connection.execute(query).one_or_none()

    newest = at_or_before(schema.INT64_MAX)
    low, high = 0, 0 if newest is None else newest.seq
    while low < high:
        middle = (low + high + 1) // 2
        row = at_or_before(middle)
        if row is None or row.time_us < time_us:
            low = middle
        else:
            high = middle - 1
    row = at_or_before(low)
    return 0 if row is None else row.seq
