"""The operations of trading: orders, their queries, trades. Those of lists are in `list_routes`."""

from collections.abc import Callable

from tandem.domain.operation import Args, Kind, Operation, Param, Security
from tandem.platform.engine import EngineClient
from tandem.platform.rate_limits import RateLimiter
from tandem.trading import list_routes, params
from tandem.trading.desk import Desk
from tandem.trading.history import HistoryService
from tandem.trading.list_service import ListService
from tandem.trading.listings import Listings
from tandem.trading.orders import OrderView
from tandem.trading.params import CLIENT_ID, LIMIT, NEW_CLIENT_ID, ORDER_ID, SYMBOL, TIMES, Handler, query
from tandem.trading.past import Past
from tandem.trading.replace import ReplaceService
from tandem.trading.service import OrderService

_HEAD = (SYMBOL, params.side("side"), params.order_type("type"))
_AMOUNTS = (
    params.time_in_force("timeInForce"),
    Param("quantity", Kind.DECIMAL),
    Param("quoteOrderQty", Kind.DECIMAL),
    Param("price", Kind.DECIMAL),
)
_TERMS = (
    NEW_CLIENT_ID,
    *params.strategy("strategyId", "strategyType"),
    Param("stopPrice", Kind.DECIMAL),
    Param("trailingDelta", Kind.LONG),
    Param("icebergQty", Kind.DECIMAL),
    params.RESPONSE,
    params.STP,
)
_PEG = params.peg("pegPriceType", "pegOffsetValue", "pegOffsetType")
_ORDER = (*_HEAD, *_AMOUNTS, *_TERMS, *_PEG)
_ROUTED = (
    *_HEAD,
    params.time_in_force("timeInForce"),
    Param("quantity", Kind.DECIMAL, mandatory=True),
    Param("price", Kind.DECIMAL),
    NEW_CLIENT_ID,
    *params.strategy("strategyId", "strategyType"),
    Param("icebergQty", Kind.DECIMAL),
    params.RESPONSE,
    params.STP,
)
_REPLACE = (
    *_HEAD,
    Param("cancelReplaceMode", Kind.ENUM, mandatory=True, choices=("STOP_ON_FAILURE", "ALLOW_FAILURE")),
    *_AMOUNTS,
    Param("cancelNewClientOrderId", Kind.CLIENT_ID),
    Param("cancelOrigClientOrderId", Kind.CLIENT_ID),
    Param("cancelOrderId", Kind.LONG),
    *_TERMS,
    params.RESTRICTION,
    Param("orderRateLimitExceededMode", Kind.ENUM, choices=("DO_NOTHING", "CANCEL_ONLY")),
    *_PEG,
)


def operations(
    client: EngineClient,
    view: OrderView,
    limiter: RateLimiter,
    new_client_id: Callable[[], str],
    past: Past | None = None,
) -> list[Operation]:
    """Without a `past`, history reaches as far back as memory does."""
    desk = Desk(client, client.engine, view, limiter, new_client_id, Listings(client.catalog))
    orders, history = OrderService(desk), HistoryService(desk, past)
    return [
        *_placing(orders),
        *_changing(orders, ReplaceService(desk)),
        *list_routes.operations(ListService(desk), history),
        *_queries(history),
        *_trades(history),
    ]


def _placing(orders: OrderService) -> list[Operation]:
    return [
        Operation(
            "POST",
            "/api/v3/order",
            "order.place",
            Security.TRADE,
            1,
            _ORDER,
            orders.place,
            order_count=1,
            weight_on_success=0,
            summary="Places an order.",
        ),
        Operation(
            "POST",
            "/api/v3/order/test",
            "order.test",
            Security.TRADE,
            _test_weight,
            (*_ORDER, params.RATES),
            orders.test,
            summary="Checks an order as placing would, and places none.",
        ),
        _routed("/api/v3/sor/order", "", orders.place_routed),
        _routed("", "sor.order.place", orders.place_routed_ws),
        Operation(
            "POST",
            "/api/v3/sor/order/test",
            "sor.order.test",
            Security.TRADE,
            _test_weight,
            (*_ROUTED, params.RATES),
            orders.test_routed,
            summary="Checks a routed order as placing would, and places none.",
        ),
    ]


def _test_weight(args: Args) -> int:
    return 20 if args.get("computeCommissionRates") else 1


def _routed(path: str, ws_method: str, handler: Handler) -> Operation:
    """Its answer differs between the two transports, so each has an operation."""
    return Operation(
        "POST",
        path,
        ws_method,
        Security.TRADE,
        1,
        _ROUTED,
        handler,
        order_count=1,
        weight_on_success=0,
        summary="Places an order that may take from every book of its routing group.",
    )


def _changing(orders: OrderService, replacing: ReplaceService) -> list[Operation]:
    return [
        Operation(
            "DELETE",
            "/api/v3/order",
            "order.cancel",
            Security.TRADE,
            1,
            (SYMBOL, ORDER_ID, CLIENT_ID, NEW_CLIENT_ID, params.RESTRICTION),
            orders.cancel,
            weight_on_success=0,
            summary="Cancels an open order, and with it the list it is in.",
        ),
        Operation(
            "DELETE",
            "/api/v3/openOrders",
            "openOrders.cancelAll",
            Security.TRADE,
            1,
            (SYMBOL,),
            orders.cancel_all,
            weight_on_success=0,
            summary="Cancels every open order of the account in a market.",
        ),
        Operation(
            "POST",
            "/api/v3/order/cancelReplace",
            "order.cancelReplace",
            Security.TRADE,
            1,
            _REPLACE,
            replacing.replace,
            counts_itself=True,
            weight_on_success=0,
            summary="Cancels an order and places another in one step.",
        ),
        Operation(
            "PUT",
            "/api/v3/order/amend/keepPriority",
            "order.amend.keepPriority",
            Security.TRADE,
            4,
            (SYMBOL, ORDER_ID, CLIENT_ID, NEW_CLIENT_ID, Param("newQty", Kind.DECIMAL, mandatory=True)),
            orders.amend,
            summary="Lowers the quantity of an open order, which keeps its place.",
        ),
    ]


def _queries(history: HistoryService) -> list[Operation]:
    return [
        query("order", "order.status", 4, (SYMBOL, ORDER_ID, CLIENT_ID), history.query, "One order."),
        query(
            "openOrders",
            "openOrders.status",
            lambda args: 6 if "symbol" in args else 80,
            (Param("symbol", Kind.SYMBOL),),
            history.open_orders,
            "Open orders, of one market or of all.",
        ),
        query(
            "allOrders",
            "allOrders",
            20,
            (SYMBOL, ORDER_ID, *TIMES, LIMIT),
            history.all_orders,
            "Orders, open or not.",
        ),
        query(
            "order/amendments",
            "order.amendments",
            4,
            (SYMBOL, Param("orderId", Kind.LONG, mandatory=True), Param("fromExecutionId", Kind.LONG), LIMIT),
            history.amendments,
            "How an order was amended.",
        ),
        query(
            "rateLimit/order",
            "account.rateLimits.orders",
            40,
            (),
            history.order_counts,
            "How many orders the account has placed in each window.",
        ),
    ]


def _trades(history: HistoryService) -> list[Operation]:
    matches = (SYMBOL, Param("preventedMatchId", Kind.LONG), ORDER_ID, Param("fromPreventedMatchId", Kind.LONG))
    return [
        query(
            "myTrades",
            "myTrades",
            lambda args: 5 if "orderId" in args else 20,
            (SYMBOL, ORDER_ID, *TIMES, Param("fromId", Kind.LONG), LIMIT),
            history.my_trades,
            "The account's trades.",
        ),
        query(
            "myAllocations",
            "myAllocations",
            20,
            (SYMBOL, *TIMES, Param("fromAllocationId", Kind.INT), LIMIT, ORDER_ID),
            history.my_allocations,
            "Fills of routed orders in other markets' books.",
        ),
        query(
            "myPreventedMatches",
            "myPreventedMatches",
            lambda args: 20 if "orderId" in args else 2,
            (*matches, LIMIT),
            history.prevented_matches,
            "Matches that self-trade prevention prevented.",
        ),
    ]
