"""What a trading account can ask about its orders, lists and trades. One method per operation; answers are JSON."""

from typing import Any

from tandem.domain.operation import Args, Call
from tandem.trading import answers, history_answers, list_answers, queries
from tandem.trading.desk import Desk
from tandem.trading.lists import OrderList
from tandem.trading.records import Fill


class HistoryService:
    def __init__(self, desk: Desk) -> None:
        self._view = desk.view
        self._listings = desk.listings
        self._limiter = desk.limiter

    def query(self, call: Call, args: Args) -> bytes:
        listing = self._listings.find(args["symbol"])
        order = queries.find_order(self._view, call.account, listing.id, args)
        return answers.queried(order, listing, call.show_time).encode()

    def open_orders(self, call: Call, args: Args) -> bytes:
        market = self._listings.find(args["symbol"]).id if "symbol" in args else None
        found = queries.open_orders(self._view, call.account, market)
        by_id = self._listings.by_id
        return answers.array([answers.queried(o, by_id(o.blotter.market), call.show_time) for o in found])

    def all_orders(self, call: Call, args: Args) -> bytes:
        listing = self._listings.find(args["symbol"])
        found = queries.all_orders(self._view, call.account, listing.id, args)
        return answers.array([answers.queried(order, listing, call.show_time) for order in found])

    def amendments(self, call: Call, args: Args) -> bytes:
        listing = self._listings.find(args["symbol"])
        found = queries.amendments(self._view, call.account, listing.id, args)
        return answers.array([history_answers.amended(one, listing, call.show_time) for one in found])

    def query_list(self, call: Call, args: Args) -> bytes:
        found = queries.find_list(self._view, call.account, args)
        return list_answers.queried_list(found, self._listings.by_id(found.market), call.show_time).encode()

    def open_lists(self, call: Call, _args: Args) -> bytes:
        return self._lists(queries.open_lists(self._view, call.account), call)

    def all_lists(self, call: Call, args: Args) -> bytes:
        return self._lists(queries.all_lists(self._view, call.account, args), call)

    def _lists(self, found: list[OrderList], call: Call) -> bytes:
        by_id = self._listings.by_id
        return answers.array([list_answers.queried_list(one, by_id(one.market), call.show_time) for one in found])

    def my_trades(self, call: Call, args: Args) -> bytes:
        listing = self._listings.find(args["symbol"])
        found = queries.my_trades(self._view, call.account, listing.id, args)
        show = history_answers.traded
        return answers.array([show(fill, self._list_of(fill), listing, call.show_time) for fill in found])

    def my_allocations(self, call: Call, args: Args) -> bytes:
        listing = self._listings.find(args["symbol"])
        found = queries.allocations(self._view, call.account, listing.id, args)
        show = history_answers.allocated
        return answers.array([show(fill, self._list_of(fill), listing, call.show_time) for fill in found])

    def _list_of(self, fill: Fill) -> int:
        """-1: its order is in none, or is forgotten."""
        order = self._view.by_id.get(fill.order_id)
        return -1 if order is None else order.list_id

    def prevented_matches(self, call: Call, args: Args) -> bytes:
        listing = self._listings.find(args["symbol"])
        found = queries.prevented_matches(self._view, call.account, listing.id, args)
        by_id = self._listings.by_id
        rows = [history_answers.prevented_match(one, by_id(one.event.market), call.show_time) for one in found]
        return answers.array(rows)

    def order_counts(self, call: Call, _args: Args) -> list[dict[str, Any]]:
        return self._limiter.order_rows(self._limiter.orders(call.account, call.received_us))
