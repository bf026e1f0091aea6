"""What placing an order answers, field by field."""

import asyncio
from typing import Any

import pytest

from tandem.domain.errors import ApiError
from tests.trading.rig import ALICE, BOB, CAROL, Rig

ACK_FIELDS = ["symbol", "orderId", "orderListId", "clientOrderId", "transactTime"]
RESULT_FIELDS = [
    *ACK_FIELDS,
    "price",
    "origQty",
    "executedQty",
    "origQuoteOrderQty",
    "cummulativeQuoteQty",
    "status",
    "timeInForce",
    "type",
    "side",
    "workingTime",
    "selfTradePreventionMode",
]
FULL_FIELDS = [*RESULT_FIELDS, "fills"]


async def test_a_limit_order_answers_in_full_by_default(rig: Rig) -> None:
    answer = await rig.limit(ALICE, "BUY", "20000.5", "0.5", newClientOrderId="mine-1")
    assert answer == {
        "symbol": "BTCUSDT",
        "orderId": 1,
        "orderListId": -1,
        "clientOrderId": "mine-1",
        "transactTime": rig.ms,
        "price": "20000.500000",
        "origQty": "0.50000000",
        "executedQty": "0.00000000",
        "origQuoteOrderQty": "0.000000",
        "cummulativeQuoteQty": "0.000000",
        "status": "NEW",
        "timeInForce": "GTC",
        "type": "LIMIT",
        "side": "BUY",
        "workingTime": rig.ms,
        "selfTradePreventionMode": "EXPIRE_TAKER",
        "fills": [],
    }
    assert list(answer) == FULL_FIELDS
    assert rig.checks_of_time == 1


@pytest.mark.parametrize(
    ("params", "fields"),
    [
        ({"newOrderRespType": "ACK"}, ACK_FIELDS),
        ({"newOrderRespType": "RESULT"}, RESULT_FIELDS),
        ({"newOrderRespType": "FULL"}, FULL_FIELDS),
    ],
)
async def test_the_answer_has_the_fields_that_were_asked_for(
    rig: Rig, params: dict[str, str], fields: list[str]
) -> None:
    assert list(await rig.limit(ALICE, "BUY", "20000", "1", **params)) == fields


async def test_a_limit_maker_order_answers_with_an_acknowledgement(rig: Rig) -> None:
    answer = await rig.ask("order.place", symbol="BTCUSDT", side="BUY", type="LIMIT_MAKER", price="20000", quantity="1")
    assert answer == {
        "symbol": "BTCUSDT",
        "orderId": 1,
        "orderListId": -1,
        "clientOrderId": "generated0000000000001",
        "transactTime": rig.ms,
    }


async def test_a_limit_maker_order_shows_gtc(rig: Rig) -> None:
    await rig.ask("order.place", symbol="BTCUSDT", side="BUY", type="LIMIT_MAKER", price="20000", quantity="1")
    order = await rig.ask("order.status", symbol="BTCUSDT", orderId=1)
    assert (order["type"], order["timeInForce"]) == ("LIMIT_MAKER", "GTC")


async def test_a_taker_sees_each_fill_with_its_commission(rig: Rig) -> None:
    await rig.limit(BOB, "SELL", "20000", "0.3")
    await rig.limit(CAROL, "SELL", "20001", "1")
    answer = await rig.limit(ALICE, "BUY", "20001", "0.5")
    assert answer["fills"] == [
        {
            "price": "20000.000000",
            "qty": "0.30000000",
            "commission": "0.00060000",
            "commissionAsset": "BTC",
            "tradeId": 0,
        },
        {
            "price": "20001.000000",
            "qty": "0.20000000",
            "commission": "0.00040000",
            "commissionAsset": "BTC",
            "tradeId": 1,
        },
    ]
    assert (answer["status"], answer["executedQty"], answer["cummulativeQuoteQty"]) == (
        "FILLED",
        "0.50000000",
        "10000.200000",
    )


async def test_a_market_sell_pays_its_commission_in_the_quote_asset(rig: Rig) -> None:
    await rig.limit(BOB, "BUY", "20000", "1")
    answer = await rig.market(ALICE, "SELL", quantity="0.4")
    assert {k: answer[k] for k in ("price", "type", "timeInForce", "status", "fills")} == {
        "price": "0.000000",
        "type": "MARKET",
        "timeInForce": "GTC",
        "status": "FILLED",
        "fills": [
            {
                "price": "20000.000000",
                "qty": "0.40000000",
                "commission": "16.000000",
                "commissionAsset": "USDT",
                "tradeId": 0,
            }
        ],
    }


async def test_a_market_order_by_amount_shows_what_was_asked_for(rig: Rig) -> None:
    await rig.limit(BOB, "SELL", "20000", "1")
    answer = await rig.market(ALICE, "BUY", quoteOrderQty="4001")
    shown = ("origQty", "executedQty", "origQuoteOrderQty", "cummulativeQuoteQty", "status")
    assert {k: answer[k] for k in shown} == {
        "origQty": "0.20000000",
        "executedQty": "0.20000000",
        "origQuoteOrderQty": "4001.000000",
        "cummulativeQuoteQty": "4000.000000",
        "status": "FILLED",
    }


@pytest.mark.parametrize(
    ("order", "status", "filled", "reason"),
    [
        ({"timeInForce": "IOC"}, "EXPIRED", "0.30000000", "UNFILLED_IOC_QUANTITY_EXPIRED"),
        ({"timeInForce": "FOK"}, "EXPIRED", "0.00000000", "UNFILLED_FOK_ORDER_EXPIRED"),
    ],
)
async def test_an_order_that_cannot_fill_at_once_expires_with_its_reason(
    rig: Rig, order: dict[str, str], status: str, filled: str, reason: str
) -> None:
    await rig.limit(BOB, "SELL", "20000", "0.3")
    answer = await rig.limit(ALICE, "BUY", "20000", "0.5", **order)
    assert (answer["status"], answer["executedQty"], answer["expiryReason"]) == (status, filled, reason)


async def test_a_market_order_that_empties_the_book_expires(rig: Rig) -> None:
    await rig.limit(BOB, "SELL", "20000", "0.3")
    answer = await rig.market(ALICE, "BUY", quantity="0.5")
    assert (answer["status"], answer["executedQty"], answer["expiryReason"]) == (
        "EXPIRED",
        "0.30000000",
        "INSUFFICIENT_LIQUIDITY",
    )


async def test_an_acknowledgement_never_says_why_an_order_expired(rig: Rig) -> None:
    answer = await rig.limit(ALICE, "BUY", "20000", "0.5", timeInForce="IOC", newOrderRespType="ACK")
    assert list(answer) == ACK_FIELDS


async def test_a_strategy_is_echoed(rig: Rig) -> None:
    answer = await rig.limit(ALICE, "BUY", "20000", "1", strategyId=7, strategyType=1_000_001)
    assert (answer["strategyId"], answer["strategyType"]) == (7, 1_000_001)


STP = "selfTradePreventionMode"


@pytest.mark.parametrize(
    ("mode", "status", "lost", "prevented"),
    [
        ("EXPIRE_TAKER", "EXPIRED_IN_MATCH", {"takerPreventedQuantity": "0.50000000"}, "0.50000000"),
        ("EXPIRE_MAKER", "NEW", {"makerPreventedQuantity": "0.30000000"}, None),
        (
            "EXPIRE_BOTH",
            "EXPIRED_IN_MATCH",
            {"takerPreventedQuantity": "0.50000000", "makerPreventedQuantity": "0.30000000"},
            "0.50000000",
        ),
        (
            "DECREMENT",
            "NEW",
            {"takerPreventedQuantity": "0.30000000", "makerPreventedQuantity": "0.30000000"},
            "0.30000000",
        ),
    ],
)
async def test_a_prevented_match_is_in_the_answer(
    rig: Rig, mode: str, status: str, lost: dict[str, str], prevented: str | None
) -> None:
    """As in a query, `preventedQuantity` is there only when the order itself lost something."""
    maker = await rig.limit(ALICE, "SELL", "20000", "0.3")
    answer = await rig.limit(ALICE, "BUY", "20000", "0.5", **{STP: mode})
    match = {"preventedMatchId": 0, "makerOrderId": maker["orderId"], "price": "20000.000000", **lost}
    own = {} if prevented is None else {"preventedMatchId": 0, "preventedQuantity": prevented}
    shown = ("status", STP, "preventedMatches", "preventedMatchId", "preventedQuantity")
    assert {k: answer[k] for k in shown if k in answer} == {
        "status": status,
        STP: mode,
        "preventedMatches": [match],
        **own,
    }
    order = await rig.ask("order.status", symbol="BTCUSDT", orderId=answer["orderId"])
    assert {k: order[k] for k in shown if k in order} == {"status": status, STP: mode, **own}


async def test_the_answer_shows_the_state_right_after_its_own_command(rig: Rig) -> None:
    """Two commands in one batch: the second fills what the first placed."""
    answers: list[Any] = await asyncio.gather(
        rig.limit(ALICE, "BUY", "20000", "0.5"), rig.limit(BOB, "SELL", "20000", "0.5")
    )
    assert [answer["status"] for answer in answers] == ["NEW", "FILLED"]


# --- testing an order


async def test_testing_an_order_places_nothing(rig: Rig) -> None:
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    assert await rig.ask("order.test", **order, price="20000", quantity="1") == {}
    assert await rig.ask("openOrders.status") == []


async def test_testing_an_order_refuses_what_placing_would(rig: Rig) -> None:
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    with pytest.raises(ApiError) as refused:
        await rig.ask("order.test", **order, price="20000", quantity="1000")
    assert (refused.value.code, refused.value.message) == (
        -2010,
        "Account has insufficient balance for requested action.",
    )


async def test_testing_an_order_computes_its_commission_rates(rig: Rig) -> None:
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    none = {"maker": "0.00000000", "taker": "0.00000000"}
    assert await rig.ask("order.test", **order, price="20000", quantity="1", computeCommissionRates="true") == {
        "standardCommissionForOrder": {"maker": "0.00100000", "taker": "0.00200000"},
        "specialCommissionForOrder": none,
        "taxCommissionForOrder": none,
        "discount": {
            "enabledForAccount": False,
            "enabledForSymbol": False,
            "discountAsset": "",
            "discount": "0.00000000",
        },
    }
    operation = rig.operations["order.test"]
    assert callable(operation.weight)
    assert (operation.weight({}), operation.weight({"computeCommissionRates": True})) == (1, 20)
