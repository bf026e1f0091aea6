"""What a trading account can ask about its orders, lists and trades. One method per operation; answers are JSON.

What memory has in full is answered at once; for the rest the past is asked (`tandem.trading.past`), if there is one.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from tandem.domain.history import Need, merged
from tandem.domain.operation import Args, Call
from tandem.trading import answers, history_answers, list_answers, queries
from tandem.trading.desk import Desk
from tandem.trading.listings import Listing
from tandem.trading.lists import OrderList
from tandem.trading.pages import Page
from tandem.trading.past import Asked, Past
from tandem.trading.records import (
    Amendment,
    Order,
    PreventedMatch,
    by_allocation_id,
    by_execution_id,
    by_own_id,
)

Answer = bytes | Awaitable[bytes]
T = TypeVar("T")


class HistoryService:
    def __init__(self, desk: Desk, past: Past | None = None) -> None:
        self._view = desk.view
        self._listings = desk.listings
        self._limiter = desk.limiter
        self._past = past

    # --- one order, one list

    def query(self, call: Call, args: Args) -> Answer:
        listing = self._listings.find(args["symbol"])
        known = queries.known_order(self._view, call.account, listing.id, args)
        need = None if known is not None else queries.need_of_order(self._view, call.account, listing.id, args)
        if need is None or self._past is None:
            return _queried(queries.checked_order(known, args), listing, call)
        return self._query_past(self._past, need, listing, call, args)

    async def _query_past(self, past: Past, need: Need, listing: Listing, call: Call, args: Args) -> bytes:
        return _queried(await _past_order(past, need, listing, call, args), listing, call)

    def query_list(self, call: Call, args: Args) -> Answer:
        known = queries.known_list(self._view, call.account, args)
        need = None if known is not None else queries.need_of_list(self._view, call.account, args)
        if need is None or self._past is None:
            return self._list(queries.checked_list(known, args), call).encode()
        return self._query_past_list(self._past, need, call, args)

    async def _query_past_list(self, past: Past, need: Need, call: Call, args: Args) -> bytes:
        list_id, client_id = args.get("orderListId"), args.get("origClientOrderId", "")
        found = await past.order_list(need, call.account, list_id, client_id)
        return self._list(queries.checked_list(found, args), call).encode()

    def _list(self, found: OrderList, call: Call) -> str:
        return list_answers.queried_list(found, self._listings.by_id(found.market), call.show_time)

    # --- what is open

    def open_orders(self, call: Call, args: Args) -> bytes:
        market = self._listings.find(args["symbol"]).id if "symbol" in args else None
        found = queries.open_orders(self._view, call.account, market)
        by_id = self._listings.by_id
        return answers.array([answers.queried(o, by_id(o.blotter.market), call.show_time) for o in found])

    def open_lists(self, call: Call, _args: Args) -> bytes:
        return answers.array([self._list(one, call) for one in queries.open_lists(self._view, call.account)])

    # --- pages

    def all_orders(self, call: Call, args: Args) -> Answer:
        listing = self._listings.find(args["symbol"])
        page = queries.all_orders(self._view, call.account, listing.id, args)
        return self._page(
            page,
            lambda past, asked: past.orders(asked),
            by_own_id,
            lambda order: answers.queried(order, listing, call.show_time),
        )

    def amendments(self, call: Call, args: Args) -> Answer:
        listing = self._listings.find(args["symbol"])
        of_order = {"orderId": args["orderId"]}
        known = queries.known_order(self._view, call.account, listing.id, of_order)
        need = None if known is not None else queries.need_of_order(self._view, call.account, listing.id, of_order)
        if need is None or self._past is None:
            return self._amendments(queries.checked_order(known, of_order), None, listing, call, args)
        return self._past_amendments(self._past, need, listing, call, args)

    async def _past_amendments(self, past: Past, need: Need, listing: Listing, call: Call, args: Args) -> bytes:
        order = await _past_order(past, need, listing, call, {"orderId": args["orderId"]})
        answer = self._amendments(order, need, listing, call, args)
        return answer if isinstance(answer, bytes) else await answer

    def _amendments(self, order: Order, need: Need | None, listing: Listing, call: Call, args: Args) -> Answer:
        def show(amendment: Amendment) -> str:
            return history_answers.amended(amendment, listing, call.show_time)

        return self._page(
            queries.amendments(self._view, order, args, need),
            lambda past, asked: past.amendments(asked),
            by_execution_id,
            show,
        )

    def all_lists(self, call: Call, args: Args) -> Answer:
        page = queries.all_lists(self._view, call.account, args)
        return self._page(
            page, lambda past, asked: past.order_lists(asked), by_own_id, lambda found: self._list(found, call)
        )

    def my_trades(self, call: Call, args: Args) -> Answer:
        listing = self._listings.find(args["symbol"])
        page = queries.my_trades(self._view, call.account, listing.id, args)
        return self._page(
            page,
            lambda past, asked: past.fills(asked),
            lambda fill: (fill.id, fill.is_maker),
            lambda fill: history_answers.traded(fill, listing, call.show_time),
        )

    def my_allocations(self, call: Call, args: Args) -> Answer:
        listing = self._listings.find(args["symbol"])
        page = queries.allocations(self._view, call.account, listing.id, args)
        return self._page(
            page,
            lambda past, asked: past.allocations(asked),
            by_allocation_id,
            lambda fill: history_answers.allocated(fill, listing, call.show_time),
        )

    def prevented_matches(self, call: Call, args: Args) -> Answer:
        listing, by_id = self._listings.find(args["symbol"]), self._listings.by_id
        page = queries.prevented_matches(self._view, call.account, listing.id, args)

        def show(match: PreventedMatch) -> str:
            return history_answers.prevented_match(match, by_id(match.event.market), call.show_time)

        return self._page(
            page,
            lambda past, asked: past.prevented_matches(asked),
            lambda match: (match.seq, match.event.prevented_match_id),
            show,
        )

    def _page(
        self,
        page: Page[T],
        ask: Callable[[Past, Asked], Awaitable[list[T]]],
        key: Callable[[T], Any],
        show: Callable[[T], str],
    ) -> Answer:
        if page.asked is None or self._past is None:
            return answers.array([show(row) for row in page.rows])
        return _merged_page(page.rows, page.asked, ask(self._past, page.asked), key, show)

    def order_counts(self, call: Call, _args: Args) -> list[dict[str, Any]]:
        return self._limiter.order_rows(self._limiter.orders(call.account, call.received_us))


def _queried(order: Order, listing: Listing, call: Call) -> bytes:
    queries.refuse_archived(order, call.received_us)
    return answers.queried(order, listing, call.show_time).encode()


async def _past_order(past: Past, need: Need, listing: Listing, call: Call, args: Args) -> Order:
    order_id, client_id = args.get("orderId"), args.get("origClientOrderId", "")
    return queries.checked_order(await past.order(need, call.account, listing.id, order_id, client_id), args)


async def _merged_page(
    known: list[T], asked: Asked, past: Awaitable[list[T]], key: Callable[[T], Any], show: Callable[[T], str]
) -> bytes:
    """`known` was taken first: what memory lets go of meanwhile is not missing."""
    rows = merged(known, await past, key, asked.limit, from_start=asked.from_start)
    return answers.array([show(row) for row in rows])
