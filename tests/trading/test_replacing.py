"""Cancel-replace in all its outcomes, and amends."""

from typing import Any

import pytest

from tandem.domain.errors import ApiError
from tandem.domain.trading import Feature
from tandem.platform.engine import MarketRules
from tandem.platform.settings import Limits
from tests.trading.rig import ALICE, BOB, BTCUSDT, NOW_US, RULES, Rig
from tests.trading.test_refusals import missing, refusal

NEW = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.5",
    "price": "19000",
}
STOP = {"cancelReplaceMode": "STOP_ON_FAILURE"}
ALLOW = {"cancelReplaceMode": "ALLOW_FAILURE"}
UNKNOWN = {"code": -2011, "msg": "Unknown order sent."}
POOR = {"code": -2010, "msg": "Account has insufficient balance for requested action."}
LIMITED = {"code": -1015, "msg": "Too many new orders; current limit is 1 orders per 10 SECOND."}


async def failing(rig: Rig, params: dict[str, str]) -> ApiError:
    with pytest.raises(ApiError) as refused:
        await rig.ask("order.cancelReplace", ALICE, **params)
    return refused.value


def shown(error: ApiError) -> tuple[Any, ...]:
    """The status, the number, and of each half its result and what stands for its answer."""
    data = error.data
    halves = (data["cancelResponse"], data["newOrderResponse"])
    told = [half and half.get("status", half) for half in halves]
    return error.status, error.code, data["cancelResult"], told[0], data["newOrderResult"], told[1]


async def test_one_order_takes_the_place_of_another(rig: Rig) -> None:
    await rig.limit(ALICE, "BUY", "20000", "0.5", newClientOrderId="old")
    ids = {"cancelOrigClientOrderId": "old", "cancelNewClientOrderId": "end", "newClientOrderId": "new"}
    answer = await rig.ask("order.cancelReplace", ALICE, **NEW, **STOP, **ids)
    assert (answer["cancelResult"], answer["newOrderResult"]) == ("SUCCESS", "SUCCESS")
    old, new = answer["cancelResponse"], answer["newOrderResponse"]
    assert (old["orderId"], old["origClientOrderId"], old["clientOrderId"], old["status"]) == (
        1,
        "old",
        "end",
        "CANCELED",
    )
    assert (new["orderId"], new["clientOrderId"], new["status"], new["price"], new["fills"]) == (
        2,
        "new",
        "NEW",
        "19000.000000",
        [],
    )


async def test_the_new_order_may_use_what_the_cancel_gave_back(rig: Rig) -> None:
    await rig.limit(ALICE, "BUY", "20000", "50")
    answer = await rig.ask("order.cancelReplace", ALICE, **(NEW | STOP | {"cancelOrderId": "1", "quantity": "52"}))
    assert answer["newOrderResponse"]["origQty"] == "52.00000000"


async def test_the_answers_style_is_that_of_the_new_order(rig: Rig) -> None:
    await rig.limit(ALICE, "BUY", "20000", "0.5")
    order = {k: v for k, v in NEW.items() if k != "timeInForce"} | {"type": "LIMIT_MAKER", "cancelOrderId": "1"}
    answer = await rig.ask("order.cancelReplace", ALICE, **order, **STOP)
    assert len(answer["newOrderResponse"]) == 5


async def test_replacing_an_order_of_a_list_ends_the_list(rig: Rig) -> None:
    oco = {"aboveType": "LIMIT_MAKER", "abovePrice": "21000", "belowType": "STOP_LOSS", "belowStopPrice": "18000"}
    await rig.ask("orderList.place.oco", ALICE, symbol="BTCUSDT", side="SELL", quantity="1", **oco)
    answer = await rig.ask("order.cancelReplace", ALICE, **NEW, **STOP, cancelOrderId=1)
    assert [report["status"] for report in answer["cancelResponse"]["orderReports"]] == ["CANCELED", "CANCELED"]


TOO_MUCH = {"quantity": "60"}
"""More than Alice's million pays for."""
OUTCOMES = [
    (STOP, "9", {}, (400, -2022, "FAILURE", UNKNOWN, "NOT_ATTEMPTED", None)),
    (STOP, "1", TOO_MUCH, (409, -2021, "SUCCESS", "CANCELED", "FAILURE", POOR)),
    (ALLOW, "9", {}, (409, -2021, "FAILURE", UNKNOWN, "SUCCESS", "NEW")),
    (ALLOW, "9", TOO_MUCH, (400, -2022, "FAILURE", UNKNOWN, "FAILURE", POOR)),
    (ALLOW, "1", TOO_MUCH, (409, -2021, "SUCCESS", "CANCELED", "FAILURE", POOR)),
]


@pytest.mark.parametrize(("mode", "order_id", "changes", "outcome"), OUTCOMES)
async def test_halves_that_fail(
    rig: Rig, mode: dict[str, str], order_id: str, changes: dict[str, str], outcome: tuple[Any, ...]
) -> None:
    await rig.limit(ALICE, "BUY", "20000", "0.5")
    assert shown(await failing(rig, NEW | mode | changes | {"cancelOrderId": order_id})) == outcome


LIMITED_OUTCOMES = [
    (STOP, "9", (429, -2022, "FAILURE", UNKNOWN, "NOT_ATTEMPTED", None)),
    (STOP, "1", (429, -2021, "SUCCESS", "CANCELED", "FAILURE", LIMITED)),
    (ALLOW, "9", (400, -2022, "FAILURE", UNKNOWN, "FAILURE", LIMITED)),
    (ALLOW, "1", (409, -2021, "SUCCESS", "CANCELED", "FAILURE", LIMITED)),
]


@pytest.mark.parametrize(("mode", "order_id", "outcome"), LIMITED_OUTCOMES)
async def test_over_the_order_limit_the_cancel_alone_may_be_done(
    rig: Rig, mode: dict[str, str], order_id: str, outcome: tuple[Any, ...]
) -> None:
    await rig.limit(ALICE, "BUY", "20000", "0.5")
    rig.limiter.limits = Limits(orders_per_10_seconds=1)
    rig.limiter.charge_orders(ALICE, 1, NOW_US)
    limited = {"orderRateLimitExceededMode": "CANCEL_ONLY", "cancelOrderId": order_id}
    error = await failing(rig, NEW | mode | limited)
    assert shown(error) == outcome
    assert (error.retry_after_seconds is not None) == (error.status == 429)


async def test_over_the_order_limit_nothing_is_done_by_default(rig: Rig) -> None:
    await rig.limit(ALICE, "BUY", "20000", "0.5")
    rig.limiter.limits = Limits(orders_per_10_seconds=1)
    rig.limiter.charge_orders(ALICE, 1, NOW_US)
    error = await failing(rig, NEW | STOP | {"cancelOrderId": "1"})
    assert (error.status, error.body()) == (429, LIMITED)
    assert len(await rig.ask("openOrders.status", ALICE)) == 1


async def test_a_new_order_counts_even_when_it_is_not_attempted(rig: Rig) -> None:
    await failing(rig, NEW | STOP | {"cancelOrderId": "9"})
    assert rig.limiter.orders(ALICE, NOW_US).in_day == 1


@pytest.mark.parametrize(
    ("params", "code", "text"),
    [
        (
            {},
            -1102,
            "Param 'cancelOrigClientOrderId' or 'cancelOrderId' must be sent, but both were empty/null!",
        ),
        ({"cancelOrderId": "1", "cancelReplaceMode": ""}, -1102, missing("cancelReplaceMode")),
        (
            {"cancelOrderId": "1", "cancelReplaceMode": "MAYBE"},
            -1130,
            "Data sent for parameter 'cancelReplaceMode' is not valid.",
        ),
        ({"cancelOrderId": "1", "price": "19000.001"}, -1013, "Filter failure: PRICE_FILTER"),
        ({"cancelOrderId": "1", "quantity": "0.00001"}, -1013, "Filter failure: LOT_SIZE"),
        ({"cancelOrderId": "1", "price": ""}, -1102, missing("price")),
    ],
)
async def test_what_is_wrong_with_the_new_order_leaves_the_old_one_alone(
    rig: Rig, params: dict[str, str], code: int, text: str
) -> None:
    await rig.limit(ALICE, "BUY", "20000", "0.5")
    values = {name: value for name, value in (NEW | STOP | params).items() if value}
    assert await refusal(rig, "order.cancelReplace", **values) == (code, text)
    assert len(await rig.ask("openOrders.status", ALICE)) == 1


async def test_an_order_is_replaced_only_if_nothing_of_it_is_filled(rig: Rig) -> None:
    await rig.limit(ALICE, "BUY", "20000", "0.5")
    await rig.limit(BOB, "SELL", "20000", "0.1")
    params = NEW | STOP | {"cancelOrderId": "1", "cancelRestrictions": "ONLY_NEW"}
    refused = {"code": -2011, "msg": "Order was not canceled due to cancel restrictions."}
    assert shown(await failing(rig, params))[2:4] == ("FAILURE", refused)


async def test_the_rejected_half_is_told_to_the_accounts_streams(rig: Rig) -> None:
    await rig.limit(ALICE, "BUY", "20000", "0.5")
    heard, _ = rig.hear(ALICE)
    await failing(rig, NEW | STOP | TOO_MUCH | {"cancelOrderId": "1", "newClientOrderId": "new"})
    reports = [(e["x"], e["X"], e["r"], e["c"]) for e in heard if e["e"] == "executionReport"]
    assert reports[0][:2] == ("CANCELED", "CANCELED")
    assert reports[1] == ("REJECTED", "REJECTED", "INSUFFICIENT_BALANCES", "new")


@pytest.mark.parametrize(
    ("feature", "name", "text", "code"),
    [
        (
            Feature.CANCEL_REPLACE,
            "order.cancelReplace",
            "Order cancel-replace is not supported for this symbol.",
            -2010,
        ),
        (Feature.AMEND, "order.amend.keepPriority", "Order amend is not supported for this symbol.", -2038),
    ],
)
async def test_a_market_may_not_take_changes(rig: Rig, feature: Feature, name: str, text: str, code: int) -> None:
    await rig.limit(ALICE, "BUY", "20000", "0.5")
    rules = MarketRules(**(RULES | {"features": 511 & ~(1 << feature)}))
    await rig.done(rig.engine.update_market(BTCUSDT, rules))
    params = {"symbol": "BTCUSDT", "orderId": "1", "newQty": "0.4"}
    if feature is Feature.CANCEL_REPLACE:
        params = NEW | STOP | {"cancelOrderId": "1"}
    assert await refusal(rig, name, **params) == (code, text)


# --- amends


async def amend(rig: Rig, **params: object) -> Any:
    return await rig.ask("order.amend.keepPriority", ALICE, symbol="BTCUSDT", **params)


async def test_an_amend_in_full(rig: Rig) -> None:
    await rig.limit(ALICE, "BUY", "20000", "0.5", newClientOrderId="mine")
    placed_at = rig.ms
    await rig.limit(BOB, "SELL", "20000", "0.1")
    answer = await amend(rig, origClientOrderId="mine", newQty="0.3", newClientOrderId="less")
    assert answer == {
        "transactTime": rig.ms,
        "executionId": rig.execution(),
        "amendedOrder": {
            "symbol": "BTCUSDT",
            "orderId": 1,
            "orderListId": -1,
            "origClientOrderId": "mine",
            "clientOrderId": "less",
            "price": "20000.000000",
            "qty": "0.30000000",
            "executedQty": "0.10000000",
            "preventedQty": "0.00000000",
            "quoteOrderQty": "0.000000",
            "cumulativeQuoteQty": "2000.000000",
            "status": "PARTIALLY_FILLED",
            "timeInForce": "GTC",
            "type": "LIMIT",
            "side": "BUY",
            "workingTime": placed_at,
            "selfTradePreventionMode": "EXPIRE_TAKER",
        },
    }
    assert await rig.ask("order.amendments", ALICE, symbol="BTCUSDT", orderId=1) == [
        {
            "symbol": "BTCUSDT",
            "orderId": 1,
            "executionId": answer["executionId"],
            "origClientOrderId": "mine",
            "newClientOrderId": "less",
            "origQty": "0.50000000",
            "newQty": "0.30000000",
            "time": rig.ms,
        }
    ]


async def test_the_answer_and_the_report_of_an_amend_have_one_execution_id(rig: Rig) -> None:
    await rig.limit(ALICE, "BUY", "20000", "0.5")
    heard, _ = rig.hear(ALICE)
    answer = await amend(rig, orderId=1, newQty="0.3")
    reports = [(event["x"], event["I"]) for event in heard if event["e"] == "executionReport"]
    assert reports == [("REPLACED", answer["executionId"])]


async def test_amending_one_order_of_a_pair_amends_the_other(rig: Rig) -> None:
    oco = {"aboveType": "LIMIT_MAKER", "abovePrice": "21000", "belowType": "STOP_LOSS", "belowStopPrice": "18000"}
    placed = await rig.ask("orderList.place.oco", ALICE, symbol="BTCUSDT", side="SELL", quantity="1", **oco)
    answer = await amend(rig, orderId=2, newQty="0.6", newClientOrderId="less")
    assert answer["listStatus"] == {
        "orderListId": 0,
        "contingencyType": "OCO",
        "listOrderStatus": "EXECUTING",
        "listClientOrderId": placed["listClientOrderId"],
        "symbol": "BTCUSDT",
        "orders": [placed["orders"][0], placed["orders"][1] | {"clientOrderId": "less"}],
    }
    assert [order["origQty"] for order in await rig.ask("openOrders.status", ALICE)] == ["0.60000000"] * 2


async def test_an_amend_to_what_is_filled_ends_the_order(rig: Rig) -> None:
    await rig.limit(ALICE, "BUY", "20000", "0.5")
    await rig.limit(BOB, "SELL", "20000", "0.2")
    answer = await amend(rig, orderId=1, newQty="0.2")
    shown = {k: answer["amendedOrder"][k] for k in ("qty", "executedQty", "status")}
    assert shown == {"qty": "0.20000000", "executedQty": "0.20000000", "status": "EXPIRED"}
    assert await rig.ask("openOrders.status", ALICE) == []


NEITHER = "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
AMENDS = [
    ({"newQty": "0.3"}, -1102, NEITHER),
    ({"orderId": "1"}, -1102, missing("newQty")),
    ({"orderId": "9", "newQty": "0.3"}, -2038, "Unknown order sent."),
    ({"orderId": "1", "newQty": "0.6"}, -2038, "Order amend (quantity increase) is not supported."),
    ({"orderId": "1", "newQty": "0.5"}, -2038, "The requested action would change no state; rejecting."),
    ({"orderId": "1", "newQty": "0"}, -1013, "Filter failure: LOT_SIZE"),
    ({"orderId": "1", "newQty": "0.00005"}, -1013, "Filter failure: LOT_SIZE"),
    ({"orderId": "1", "newQty": "0.0001"}, -1013, "Filter failure: MIN_NOTIONAL"),
    ({"orderId": "1", "newQty": "0.000000001"}, -1111, "Parameter 'newQty' has too much precision."),
    ({"orderId": "1", "newQty": "0.3", "newClientOrderId": "other"}, -2038, "Duplicate order sent."),
]


async def test_amends_are_refused_with_the_apis_own_words(rig: Rig) -> None:
    await rig.limit(ALICE, "BUY", "20000", "0.5")
    await rig.limit(ALICE, "BUY", "20000", "0.5", newClientOrderId="other")
    name = "order.amend.keepPriority"
    assert [(p, *await refusal(rig, name, symbol="BTCUSDT", **p)) for p, _, _ in AMENDS] == AMENDS


async def test_an_order_may_be_amended_so_many_times(rig: Rig) -> None:
    await rig.done(rig.engine.update_market(BTCUSDT, MarketRules(**(RULES | {"max_num_order_amends": 1}))))
    await rig.limit(ALICE, "BUY", "20000", "0.5")
    await amend(rig, orderId=1, newQty="0.4")
    again = {"symbol": "BTCUSDT", "orderId": "1", "newQty": "0.3"}
    told = (-2038, "Filter failure: MAX_NUM_ORDER_AMENDS")
    assert await refusal(rig, "order.amend.keepPriority", **again) == told


async def test_an_order_that_sells_what_is_not_bought_yet_cannot_be_amended(rig: Rig) -> None:
    opo = {
        "workingType": "LIMIT",
        "workingSide": "BUY",
        "workingPrice": "20000",
        "workingQuantity": "0.5",
        "workingTimeInForce": "GTC",
        "pendingType": "LIMIT",
        "pendingSide": "SELL",
        "pendingPrice": "22000",
        "pendingTimeInForce": "GTC",
    }
    await rig.ask("orderList.place.opo", ALICE, symbol="BTCUSDT", **opo)
    params = {"symbol": "BTCUSDT", "orderId": "2", "newQty": "0.3"}
    told = (-2038, "Order amend (pending OPO order) is not supported.")
    assert await refusal(rig, "order.amend.keepPriority", **params) == told
