"""What operations of trading share: parameters, and how a query is declared."""

from collections.abc import Callable
from typing import Any

from tandem.domain.operation import Args, Call, Kind, Operation, Param, Security
from tandem.trading.pages import MAX_LIMIT
from tandem.trading.tickets import ORDER_TYPES, PEG_OFFSET_MAX, PEG_PRICES, STP_MODES, STRATEGY_TYPE_MIN

SIDES = ("BUY", "SELL")

Handler = Callable[[Call, Args], Any]

SYMBOL = Param("symbol", Kind.SYMBOL, mandatory=True)
ORDER_ID = Param("orderId", Kind.LONG)
CLIENT_ID = Param("origClientOrderId", Kind.CLIENT_ID)
NEW_CLIENT_ID = Param("newClientOrderId", Kind.CLIENT_ID)
TIMES = (Param("startTime", Kind.TIME), Param("endTime", Kind.TIME))
LIMIT = Param("limit", Kind.INT, minimum=1, maximum=MAX_LIMIT, clamp=True)
RESPONSE = Param("newOrderRespType", Kind.ENUM, choices=("ACK", "RESULT", "FULL"))
STP = Param("selfTradePreventionMode", Kind.ENUM, choices=STP_MODES)
RATES = Param("computeCommissionRates", Kind.BOOL)
RESTRICTION = Param(
    "cancelRestrictions",
    Kind.ENUM,
    choices=("ONLY_NEW", "ONLY_PARTIALLY_FILLED"),
    bad_choice="INVALID_CANCEL_RESTRICTIONS",
)


def side(name: str) -> Param:
    return Param(name, Kind.ENUM, mandatory=True, choices=SIDES, bad_choice="INVALID_SIDE")


def order_type(name: str, choices: tuple[str, ...] = ORDER_TYPES) -> Param:
    return Param(name, Kind.ENUM, mandatory=True, choices=choices, bad_choice="INVALID_ORDER_TYPE")


def time_in_force(name: str) -> Param:
    return Param(name, Kind.ENUM, choices=("GTC", "IOC", "FOK"), bad_choice="INVALID_TIF")


def strategy(id_name: str, type_name: str) -> tuple[Param, ...]:
    kind = Param(type_name, Kind.INT, minimum=STRATEGY_TYPE_MIN, bad_choice="BAD_STRATEGY_TYPE")
    return (Param(id_name, Kind.LONG), kind)


def peg(price: str, offset_value: str, offset_type: str) -> tuple[Param, ...]:
    return (
        Param(price, Kind.ENUM, choices=tuple(PEG_PRICES), bad_choice="INVALID_PEG_PRICE_TYPE"),
        Param(offset_value, Kind.INT, minimum=1, maximum=PEG_OFFSET_MAX),
        Param(offset_type, Kind.ENUM, choices=("PRICE_LEVEL",), bad_choice="INVALID_PEG_OFFSET_TYPE"),
    )


def query(
    path: str,
    ws_method: str,
    weight: int | Callable[[Args], int],
    params: tuple[Param, ...],
    handler: Handler,
    summary: str,
) -> Operation:
    return Operation("GET", f"/api/v3/{path}", ws_method, Security.USER_DATA, weight, params, handler, summary=summary)
