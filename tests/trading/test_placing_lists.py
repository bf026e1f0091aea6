"""What placing and canceling order lists answers."""

from typing import Any

import pytest

from tandem.domain.trading import Feature, OrderKind
from tandem.platform.engine import MarketRules
from tests.trading.rig import ALICE, BOB, BTCUSDT, CAROL, RULES, Rig
from tests.trading.test_refusals import missing, refusal, unneeded

OCO = {
    "symbol": "BTCUSDT",
    "side": "SELL",
    "quantity": "0.5",
    "aboveType": "LIMIT_MAKER",
    "abovePrice": "21000",
    "belowType": "STOP_LOSS",
    "belowStopPrice": "19000",
}
BUY_OCO = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "quantity": "0.5",
    "aboveType": "STOP_LOSS_LIMIT",
    "aboveStopPrice": "21000",
    "abovePrice": "21500",
    "aboveTimeInForce": "GTC",
    "belowType": "LIMIT_MAKER",
    "belowPrice": "19000",
}
OLD_OCO = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.5", "price": "21000", "stopPrice": "19000"}
WORKING = {
    "symbol": "BTCUSDT",
    "workingType": "LIMIT",
    "workingSide": "BUY",
    "workingPrice": "20000",
    "workingQuantity": "0.5",
    "workingTimeInForce": "GTC",
    "pendingSide": "SELL",
}
OPO = WORKING | {"pendingType": "LIMIT", "pendingPrice": "22000", "pendingTimeInForce": "GTC"}
OTO = OPO | {"pendingQuantity": "0.5"}
OPOCO = WORKING | {
    "pendingAboveType": "LIMIT_MAKER",
    "pendingAbovePrice": "22000",
    "pendingBelowType": "STOP_LOSS",
    "pendingBelowStopPrice": "19000",
}
OTOCO = OPOCO | {"pendingQuantity": "0.5"}


def without(params: dict[str, str], *names: str) -> dict[str, str]:
    return {key: value for key, value in params.items() if key not in names}


async def trade(rig: Rig, price: str, quantity: str = "0.1") -> None:
    await rig.limit(CAROL, "SELL", price, quantity)
    await rig.limit(BOB, "BUY", price, quantity)


async def place(rig: Rig, kind: str, params: dict[str, str], **more: object) -> Any:
    return await rig.ask(f"orderList.place{kind and '.' + kind}", ALICE, **(params | more))


def entry(order_id: int, client_id: str) -> dict[str, Any]:
    return {"symbol": "BTCUSDT", "orderId": order_id, "clientOrderId": client_id}


async def test_an_oco_in_full(rig: Rig) -> None:
    answer = await place(rig, "oco", OCO, listClientOrderId="list", aboveClientOrderId="up", belowClientOrderId="down")
    report = {
        "symbol": "BTCUSDT",
        "orderListId": 0,
        "transactTime": rig.ms,
        "origQty": "0.50000000",
        "executedQty": "0.00000000",
        "origQuoteOrderQty": "0.000000",
        "cummulativeQuoteQty": "0.000000",
        "status": "NEW",
        "timeInForce": "GTC",
        "side": "SELL",
        "selfTradePreventionMode": "EXPIRE_TAKER",
    }
    stop = {
        "orderId": 1,
        "clientOrderId": "down",
        "price": "0.000000",
        "type": "STOP_LOSS",
        "stopPrice": "19000.000000",
        "workingTime": -1,
    }
    limit = {
        "orderId": 2,
        "clientOrderId": "up",
        "price": "21000.000000",
        "type": "LIMIT_MAKER",
        "workingTime": rig.ms,
    }
    assert answer == {
        "orderListId": 0,
        "contingencyType": "OCO",
        "listStatusType": "EXEC_STARTED",
        "listOrderStatus": "EXECUTING",
        "listClientOrderId": "list",
        "transactionTime": rig.ms,
        "symbol": "BTCUSDT",
        "orders": [entry(1, "down"), entry(2, "up")],
        "orderReports": [report | stop, report | limit],
    }


async def test_every_id_of_a_list_is_made_when_it_is_not_given(rig: Rig) -> None:
    answer = await place(rig, "otoco", OTOCO)
    ids = [answer["listClientOrderId"], *(order["clientOrderId"] for order in answer["orders"])]
    assert len(set(ids)) == 4
    assert all(id.startswith("generated") for id in ids)


@pytest.mark.parametrize(
    ("style", "fields"),
    [("ACK", 5), ("RESULT", 16), ("FULL", 17)],
)
async def test_reports_of_a_list_have_the_fields_that_were_asked_for(rig: Rig, style: str, fields: int) -> None:
    answer = await place(rig, "oto", OTO, newOrderRespType=style)
    assert [len(report) for report in answer["orderReports"]] == [fields, fields]


async def test_the_stop_loss_leg_comes_first_whichever_side_it_is_on(rig: Rig) -> None:
    answer = await place(rig, "oco", BUY_OCO)
    assert [report["type"] for report in answer["orderReports"]] == ["STOP_LOSS_LIMIT", "LIMIT_MAKER"]


@pytest.mark.parametrize(
    ("more", "kind"),
    [({}, "STOP_LOSS"), ({"stopLimitPrice": "18000", "stopLimitTimeInForce": "GTC"}, "STOP_LOSS_LIMIT")],
)
async def test_the_older_words_for_an_oco(rig: Rig, more: dict[str, str], kind: str) -> None:
    own = {"limitClientOrderId": "up", "stopClientOrderId": "down", "limitIcebergQty": "0.1"}
    answer = await place(rig, "", OLD_OCO | more | own)
    assert [report["type"] for report in answer["orderReports"]] == [kind, "LIMIT_MAKER"]
    assert answer["orders"] == [entry(1, "down"), entry(2, "up")]
    assert [report.get("icebergQty") for report in answer["orderReports"]] == [None, "0.10000000"]


async def test_a_touched_leg_ends_the_other_one(rig: Rig) -> None:
    await place(rig, "oco", OCO)
    await rig.limit(BOB, "BUY", "21000", "0.2")
    stop = await rig.ask("order.status", ALICE, symbol="BTCUSDT", orderId=1)
    limit = await rig.ask("order.status", ALICE, symbol="BTCUSDT", orderId=2)
    assert (stop["status"], stop["expiryReason"], stop["orderListId"]) == ("EXPIRED", "OCO_TRIGGER", 0)
    assert (limit["status"], limit["executedQty"]) == ("PARTIALLY_FILLED", "0.20000000")


async def test_an_order_and_the_one_that_follows_it(rig: Rig) -> None:
    answer = await place(rig, "oto", OTO)
    shown = [(r["side"], r["type"], r["status"], r["workingTime"], r["origQty"]) for r in answer["orderReports"]]
    assert shown == [
        ("BUY", "LIMIT", "NEW", rig.ms, "0.50000000"),
        ("SELL", "LIMIT", "PENDING_NEW", -1, "0.50000000"),
    ]
    assert answer["contingencyType"] == "OTO"
    await rig.limit(BOB, "SELL", "20000", "0.5")
    pending = await rig.ask("order.status", ALICE, symbol="BTCUSDT", orderId=2)
    assert (pending["status"], pending["isWorking"], pending["workingTime"]) == ("NEW", True, rig.ms)


async def test_what_an_activation_brings_is_no_part_of_the_answer(rig: Rig) -> None:
    await rig.limit(BOB, "SELL", "20000", "0.5")
    await rig.limit(BOB, "BUY", "19000", "1")
    answer = await place(
        rig, "oto", without(OTO, "pendingPrice", "pendingTimeInForce"), pendingType="MARKET", newOrderRespType="FULL"
    )
    shown = [(r["status"], r["executedQty"], len(r["fills"])) for r in answer["orderReports"]]
    assert shown == [("FILLED", "0.50000000", 1), ("PENDING_NEW", "0.00000000", 0)]
    assert answer["listOrderStatus"] == "EXECUTING"
    found = await rig.ask("order.status", ALICE, symbol="BTCUSDT", orderId=answer["orders"][1]["orderId"])
    assert found["status"] == "FILLED"


async def test_a_working_order_that_expires_at_once_ends_its_list(rig: Rig) -> None:
    answer = await place(rig, "otoco", OTOCO | {"workingTimeInForce": "FOK"})
    assert [(report["status"], report["expiryReason"]) for report in answer["orderReports"]] == [
        ("EXPIRED", "UNFILLED_FOK_ORDER_EXPIRED"),
        ("EXPIRED", "OTO_PHASE_ONE_EXPIRED"),
        ("EXPIRED", "OTO_PHASE_ONE_EXPIRED"),
    ]
    assert (answer["listStatusType"], answer["listOrderStatus"]) == ("ALL_DONE", "ALL_DONE")


async def test_a_sale_of_what_was_bought_has_no_quantity_before_it_is_known(rig: Rig) -> None:
    answer = await place(rig, "opoco", OPOCO)
    assert ["origQty" in report for report in answer["orderReports"]] == [True, False, False]
    pending = await rig.ask("order.status", ALICE, symbol="BTCUSDT", orderId=2)
    assert "origQty" not in pending
    await rig.limit(BOB, "SELL", "20000", "0.5")
    found = [await rig.ask("order.status", ALICE, symbol="BTCUSDT", orderId=id) for id in (2, 3)]
    assert [(order["origQty"], order["status"]) for order in found] == [("0.50000000", "NEW")] * 2


async def test_lists_are_asked_for_without_reports(rig: Rig) -> None:
    placed = await place(rig, "oto", OTO, listClientOrderId="list")
    head = without(placed, "orderReports")
    assert await rig.ask("orderList.status", ALICE, orderListId=0) == head
    assert await rig.ask("orderList.status", ALICE, origClientOrderId="list") == head
    assert await rig.ask("openOrderLists.status", ALICE) == [head]
    assert await rig.ask("allOrderLists", ALICE) == [head]


@pytest.mark.parametrize("by", [{"orderListId": "0"}, {"listClientOrderId": "list"}])
async def test_canceling_a_list(rig: Rig, by: dict[str, str]) -> None:
    await place(rig, "oco", OCO, listClientOrderId="list", aboveClientOrderId="up", belowClientOrderId="down")
    answer = await rig.ask("orderList.cancel", ALICE, symbol="BTCUSDT", newClientOrderId="end", **by)
    assert without(answer, "orderReports") == {
        "orderListId": 0,
        "contingencyType": "OCO",
        "listStatusType": "ALL_DONE",
        "listOrderStatus": "ALL_DONE",
        "listClientOrderId": "list",
        "transactionTime": rig.ms,
        "symbol": "BTCUSDT",
        "orders": [entry(1, "down"), entry(2, "up")],
    }
    shown = ("origClientOrderId", "clientOrderId", "status", "type")
    assert [tuple(report[name] for name in shown) for report in answer["orderReports"]] == [
        ("down", "end", "CANCELED", "STOP_LOSS"),
        ("up", "end", "CANCELED", "LIMIT_MAKER"),
    ]
    assert await rig.ask("openOrders.status", ALICE) == []


async def test_canceling_an_order_of_a_list_cancels_and_answers_with_the_list(rig: Rig) -> None:
    await place(rig, "oto", OTO)
    answer = await rig.ask("order.cancel", ALICE, symbol="BTCUSDT", orderId=2)
    assert (answer["orderListId"], answer["listOrderStatus"]) == (0, "ALL_DONE")
    reports = [(report["orderId"], report["status"]) for report in answer["orderReports"]]
    assert reports == [(1, "CANCELED"), (2, "CANCELED")]


async def test_canceling_everything_answers_with_orders_and_lists(rig: Rig) -> None:
    await rig.limit(ALICE, "BUY", "18000", "0.1")
    await place(rig, "oco", OCO)
    await rig.limit(ALICE, "BUY", "18000", "0.1")
    answer = await rig.ask("openOrders.cancelAll", ALICE, symbol="BTCUSDT")
    assert [row.get("orderId", row["orderListId"]) for row in answer] == [1, 0, 4]
    assert [report["orderId"] for report in answer[1]["orderReports"]] == [2, 3]
    ids = {row["clientOrderId"] for row in (answer[0], *answer[1]["orderReports"], answer[2])}
    assert len(ids) == 1


WRONG_PRICES = "The relationship of the prices for the orders is not correct."
NEITHER = "Param 'listClientOrderId' or 'orderListId' must be sent, but both were empty/null!"
OCO_ICEBERG = "Parameter '%s' is not supported if aboveTimeInForce/belowTimeInForce is not GTC."
LISTS = [
    ("oco", OCO | {"aboveType": "LIMIT"}, -1158, "Order type not supported in OCO."),
    ("oco", OCO | {"belowType": "MARKET"}, -1158, "Order type not supported in OCO."),
    ("oco", OCO | {"belowType": "ICEBERG"}, -1116, "Invalid orderType."),
    ("oco", OCO | {"belowType": "LIMIT_MAKER"}, -1168, "At least one OCO order must be contingent."),
    ("oco", OCO | {"side": "BUY"}, -1165, "A limit order in a buy OCO must be below."),
    (
        "oco",
        OCO | {"aboveType": "STOP_LOSS"},
        -1197,
        "A stop loss order in a sell OCO must be below.",
    ),
    (
        "oco",
        OCO | {"aboveType": "TAKE_PROFIT", "belowType": "LIMIT_MAKER"},
        -1166,
        "A limit order in a sell OCO must be above.",
    ),
    (
        "oco",
        OCO | {"aboveType": "LIMIT_MAKER", "belowType": "TAKE_PROFIT"},
        -1199,
        "A take profit order in a sell OCO must be above.",
    ),
    (
        "oco",
        BUY_OCO | {"belowType": "STOP_LOSS_LIMIT"},
        -1196,
        "A stop loss order in a buy OCO must be above.",
    ),
    (
        "oco",
        BUY_OCO | {"aboveType": "TAKE_PROFIT_LIMIT"},
        -1198,
        "A take profit order in a buy OCO must be below.",
    ),
    (
        "oco",
        BUY_OCO | {"aboveTimeInForce": "IOC", "aboveIcebergQty": "0.1"},
        -1160,
        OCO_ICEBERG % "aboveIcebergQty",
    ),
    ("oco", without(OCO, "abovePrice"), -1102, missing("abovePrice")),
    ("oco", without(OCO, "quantity"), -1102, missing("quantity")),
    ("oco", without(OCO, "belowType"), -1102, missing("belowType")),
    (
        "oco",
        without(OCO, "belowStopPrice"),
        -1102,
        "Param 'belowStopPrice' or 'belowTrailingDelta' must be sent, but both were empty/null!",
    ),
    ("oco", OCO | {"belowPrice": "1"}, -1106, unneeded("belowPrice")),
    ("oco", OCO | {"aboveTimeInForce": "GTC"}, -1106, unneeded("aboveTimeInForce")),
    ("oco", OCO | {"abovePrice": "0.0000001"}, -1111, "Parameter 'abovePrice' has too much precision."),
    ("oco", OCO | {"aboveStrategyType": "1"}, -1134, "strategyType was less than 1000000."),
    ("oco", OCO | {"aboveClientOrderId": "a", "belowClientOrderId": "a"}, -2010, "Duplicate order sent."),
    ("oco", OCO | {"abovePrice": "18000"}, -2010, WRONG_PRICES),
    ("oco", OCO | {"quantity": "101"}, -2010, "Account has insufficient balance for requested action."),
    (
        "",
        OLD_OCO | {"stopLimitPrice": "18000"},
        -1128,
        "Combination of optional parameters invalid. Recommendation: 'stopLimitTimeInForce' should also be sent.",
    ),
    ("", OLD_OCO | {"stopLimitTimeInForce": "GTC"}, -1106, unneeded("stopLimitTimeInForce")),
    ("", without(OLD_OCO, "stopPrice"), -1102, missing("stopPrice")),
    ("", OLD_OCO | {"price": "18000"}, -2010, WRONG_PRICES),
    ("oto", OTO | {"workingType": "MARKET"}, -1116, "Invalid orderType."),
    ("oto", without(OTO, "workingTimeInForce"), -1102, missing("workingTimeInForce")),
    ("oto", without(OTO, "pendingQuantity"), -1102, missing("pendingQuantity")),
    ("oto", without(OTO, "pendingPrice"), -1102, missing("pendingPrice")),
    ("oto", OTO | {"workingTimeInForce": "IOC", "workingIcebergQty": "0.1"}, -1106, unneeded("workingIcebergQty")),
    ("oto", OTO | {"pendingType": "MARKET"}, -1106, unneeded("pendingTimeInForce")),
    ("otoco", OTOCO | {"pendingAboveType": "LIMIT"}, -1158, "Order type not supported in OCO."),
    ("otoco", OTOCO | {"pendingSide": "BUY"}, -1165, "A limit order in a buy OCO must be below."),
    ("opo", OPO | {"workingSide": "SELL"}, -1222, "Working order in an OPO list must be a bid."),
    ("opo", OPO | {"pendingSide": "BUY"}, -1223, "Pending orders in an OPO list must be asks."),
    ("opo", without(OPO, "workingQuantity"), -1224, "Working order must include the 'workingQuantity' tag."),
    ("opo", without(OPO, "workingPrice"), -1224, "Working order must include the 'workingPrice' tag."),
    (
        "opo",
        OPO | {"pendingQuantity": "0.5"},
        -1225,
        "Pending orders should not include the 'pendingQuantity' tag.",
    ),
    (
        "opoco",
        OPOCO | {"pendingQuantity": "0.5"},
        -1225,
        "Pending orders should not include the 'pendingQuantity' tag.",
    ),
]


async def test_lists_are_refused_with_the_apis_own_words(rig: Rig) -> None:
    refused = [
        (kind, params, *await refusal(rig, f"orderList.place{kind and '.' + kind}", **params))
        for kind, params, _, _ in LISTS
    ]
    assert refused == LISTS


async def test_a_lists_own_id_is_refused_while_it_is_open(rig: Rig) -> None:
    await place(rig, "oto", OTO, listClientOrderId="list")
    own = OTO | {"listClientOrderId": "list"}
    assert await refusal(rig, "orderList.place.oto", **own) == (-2010, "Duplicate order sent.")


async def test_too_many_lists_are_refused(rig: Rig) -> None:
    await rig.done(rig.engine.update_market(BTCUSDT, MarketRules(**(RULES | {"max_num_order_lists": 1}))))
    await place(rig, "oto", OTO)
    assert await refusal(rig, "orderList.place.oto", **OTO) == (-1013, "Filter failure: MAX_NUM_ORDER_LISTS")


@pytest.mark.parametrize(
    ("kind", "params", "feature", "text"),
    [
        ("oco", OCO, Feature.OCO, "OCO orders are not supported for this symbol"),
        ("oto", OTO, Feature.OTO, "OTO orders are not supported for this symbol."),
        ("otoco", OTOCO, Feature.OCO, "OCO orders are not supported for this symbol"),
        ("opo", OPO, Feature.OPO, "OPO orders are not supported for this symbol."),
        ("opoco", OPOCO, Feature.OPO, "OPO orders are not supported for this symbol."),
    ],
)
async def test_a_market_refuses_the_lists_it_does_not_take(
    rig: Rig, kind: str, params: dict[str, str], feature: Feature, text: str
) -> None:
    rules = MarketRules(**(RULES | {"features": 511 & ~(1 << feature)}))
    await rig.done(rig.engine.update_market(BTCUSDT, rules))
    assert await refusal(rig, f"orderList.place.{kind}", **params) == (-2010, text)


async def test_a_market_refuses_the_legs_it_does_not_take(rig: Rig) -> None:
    rules = MarketRules(**(RULES | {"kinds": 127 & ~(1 << OrderKind.STOP_LOSS)}))
    await rig.done(rig.engine.update_market(BTCUSDT, rules))
    text = "Stop loss orders are not supported for this symbol."
    assert await refusal(rig, "orderList.place.oco", **OCO) == (-2010, text)


@pytest.mark.parametrize(
    ("params", "code", "text"),
    [
        ({}, -1102, NEITHER),
        ({"orderListId": 9}, -2011, "Unknown order sent."),
        ({"listClientOrderId": "other"}, -2011, "Unknown order sent."),
        ({"orderListId": 0, "listClientOrderId": "other"}, -2011, "Unknown order sent."),
    ],
)
async def test_canceling_a_list_that_is_not_there(rig: Rig, params: dict[str, object], code: int, text: str) -> None:
    await place(rig, "oto", OTO, listClientOrderId="list")
    assert await refusal(rig, "orderList.cancel", symbol="BTCUSDT", **params) == (code, text)


async def test_a_list_counts_as_its_orders(rig: Rig) -> None:
    counts = {name: rig.operations[f"orderList.place.{name}"].order_count for name in ("oco", "oto", "otoco", "opo")}
    assert counts == {"oco": 2, "oto": 2, "otoco": 3, "opo": 2}
    assert rig.operations["orderList.place.opoco"].order_count == 3
