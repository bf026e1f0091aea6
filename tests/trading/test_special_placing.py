"""What placing orders answers that wait, follow, hide a part of them or take their price from the book."""

from typing import Any

import pytest

from tandem.domain.trading import Feature, OrderKind
from tandem.platform.engine import MarketRules
from tests.trading.rig import ALICE, BOB, BTCUSDT, CAROL, RULES, Rig
from tests.trading.test_placing import ACK_FIELDS
from tests.trading.test_refusals import refusal, unneeded

STOP_LIMIT = {
    "symbol": "BTCUSDT",
    "side": "SELL",
    "type": "STOP_LOSS_LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.5",
    "price": "18000",
    "stopPrice": "19000",
}
STOP = {"symbol": "BTCUSDT", "side": "SELL", "type": "STOP_LOSS", "quantity": "0.5", "stopPrice": "19000"}


async def trade(rig: Rig, price: str, quantity: str = "0.1") -> None:
    """Bob buys from Carol."""
    await rig.limit(CAROL, "SELL", price, quantity)
    await rig.limit(BOB, "BUY", price, quantity)


async def place(rig: Rig, order: dict[str, str], **params: object) -> Any:
    return await rig.ask("order.place", ALICE, **(order | params))


async def query(rig: Rig, order_id: int) -> Any:
    return await rig.ask("order.status", ALICE, symbol="BTCUSDT", orderId=order_id)


async def test_a_stop_order_in_full(rig: Rig) -> None:
    answer = await place(rig, STOP_LIMIT, newOrderRespType="FULL", newClientOrderId="mine")
    assert answer == {
        "symbol": "BTCUSDT",
        "orderId": 1,
        "orderListId": -1,
        "clientOrderId": "mine",
        "transactTime": rig.ms,
        "price": "18000.000000",
        "origQty": "0.50000000",
        "executedQty": "0.00000000",
        "origQuoteOrderQty": "0.000000",
        "cummulativeQuoteQty": "0.000000",
        "status": "NEW",
        "timeInForce": "GTC",
        "type": "STOP_LOSS_LIMIT",
        "side": "SELL",
        "workingTime": -1,
        "selfTradePreventionMode": "EXPIRE_TAKER",
        "stopPrice": "19000.000000",
        "fills": [],
    }
    found = await query(rig, 1)
    assert (found["stopPrice"], found["isWorking"], found["workingTime"]) == ("19000.000000", False, -1)


@pytest.mark.parametrize("kind", ["STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT", "LIMIT_MAKER"])
async def test_only_plain_limit_and_market_orders_answer_more_than_an_acknowledgement(rig: Rig, kind: str) -> None:
    order: dict[str, str] = STOP_LIMIT if kind.endswith("LIMIT") else STOP
    if kind == "LIMIT_MAKER":
        order = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.5", "price": "21000"}
    assert list(await place(rig, order, type=kind)) == ACK_FIELDS


async def test_a_stop_order_fires_and_fills_as_a_market_order(rig: Rig) -> None:
    await trade(rig, "20000")
    await place(rig, STOP)
    order_id = (await rig.ask("openOrders.status", ALICE))[0]["orderId"]
    await rig.limit(BOB, "BUY", "18500", "2")
    await trade(rig, "19000")
    found = await query(rig, order_id)
    assert {k: found[k] for k in ("type", "status", "executedQty", "cummulativeQuoteQty", "isWorking")} == {
        "type": "STOP_LOSS",
        "status": "FILLED",
        "executedQty": "0.50000000",
        "cummulativeQuoteQty": "9250.000000",
        "isWorking": True,
    }
    assert found["workingTime"] == rig.ms


async def test_an_answer_knows_nothing_of_the_orders_that_its_fill_fired(rig: Rig) -> None:
    """Bob's order takes 0.1 and rests; that fires Alice's, which takes from what rests, all in one command."""
    await trade(rig, "20000")
    await place(rig, STOP, type="TAKE_PROFIT", stopPrice="20050")
    await rig.limit(CAROL, "SELL", "20100", "0.1")
    answer = await rig.limit(BOB, "BUY", "20200", "0.3")
    assert (answer["status"], answer["executedQty"], [fill["qty"] for fill in answer["fills"]]) == (
        "PARTIALLY_FILLED",
        "0.10000000",
        ["0.10000000"],
    )
    now = await rig.ask("order.status", BOB, symbol="BTCUSDT", orderId=answer["orderId"])
    assert (now["status"], now["executedQty"]) == ("FILLED", "0.30000000")


async def test_a_trailing_order_follows_from_the_first_trade_on(rig: Rig) -> None:
    order = {k: v for k, v in STOP.items() if k != "stopPrice"} | {"trailingDelta": "500"}
    answer = await place(rig, order, newOrderRespType="RESULT")
    assert {k: answer[k] for k in ("stopPrice", "trailingDelta", "trailingTime")} == {
        "stopPrice": "0.000000",
        "trailingDelta": 500,
        "trailingTime": -1,
    }
    await trade(rig, "20000")
    assert (await query(rig, answer["orderId"]))["trailingTime"] == rig.ms
    answer = await place(rig, order, newOrderRespType="RESULT")
    assert answer["trailingTime"] == rig.ms


async def test_an_iceberg_says_what_it_shows(rig: Rig) -> None:
    answer = await rig.limit(ALICE, "SELL", "21000", "0.5", icebergQty="0.1")
    assert (answer["icebergQty"], answer["origQty"]) == ("0.10000000", "0.50000000")
    assert (await query(rig, 1))["icebergQty"] == "0.10000000"
    canceled = await rig.ask("order.cancel", ALICE, symbol="BTCUSDT", orderId=1)
    assert (canceled["icebergQty"], canceled["status"]) == ("0.10000000", "CANCELED")


async def test_a_pegged_order_tells_the_price_it_got(rig: Rig) -> None:
    await rig.limit(BOB, "BUY", "20000", "0.1")
    await rig.limit(BOB, "BUY", "19990", "0.1")
    peg = {"pegPriceType": "PRIMARY_PEG", "pegOffsetType": "PRICE_LEVEL", "pegOffsetValue": "1"}
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.5"} | peg
    answer = await place(rig, order)
    shown = {
        "price": "0.000000",
        "pegPriceType": "PRIMARY_PEG",
        "pegOffsetType": "PRICE_LEVEL",
        "pegOffsetValue": 1,
        "peggedPrice": "19990.000000",
    }
    assert {k: answer[k] for k in shown} == shown
    found = await query(rig, answer["orderId"])
    assert {k: found[k] for k in shown} == shown


async def test_a_waiting_pegged_order_knows_no_price_yet(rig: Rig) -> None:
    order = {k: v for k, v in STOP_LIMIT.items() if k != "price"} | {"pegPriceType": "MARKET_PEG"}
    answer = await place(rig, order, newOrderRespType="RESULT")
    assert not {"peggedPrice", "pegOffsetType"} & answer.keys()
    assert (answer["pegPriceType"], answer["price"]) == ("MARKET_PEG", "0.000000")


async def test_testing_a_stop_order_checks_it_too(rig: Rig) -> None:
    assert await rig.ask("order.test", ALICE, **STOP_LIMIT) == {}
    await trade(rig, "18000")
    assert await refusal(rig, "order.test", **STOP_LIMIT) == (-2010, "Order would trigger immediately.")


def without(order: dict[str, str], *names: str) -> dict[str, str]:
    return {key: value for key, value in order.items() if key not in names}


LIMIT = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "1",
    "price": "20000",
}
PEG = {"pegPriceType": "PRIMARY_PEG"}
NEITHER_STOP = "Param 'stopPrice' or 'trailingDelta' must be sent, but both were empty/null!"
TOGETHER = "Fields [pegOffsetType, pegOffsetValue] must be sent together or omitted entirely."
SPECIAL = [
    (without(STOP, "quantity"), -1102, "Mandatory parameter 'quantity' was not sent, was empty/null, or malformed."),
    (without(STOP, "stopPrice"), -1102, NEITHER_STOP),
    (
        without(STOP_LIMIT, "timeInForce"),
        -1102,
        "Mandatory parameter 'timeInForce' was not sent, was empty/null, or malformed.",
    ),
    (
        without(STOP_LIMIT, "price"),
        -1102,
        "Mandatory parameter 'price' was not sent, was empty/null, or malformed.",
    ),
    (STOP | {"price": "1"}, -1106, unneeded("price")),
    (STOP | {"timeInForce": "GTC"}, -1106, unneeded("timeInForce")),
    (STOP | {"icebergQty": "0.1"}, -1106, unneeded("icebergQty")),
    (STOP | {"quoteOrderQty": "10"}, -1106, unneeded("quoteOrderQty")),
    (STOP_LIMIT | {"quoteOrderQty": "10"}, -1106, unneeded("quoteOrderQty")),
    (STOP_LIMIT | {"icebergQty": "0.1", "timeInForce": "IOC"}, -1106, unneeded("icebergQty")),
    (LIMIT | {"icebergQty": "0.1", "timeInForce": "FOK"}, -1106, unneeded("icebergQty")),
    (STOP | {"stopPrice": "0.0000001"}, -1111, "Parameter 'stopPrice' has too much precision."),
    (LIMIT | {"icebergQty": "0.000000001"}, -1111, "Parameter 'icebergQty' has too much precision."),
    (STOP | {"stopPrice": "99999999999999999999"}, -1108, "Parameter 'stopPrice' overflowed."),
    (STOP | {"stopPrice": "0"}, -1013, "Filter failure: PRICE_FILTER"),
    (STOP | {"stopPrice": "19000.001"}, -1013, "Filter failure: PRICE_FILTER"),
    (STOP | {"trailingDelta": "0"}, -1013, "Filter failure: TRAILING_DELTA"),
    (STOP | {"trailingDelta": "10001"}, -1013, "Filter failure: TRAILING_DELTA"),
    (STOP | {"side": "BUY", "trailingDelta": "1000001"}, -1013, "Filter failure: TRAILING_DELTA"),
    (LIMIT | {"icebergQty": "0"}, -1013, "Filter failure: LOT_SIZE"),
    (LIMIT | {"icebergQty": "2"}, -2010, "IcebergQty exceeds QTY."),
    (LIMIT | {"icebergQty": "0.0001"}, -1013, "Filter failure: ICEBERG_PARTS"),
    (STOP | {"quantity": "0"}, -1013, "Filter failure: LOT_SIZE"),
    (STOP_LIMIT | {"price": "0"}, -1013, "Filter failure: PRICE_FILTER"),
    (LIMIT | {"pegPriceType": "BEST"}, -1210, "Invalid pegPriceType."),
    (LIMIT | PEG | {"pegOffsetType": "TICKS", "pegOffsetValue": "1"}, -1211, "Invalid pegOffsetType."),
    (LIMIT | PEG | {"pegOffsetType": "PRICE_LEVEL"}, -1128, TOGETHER),
    (LIMIT | PEG | {"pegOffsetValue": "1"}, -1128, TOGETHER),
    (LIMIT | {"pegOffsetType": "PRICE_LEVEL", "pegOffsetValue": "1"}, -1106, unneeded("pegOffsetType")),
    (
        LIMIT | PEG | {"pegOffsetType": "PRICE_LEVEL", "pegOffsetValue": "101"},
        -1130,
        "Data sent for parameter 'pegOffsetValue' is not valid.",
    ),
    (without(LIMIT, "price") | PEG, -2010, "Order book liquidity is too low for this pegged order."),
    (LIMIT | PEG | {"timeInForce": "IOC"}, -2010, "This price peg cannot be used with this order type."),
    (
        without(LIMIT, "timeInForce") | {"type": "LIMIT_MAKER", "pegPriceType": "MARKET_PEG"},
        -2010,
        "This price peg cannot be used with this order type.",
    ),
    (STOP | PEG, -2010, "This order type may not use pegged price."),
    (
        without(LIMIT, "price", "timeInForce") | PEG | {"type": "MARKET"},
        -2010,
        "This order type may not use pegged price.",
    ),
    (STOP | {"quantity": "101"}, -2010, "Account has insufficient balance for requested action."),
]


async def test_special_orders_are_refused_with_the_apis_own_words(rig: Rig) -> None:
    refused = [(order, *await refusal(rig, "order.place", **order)) for order, _, _ in SPECIAL]
    assert refused == SPECIAL


KINDS = {
    "STOP_LOSS": (STOP, "Stop loss orders are not supported for this symbol."),
    "STOP_LOSS_LIMIT": (STOP_LIMIT, "Stop loss limit orders are not supported for this symbol."),
    "TAKE_PROFIT": (STOP, "Take profit orders are not supported for this symbol."),
    "TAKE_PROFIT_LIMIT": (STOP_LIMIT, "Take profit limit orders are not supported for this symbol."),
    "MARKET": (
        {"symbol": "BTCUSDT", "side": "BUY", "quantity": "1"},
        "Market orders are not supported for this symbol.",
    ),
    "LIMIT": (LIMIT, "Unsupported order combination"),
}
FEATURES = [
    (Feature.ICEBERG, LIMIT | {"icebergQty": "0.1"}, "Iceberg orders are not supported for this symbol."),
    (Feature.TRAILING, STOP | {"trailingDelta": "100"}, "Trailing stop orders are not supported for this symbol."),
    (Feature.PEG, LIMIT | PEG, "Pegged orders are not supported for this symbol."),
    (
        Feature.QUOTE_QTY_MARKET,
        {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quoteOrderQty": "100"},
        "Quote order qty market orders are not support for this symbol.",
    ),
]


async def test_a_market_refuses_the_orders_it_does_not_take_by_name(rig: Rig) -> None:
    for kind, (order, text) in KINDS.items():
        rules = MarketRules(**(RULES | {"kinds": 127 & ~(1 << OrderKind[kind])}))
        await rig.done(rig.engine.update_market(BTCUSDT, rules))
        assert await refusal(rig, "order.place", **(order | {"type": kind})) == (-2010, text)
    for feature, order, text in FEATURES:
        rules = MarketRules(**(RULES | {"features": 511 & ~(1 << feature)}))
        await rig.done(rig.engine.update_market(BTCUSDT, rules))
        assert await refusal(rig, "order.place", **order) == (-2010, text)


@pytest.mark.parametrize(
    ("changes", "order", "name"),
    [
        ({"percent_price": (110_000_000, 90_000_000) * 2 + (False,)}, LIMIT | {"price": "25000"}, "PERCENT_PRICE"),
        (
            {"percent_price": (110_000_000, 90_000_000) * 2 + (True,)},
            LIMIT | {"price": "25000"},
            "PERCENT_PRICE_BY_SIDE",
        ),
        ({"trailing_delta": (10, 200, 10, 200)}, STOP | {"trailingDelta": "201"}, "TRAILING_DELTA"),
        ({"max_position": 10_050_000_000}, LIMIT, "MAX_POSITION"),
        ({"max_num_algo_orders": 1}, STOP, "MAX_NUM_ALGO_ORDERS"),
        ({"max_num_iceberg_orders": 1}, LIMIT | {"icebergQty": "0.5"}, "MAX_NUM_ICEBERG_ORDERS"),
    ],
)
async def test_a_filter_is_named_in_its_refusal(
    rig: Rig, changes: dict[str, Any], order: dict[str, str], name: str
) -> None:
    await rig.done(rig.engine.update_market(BTCUSDT, MarketRules(**(RULES | changes))))
    await trade(rig, "20000")
    await place(rig, STOP)
    await place(rig, LIMIT, price="19900", quantity="0.1", icebergQty="0.05")
    assert await refusal(rig, "order.place", **order) == (-1013, f"Filter failure: {name}")


async def test_an_accounts_own_limit_of_an_asset_is_a_filter(rig: Rig) -> None:
    await rig.done(rig.engine.set_asset_limit(ALICE, 0, 50_000_000))
    assert await refusal(rig, "order.place", **LIMIT) == (-1013, "Filter failure: MAX_ASSET")


async def test_a_symbol_that_an_account_may_not_trade(rig: Rig) -> None:
    await rig.done(rig.engine.update_account(ALICE, True, None, None, 2, False))
    assert await refusal(rig, "order.place", **LIMIT) == (-2010, "This symbol is not permitted for this account.")
