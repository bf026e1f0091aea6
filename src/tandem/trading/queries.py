"""Which rows of an account's history a query asks for: windows, bounds and limits."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from tandem.domain.errors import api_error
from tandem.domain.operation import Args
from tandem.trading.lists import OrderList
from tandem.trading.orders import OrderView
from tandem.trading.records import (
    Allocation,
    Amendment,
    Blotter,
    Fill,
    Order,
    PreventedMatch,
    by_accepted_us,
    by_order_id,
)

DAY_HOURS = 24
DAY_US = DAY_HOURS * 3_600_000_000
DEFAULT_LIMIT = 500
MAX_LIMIT = 1_000
MILLISECOND_US = 1_000

T = TypeVar("T")


def window(args: Args) -> tuple[int | None, int | None]:
    """`startTime` and `endTime` as inclusive microseconds; a start alone covers a day. Raises ApiError -1127."""
    start, end = args.get("startTime"), args.get("endTime")
    if start is not None and end is not None and end - start > DAY_US:
        raise api_error("MORE_THAN_XX_HOURS", DAY_HOURS)
    if end is not None and end % MILLISECOND_US == 0:
        end += MILLISECOND_US - 1  # an answer shows the millisecond cut off, and asking for it must find it
    if start is not None and end is None:
        end = start + DAY_US
    return start, end


def find_order(view: OrderView, account: int, market: int, args: Args) -> Order:
    """The order named by `orderId`, `origClientOrderId` or both. Raises ApiError."""
    order_id, client_id = args.get("orderId"), args.get("origClientOrderId")
    if order_id is None:
        if client_id is None:
            raise api_error("MANDATORY_PARAM_EMPTY_OR_MALFORMED", "origClientOrderId", "orderId")
        blotter = view.blotter(account, market)
        order = None if blotter is None else blotter.by_client_id.get(client_id)
    else:
        order = view.by_id.get(order_id)
        if order is not None and (order.account != account or order.blotter.market != market):
            order = None
        if order is not None and client_id is not None and client_id not in (order.client_id, order.orig_client_id):
            raise api_error("CLIENT_ORDER_ID_INVALID")
    if order is None:
        raise api_error("NO_SUCH_ORDER")
    return order


def open_orders(view: OrderView, account: int, market: int | None) -> list[Order]:
    """Of any state, by rising id, in one market or in all."""
    holder = view.accounts.get(account)
    if holder is None:
        return []
    if market is not None:
        blotter = holder.blotters.get(market)
        return [] if blotter is None else list(blotter.open.values())
    found = [order for blotter in holder.blotters.values() for order in blotter.open.values()]
    return sorted(found, key=by_order_id)


def all_orders(view: OrderView, account: int, market: int, args: Args) -> Iterable[Order]:
    """Open and closed ones, from `orderId` on or within the times; without either the latest."""
    start, end = window(args)
    blotter = view.blotter(account, market)
    if blotter is None:
        return []
    rows, first_id = blotter.rows, args.get("orderId")
    low, high = 0, len(rows)
    if first_id is not None:
        low = bisect_left(rows, first_id, key=by_order_id)
    if start is not None:
        low = max(low, bisect_left(rows, start, key=by_accepted_us))
    if end is not None:
        high = bisect_right(rows, end, key=by_accepted_us)
    from_start = first_id is not None or start is not None
    known = (row for row in _walk(rows, low, high, from_start) if row.id in view.by_id)
    return _cut(known, args, from_start)


def amendments(view: OrderView, account: int, market: int, args: Args) -> list[Amendment]:
    """Of the order `orderId`, from `fromExecutionId` on; without it the latest. Raises ApiError -2013."""
    order, first_id = find_order(view, account, market, {"orderId": args["orderId"]}), args.get("fromExecutionId")
    extra = order.extra
    rows = [] if extra is None or extra.amends is None else extra.amends
    low = 0 if first_id is None else bisect_left(rows, first_id, key=_amendment_id)
    from_start = first_id is not None
    return _cut(_walk(rows, low, len(rows), from_start), args, from_start)


def find_list(view: OrderView, account: int, args: Args) -> OrderList:
    """The list named by `orderListId`, by its own client id as `origClientOrderId`, or by both. Raises ApiError."""
    list_id, client_id = args.get("orderListId"), args.get("origClientOrderId")
    if list_id is None and client_id is None:
        raise api_error("MANDATORY_PARAM_EMPTY_OR_MALFORMED", "origClientOrderId", "orderListId")
    holder = view.lists.accounts.get(account)
    found = None
    if holder is not None:
        found = holder.by_client_id.get(client_id or "") if list_id is None else view.lists.by_id.get(list_id)
    if found is None or found.account != account:
        raise api_error("NO_SUCH_ORDER")
    if client_id is not None and found.client_id != client_id:
        raise api_error("CLIENT_ORDER_ID_INVALID")
    return found


def all_lists(view: OrderView, account: int, args: Args) -> list[OrderList]:
    """Open and ended ones, from `fromId` on or within the times; without either the latest. Raises ApiError -1127,
    and -1128 for both."""
    first_id = args.get("fromId")
    if first_id is not None and ("startTime" in args or "endTime" in args):
        raise api_error("OPTIONAL_PARAMS_BAD_COMBO")
    start, end = window(args)
    holder = view.lists.accounts.get(account)
    if holder is None:
        return []
    rows = holder.rows
    low, high = 0, len(rows)
    if first_id is not None:
        low = bisect_left(rows, first_id, key=by_order_id)
    if start is not None:
        low = bisect_left(rows, start, key=by_accepted_us)
    if end is not None:
        high = bisect_right(rows, end, key=by_accepted_us)
    from_start = first_id is not None or start is not None
    known = (row for row in _walk(rows, low, high, from_start) if row.id in view.lists.by_id)
    return _cut(known, args, from_start)


def open_lists(view: OrderView, account: int) -> list[OrderList]:
    """By rising id, in all markets."""
    holder = view.lists.accounts.get(account)
    return [] if holder is None else list(holder.open.values())


def my_trades(view: OrderView, account: int, market: int, args: Args) -> Iterable[Fill]:
    """Raises ApiError -1128 for parameters that do not go together."""
    order_id, from_id = args.get("orderId"), args.get("fromId")
    has_times = "startTime" in args or "endTime" in args
    if has_times and (order_id is not None or from_id is not None):
        raise api_error("OPTIONAL_PARAMS_BAD_COMBO")
    start, end = window(args)
    blotter = view.blotter(account, market)
    if blotter is None:
        return []
    rows = blotter.fills
    low, high = blotter.first_fill, len(rows)
    if order_id is not None:
        low, high = _life_of(view, blotter, order_id)
    if from_id is not None:
        low = max(low, bisect_left(rows, from_id, key=_fill_id))
    if start is not None:
        low = max(low, bisect_left(rows, start, key=_fill_time))
    if end is not None:
        high = bisect_right(rows, end, key=_fill_time)
    from_start = from_id is not None or start is not None
    found = _walk(rows, low, high, from_start)
    if order_id is not None:
        found = (fill for fill in found if fill.order_id == order_id)
    return _cut(found, args, from_start)


def allocations(view: OrderView, account: int, market: int, args: Args) -> list[Allocation]:
    """Of routed orders. Raises ApiError -1127, and -1128 for parameters that do not go together."""
    order_id, from_id = args.get("orderId"), args.get("fromAllocationId")
    if ("startTime" in args or "endTime" in args) and (order_id is not None or from_id is not None):
        raise api_error("OPTIONAL_PARAMS_BAD_COMBO")
    start, end = window(args)
    blotter = view.blotter(account, market)
    if blotter is None:
        return []
    rows = blotter.allocations
    low, high = 0, len(rows)
    if from_id is not None:
        low = bisect_left(rows, from_id, key=_allocation_id)
    if start is not None:
        low = bisect_left(rows, start, key=_fill_time)
    if end is not None:
        high = bisect_right(rows, end, key=_fill_time)
    from_start = from_id is not None or start is not None
    found = (row for row in _walk(rows, low, high, from_start) if order_id is None or row.order_id == order_id)
    return _cut(found, args, from_start)


def prevented_matches(view: OrderView, account: int, market: int, args: Args) -> Iterable[PreventedMatch]:
    """Those of another account of the trade group, and of a taker routed from another market, too. Raises ApiError
    -1128 for parameters that do not go together."""
    match_id, order_id, from_id = (args.get(k) for k in ("preventedMatchId", "orderId", "fromPreventedMatchId"))
    if (match_id is None) == (order_id is None) or (order_id is None and from_id is not None):
        raise api_error("OPTIONAL_PARAMS_BAD_COMBO")
    blotter = view.blotter(account, market)
    if blotter is None:
        return []
    if match_id is not None:
        return [row for row in blotter.prevented if row.event.prevented_match_id == match_id]
    of_order = (
        row
        for row in blotter.prevented
        if order_id in (row.event.taker_order, row.event.maker_order) and row.event.prevented_match_id >= (from_id or 0)
    )
    return _cut(of_order, args, True)


def _fill_id(fill: Fill) -> int:
    return fill.id


def _allocation_id(allocation: Allocation) -> int:
    return allocation.allocation_id


def _amendment_id(amendment: Amendment) -> int:
    return amendment.execution_id


def _fill_time(fill: Fill) -> int:
    return fill.time_us


def _life_of(view: OrderView, blotter: Blotter, order_id: int) -> tuple[int, int]:
    """The part of `fills` from the order's first moment to its last; all of it when the order is forgotten."""
    rows, order = blotter.fills, view.by_id.get(order_id)
    if order is None:
        return blotter.first_fill, len(rows)
    low = bisect_left(rows, order.accepted_us, lo=blotter.first_fill, key=_fill_time)
    return low, bisect_right(rows, order.updated_us, lo=low, key=_fill_time)


def _walk(rows: Sequence[T], low: int, high: int, from_start: bool) -> Iterator[T]:
    indexes = range(low, high) if from_start else range(high - 1, low - 1, -1)
    return (rows[index] for index in indexes)


def _cut(found: Iterable[T], args: Args, from_start: bool) -> list[T]:
    """The first `limit` of what was walked, rising."""
    chosen = list(islice(found, args.get("limit", DEFAULT_LIMIT)))
    return chosen if from_start else chosen[::-1]
