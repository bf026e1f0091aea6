"""What a trading account can ask for. One method per operation; each answers with JSON bytes.

What the engine cannot take or answer (overload, full disk, timeout) passes through: the edge has words for that.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from tandem.domain import money
from tandem.domain.errors import api_error, engine_reject
from tandem.domain.operation import Args, Call
from tandem.platform.engine import EngineClient, OrderClosed
from tandem.platform.rate_limits import RateLimiter
from tandem.trading import answers, queries
from tandem.trading.listings import RATE_DECIMALS, Listing, Listings
from tandem.trading.orders import OrderView
from tandem.trading.tickets import read_ticket


class TradingService:
    """`new_client_id` makes an id for an order or a cancel whose sender gave none."""

    def __init__(
        self, client: EngineClient, view: OrderView, limiter: RateLimiter, new_client_id: Callable[[], str]
    ) -> None:
        self._client = client
        self._engine = client.engine
        self._view = view
        self._limiter = limiter
        self._new_client_id = new_client_id
        self._listings = Listings(client.catalog)

    # --- orders

    async def place(self, call: Call, args: Args) -> bytes:
        listing = self._listings.find(args["symbol"])
        ticket = read_ticket(args, listing, self._new_client_id)
        call.ensure_fresh()
        result = await self._client.submit(self._engine.place_order(call.account, *ticket))
        if result.code >= 0:
            raise engine_reject(result.code)
        style = args.get("newOrderRespType") or answers.DEFAULT_STYLE.get(args["type"], answers.ACK)
        return answers.placed(result, listing, style, call.show_time)

    def test(self, call: Call, args: Args) -> bytes:
        """Everything that placing checks, and nothing is placed."""
        listing = self._listings.find(args["symbol"])
        ticket = read_ticket(args, listing, self._new_client_id)
        code = self._engine.check_order(call.account, *ticket)
        if code >= 0:
            raise engine_reject(code)
        return self._commission_rates(call.account, listing) if args.get("computeCommissionRates") else b"{}"

    async def cancel(self, call: Call, args: Args) -> bytes:
        listing = self._listings.find(args["symbol"])
        order_id, client_id = args.get("orderId", -1), args.get("origClientOrderId", "")
        if order_id < 0 and not client_id:
            raise api_error("MANDATORY_PARAM_EMPTY_OR_MALFORMED", "origClientOrderId", "orderId")
        if "cancelRestrictions" in args:
            # Only the engine could judge it at the moment of the cancel, and it does not yet.
            raise api_error("UNSUPPORTED_OPERATION")
        cancel_id = args.get("newClientOrderId") or self._new_client_id()
        call.ensure_fresh()
        number = self._engine.cancel_order(call.account, listing.id, order_id, client_id, cancel_id)
        result = await self._client.submit(number)
        if result.code >= 0:
            raise engine_reject(result.code)
        (closed,) = result.events
        assert type(closed) is OrderClosed
        return self._canceled(closed, listing, call).encode()

    async def cancel_all(self, call: Call, args: Args) -> bytes:
        listing = self._listings.find(args["symbol"])
        call.ensure_fresh()
        result = await self._client.submit(self._engine.cancel_all(call.account, listing.id))
        if result.code >= 0:
            raise engine_reject(result.code)
        return answers.array([self._canceled(e, listing, call) for e in result.events if type(e) is OrderClosed])

    def _canceled(self, closed: OrderClosed, listing: Listing, call: Call) -> str:
        order = self._view.by_id.get(closed.order_id)
        if order is None:  # so many orders closed at once that this one is forgotten already
            raise api_error("UNEXPECTED_RESP")
        return answers.canceled(order, listing, call.show_time)

    # --- queries

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

    def my_trades(self, call: Call, args: Args) -> bytes:
        listing = self._listings.find(args["symbol"])
        found = queries.my_trades(self._view, call.account, listing.id, args)
        return answers.array([answers.traded(fill, listing, call.show_time) for fill in found])

    def prevented_matches(self, call: Call, args: Args) -> bytes:
        listing = self._listings.find(args["symbol"])
        found = queries.prevented_matches(self._view, call.account, listing.id, args)
        return answers.array([answers.prevented_match(match, listing, call.show_time) for match in found])

    def order_counts(self, call: Call, _args: Args) -> list[dict[str, Any]]:
        return self._limiter.order_rows(self._limiter.orders(call.account, call.received_us))

    def _commission_rates(self, account: int, listing: Listing) -> bytes:
        owner = self._engine.account(account)
        rules = listing.market.rules
        maker, taker = (owner and owner.fees) or (rules.maker_rate_e8, rules.taker_rate_e8)
        none = {"maker": "0.00000000", "taker": "0.00000000"}
        return msgspec.json.encode(
            {
                "standardCommissionForOrder": {
                    "maker": money.show(maker, RATE_DECIMALS),
                    "taker": money.show(taker, RATE_DECIMALS),
                },
                "specialCommissionForOrder": none,
                "taxCommissionForOrder": none,
                "discount": {
                    "enabledForAccount": False,
                    "enabledForSymbol": False,
                    "discountAsset": "",
                    "discount": "0.00000000",
                },
            }
        )
