"""What every service of trading works with, and what more than one of them answers."""

from collections.abc import Sequence
from dataclasses import dataclass

from tandem.domain.errors import api_error
from tandem.domain.operation import Args, Call
from tandem.domain.trading import CloseStatus
from tandem.platform.engine import Engine, EngineClient, Event, OrderClosed
from tandem.platform.rate_limits import RateLimiter
from tandem.trading import answers, list_answers
from tandem.trading.listings import Listing, Listings
from tandem.trading.orders import OrderView
from tandem.trading.records import Order, by_own_id
from tandem.trading.tickets import NewId

RESTRICTIONS = {"ONLY_NEW": 0, "ONLY_PARTIALLY_FILLED": 1}
"""CancelRestriction by its name."""
ORDER_NAMES = ("origClientOrderId", "orderId")
_CANCELED = int(CloseStatus.CANCELED)


@dataclass(frozen=True, slots=True)
class Desk:
    """`new_client_id` makes an id for an order, a list or a cancel whose sender gave none."""

    client: EngineClient
    engine: Engine
    view: OrderView
    limiter: RateLimiter
    new_client_id: NewId
    listings: Listings

    def canceled(self, events: Sequence[Event], listing: Listing, call: Call) -> list[str]:
        """What a cancel answers with: orders, and lists as a whole. Only it leaves orders CANCELED; what its command
        brought about besides is no part of the answer."""
        groups: dict[int, list[Order]] = {}
        for event in events:
            if type(event) is OrderClosed and event.status == _CANCELED:
                order = self.view.by_id.get(event.order_id)
                if order is None:  # so many orders closed at once that this one is forgotten already
                    raise api_error("UNEXPECTED_RESP")
                groups.setdefault(-order.id if order.list_id < 0 else order.list_id, []).append(order)
        return [self._canceled_group(key, orders, listing, call) for key, orders in groups.items()]

    def _canceled_group(self, list_id: int, orders: list[Order], listing: Listing, call: Call) -> str:
        if list_id < 0:
            return answers.canceled(orders[0], listing, call.show_time)
        ended = self.view.lists.by_id.get(list_id)
        if ended is None:
            raise api_error("UNEXPECTED_RESP")
        return list_answers.canceled_list(ended, sorted(orders, key=by_own_id), listing, call.show_time)


def read_names(args: Args, client_id_name: str, id_name: str) -> tuple[int, str]:
    """The exchange's id (-1: none) and the client's ("": none) of what a request is about. Raises ApiError."""
    id, client_id = args.get(id_name, -1), args.get(client_id_name, "")
    if id < 0 and not client_id:
        raise api_error("MANDATORY_PARAM_EMPTY_OR_MALFORMED", client_id_name, id_name)
    return id, client_id
