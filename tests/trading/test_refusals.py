"""Every refusal of an order or a cancel, with its number and its text to the letter."""

import pytest

from tandem.domain.errors import ApiError, api_error
from tandem.domain.trading import MarketStatus
from tandem.platform.engine import MarketRules
from tests.trading.rig import ALICE, BOB, BTCUSDT, RULES, Rig

LIMIT = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "1",
    "price": "20000",
}
MAKER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT_MAKER", "quantity": "1", "price": "20000"}
MARKET = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "1"}
STOP = LIMIT | {"stopPrice": "19000"}


def missing(name: str) -> str:
    return f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."


def unneeded(name: str) -> str:
    return f"Parameter '{name}' sent when not required."


def without(order: dict[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in order.items() if key != name}


PLACING = [
    (without(LIMIT, "symbol"), -1102, missing("symbol")),
    (without(LIMIT, "side"), -1102, missing("side")),
    (without(LIMIT, "type"), -1102, missing("type")),
    (without(LIMIT, "timeInForce"), -1102, missing("timeInForce")),
    (without(LIMIT, "quantity"), -1102, missing("quantity")),
    (without(LIMIT, "price"), -1102, missing("price")),
    (without(MAKER, "quantity"), -1102, missing("quantity")),
    (without(MAKER, "price"), -1102, missing("price")),
    (
        without(MARKET, "quantity"),
        -1102,
        "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!",
    ),
    (LIMIT | {"side": "HOLD"}, -1117, "Invalid side."),
    (LIMIT | {"type": "ICEBERG"}, -1116, "Invalid orderType."),
    (LIMIT | {"timeInForce": "GTD"}, -1115, "Invalid timeInForce."),
    (LIMIT | {"symbol": "ETHUSDT"}, -1121, "Invalid symbol."),
    (LIMIT | {"newOrderRespType": "SHORT"}, -1130, "Data sent for parameter 'newOrderRespType' is not valid."),
    (LIMIT | {"strategyType": "999999"}, -1134, "strategyType was less than 1000000."),
    (
        LIMIT | {"newClientOrderId": "no spaces"},
        -1100,
        "Illegal characters found in parameter 'newClientOrderId'; legal range is '^[a-zA-Z0-9-_]{1,36}$'.",
    ),
    (
        LIMIT | {"price": "-1"},
        -1100,
        "Illegal characters found in parameter 'price'; legal range is '^([0-9]{1,20})(\\.[0-9]{1,20})?$'.",
    ),
    (LIMIT | {"price": "20000.0000001"}, -1111, "Parameter 'price' has too much precision."),
    (LIMIT | {"quantity": "0.000000001"}, -1111, "Parameter 'quantity' has too much precision."),
    (LIMIT | {"quantity": "99999999999999999999"}, -1108, "Parameter 'quantity' overflowed."),
    (
        without(MARKET, "quantity") | {"quoteOrderQty": "0.0000001"},
        -1111,
        "Parameter 'quoteOrderQty' has too much precision.",
    ),
    (LIMIT | {"quoteOrderQty": "1"}, -1106, unneeded("quoteOrderQty")),
    (STOP, -1106, unneeded("stopPrice")),
    (LIMIT | {"trailingDelta": "10"}, -1106, unneeded("trailingDelta")),
    (MARKET | {"icebergQty": "0.1"}, -1106, unneeded("icebergQty")),
    (MAKER | {"timeInForce": "GTC"}, -1106, unneeded("timeInForce")),
    (MARKET | {"timeInForce": "GTC"}, -1106, unneeded("timeInForce")),
    (MARKET | {"price": "20000"}, -1106, unneeded("price")),
    (MARKET | {"quoteOrderQty": "100"}, -1106, unneeded("quoteOrderQty")),
    (LIMIT | {"price": "0"}, -1013, "Filter failure: PRICE_FILTER"),
    (LIMIT | {"quantity": "0"}, -1013, "Filter failure: LOT_SIZE"),
    (without(MARKET, "quantity") | {"quoteOrderQty": "0"}, -2010, "Price * QTY is zero or less."),
    (LIMIT | {"price": "20000.001"}, -1013, "Filter failure: PRICE_FILTER"),
    (LIMIT | {"price": "1000000.01"}, -1013, "Filter failure: PRICE_FILTER"),
    (LIMIT | {"quantity": "0.00005"}, -1013, "Filter failure: LOT_SIZE"),
    (LIMIT | {"quantity": "0.0001"}, -1013, "Filter failure: MIN_NOTIONAL"),
    (MARKET | {"quantity": "1001"}, -1013, "Filter failure: MARKET_LOT_SIZE"),
    (LIMIT | {"quantity": "51"}, -2010, "Account has insufficient balance for requested action."),
    (MARKET, -2010, "Order book liquidity is less than LOT_SIZE filter minimum quantity."),
    (
        LIMIT | {"selfTradePreventionMode": "SOMETIMES"},
        -1130,
        "Data sent for parameter 'selfTradePreventionMode' is not valid.",
    ),
]


async def test_orders_are_refused_with_the_apis_own_words(rig: Rig) -> None:
    """In one test, since each has an engine of its own to start."""
    refused = [(order, *await refusal(rig, "order.place", **order)) for order, _, _ in PLACING]
    assert refused == PLACING


async def test_a_market_may_not_allow_a_mode_of_self_trade_prevention(rig: Rig) -> None:
    await rig.done(rig.engine.update_market(BTCUSDT, MarketRules(**(RULES | {"stp_allowed": 31}))))
    order = LIMIT | {"selfTradePreventionMode": "TRANSFER"}
    text = "This symbol does not allow the specified self-trade prevention mode."
    assert await refusal(rig, "order.place", **order) == (-1013, text)


async def refusal(rig: Rig, name: str, account: int = ALICE, **params: object) -> tuple[int, str]:
    with pytest.raises(ApiError) as refused:
        await rig.ask(name, account, **params)
    assert refused.value.status == 400
    return refused.value.code, refused.value.message


async def test_trailing_zeros_are_no_precision(rig: Rig) -> None:
    answer = await rig.limit(ALICE, "BUY", "20000.00000000000", "1.000000000000")
    assert (answer["price"], answer["origQty"]) == ("20000.000000", "1.00000000")


async def test_a_post_only_order_that_would_take_is_refused(rig: Rig) -> None:
    await rig.limit(BOB, "SELL", "20000", "1")
    assert await refusal(rig, "order.place", **MAKER) == (-2010, "Order would immediately match and take.")


async def test_a_client_id_is_refused_while_it_is_in_use(rig: Rig) -> None:
    await rig.limit(ALICE, "BUY", "20000", "1", newClientOrderId="mine")
    order = LIMIT | {"newClientOrderId": "mine"}
    assert await refusal(rig, "order.place", **order) == (-2010, "Duplicate order sent.")


async def test_too_many_open_orders_are_refused(rig: Rig) -> None:
    for _ in range(6):
        await rig.limit(ALICE, "BUY", "20000", "1")
    assert await refusal(rig, "order.place", **LIMIT) == (-1013, "Filter failure: MAX_NUM_ORDERS")


async def test_a_closed_market_takes_no_orders_but_cancels(rig: Rig) -> None:
    await rig.limit(ALICE, "BUY", "20000", "1")
    await rig.done(rig.engine.set_market_status(BTCUSDT, int(MarketStatus.HALT)))
    assert await refusal(rig, "order.place", **LIMIT) == (-1013, "Market is closed.")
    assert (await rig.ask("order.cancel", symbol="BTCUSDT", orderId=1))["status"] == "CANCELED"


async def test_an_account_that_may_not_trade_is_refused_but_may_cancel(rig: Rig) -> None:
    await rig.limit(ALICE, "BUY", "20000", "1")
    await rig.done(rig.engine.update_account(ALICE, False, None, None, 1, False))
    assert await refusal(rig, "order.place", **LIMIT) == (-2010, "This action is disabled on this account.")
    assert (await rig.ask("order.cancel", symbol="BTCUSDT", orderId=1))["status"] == "CANCELED"


async def test_a_stale_request_never_reaches_the_engine(rig: Rig) -> None:
    call = rig.call(ALICE)

    def too_late() -> None:
        raise api_error("INVALID_TIMESTAMP")

    call.ensure_fresh = too_late
    with pytest.raises(ApiError) as refused:
        await rig.operations["order.place"].handler(call, LIMIT)
    assert (refused.value.code, await rig.ask("openOrders.status")) == (-1021, [])


NEITHER = "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
UNKNOWN = "Unknown order sent."


@pytest.mark.parametrize(
    ("params", "code", "text"),
    [
        ({}, -1102, missing("symbol")),
        ({"symbol": "ETHUSDT", "orderId": "1"}, -1121, "Invalid symbol."),
        ({"symbol": "BTCUSDT"}, -1102, NEITHER),
        ({"symbol": "BTCUSDT", "orderId": "2"}, -2011, UNKNOWN),
        ({"symbol": "BTCUSDT", "orderId": "0"}, -2011, UNKNOWN),
        ({"symbol": "BTCUSDT", "origClientOrderId": "other"}, -2011, UNKNOWN),
        ({"symbol": "BTCUSDT", "orderId": "1", "origClientOrderId": "other"}, -2011, UNKNOWN),
        ({"symbol": "BTCUSDT", "orderId": "1", "cancelRestrictions": "NEVER"}, -1145, "Invalid cancelRestrictions"),
        (
            {"symbol": "BTCUSDT", "orderId": "1", "cancelRestrictions": "ONLY_PARTIALLY_FILLED"},
            -2011,
            "Order was not canceled due to cancel restrictions.",
        ),
    ],
)
async def test_a_cancel_is_refused_with_the_apis_own_words(
    rig: Rig, params: dict[str, str], code: int, text: str
) -> None:
    await rig.limit(ALICE, "BUY", "20000", "1", newClientOrderId="mine")
    assert await refusal(rig, "order.cancel", **params) == (code, text)


async def test_nobody_elses_order_can_be_canceled_or_seen(rig: Rig) -> None:
    await rig.limit(BOB, "BUY", "20000", "1", newClientOrderId="bobs")
    for name, code, text in (("order.cancel", -2011, UNKNOWN), ("order.status", -2013, "Order does not exist.")):
        assert await refusal(rig, name, symbol="BTCUSDT", orderId=1) == (code, text)
        assert await refusal(rig, name, symbol="BTCUSDT", origClientOrderId="bobs") == (code, text)


async def test_canceling_all_of_nothing_is_refused(rig: Rig) -> None:
    assert await refusal(rig, "openOrders.cancelAll", symbol="BTCUSDT") == (-2011, UNKNOWN)


@pytest.mark.parametrize(
    ("params", "code", "text"),
    [
        ({"symbol": "BTCUSDT"}, -1102, NEITHER),
        ({"symbol": "BTCUSDT", "orderId": "9"}, -2013, "Order does not exist."),
        ({"symbol": "BTCUSDT", "origClientOrderId": "other"}, -2013, "Order does not exist."),
        (
            {"symbol": "BTCUSDT", "orderId": "1", "origClientOrderId": "other"},
            -2039,
            "Client order ID is not correct for this order ID.",
        ),
        ({"symbol": "ETHUSDT", "orderId": "1"}, -1121, "Invalid symbol."),
    ],
)
async def test_a_query_is_refused_with_the_apis_own_words(
    rig: Rig, params: dict[str, str], code: int, text: str
) -> None:
    await rig.limit(ALICE, "BUY", "20000", "1", newClientOrderId="mine")
    assert await refusal(rig, "order.status", **params) == (code, text)


TOO_LONG = "More than 24 hours between startTime and endTime."
BAD_COMBINATION = "Combination of optional parameters invalid."
DAY_MS = 86_400_000
T = 1_700_000_000_000


@pytest.mark.parametrize(
    ("name", "params", "code", "text"),
    [
        ("allOrders", {"startTime": T, "endTime": T + DAY_MS + 1}, -1127, TOO_LONG),
        ("myTrades", {"startTime": T, "endTime": T + DAY_MS + 1}, -1127, TOO_LONG),
        ("myTrades", {"orderId": 1, "startTime": T}, -1128, BAD_COMBINATION),
        ("myTrades", {"fromId": 1, "endTime": T}, -1128, BAD_COMBINATION),
        ("myTrades", {"orderId": 1, "fromId": 1, "endTime": T}, -1128, BAD_COMBINATION),
        ("myPreventedMatches", {}, -1128, BAD_COMBINATION),
        ("myPreventedMatches", {"preventedMatchId": 1, "orderId": 1}, -1128, BAD_COMBINATION),
        ("myPreventedMatches", {"preventedMatchId": 1, "fromPreventedMatchId": 1}, -1128, BAD_COMBINATION),
    ],
)
async def test_a_history_query_is_refused_with_the_apis_own_words(
    rig: Rig, name: str, params: dict[str, int], code: int, text: str
) -> None:
    assert await refusal(rig, name, symbol="BTCUSDT", **params) == (code, text)
