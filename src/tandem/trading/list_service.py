"""Placing and canceling order lists."""

from collections.abc import Awaitable, Callable

from tandem.domain.errors import engine_reject
from tandem.domain.operation import Args, Call
from tandem.trading import list_tickets
from tandem.trading.answers import RESULT
from tandem.trading.desk import Desk, read_names
from tandem.trading.list_answers import placed_list
from tandem.trading.list_tickets import ListTicket
from tandem.trading.listings import Listing
from tandem.trading.refusals import list_refused
from tandem.trading.rejections import tell_rejected_list
from tandem.trading.tickets import NewId

Read = Callable[[Args, Listing, NewId], ListTicket]
Handler = Callable[[Call, Args], Awaitable[bytes]]


class ListService:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.place_oco = self._placing(list_tickets.read_oco)
        self.place_old_oco = self._placing(list_tickets.read_old_oco)
        self.place_oto = self._placing(list_tickets.read_oto)
        self.place_otoco = self._placing(list_tickets.read_otoco)
        self.place_opo = self._placing(list_tickets.read_opo)
        self.place_opoco = self._placing(list_tickets.read_opoco)

    def _placing(self, read: Read) -> Handler:
        async def place(call: Call, args: Args) -> bytes:
            desk = self._desk
            listing = desk.listings.find(args["symbol"])
            ticket = read(args, listing, desk.new_client_id)
            call.ensure_fresh()
            result = await desk.client.submit(desk.engine.place_list(call.account, listing.id, *ticket))
            if result.code >= 0:
                kind, client_id, legs = ticket
                tell_rejected_list(desk.view, call.account, listing.id, kind, client_id, legs, result)
                raise list_refused(result.code, kind, legs, listing)
            style = args.get("newOrderRespType", RESULT)
            return placed_list(result, listing, style, call.show_time)

        return place

    async def cancel(self, call: Call, args: Args) -> bytes:
        desk = self._desk
        listing = desk.listings.find(args["symbol"])
        list_id, client_id = read_names(args, "listClientOrderId", "orderListId")
        cancel_id = args.get("newClientOrderId") or desk.new_client_id()
        call.ensure_fresh()
        number = desk.engine.cancel_list(call.account, listing.id, list_id, client_id, cancel_id)
        result = await desk.client.submit(number)
        if result.code >= 0:
            raise engine_reject(result.code)
        return desk.canceled(result.events, listing, call)[0].encode()
