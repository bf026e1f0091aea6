"""The questions that the API asks of the past: bounded, by an index, and each with the position it was answered at.

A `Range` says which rows and from which end. Ids and times of a market rise together, so a bound by id becomes one by
time first, and one index serves both.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Select,
    TextClause,
    func,
    literal_column,
    or_,
    select,
    text,
)
from sqlalchemy.engine import URL

from tandem.domain.intervals import DAY
from tandem.history import schema
from tandem.history.database import HistoryUnusable, as_fault, open_engine
from tandem.history.fetch import fetch
from tandem.history.schema import (
    candles,
    daily,
    fills,
    order_changes,
    order_lists,
    orders,
    position,
    prevented_matches,
    trades,
)

LONGEST_MS = 8_000
"""Of one question to PostgreSQL, which may wait for a lock: a little less than whoever asked waits."""
Key = Column[Any]
Rows = list[Any]
"""Rising by id and by time. Each row has its table's columns as attributes."""
_IS_TRADE, _IS_ALLOCATION, _IS_CANCELED = (
    text(condition) for condition in (schema.IS_TRADE, schema.IS_ALLOCATION, schema.CANCELED)
)
_ACCEPTED_DAY: ColumnElement[int] = literal_column(schema.ACCEPTED_DAY, BigInteger)
_POSITION = select(position.c.cluster_id, position.c.seq, position.c.time_us)


class Answer(NamedTuple):
    seq: int
    """Everything up to this command is in it; -1: there is no history yet."""
    time_us: int
    """Of that command."""
    rows: Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The first `limit` rows inside all bounds, or the last ones; None: no such bound."""

    limit: int
    is_last: bool = False
    from_id: int | None = None
    before_id: int | None = None
    from_us: int | None = None
    to_us: int | None = None
    """Inclusive, as the API has it."""


class Reader:
    """For any number of threads, `readers` at once. Every method raises HistoryUnusable."""

    def __init__(self, url: URL, *, readers: int = 4, cluster_id: str = "") -> None:
        """`cluster_id`: whose history it has to be."""
        self._cluster_id = cluster_id
        self._engine = open_engine(url, readers=readers, longest_ms=LONGEST_MS)
        if url.get_backend_name() == "postgresql":
            self._engine = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    def close(self) -> None:
        self._engine.dispose()

    def _ask(self, question: Callable[[Connection], Rows]) -> Answer:
        with as_fault(self._engine.url), self._engine.begin() as connection:
            at = connection.execute(_POSITION).one_or_none()
            if at is None:
                return Answer(-1, 0, [])
            if self._cluster_id not in ("", at.cluster_id):
                raise HistoryUnusable("the history's database is that of another exchange")
            return Answer(at.seq, at.time_us, question(connection))

    def _page(self, query: Select[Any], keys: Sequence[Key], wanted: Range) -> Answer:
        return self._ask(lambda connection: _page(connection, query, keys, wanted))

    def position(self) -> Answer:
        """No rows."""
        return self._ask(lambda _connection: [])

    # --- an account's orders and lists

    def orders(self, account: int, market: int, wanted: Range) -> Answer:
        key, time = orders.c.id, orders.c.accepted_us

        def question(connection: Connection) -> Rows:
            timed = _timed(connection, select(time), key, time, wanted)
            return _page_by_time(connection, _orders_of(account, market), key, time, timed)

        return self._ask(question)

    def orders_by_id(self, order_ids: Sequence[int]) -> Answer:
        query = select(orders).where(orders.c.id.in_(order_ids)).order_by(orders.c.id)
        return self._ask(lambda connection: fetch(connection, query))

    def order_by_client_id(self, account: int, market: int, client_id: str) -> Answer:
        """The newest that has this id, or the newest whose cancel has it: the one that changed last."""
        queries = (
            _newest_of_each_day(account, market, orders.c.client_id == client_id),
            _newest_of_each_day(account, market, orders.c.cancel_id == client_id, _IS_CANCELED),
        )

        def question(connection: Connection) -> Rows:
            days = [connection.execute(query).scalars() for query in queries]
            newest = {max(ids) for found in days if (ids := [id for id in found if id is not None])}
            rows = fetch(connection, select(orders).where(orders.c.id.in_(newest))) if newest else []
            return sorted(rows, key=lambda row: int(row.seq))[-1:]

        return self._ask(question)

    def amendments(self, order_id: int, wanted: Range) -> Answer:
        """Rows of `order_changes`; the ids of `wanted` are seqs."""
        table = order_changes
        query = select(table).where(table.c.order_id == order_id, table.c.change == "AMENDED")
        return self._page(query.where(*_ids(table.c.seq, wanted)), (table.c.seq, table.c.n), wanted)

    def order_lists(self, account: int, wanted: Range) -> Answer:
        table = order_lists
        query = select(table).where(table.c.account == account)
        if wanted.from_us is None and wanted.to_us is None:
            return self._page(query.where(*_ids(table.c.id, wanted)), (table.c.id,), wanted)
        key, time = table.c.id, table.c.accepted_us
        return self._ask(lambda connection: _page_by_time(connection, query, key, time, wanted))

    def order_lists_by_id(self, list_ids: Sequence[int]) -> Answer:
        query = select(order_lists).where(order_lists.c.id.in_(list_ids)).order_by(order_lists.c.id)
        return self._ask(lambda connection: fetch(connection, query))

    def order_list_by_client_id(self, account: int, client_id: str) -> Answer:
        """The newest."""
        table = order_lists
        query = select(table).where(table.c.account == account, table.c.client_id == client_id)
        return self._ask(lambda connection: fetch(connection, query.order_by(table.c.id.desc()).limit(1)))

    # --- what became of an account's orders

    def fills(self, account: int, market: int, wanted: Range) -> Answer:
        """Trades; the ids of `wanted` are theirs."""
        query = _fills_of(account, market).where(fills.c.allocation_id == -1)
        lookup = select(trades.c.time_us).where(trades.c.market == market)

        def question(connection: Connection) -> Rows:
            timed = _timed(connection, lookup, trades.c.trade_id, trades.c.time_us, wanted)
            return _page_by_time(connection, query, fills.c.trade_id, fills.c.time_us, timed, fills.c.is_maker)

        return self._ask(question)

    def fills_of_order(self, order_id: int, wanted: Range) -> Answer:
        """Its trades."""
        query = select(fills).where(fills.c.order_id == order_id, _IS_TRADE, *_ids(fills.c.trade_id, wanted))
        return self._page(query, (fills.c.trade_id,), wanted)

    def allocations(self, account: int, market: int, wanted: Range) -> Answer:
        """Rows of `fills`; bounded by ids or by times."""
        query = _fills_of(account, market).where(_IS_ALLOCATION)
        key, time = fills.c.allocation_id, fills.c.time_us
        if wanted.from_us is None and wanted.to_us is None:
            return self._page(query.where(*_ids(key, wanted)), (key,), wanted)
        return self._ask(lambda connection: _page_by_time(connection, query, key, time, wanted))

    def allocations_of_order(self, order_id: int, wanted: Range) -> Answer:
        key = fills.c.allocation_id
        query = select(fills).where(fills.c.order_id == order_id, _IS_ALLOCATION, *_ids(key, wanted))
        return self._page(query, (key,), wanted)

    def prevented_match(self, account: int, market: int, match_id: int) -> Answer:
        """As its taker's market knows it, or as its maker's does; ids are the former's, so there may be two."""
        table = prevented_matches
        is_owner = or_(table.c.taker_account == account, table.c.maker_account == account)
        query = select(table).where(table.c.id == match_id)
        queries = (
            query.where(table.c.market == market, is_owner),
            query.where(table.c.maker_market == market, table.c.maker_account == account),
        )
        return self._ask(lambda connection: _united(connection, queries, table.c.seq))

    def prevented_matches_of(self, account: int, order_id: int, wanted: Range) -> Answer:
        table = prevented_matches
        is_owner = or_(table.c.taker_account == account, table.c.maker_account == account)
        query = select(table).where(is_owner, *_ids(table.c.id, wanted)).order_by(table.c.id).limit(wanted.limit)
        queries = (query.where(table.c.taker_order == order_id), query.where(table.c.maker_order == order_id))
        return self._ask(lambda connection: _united(connection, queries, table.c.id)[: wanted.limit])

    # --- what the public sees

    def trades(self, market: int, wanted: Range) -> Answer:
        query = select(trades).where(trades.c.market == market, *_ids(trades.c.trade_id, wanted))
        return self._page(query, (trades.c.trade_id,), wanted)

    def aggregates(self, market: int, wanted: Range) -> Answer:
        """Rows: aggregate_id, price, qty, first_id, last_id, time_us, taker_side, seq. One has one time and one seq."""
        key = trades.c.aggregate_id

        def question(connection: Connection) -> Rows:
            within = _ids(key, wanted)
            for bound, is_first in ((wanted.from_us, True), (wanted.to_us, False)):
                if bound is not None:
                    end = connection.execute(_aggregate_at(market, bound, is_first)).scalar_one_or_none()
                    if end is None:
                        return []
                    within.append(key >= end if is_first else key <= end)
            return _page(connection, _aggregates_of(market).where(*within), (key,), wanted)

        return self._ask(question)

    def candles(self, market: int, interval: str, wanted: Range) -> Answer:
        table = candles
        query = select(table).where(table.c.market == market, table.c.interval == interval)
        return self._page(query.where(*_times(table.c.open_us, wanted)), (table.c.open_us,), wanted)

    def candle_pieces(self, market: int, pieces: Mapping[str, Sequence[int]], from_us: int, to_us: int) -> Answer:
        """Candles of several intervals, by when they open: of each those that open at these times of a UTC day."""
        opens = candles.c.open_us
        within = select(candles).where(candles.c.market == market, opens.between(from_us, to_us)).order_by(opens)
        queries = [
            within.where(candles.c.interval == interval, (opens % DAY).in_(phases))
            for interval, phases in pieces.items()
        ]

        def question(connection: Connection) -> Rows:
            rows = [row for query in queries for row in fetch(connection, query)]
            return sorted(rows, key=lambda row: int(row.open_us))

        return self._ask(question)


def _orders_of(account: int, market: int) -> Select[Any]:
    return select(orders).where(orders.c.account == account, orders.c.market == market)


def _newest_of_each_day(account: int, market: int, *conditions: ColumnElement[bool] | TextClause) -> Select[Any]:
    """Ids, for each day of the market; None where there is none."""
    is_of_day = daily.c.day_us // DAY == _ACCEPTED_DAY
    of_account = select(orders.c.id).where(orders.c.account == account, orders.c.market == market)
    newest = of_account.where(is_of_day, *conditions).order_by(orders.c.id.desc()).limit(1)
    return select(newest.scalar_subquery()).where(daily.c.market == market)


def _fills_of(account: int, market: int) -> Select[Any]:
    return select(fills).where(fills.c.account == account, fills.c.market == market)


def _aggregates_of(market: int) -> Select[Any]:
    of = trades.c
    return (
        select(
            of.aggregate_id,
            func.min(of.price).label("price"),
            func.sum(of.qty, type_=schema.Units).label("qty"),
            func.min(of.trade_id).label("first_id"),
            func.max(of.trade_id).label("last_id"),
            func.min(of.time_us).label("time_us"),
            func.min(of.taker_side).label("taker_side"),
            func.min(of.seq).label("seq"),
        )
        .where(of.market == market)
        .group_by(of.aggregate_id)
    )


def _aggregate_at(market: int, time_us: int, is_first: bool) -> Select[Any]:
    """The first one at or after a time, or the last one at or before it."""
    of = trades.c
    query = select(of.aggregate_id).where(of.market == market).limit(1)
    if is_first:
        return query.where(of.time_us >= time_us).order_by(of.time_us, of.trade_id)
    return query.where(of.time_us <= time_us).order_by(of.time_us.desc(), of.trade_id.desc())


# --- bounds


def _ids(key: Key, wanted: Range) -> list[ColumnElement[bool]]:
    bounds: list[ColumnElement[bool]] = []
    if wanted.from_id is not None:
        bounds.append(key >= wanted.from_id)
    if wanted.before_id is not None:
        bounds.append(key < wanted.before_id)
    return bounds


def _times(time: Key, wanted: Range) -> list[ColumnElement[bool]]:
    bounds: list[ColumnElement[bool]] = []
    if wanted.from_us is not None:
        bounds.append(time >= wanted.from_us)
    if wanted.to_us is not None:
        bounds.append(time <= wanted.to_us)
    return bounds


def _timed(connection: Connection, lookup: Select[Any], key: Key, time: Key, wanted: Range) -> Range | None:
    """The same rows bounded by time too; None: there are none."""
    from_us, to_us = wanted.from_us, wanted.to_us
    if wanted.from_id is not None:
        first = connection.execute(
            lookup.where(key >= wanted.from_id).order_by(key, time).limit(1)
        ).scalar_one_or_none()
        if first is None:
            return None
        from_us = first if from_us is None else max(first, from_us)
    if wanted.before_id is not None:
        at = lookup.where(key < wanted.before_id).order_by(key.desc(), time.desc()).limit(1)
        last = connection.execute(at).scalar_one_or_none()
        if last is None:
            return None
        to_us = last if to_us is None else min(last, to_us)
    return replace(wanted, from_us=from_us, to_us=to_us)


# --- rows


def _page_by_time(
    connection: Connection, query: Select[Any], key: Key, time: Key, wanted: Range | None, *more: Key
) -> Rows:
    """By time, then by `key`, then by `more`; `key` alone would be the same order, but is in no index."""
    if wanted is None:
        return []
    return _page(connection, query.where(*_times(time, wanted), *_ids(key, wanted)), (time, key, *more), wanted)


def _page(connection: Connection, query: Select[Any], keys: Sequence[Key], wanted: Range) -> Rows:
    order = [key.desc() for key in keys] if wanted.is_last else keys
    rows = fetch(connection, query.order_by(*order).limit(wanted.limit))
    return rows[::-1] if wanted.is_last else rows


def _united(connection: Connection, queries: Sequence[Select[Any]], key: Key) -> Rows:
    """Rows of all queries, each once, by the key."""
    found = {row: None for query in queries for row in fetch(connection, query)}
    return sorted(found, key=lambda row: int(getattr(row, key.name)))
