"""What each parameter means, one sentence each, for the OpenAPI document.

A name means the same everywhere, but for what `_HERE` says of some operations. Parameters of one order of a list are
named by the order and by what they are for a single order, and so are their sentences. A test finds a parameter that
nobody described.
"""

import re

from tandem.domain.operation import Operation

_EVERYWHERE = {
    # --- markets and history
    "symbol": "The market.",
    "symbols": "Markets, as a JSON list; not together with symbol.",
    "symbolStatus": "Only markets in this status; a single market in another one is refused.",
    "permissions": "One permission, or a JSON list of them: markets that have any; not with symbol or symbols.",
    "showPermissionSets": "Whether to answer each market's permission sets; true when not sent.",
    "limit": "How many rows at most; 500 when not sent.",
    "fromId": "The first trade id wanted, inclusive; the latest trades when not sent.",
    "startTime": "The first moment wanted, inclusive, in milliseconds or microseconds since 1970 (UTC).",
    "endTime": "The last moment wanted, inclusive, in milliseconds or microseconds since 1970 (UTC).",
    "interval": "How long a candle is: s, m, h, d, w and M are seconds, minutes, hours, days, weeks and months.",
    "timeZone": "Where days begin: hours from UTC, such as 0, -1:00 or 05:45; 0 when not sent.",
    "windowSize": "Minutes (1m to 59m), hours (1h to 23h) or days (1d to 7d); 1d when not sent.",
    # --- which order, which list
    "orderId": "The exchange's id of the order; this or origClientOrderId is needed, and of both both must match.",
    "origClientOrderId": "The client's id of the order; this or orderId is needed, and of both both must match.",
    "orderListId": "The exchange's id of the list; this or the client's id is needed, and of both both must match.",
    "listClientOrderId": "The client's own id of the list, unique among the account's open lists; generated when "
    "not sent.",
    "fromExecutionId": "The first execution id wanted, inclusive; the latest amendments when not sent.",
    "fromAllocationId": "The first allocation id wanted, inclusive; not together with times.",
    "preventedMatchId": "The one prevented match with this id; either this or orderId is needed.",
    "fromPreventedMatchId": "The first prevented match id wanted, inclusive; only together with orderId.",
    # --- an order
    "side": "Whether the order buys or sells the base asset.",
    "type": "What kind of order it is, which decides what else it needs.",
    "timeInForce": "GTC rests until filled or canceled, IOC fills what it can at once, FOK fills in full at once or "
    "not at all.",
    "quantity": "How much of the base asset, as a decimal number.",
    "quoteOrderQty": "How much of the quote asset a MARKET order spends or brings, instead of quantity.",
    "price": "The limit, in the quote asset for one of the base asset.",
    "newClientOrderId": "The client's own id of the new order, unique among its open orders in the market; generated "
    "when not sent.",
    "strategyId": "Any number of the client's own, which comes back in answers and reports.",
    "strategyType": "Any number of the client's own from 1000000 on, which comes back in answers and reports.",
    "stopPrice": "The last price at which the order is triggered; with trailingDelta, at which it begins to follow.",
    "trailingDelta": "How far the last price must come back from its best to trigger the order, in hundredths of a "
    "percent.",
    "icebergQty": "The most that the book shows of the order at a time; not for IOC and FOK.",
    "pegPriceType": "Takes the limit once from the book: PRIMARY_PEG from its own side, MARKET_PEG from the opposite "
    "one, which LIMIT_MAKER may not; a LIMIT order with PRIMARY_PEG must be GTC.",
    "pegOffsetValue": "How many price levels deeper than the best the peg looks; only together with pegOffsetType.",
    "pegOffsetType": "What pegOffsetValue counts: levels of the book; only together with pegOffsetValue.",
    "newOrderRespType": "How much the answer tells: ACK the ids, RESULT the order, FULL its fills too; FULL for LIMIT "
    "and MARKET and ACK for the other types when not sent.",
    "selfTradePreventionMode": "What happens, instead of a trade, when the order meets one of its own account or trade "
    "group; the market's default when not sent.",
    "computeCommissionRates": "Whether to answer the order's commission rates; then the weight is 20.",
    # --- changing orders
    "newQty": "What the quantity is to be, fills included: more than 0 and less than now.",
    "cancelRestrictions": "Cancels only an order of which nothing is filled (ONLY_NEW), or only one of which something "
    "is (ONLY_PARTIALLY_FILLED).",
    "cancelReplaceMode": "Whether the new order is placed if the cancel fails: STOP_ON_FAILURE no, ALLOW_FAILURE yes.",
    "cancelOrderId": "The exchange's id of the order to cancel; this or cancelOrigClientOrderId is needed.",
    "cancelOrigClientOrderId": "The client's id of the order to cancel; this or cancelOrderId is needed.",
    "cancelNewClientOrderId": "The client's own id of the cancel; generated when not sent.",
    "orderRateLimitExceededMode": "Over the account's order limit: DO_NOTHING refuses everything, CANCEL_ONLY still "
    "cancels; DO_NOTHING when not sent.",
    # --- accounts
    "omitZeroBalances": "Whether to leave out assets that the account has nothing of; false when not sent.",
    "listenKey": "The listen key, as the POST of the same path answered it.",
    "asset": "Only this asset, by its code.",
    "needBtcValuation": "Whether to say what each holding is worth in BTC at the last price; false when not sent.",
    "validity": "For how many milliseconds the token is good; 24 hours, the most there is, when not sent.",
}
_OF_LEG = {
    "clientOrderId": "The client's own id of it, unique among its open orders in the market; generated when not sent."
}
"""What only orders of a list have, or have in other words."""
LEGS = {
    "pendingAbove": "the pending order above the market",
    "pendingBelow": "the pending order below the market",
    "pending": "the pending order",
    "working": "the working order",
    "above": "the order above the market",
    "below": "the order below the market",
    "limit": "the limit order",
    "stop": "the stop-loss order",
}
"""By prefix: which order of a list; the longest of them counts."""
_OTHERS = re.compile(r"\b(trailingDelta|pegOffset(Type|Value))\b")
"""Parameters that a sentence may name besides its own."""
_PREFIXED = re.compile(f"({'|'.join(sorted(LEGS, key=len, reverse=True))})([A-Z])(.*)")


_LISTS = ("order/oco", "orderList/oco", "orderList/oto", "orderList/otoco", "orderList/opo", "orderList/opoco")
_ROUTED = ("sor/order", "sor/order/test")
_BY_OWN_ID = "The client's id of the list; this or orderListId is needed, and of both both must match."
_CANCEL_ID = (
    "The client's own id of the cancel, which answers and reports show as the order's; generated when not sent."
)
_TICKER = "FULL has everything, MINI leaves out changes and averages; FULL when not sent."

_Table = dict[str, str]
_HERE: tuple[tuple[str, tuple[str, ...], _Table], ...] = (
    ("GET", ("depth",), {"limit": "How many levels of each side at most; 100 when not sent, and more weigh more."}),
    ("GET", ("aggTrades",), {"fromId": "The first aggregate id wanted, inclusive; not together with times."}),
    ("GET", ("historicalBlockTrades",), {"fromId": "The first block trade id wanted, inclusive; there are none."}),
    ("GET", ("ticker", "ticker/24hr", "ticker/tradingDay"), {"type": _TICKER}),
    (
        "GET",
        ("ticker", "ticker/tradingDay"),
        {
            "symbol": "The market; either this or symbols is needed.",
            "symbols": "Markets, as a JSON list of at most 100; either this or symbol is needed.",
        },
    ),
    (
        "GET",
        ("ticker/24hr", "ticker/price", "ticker/bookTicker", "executionRules"),
        {
            "symbol": "Only this market; all of them when neither this nor symbols is sent.",
            "symbols": "Only these markets, as a JSON list; not together with symbol.",
        },
    ),
    (
        "GET",
        ("exchangeInfo",),
        {
            "symbol": "Only this market; not together with symbols or permissions.",
            "symbols": "Only these markets, as a JSON list; not together with symbol or permissions.",
            "symbolStatus": "Only markets in this status; not together with symbol or symbols.",
        },
    ),
    (
        "GET",
        ("allOrders", "allOrderList", "myTrades", "myAllocations"),
        {"startTime": _EVERYWHERE["startTime"][:-1] + "; endTime is at most 24 hours later, also when it is not sent."},
    ),
    ("GET", ("openOrders",), {"symbol": "Only orders of this market; without it those of all, at a higher weight."}),
    ("GET", ("allOrders",), {"orderId": "The first order id wanted, inclusive; the latest orders when not sent."}),
    ("GET", ("allOrderList",), {"fromId": "The first list id wanted, inclusive; not together with times."}),
    ("GET", ("order/amendments",), {"orderId": "The exchange's id of the order."}),
    (
        "GET",
        ("myTrades",),
        {
            "orderId": "Only trades of this order, at a lower weight; not together with times.",
            "fromId": "The first trade id wanted, inclusive; not together with times.",
        },
    ),
    ("GET", ("myAllocations",), {"orderId": "Only allocations of this order; not together with times."}),
    (
        "GET",
        ("myPreventedMatches",),
        {"orderId": "Only matches of this order, at a higher weight; either this or preventedMatchId is needed."},
    ),
    ("GET", ("orderList",), {"origClientOrderId": _BY_OWN_ID}),
    ("DELETE", ("orderList",), {"listClientOrderId": _BY_OWN_ID}),
    ("DELETE", ("order", "orderList"), {"newClientOrderId": _CANCEL_ID}),
    (
        "PUT",
        ("order/amend/keepPriority",),
        {"newClientOrderId": "The client's id of the order from now on; generated when not sent."},
    ),
    (
        "POST",
        _ROUTED,
        {
            "newOrderRespType": "How much the answer tells: ACK the ids, RESULT the order, FULL its fills too; FULL "
            "when not sent."
        },
    ),
    (
        "POST",
        _LISTS,
        {
            "newOrderRespType": "How much the answer tells: ACK the orders' ids, RESULT the orders, FULL their fills "
            "too; RESULT when not sent."
        },
    ),
    (
        "POST",
        ("order/oco", "orderList/oco"),
        {
            "side": "Whether both orders buy or sell the base asset.",
            "quantity": "How much of the base asset, the same for both orders.",
        },
    ),
    (
        "POST",
        ("order/oco",),
        {
            "price": "Of the limit order: the limit, in the quote asset for one of the base asset.",
            "stopPrice": "Of the stop-loss order: the last price at which it is triggered; with trailingDelta, at "
            "which it begins to follow.",
            "trailingDelta": "Of the stop-loss order: how far the last price must come back from its best to trigger "
            "it, in hundredths of a percent.",
            "stopLimitPrice": "Of the stop-loss order: its limit, which makes it a STOP_LOSS_LIMIT.",
            "stopLimitTimeInForce": "Of the stop-loss order: its time in force, needed with stopLimitPrice and only "
            "then.",
        },
    ),
    (
        "POST",
        ("orderList/otoco",),
        {
            "pendingSide": "Whether both pending orders buy or sell the base asset.",
            "pendingQuantity": "How much of the base asset, the same for both pending orders.",
        },
    ),
    (
        "POST",
        ("orderList/opo", "orderList/opoco"),
        {
            "workingSide": "BUY: what the working order buys is sold afterwards.",
            "pendingSide": "SELL: what the working order buys is sold.",
            "pendingQuantity": "Must not be sent: what the working order buys is what is sold.",
        },
    ),
    ("GET", ("/sapi/v1/asset/tradeFee",), {"symbol": "Only this market."}),
)
"""By method and by path below /api/v3 and /api/v1, or by the whole path."""
_NO_MATTER = "Clients send it; it changes nothing here."
_INDIFFERENT = (
    "/sapi/v1/accountSnapshot",
    "/sapi/v1/asset/get-funding-asset",
    "/sapi/v1/asset/wallet/balance",
    "/sapi/v1/capital/deposit/hisrec",
    "/sapi/v1/capital/withdraw/history",
    "/sapi/v1/margin/allPairs",
    "/sapi/v1/margin/isolated/allPairs",
)
"""Whose answer is always the same."""
_MARGIN_TOKEN = ("symbol", "isIsolated", "timestamp", "recvWindow")


def describe(operation: Operation, name: str) -> str:
    """A sentence. KeyError: nobody has described it."""
    if operation.path in _INDIFFERENT or (operation.path == "/sapi/v1/userListenToken" and name in _MARGIN_TOKEN):
        return _NO_MATTER
    below = re.sub("^/api/v[13]/", "", operation.path)
    for method, paths, table in _HERE:
        if method == operation.http_method and below in paths and name in table:
            return table[name]
    if name in _EVERYWHERE:
        return _EVERYWHERE[name]
    return _of_leg(name)


def _of_leg(name: str) -> str:
    found = _PREFIXED.fullmatch(name)
    if found is None:
        raise KeyError(name)
    base = found[2].lower() + found[3]
    sentence = _OF_LEG.get(base) or _EVERYWHERE[base]
    # A value of the API keeps its letters.
    start = sentence[:1].lower() if sentence[1:2].islower() or sentence[1:2] == " " else sentence[:1]
    sentence = _OTHERS.sub(lambda other: found[1] + other[0][0].upper() + other[0][1:], sentence[1:])
    return f"Of {LEGS[found[1]]}: {start}{sentence}"
