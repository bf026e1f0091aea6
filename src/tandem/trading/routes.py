"""The operations of trading: orders, their queries, trades."""

from collections.abc import Callable
from typing import Any

from tandem.domain.operation import Args, Call, Kind, Operation, Param, Security
from tandem.platform.engine import EngineClient
from tandem.platform.rate_limits import RateLimiter
from tandem.trading.orders import OrderView
from tandem.trading.queries import MAX_LIMIT
from tandem.trading.service import TradingService
from tandem.trading.tickets import ORDER_TYPES, STP_MODES, STRATEGY_TYPE_MIN

_SYMBOL = Param("symbol", Kind.SYMBOL, mandatory=True)
_ORDER_ID = Param("orderId", Kind.LONG)
_CLIENT_ID = Param("origClientOrderId", Kind.CLIENT_ID)
_NEW_CLIENT_ID = Param("newClientOrderId", Kind.CLIENT_ID)
_TIMES = (Param("startTime", Kind.TIME), Param("endTime", Kind.TIME))
_LIMIT = Param("limit", Kind.INT, minimum=1, maximum=MAX_LIMIT, clamp=True)

_ORDER = (
    _SYMBOL,
    Param("side", Kind.ENUM, mandatory=True, choices=("BUY", "SELL"), bad_choice="INVALID_SIDE"),
    Param("type", Kind.ENUM, mandatory=True, choices=ORDER_TYPES, bad_choice="INVALID_ORDER_TYPE"),
    Param("timeInForce", Kind.ENUM, choices=("GTC", "IOC", "FOK"), bad_choice="INVALID_TIF"),
    Param("quantity", Kind.DECIMAL),
    Param("quoteOrderQty", Kind.DECIMAL),
    Param("price", Kind.DECIMAL),
    _NEW_CLIENT_ID,
    Param("strategyId", Kind.LONG),
    Param("strategyType", Kind.INT, minimum=STRATEGY_TYPE_MIN, bad_choice="BAD_STRATEGY_TYPE"),
    Param("stopPrice", Kind.DECIMAL),
    Param("trailingDelta", Kind.LONG),
    Param("icebergQty", Kind.DECIMAL),
    Param("newOrderRespType", Kind.ENUM, choices=("ACK", "RESULT", "FULL")),
    Param("selfTradePreventionMode", Kind.ENUM, choices=STP_MODES),
    Param("pegPriceType", Kind.ENUM, choices=("PRIMARY_PEG", "MARKET_PEG"), bad_choice="INVALID_PEG_PRICE_TYPE"),
    Param("pegOffsetValue", Kind.INT),
    Param("pegOffsetType", Kind.ENUM, choices=("PRICE_LEVEL",), bad_choice="INVALID_PEG_OFFSET_TYPE"),
)
_RESTRICTIONS = Param(
    "cancelRestrictions",
    Kind.ENUM,
    choices=("ONLY_NEW", "ONLY_PARTIALLY_FILLED"),
    bad_choice="INVALID_CANCEL_RESTRICTIONS",
)

Handler = Callable[[Call, Args], Any]


def operations(
    client: EngineClient, view: OrderView, limiter: RateLimiter, new_client_id: Callable[[], str]
) -> list[Operation]:
    service = TradingService(client, view, limiter, new_client_id)
    return [*_commands(service), *_queries(service)]


def _commands(service: TradingService) -> list[Operation]:
    return [
        Operation(
            "POST",
            "/api/v3/order",
            "order.place",
            Security.TRADE,
            1,
            _ORDER,
            service.place,
            order_count=1,
            weight_on_success=0,
            summary="Places an order.",
        ),
        Operation(
            "POST",
            "/api/v3/order/test",
            "order.test",
            Security.TRADE,
            lambda args: 20 if args.get("computeCommissionRates") else 1,
            (*_ORDER, Param("computeCommissionRates", Kind.BOOL)),
            service.test,
            summary="Checks an order as placing would, and places none.",
        ),
        Operation(
            "DELETE",
            "/api/v3/order",
            "order.cancel",
            Security.TRADE,
            1,
            (_SYMBOL, _ORDER_ID, _CLIENT_ID, _NEW_CLIENT_ID, _RESTRICTIONS),
            service.cancel,
            weight_on_success=0,
            summary="Cancels an open order.",
        ),
        Operation(
            "DELETE",
            "/api/v3/openOrders",
            "openOrders.cancelAll",
            Security.TRADE,
            1,
            (_SYMBOL,),
            service.cancel_all,
            weight_on_success=0,
            summary="Cancels every open order of the account in a market.",
        ),
    ]


def _queries(service: TradingService) -> list[Operation]:
    matches = (_SYMBOL, Param("preventedMatchId", Kind.LONG), _ORDER_ID, Param("fromPreventedMatchId", Kind.LONG))
    return [
        _query("order", "order.status", 4, (_SYMBOL, _ORDER_ID, _CLIENT_ID), service.query, "One order."),
        _query(
            "openOrders",
            "openOrders.status",
            lambda args: 6 if "symbol" in args else 80,
            (Param("symbol", Kind.SYMBOL),),
            service.open_orders,
            "Open orders, of one market or of all.",
        ),
        _query(
            "allOrders",
            "allOrders",
            20,
            (_SYMBOL, _ORDER_ID, *_TIMES, _LIMIT),
            service.all_orders,
            "Orders, open or not, as far back as this process keeps them.",
        ),
        _query(
            "myTrades",
            "myTrades",
            lambda args: 5 if "orderId" in args else 20,
            (_SYMBOL, _ORDER_ID, *_TIMES, Param("fromId", Kind.LONG), _LIMIT),
            service.my_trades,
            "The account's trades, as far back as this process keeps them.",
        ),
        _query(
            "myPreventedMatches",
            "myPreventedMatches",
            lambda args: 20 if "orderId" in args else 2,
            (*matches, _LIMIT),
            service.prevented_matches,
            "Matches that self-trade prevention prevented.",
        ),
        _query(
            "rateLimit/order",
            "account.rateLimits.orders",
            40,
            (),
            service.order_counts,
            "How many orders the account has placed in each window.",
        ),
    ]


def _query(
    path: str,
    ws_method: str,
    weight: int | Callable[[Args], int],
    params: tuple[Param, ...],
    handler: Handler,
    summary: str,
) -> Operation:
    return Operation("GET", f"/api/v3/{path}", ws_method, Security.USER_DATA, weight, params, handler, summary=summary)
