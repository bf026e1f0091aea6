"""What a trading account can ask for about single orders. One method per operation; each answers with JSON bytes.

What the engine cannot take or answer (overload, full disk, timeout) passes through: the edge has words for that.
"""

from typing import Any

import msgspec

from tandem.domain.commission import Commission, commission_of
from tandem.domain.errors import api_error, engine_reject
from tandem.domain.operation import Args, Call
from tandem.domain.trading import OrderKind, Side
from tandem.platform.engine import OrderAccepted, OrderAmended, Result
from tandem.trading import answers, list_answers
from tandem.trading.desk import ORDER_NAMES, RESTRICTIONS, Desk, read_names
from tandem.trading.listings import Listing
from tandem.trading.records import execution_id
from tandem.trading.refusals import amend_refused, order_refused
from tandem.trading.tickets import SIDES, SINGLE, Leg, read_leg, read_number, read_stp, read_ticket

ROUTED_TYPES = (OrderKind.LIMIT.name, OrderKind.MARKET.name)


class OrderService:
    """Placing, testing, amending and canceling."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._client = desk.client
        self._engine = desk.engine
        self._listings = desk.listings
        self._new_client_id = desk.new_client_id

    async def place(self, call: Call, args: Args) -> bytes:
        listing = self._listings.find(args["symbol"])
        ticket = read_ticket(args, listing, self._new_client_id)
        style = args.get("newOrderRespType") or answers.DEFAULT_STYLE.get(args["type"], answers.ACK)
        return (await self._place(call, ticket, listing, style)).encode()

    async def place_routed(self, call: Call, args: Args) -> bytes:
        listing, ticket = self._read_routed(args)
        return (await self._place(call, ticket, listing, args.get("newOrderRespType", answers.FULL))).encode()

    async def place_routed_ws(self, call: Call, args: Args) -> bytes:
        """The WebSocket API answers with an array of one."""
        return b"[%b]" % await self.place_routed(call, args)

    async def _place(self, call: Call, ticket: Leg, listing: Listing, style: str) -> str:
        call.ensure_fresh()
        result = await self._client.submit(self._engine.place_order(call.account, listing.id, *ticket))
        if result.code >= 0:
            raise order_refused(result.code, ticket)
        accepted = result.events[0]
        assert type(accepted) is OrderAccepted
        return answers.placed(accepted, result.events, result.time_us, listing, style, call.show_time)

    def test(self, call: Call, args: Args) -> bytes:
        """Everything that placing checks, and nothing is placed."""
        listing = self._listings.find(args["symbol"])
        rates = self._test(call, args, listing, read_ticket(args, listing, self._new_client_id))
        return msgspec.json.encode(rates)

    def test_routed(self, call: Call, args: Args) -> bytes:
        listing, ticket = self._read_routed(args)
        rates = self._test(call, args, listing, ticket)
        rates.pop("specialCommissionForOrder", None)
        return msgspec.json.encode(rates)

    def _test(self, call: Call, args: Args, listing: Listing, ticket: Leg) -> dict[str, Any]:
        code = self._engine.check_order(call.account, listing.id, *ticket)
        if code >= 0:
            raise order_refused(code, ticket)
        if not args.get("computeCommissionRates"):
            return {}
        return self._commission(call.account, listing).show_for_order(Side[args["side"]])

    def _read_routed(self, args: Args) -> tuple[Listing, Leg]:
        listing = self._listings.find(args["symbol"])
        if args["type"] not in ROUTED_TYPES:
            raise api_error("ORDER_COMBINATION_NOT_SUPPORTED")
        side, stp = SIDES[args["side"]], read_stp(args)
        return listing, read_leg(args, SINGLE, side, stp, listing, self._new_client_id, use_sor=True)

    async def cancel(self, call: Call, args: Args) -> bytes:
        listing = self._listings.find(args["symbol"])
        order_id, client_id = read_names(args, *ORDER_NAMES)
        restriction = RESTRICTIONS.get(args.get("cancelRestrictions", ""), -1)
        cancel_id = args.get("newClientOrderId") or self._new_client_id()
        call.ensure_fresh()
        number = self._engine.cancel_order(call.account, listing.id, order_id, client_id, cancel_id, restriction)
        return (await self._canceled(number, listing, call))[0].encode()

    async def cancel_all(self, call: Call, args: Args) -> bytes:
        listing = self._listings.find(args["symbol"])
        call.ensure_fresh()
        number = self._engine.cancel_all(call.account, listing.id)
        return answers.array(await self._canceled(number, listing, call))

    async def _canceled(self, number: int, listing: Listing, call: Call) -> list[str]:
        result = await self._client.submit(number)
        if result.code >= 0:
            raise engine_reject(result.code)
        return self._desk.canceled(result.events, listing, call)

    async def amend(self, call: Call, args: Args) -> bytes:
        listing = self._listings.find(args["symbol"])
        order_id, client_id = read_names(args, *ORDER_NAMES)
        new_qty = read_number("newQty", args["newQty"], listing.base_decimals)
        if not new_qty:
            raise api_error("FILTER_FAILURE", "LOT_SIZE")
        new_id = args.get("newClientOrderId") or self._new_client_id()
        call.ensure_fresh()
        number = self._engine.amend_order(call.account, listing.id, order_id, client_id, new_qty, new_id)
        result = await self._client.submit(number)
        if result.code >= 0:
            raise amend_refused(result.code)
        return self._amended(result, listing, call)

    def _amended(self, result: Result, listing: Listing, call: Call) -> bytes:
        """The order that was asked for is the first that was amended."""
        event = result.events[0]
        assert type(event) is OrderAmended
        order = self._desk.view.by_id.get(event.order_id)
        known = None if order is None or order.extra is None else order.extra.amends
        amendment = next((one for one in known or () if one.execution_id == execution_id(result.seq)), None)
        if order is None or amendment is None:  # forgotten already: it ended, and much else with it
            raise api_error("UNEXPECTED_RESP")
        found = self._desk.view.lists.by_id.get(order.list_id)
        status = "" if found is None else list_answers.status_after_amend(found, listing)
        return answers.amended(order, amendment, status, listing, call.show_time)

    def _commission(self, account: int, listing: Listing) -> Commission:
        owner, discount = self._engine.account(account), self._engine.exchange_rules().discount
        named = None if discount is None else (self._listings.asset(discount[0]).code, discount[1])
        return commission_of(owner and owner.fees, owner is not None and owner.discount, listing.market, named)
