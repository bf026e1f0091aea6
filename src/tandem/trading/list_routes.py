"""The operations of order lists. The prefixes of a list's orders are those of `list_tickets`."""

from tandem.domain.operation import Kind, Operation, Param, Security
from tandem.trading import params
from tandem.trading.history import HistoryService
from tandem.trading.list_service import Handler, ListService
from tandem.trading.list_tickets import prefixed
from tandem.trading.params import LIMIT, NEW_CLIENT_ID, SYMBOL, TIMES, query
from tandem.trading.tickets import ORDER_TYPES

_LIST_ID = Param("listClientOrderId", Kind.CLIENT_ID)
_QUANTITY = Param("quantity", Kind.DECIMAL, mandatory=True)
_ALL = (params.RESPONSE, params.STP)


def _leg(prefix: str, types: tuple[str, ...] = ORDER_TYPES, *more: Param) -> tuple[Param, ...]:
    """What one order of a list may have, but for its side; `more` is its quantity if it has one of its own."""

    def named(name: str, kind: Kind) -> Param:
        return Param(prefixed(prefix, name), kind)

    return (
        params.order_type(prefixed(prefix, "type"), types),
        named("clientOrderId", Kind.CLIENT_ID),
        named("price", Kind.DECIMAL),
        *more,
        named("icebergQty", Kind.DECIMAL),
        params.time_in_force(prefixed(prefix, "timeInForce")),
        *params.strategy(prefixed(prefix, "strategyId"), prefixed(prefix, "strategyType")),
        *params.peg(*(prefixed(prefix, name) for name in ("pegPriceType", "pegOffsetValue", "pegOffsetType"))),
    )


def _contingent_leg(prefix: str, *more: Param) -> tuple[Param, ...]:
    stop = Param(prefixed(prefix, "stopPrice"), Kind.DECIMAL)
    return _leg(prefix, ORDER_TYPES, *more, stop, Param(prefixed(prefix, "trailingDelta"), Kind.LONG))


_WORKING_QTY, _PENDING_QTY = (Param(name, Kind.DECIMAL) for name in ("workingQuantity", "pendingQuantity"))
_WORKING = (params.side("workingSide"), *_leg("working", ("LIMIT", "LIMIT_MAKER"), _WORKING_QTY))
_PENDING = (params.side("pendingSide"), *_contingent_leg("pending", _PENDING_QTY))
_PENDING_PAIR = (
    params.side("pendingSide"),
    _PENDING_QTY,
    *_contingent_leg("pendingAbove"),
    *_contingent_leg("pendingBelow"),
)
_OCO = (
    SYMBOL,
    _LIST_ID,
    params.side("side"),
    _QUANTITY,
    *_contingent_leg("above"),
    *_contingent_leg("below"),
    *_ALL,
)
_OTO = (SYMBOL, _LIST_ID, *_ALL, *_WORKING, *_PENDING)
_OTOCO = (SYMBOL, _LIST_ID, *_ALL, *_WORKING, *_PENDING_PAIR)
_OLD_OCO = (
    SYMBOL,
    _LIST_ID,
    params.side("side"),
    _QUANTITY,
    Param("limitClientOrderId", Kind.CLIENT_ID),
    Param("price", Kind.DECIMAL, mandatory=True),
    *params.strategy("limitStrategyId", "limitStrategyType"),
    Param("limitIcebergQty", Kind.DECIMAL),
    Param("trailingDelta", Kind.LONG),
    Param("stopClientOrderId", Kind.CLIENT_ID),
    Param("stopPrice", Kind.DECIMAL, mandatory=True),
    *params.strategy("stopStrategyId", "stopStrategyType"),
    Param("stopLimitPrice", Kind.DECIMAL),
    Param("stopIcebergQty", Kind.DECIMAL),
    params.time_in_force("stopLimitTimeInForce"),
    *_ALL,
)
_LIST = Param("orderListId", Kind.LONG)


def operations(lists: ListService, history: HistoryService) -> list[Operation]:
    return [
        _place("orderList/oco", "orderList.place.oco", 2, _OCO, lists.place_oco, "a stop-loss and a limit order"),
        _place("order/oco", "orderList.place", 2, _OLD_OCO, lists.place_old_oco, "the same, in older words"),
        _place("orderList/oto", "orderList.place.oto", 2, _OTO, lists.place_oto, "an order and one that follows it"),
        _place(
            "orderList/otoco", "orderList.place.otoco", 3, _OTOCO, lists.place_otoco, "an order and a pair after it"
        ),
        _place("orderList/opo", "orderList.place.opo", 2, _OTO, lists.place_opo, "a purchase and the sale of it"),
        _place(
            "orderList/opoco", "orderList.place.opoco", 3, _OTOCO, lists.place_opoco, "a purchase and a pair after it"
        ),
        Operation(
            "DELETE",
            "/api/v3/orderList",
            "orderList.cancel",
            Security.TRADE,
            1,
            (SYMBOL, _LIST, _LIST_ID, NEW_CLIENT_ID),
            lists.cancel,
            weight_on_success=0,
            summary="Cancels every open order of a list.",
        ),
        *_queries(history),
    ]


def _place(
    path: str, ws_method: str, order_count: int, fields: tuple[Param, ...], handler: Handler, what: str
) -> Operation:
    return Operation(
        "POST",
        f"/api/v3/{path}",
        ws_method,
        Security.TRADE,
        1,
        fields,
        handler,
        order_count=order_count,
        weight_on_success=0,
        summary=f"Places an order list: {what}.",
    )


def _queries(history: HistoryService) -> list[Operation]:
    own_id = Param("origClientOrderId", Kind.CLIENT_ID)
    return [
        query("orderList", "orderList.status", 4, (_LIST, own_id), history.query_list, "One order list."),
        query(
            "allOrderList",
            "allOrderLists",
            20,
            (Param("fromId", Kind.LONG), *TIMES, LIMIT),
            history.all_lists,
            "Order lists, open or not.",
        ),
        query("openOrderList", "openOrderLists.status", 6, (), history.open_lists, "Open order lists of all markets."),
    ]
