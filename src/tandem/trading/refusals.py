"""What a client is told when the engine refuses, where one reject has more than one text in the API."""

from tandem.domain.errors import ApiError, api_error, engine_reject, reject_name
from tandem.domain.trading import Feature, ListKind, OrderKind
from tandem.trading.listings import Listing
from tandem.trading.tickets import Leg

_KIND_ERRORS = {
    OrderKind.MARKET: "MARKET_ORDERS_NOT_SUPPORTED",
    OrderKind.STOP_LOSS: "STOP_LOSS_NOT_SUPPORTED",
    OrderKind.STOP_LOSS_LIMIT: "STOP_LOSS_LIMIT_NOT_SUPPORTED",
    OrderKind.TAKE_PROFIT: "TAKE_PROFIT_NOT_SUPPORTED",
    OrderKind.TAKE_PROFIT_LIMIT: "TAKE_PROFIT_LIMIT_NOT_SUPPORTED",
}
_FEATURES = (
    (Feature.OTO, "OTO_NOT_SUPPORTED", (ListKind.OTO, ListKind.OTOCO, ListKind.OPO, ListKind.OPOCO)),
    (Feature.OPO, "OPO_NOT_SUPPORTED", (ListKind.OPO, ListKind.OPOCO)),
    (Feature.OCO, "OCO_NOT_SUPPORTED", (ListKind.OCO, ListKind.OTOCO, ListKind.OPOCO)),
)
"""What a list needs, what its absence is called, and which lists need it."""


def order_refused(code: int, leg: Leg) -> ApiError:
    error = _KIND_ERRORS.get(_kind(leg)) if reject_name(code) == "order_kind_not_supported" else None
    return engine_reject(code) if error is None else api_error(error)


def list_refused(code: int, kind: int, legs: list[Leg], listing: Listing) -> ApiError:
    rules, name = listing.market.rules, reject_name(code)
    if name == "order_kind_not_supported":
        for leg in legs:
            if not rules.kinds >> _kind(leg) & 1:
                return order_refused(code, leg)
    if name == "list_kind_not_supported":
        for feature, error, kinds in _FEATURES:
            if kind in kinds and not rules.features >> feature & 1:
                return api_error(error)
    return engine_reject(code)


def _kind(leg: Leg) -> OrderKind:
    return OrderKind(leg[1])


def amend_refused(code: int) -> ApiError:
    """What the engine says of an order that cannot be amended has a number of its own."""
    name = reject_name(code)
    if name in ("order_unknown", "client_order_id_in_use"):
        return api_error("ORDER_AMEND_REJECTED", engine_reject(code).message)
    return engine_reject(code)
