"""Which rows of an account's history a query asks for, as memory has them, and what the past has to be asked for."""

from itertools import islice
from typing import Any

from msgspec import structs

from tandem.domain.errors import api_error
from tandem.domain.history import Need
from tandem.domain.operation import Args
from tandem.trading import names
from tandem.trading.lists import OrderList
from tandem.trading.orders import OrderView
from tandem.trading.pages import DAY_US, Held, Page, asked_for
from tandem.trading.past import Asked
from tandem.trading.records import (
    Allocation,
    Amendment,
    Fill,
    Gone,
    Order,
    PreventedMatch,
    by_accepted_us,
    by_allocation_id,
    by_execution_id,
    by_own_id,
    by_time_us,
)

ARCHIVED_AFTER_US = 90 * DAY_US
_NOTHING = Gone()


# --- one order, one list


def find_order(view: OrderView, account: int, market: int, args: Args) -> Order:
    """The order named by `orderId`, `origClientOrderId` or both, if memory has it. Raises ApiError."""
    return checked_order(known_order(view, account, market, args), args)


def known_order(view: OrderView, account: int, market: int, args: Args) -> Order | None:
    """Raises ApiError for the id of somebody else's order, and for no name at all."""
    order_id, client_id = args.get("orderId"), args.get("origClientOrderId")
    if order_id is None:
        if client_id is None:
            raise api_error("MANDATORY_PARAM_EMPTY_OR_MALFORMED", "origClientOrderId", "orderId")
        blotter = view.blotter(account, market)
        return None if blotter is None else blotter.by_client_id.get(client_id)
    order = view.by_id.get(order_id)
    if order is not None and (order.account != account or order.blotter.market != market):
        raise api_error("NO_SUCH_ORDER")
    return order


def checked_order(order: Order | None, args: Args) -> Order:
    """Raises ApiError when there is none, or when it has not both of the names that were given."""
    if order is None:
        raise api_error("NO_SUCH_ORDER")
    client_id = args.get("origClientOrderId")
    is_named_twice = args.get("orderId") is not None and client_id is not None
    if is_named_twice and client_id not in (order.client_id, order.orig_client_id):
        raise api_error("CLIENT_ORDER_ID_INVALID")
    return order


def need_of_order(view: OrderView, account: int, market: int, args: Args) -> Need | None:
    """Of the past, to look for an order that memory does not have; None: there is none."""
    return _need_of_one(view, _held_orders(view, account, market), args.get("orderId"))


def refuse_archived(order: Order, now_us: int) -> None:
    """Raises ApiError -2026 for one that ended without fills long ago."""
    if order.status in names.CLOSE_STATUSES and not order.filled and order.updated_us < now_us - ARCHIVED_AFTER_US:
        raise api_error("ORDER_ARCHIVED")


def find_list(view: OrderView, account: int, args: Args) -> OrderList:
    """The list named by `orderListId`, by its own client id as `origClientOrderId`, or by both, if memory has it.
    Raises ApiError."""
    return checked_list(known_list(view, account, args), args)


def known_list(view: OrderView, account: int, args: Args) -> OrderList | None:
    """Raises ApiError for the id of somebody else's list, and for no name at all."""
    list_id, client_id = args.get("orderListId"), args.get("origClientOrderId")
    if list_id is None:
        if client_id is None:
            raise api_error("MANDATORY_PARAM_EMPTY_OR_MALFORMED", "origClientOrderId", "orderListId")
        holder = view.lists.accounts.get(account)
        return None if holder is None else holder.by_client_id.get(client_id)
    found = view.lists.by_id.get(list_id)
    if found is not None and found.account != account:
        raise api_error("NO_SUCH_ORDER")
    return found


def checked_list(found: OrderList | None, args: Args) -> OrderList:
    """Raises ApiError when there is none, or when it has not both of the names that were given."""
    if found is None:
        raise api_error("NO_SUCH_ORDER")
    if args.get("origClientOrderId") not in (None, found.client_id):
        raise api_error("CLIENT_ORDER_ID_INVALID")
    return found


def need_of_list(view: OrderView, account: int, args: Args) -> Need | None:
    """Of the past, to look for a list that memory does not have; None: there is none."""
    return _need_of_one(view, _held_lists(view, account), args.get("orderListId"))


def _need_of_one(view: OrderView, held: Held[Any], id: int | None) -> Need | None:
    edge_us = held.edge_us(view)
    if edge_us < 0 or (id is not None and held.has_all_from(id, edge_us)):
        return None
    return held.need(view)


# --- what is open


def open_orders(view: OrderView, account: int, market: int | None) -> list[Order]:
    """Of any state, by rising id, in one market or in all."""
    holder = view.accounts.get(account)
    if holder is None:
        return []
    if market is not None:
        blotter = holder.blotters.get(market)
        return [] if blotter is None else list(blotter.open.values())
    found = [order for blotter in holder.blotters.values() for order in blotter.open.values()]
    return sorted(found, key=by_own_id)


def open_lists(view: OrderView, account: int) -> list[OrderList]:
    """By rising id, in all markets."""
    holder = view.lists.accounts.get(account)
    return [] if holder is None else list(holder.open.values())


# --- pages


def all_orders(view: OrderView, account: int, market: int, args: Args) -> Page[Order]:
    """Open and closed ones, from `orderId` on or within the times; without either the latest. Raises ApiError -1127."""
    held = _held_orders(view, account, market)
    asked = asked_for(view, held, account, market, args, "orderId")
    return held.page(view, asked, (row for row in held.walk(asked) if row.id in view.by_id))


def amendments(view: OrderView, order: Order, args: Args, need: Need | None) -> Page[Amendment]:
    """Of an order, from `fromExecutionId` on; without it the latest. `need`: what it took to find an order that memory
    does not have, nor its amendments."""
    market, holder = order.blotter.market, view.accounts.get(order.account)
    rows = [] if order.extra is None or order.extra.amends is None else order.extra.amends
    held = Held(rows, _NOTHING if holder is None else holder.amendments_gone, by_execution_id, by_time_us)
    asked = asked_for(view, held, order.account, market, args, "fromExecutionId", order_id=order.id)
    if need is not None:
        return Page([], structs.replace(asked, need=need))
    return held.page(view, asked, held.walk(asked), order.accepted_us)


def all_lists(view: OrderView, account: int, args: Args) -> Page[OrderList]:
    """Open and ended ones, from `fromId` on or within the times; without either the latest. Raises ApiError -1127,
    and -1128 for both."""
    if "fromId" in args and ("startTime" in args or "endTime" in args):
        raise api_error("OPTIONAL_PARAMS_BAD_COMBO")
    held = _held_lists(view, account)
    asked = asked_for(view, held, account, -1, args, "fromId")
    return held.page(view, asked, (row for row in held.walk(asked) if row.id in view.lists.by_id))


def my_trades(view: OrderView, account: int, market: int, args: Args) -> Page[Fill]:
    """Raises ApiError -1127, and -1128 for parameters that do not go together."""
    order_id, blotter = args.get("orderId"), view.blotter(account, market)
    if ("startTime" in args or "endTime" in args) and (order_id is not None or "fromId" in args):
        raise api_error("OPTIONAL_PARAMS_BAD_COMBO")
    if blotter is None:
        held: Held[Fill] = Held((), _NOTHING, by_own_id, by_time_us)
    else:
        held = Held(blotter.fills, blotter.fills_gone, by_own_id, by_time_us, blotter.first_fill)
    asked = asked_for(view, held, account, market, args, "fromId", order_id=order_id)
    if order_id is None:
        return held.page(view, asked, held.walk(asked))
    since_us, until_us = _life_of(view, order_id)
    found = (fill for fill in held.walk(asked, since_us, until_us) if fill.order_id == order_id)
    return held.page(view, asked, found, since_us)


def allocations(view: OrderView, account: int, market: int, args: Args) -> Page[Allocation]:
    """Of routed orders. Raises ApiError -1127, and -1128 for parameters that do not go together."""
    order_id, blotter = args.get("orderId"), view.blotter(account, market)
    if ("startTime" in args or "endTime" in args) and (order_id is not None or "fromAllocationId" in args):
        raise api_error("OPTIONAL_PARAMS_BAD_COMBO")
    if blotter is None:
        held: Held[Allocation] = Held((), _NOTHING, by_allocation_id, by_time_us)
    else:
        held = Held(blotter.allocations, blotter.allocations_gone, by_allocation_id, by_time_us)
    asked = asked_for(view, held, account, market, args, "fromAllocationId", order_id=order_id)
    if order_id is None:
        return held.page(view, asked, held.walk(asked))
    since_us, until_us = _life_of(view, order_id)
    found = (row for row in held.walk(asked, since_us, until_us) if row.order_id == order_id)
    return held.page(view, asked, found, since_us)


def prevented_matches(view: OrderView, account: int, market: int, args: Args) -> Page[PreventedMatch]:
    """Those of another account of the trade group, and of a taker routed from another market, too. Raises ApiError
    -1128 for parameters that do not go together."""
    match_id, order_id, from_id = (args.get(k) for k in ("preventedMatchId", "orderId", "fromPreventedMatchId"))
    if (match_id is None) == (order_id is None) or (order_id is None and from_id is not None):
        raise api_error("OPTIONAL_PARAMS_BAD_COMBO")
    blotter = view.blotter(account, market)
    # Ids need not rise: those of a taker routed from another market are that market's. So none is looked for.
    held = (
        Held([], _NOTHING, _match_id, by_time_us)
        if blotter is None
        else Held(blotter.prevented, blotter.prevented_gone, _match_id, by_time_us)
    )
    bounds = {**args, "fromPreventedMatchId": from_id or 0}
    asked = asked_for(view, held, account, market, bounds, "fromPreventedMatchId", order_id=order_id, match_id=match_id)
    found = list(islice((row for row in held.rows if _is_asked_for(row, asked)), asked.limit))
    since_us = -1 if order_id is None else _life_of(view, order_id)[0]
    return Page(found, None if held.edge_us(view) < max(since_us, 0) else asked)


def _match_id(match: PreventedMatch) -> int:
    return match.event.prevented_match_id


def _is_asked_for(match: PreventedMatch, asked: Asked) -> bool:
    event = match.event
    if asked.match_id is not None:
        return event.prevented_match_id == asked.match_id
    return asked.order_id in (event.taker_order, event.maker_order) and event.prevented_match_id >= (
        asked.first_id or 0
    )


def _held_orders(view: OrderView, account: int, market: int) -> Held[Order]:
    blotter = view.blotter(account, market)
    if blotter is None:
        return Held((), _NOTHING, by_own_id, by_accepted_us)
    return Held(blotter.rows, blotter.orders_gone, by_own_id, by_accepted_us)


def _held_lists(view: OrderView, account: int) -> Held[OrderList]:
    holder = view.lists.accounts.get(account)
    if holder is None:
        return Held((), _NOTHING, by_own_id, by_accepted_us)
    return Held(holder.rows, holder.gone, by_own_id, by_accepted_us)


def _life_of(view: OrderView, order_id: int) -> tuple[int, int | None]:
    """From the order's first moment to its last; everything when memory does not have it."""
    order = view.by_id.get(order_id)
    return (-1, None) if order is None else (order.accepted_us, order.updated_us)
