"""The log told once more, for an audit: each row as it is in the end, handed out as soon as it cannot change.

In memory is only what is open: orders, lists, and the candles and day of each market that trades are added to.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import itemgetter
from typing import Any

from msgspec.structs import astuple

from tandem.domain.intervals import DAY
from tandem.domain.trading import OPEN_STATUSES
from tandem.history import schema
from tandem.history.fold import NEW, PARTIALLY_FILLED, PENDING, PENDING_NEW, Fold
from tandem.history.rows import FIXED, ORDER, CandleRow, DayRow, ListRow, LiveOrder, Values
from tandem.platform.engine import Follower, OpenOrder, OpenOrderList, OrderExtra

AT_ONCE = 8192
_ORDER_AT = {name: index for index, name in enumerate(ORDER)}
_COLUMNS = {name: table.columns.keys() for name, table in schema.metadata.tables.items()}
_AS_IN_SQL: Callable[[Values], Values] = itemgetter(*(_ORDER_AT[name] for name in _COLUMNS["orders"]))
_STATUS = _COLUMNS["orders"].index("status")
_IS_OPEN = _COLUMNS["order_lists"].index("is_open")
_UNKNOWN_SEQ = -1
"""`first_seq` of orders that were open where the log begins; with it go what else is not known of them."""
Told = tuple[str, list[Values]]


class Retelling:
    """`rows` until the follower's end; `seq` and `time_us` say how far it is."""

    def __init__(self, follower: Follower, next_aggregates: Callable[[int], int]) -> None:
        """`next_aggregates`: of a market, asked only when the log does not begin with the exchange."""
        self._follower = follower
        self._start_us = follower.time_us
        inherited = follower.open_orders()
        self._fixed = {order.accepted.order_id: _fixed_of(order) for order in inherited}
        self._orders = {order.accepted.order_id: _row_of(order) for order in inherited}
        opened = follower.open_lists()
        self._inherited_lists = {one.list_id for one in opened}
        self._lists: dict[object, Values] = {}
        self._candles: dict[tuple[object, object], Values] = {}
        self._days: dict[object, Values] = {}
        self._assets: dict[int, tuple[int, int]] = {}
        past = _Beginning(inherited, opened, next_aggregates if follower.seq else None, self._start_us)
        self._fold = Fold(past, self._assets.__getitem__, list(self._orders), self._inherited_lists)

    def rows(self) -> Iterator[Told]:
        """In chunks, by table, with the columns of SQL."""
        while batches := self._follower.poll(AT_ONCE, 0):
            self._assets.update((market.id, (market.base, market.quote)) for market in self._follower.markets())
            for batch in batches:
                for result in batch.results:
                    self._fold.tell(result)
            taken = self._fold.take()
            yield from taken.appended.items()
            yield "orders", list(self._ended_orders(taken.orders, taken.changed_orders))
            replaced = taken.replaced
            yield "order_lists", list(self._ended_lists(replaced["order_lists"]))
            yield "candles", list(_superseded(self._candles, replaced["candles"], lambda row: (row[0], row[1]), 2))
            yield "daily", list(_superseded(self._days, replaced["daily"], lambda row: row[0], 1))
        yield "orders", list(self._orders.values())
        yield "order_lists", list(self._lists.values())
        yield "candles", list(self._candles.values())
        yield "daily", list(self._days.values())

    def open_orders(self) -> dict[int, Values]:
        """As told, by id."""
        return self._orders

    def open_lists(self) -> set[int]:
        return self._inherited_lists | {_first_int(row) for row in self._lists.values()}

    def _ended_orders(self, accepted: Iterable[Values], changed: Iterable[Values]) -> Iterator[Values]:
        for row in accepted:
            self._fixed[_id_of(row)] = row[: len(FIXED)]
            yield from self._keep_or_end(row)
        for live in changed:
            yield from self._keep_or_end(self._fixed[_first_int(live)] + live)

    def _keep_or_end(self, row: Values) -> Iterator[Values]:
        told = _AS_IN_SQL(row)
        order_id = _first_int(told)
        if told[_STATUS] in OPEN_STATUSES:
            self._orders[order_id] = told
        else:
            self._orders.pop(order_id, None)
            del self._fixed[order_id]
            yield told

    def _ended_lists(self, changed: Iterable[Values]) -> Iterator[Values]:
        for row in changed:
            if row[_IS_OPEN]:
                self._lists[row[0]] = row
            else:
                self._lists.pop(row[0], None)
                self._inherited_lists.discard(_first_int(row))
                yield row


class _Beginning:
    """The past of a fold that begins with the exchange, or at its oldest snapshot: what SQL has is to be checked, so it
    is not asked, but for the number of the next aggregate trade, which the log does not tell."""

    def __init__(
        self,
        orders: Iterable[OpenOrder],
        lists: Iterable[OpenOrderList],
        next_aggregates: Callable[[int], int] | None,
        start_us: int,
    ) -> None:
        self._orders = {order.accepted.order_id: order for order in orders}
        self._lists = {opened.list_id: opened for opened in lists}
        self._next_aggregates = next_aggregates
        self._start_us = start_us

    def live_orders(self, ids: Iterable[int]) -> Iterator[LiveOrder]:
        for order_id in ids:
            yield _live_of(self._orders[order_id])

    def live_lists(self, ids: Iterable[int]) -> Iterator[ListRow]:
        for list_id in ids:
            yield _list_of(self._lists[list_id], self._orders)

    def candle(self, market: int, interval: str, open_us: int) -> CandleRow | None:
        return None

    def last_day(self, market: int) -> DayRow | None:
        if self._next_aggregates is None:
            return None
        return DayRow(market, self._start_us - self._start_us % DAY - DAY, 0, 0, 0, 0, self._next_aggregates(market), 0)


def _superseded(
    current: dict[Any, Values], changed: Iterable[Values], key: Callable[[Values], object], time: int
) -> Iterator[Values]:
    for row in changed:
        before = current.get(key(row))
        if before is not None and before[time] != row[time]:
            yield before
        current[key(row)] = row


def _fixed_of(order: OpenOrder) -> Values:
    accepted, extra = order.accepted, order.accepted.extra or OrderExtra()
    known = {"first_seq": _UNKNOWN_SEQ, "used_sor": extra.use_sor}
    return tuple(
        known[name] if name in known else getattr(accepted, name, getattr(extra, name, None)) for name in FIXED
    )


def _live_of(order: OpenOrder) -> LiveOrder:
    accepted, extra = order.accepted, order.accepted.extra or OrderExtra()
    return LiveOrder(
        id=accepted.order_id,
        accepted_us=order.accepted_us,
        account=accepted.account,
        market=accepted.market,
        side=accepted.side,
        list_id=extra.list_id,
        qty=accepted.qty,
        client_id=accepted.client_order_id,
        cancel_id="",
        state=extra.state,
        status=status_of(order),
        expiry_reason="",
        left_qty=order.left,
        filled=order.filled,
        filled_quote=order.filled_quote,
        is_routed=False,
        prevented=order.prevented,
        prevented_match_id=-1,
        amends=order.amends,
        pegged_price=extra.pegged_price,
        trailing_us=order.trailing_us,
        working_us=order.working_us,
        updated_us=order.updated_us,
        seq=_UNKNOWN_SEQ,
    )


def _list_of(opened: OpenOrderList, orders: Mapping[int, OpenOrder]) -> ListRow:
    """What its ended orders were called is not known."""
    members = (orders.get(order_id) for order_id in opened.orders)
    return ListRow(
        id=opened.list_id,
        account=opened.account,
        market=opened.market,
        kind=opened.kind,
        client_id=opened.client_list_id,
        orders=",".join(map(str, opened.orders)),
        client_ids=",".join("" if order is None else order.accepted.client_order_id for order in members),
        accepted_us=opened.accepted_us,
        is_open=True,
        updated_us=opened.accepted_us,
        seq=_UNKNOWN_SEQ,
    )


def status_of(order: OpenOrder) -> str:
    if order.filled:
        return PARTIALLY_FILLED
    return PENDING_NEW if (order.accepted.extra or OrderExtra()).state == PENDING else NEW


def _row_of(order: OpenOrder) -> Values:
    return _AS_IN_SQL(_fixed_of(order) + astuple(_live_of(order)))


def _id_of(row: Values) -> int:
    return _first_int(row[len(FIXED) :])


def _first_int(row: Values) -> int:
    value = row[0]
    assert isinstance(value, int)
    return value
