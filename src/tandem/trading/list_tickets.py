"""From the parameters of an order list to what the engine takes: its kind and its two or three orders.

A pair is the stop-loss leg and then the limit or take-profit leg, whichever of them is above.
"""

from typing import NamedTuple

from tandem.domain.errors import api_error
from tandem.domain.operation import Args
from tandem.domain.trading import ListKind
from tandem.trading.listings import Listing
from tandem.trading.tickets import SIDES, SINGLE, Form, Leg, NewId, read_leg, read_stp

LEG_FIELDS = (
    "type",
    "timeInForce",
    "price",
    "stopPrice",
    "trailingDelta",
    "icebergQty",
    "strategyId",
    "strategyType",
    "pegPriceType",
    "pegOffsetType",
    "pegOffsetValue",
)
"""What a leg has under its own prefix, next to a client order id and, unless a pair shares it, a quantity."""

_CLIENT_ID = 6
"""Its place in a `Leg`."""


class ListTicket(NamedTuple):
    """`Engine.place_list`'s arguments after account and market."""

    kind: int
    client_list_id: str
    legs: list[Leg]


def prefixed(prefix: str, name: str) -> str:
    return f"{prefix}{name[0].upper()}{name[1:]}"


def _form(
    prefix: str,
    quantity: str = "",
    *,
    missing: str = SINGLE.missing,
    hasty_iceberg: str = SINGLE.hasty_iceberg,
    sells_proceeds: bool = False,
) -> Form:
    """The form of a leg; `quantity` is what its quantity is called, if not by the prefix."""
    wire = {name: prefixed(prefix, name) for name in LEG_FIELDS}
    wire["newClientOrderId"] = prefixed(prefix, "clientOrderId")
    wire["quantity"] = quantity or prefixed(prefix, "quantity")
    return Form(wire, missing, hasty_iceberg, sells_proceeds)


def _pair_form(prefix: str, quantity: str, *, sells_proceeds: bool = False) -> Form:
    return _form(prefix, quantity, hasty_iceberg="OCO_ICEBERGQTY_TIMEINFORCE", sells_proceeds=sells_proceeds)


ABOVE, BELOW = _pair_form("above", "quantity"), _pair_form("below", "quantity")
WORKING, PAYING = _form("working"), _form("working", missing="WORKING_PARAM_REQUIRED")
PENDING, PAID = _form("pending"), _form("pending", sells_proceeds=True)
PENDING_ABOVE = _pair_form("pendingAbove", "pendingQuantity")
PENDING_BELOW = _pair_form("pendingBelow", "pendingQuantity")
PAID_ABOVE = _pair_form("pendingAbove", "pendingQuantity", sells_proceeds=True)
PAID_BELOW = _pair_form("pendingBelow", "pendingQuantity", sells_proceeds=True)
OLD_LIMIT = Form(
    {
        "newClientOrderId": "limitClientOrderId",
        "price": "price",
        "quantity": "quantity",
        "icebergQty": "limitIcebergQty",
        "strategyId": "limitStrategyId",
        "strategyType": "limitStrategyType",
    }
)
OLD_STOP = Form(
    {
        "newClientOrderId": "stopClientOrderId",
        "price": "stopLimitPrice",
        "quantity": "quantity",
        "stopPrice": "stopPrice",
        "trailingDelta": "trailingDelta",
        "icebergQty": "stopIcebergQty",
        "timeInForce": "stopLimitTimeInForce",
        "strategyId": "stopStrategyId",
        "strategyType": "stopStrategyType",
    }
)


def read_oco(args: Args, listing: Listing, new_id: NewId) -> ListTicket:
    """Raises ApiError, like all below."""
    pair = _read_pair(args, SIDES[args["side"]], ABOVE, BELOW, listing, new_id)
    return _ticket(ListKind.OCO, pair, args, new_id)


def read_old_oco(args: Args, listing: Listing, new_id: NewId) -> ListTicket:
    """POST /api/v3/order/oco: a LIMIT_MAKER leg, and a stop-loss leg that is a limit order if it has a price."""
    is_limit = "stopLimitPrice" in args
    if is_limit and "stopLimitTimeInForce" not in args:
        raise api_error("STOP_LIMIT_TIF_RECOMMENDED")
    stop = OLD_STOP.pick(args) | {"type": "STOP_LOSS_LIMIT" if is_limit else "STOP_LOSS"}
    limit = OLD_LIMIT.pick(args) | {"type": "LIMIT_MAKER"}
    side, stp = SIDES[args["side"]], read_stp(args)
    legs = [
        read_leg(stop, OLD_STOP, side, stp, listing, new_id),
        read_leg(limit, OLD_LIMIT, side, stp, listing, new_id),
    ]
    return _ticket(ListKind.OCO, legs, args, new_id)


def read_oto(args: Args, listing: Listing, new_id: NewId) -> ListTicket:
    side, stp = SIDES[args["pendingSide"]], read_stp(args)
    working = _read_working(args, WORKING, listing, new_id)
    pending = read_leg(PENDING.pick(args), PENDING, side, stp, listing, new_id)
    return _ticket(ListKind.OTO, [working, pending], args, new_id)


def read_otoco(args: Args, listing: Listing, new_id: NewId) -> ListTicket:
    working = _read_working(args, WORKING, listing, new_id)
    pair = _read_pair(args, SIDES[args["pendingSide"]], PENDING_ABOVE, PENDING_BELOW, listing, new_id)
    return _ticket(ListKind.OTOCO, [working, *pair], args, new_id)


def read_opo(args: Args, listing: Listing, new_id: NewId) -> ListTicket:
    _check_proceeds(args)
    working = _read_working(args, PAYING, listing, new_id)
    side, stp = SIDES[args["pendingSide"]], read_stp(args)
    pending = read_leg(PAID.pick(args), PAID, side, stp, listing, new_id)
    return _ticket(ListKind.OPO, [working, pending], args, new_id)


def read_opoco(args: Args, listing: Listing, new_id: NewId) -> ListTicket:
    _check_proceeds(args)
    working = _read_working(args, PAYING, listing, new_id)
    pair = _read_pair(args, SIDES[args["pendingSide"]], PAID_ABOVE, PAID_BELOW, listing, new_id)
    return _ticket(ListKind.OPOCO, [working, *pair], args, new_id)


def _check_proceeds(args: Args) -> None:
    """The working order buys what the pending ones sell."""
    if args["workingSide"] != "BUY":
        raise api_error("OPO_WORKING_MUST_BE_BUY")
    if args["pendingSide"] != "SELL":
        raise api_error("OPO_PENDING_MUST_BE_SELL")
    if "pendingQuantity" in args:
        raise api_error("PENDING_PARAM_NOT_REQUIRED", "pendingQuantity")


def _read_working(args: Args, form: Form, listing: Listing, new_id: NewId) -> Leg:
    return read_leg(form.pick(args), form, SIDES[args["workingSide"]], read_stp(args), listing, new_id)


def _read_pair(args: Args, side: int, above: Form, below: Form, listing: Listing, new_id: NewId) -> list[Leg]:
    stp = read_stp(args)
    above_type, below_type = args[above.name("type")], args[below.name("type")]
    check_pair(side == SIDES["BUY"], above_type, below_type)
    above_leg = read_leg(above.pick(args), above, side, stp, listing, new_id)
    below_leg = read_leg(below.pick(args), below, side, stp, listing, new_id)
    return [above_leg, below_leg] if above_type.startswith("STOP_LOSS") else [below_leg, above_leg]


def check_pair(is_buy: bool, above: str, below: str) -> None:
    """What passes is a stop-loss leg on its side of the market and a limit or take-profit leg on the other."""
    if above in ("LIMIT", "MARKET") or below in ("LIMIT", "MARKET"):
        raise api_error("OCO_ORDER_TYPE_REJECTED")
    if above == below == "LIMIT_MAKER":
        raise api_error("BOTH_OCO_ORDERS_CANNOT_BE_LIMIT")
    stop_loss_side, other_side = (above, below) if is_buy else (below, above)
    if stop_loss_side == "LIMIT_MAKER":
        raise api_error("BUY_OCO_LIMIT_MUST_BE_BELOW" if is_buy else "SELL_OCO_LIMIT_MUST_BE_ABOVE")
    if other_side.startswith("STOP_LOSS"):
        raise api_error("BUY_OCO_STOP_LOSS_MUST_BE_ABOVE" if is_buy else "SELL_OCO_STOP_LOSS_MUST_BE_BELOW")
    if stop_loss_side.startswith("TAKE_PROFIT"):
        raise api_error("BUY_OCO_TAKE_PROFIT_MUST_BE_BELOW" if is_buy else "SELL_OCO_TAKE_PROFIT_MUST_BE_ABOVE")


def _ticket(kind: ListKind, legs: list[Leg], args: Args, new_id: NewId) -> ListTicket:
    if len({leg[_CLIENT_ID] for leg in legs}) != len(legs):
        raise api_error("DUPLICATE_ORDER")
    return ListTicket(int(kind), args.get("listClientOrderId") or new_id(), legs)
