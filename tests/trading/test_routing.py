"""Routed orders, and prevented matches and fees as an answer shows them."""

from typing import Any

import pytest

from tandem.platform.engine import ExchangeRules, MarketRules
from tests.trading.rig import ALICE, BOB, BTC, BTCUSDT, CAROL, RULES, USDT, Rig
from tests.trading.test_refusals import refusal

USDC, ROUTER, BTCUSDC = 2, 4, 1
SOR = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.5",
    "price": "20000",
}


@pytest.fixture
async def routed(rig: Rig) -> Rig:
    """BTCUSDC beside BTCUSDT; Bob sells 0.2 there for 19900."""
    engine = rig.engine
    await rig.done(engine.create_asset("USDC", "Circle", 6))
    await rig.done(engine.create_market("BTCUSDC", BTC, USDC, MarketRules(**RULES)))
    await rig.done(engine.create_account("router"))
    for asset in (USDT, USDC):
        await rig.done(engine.credit(ROUTER, asset, 10**12))
    await rig.done(engine.set_sor(BTC, [BTCUSDT, BTCUSDC], ROUTER))
    await rig.limit(BOB, "SELL", "19900", "0.2", symbol="BTCUSDC")
    return rig


async def test_a_routed_order_in_full(routed: Rig) -> None:
    answer = await routed.ask("/api/v3/sor/order", ALICE, **SOR, newClientOrderId="mine")
    assert answer == {
        "symbol": "BTCUSDT",
        "orderId": 2,
        "orderListId": -1,
        "clientOrderId": "mine",
        "transactTime": routed.ms,
        "price": "20000.000000",
        "origQty": "0.50000000",
        "executedQty": "0.20000000",
        "origQuoteOrderQty": "0.000000",
        "cummulativeQuoteQty": "3980.000000",
        "status": "PARTIALLY_FILLED",
        "timeInForce": "GTC",
        "type": "LIMIT",
        "side": "BUY",
        "workingTime": routed.ms,
        "selfTradePreventionMode": "EXPIRE_TAKER",
        "workingFloor": "SOR",
        "usedSor": True,
        "fills": [
            {
                "matchType": "ONE_PARTY_TRADE_REPORT",
                "price": "19900.000000",
                "qty": "0.20000000",
                "commission": "0.00040000",
                "commissionAsset": "BTC",
                "tradeId": -1,
                "allocId": 0,
            }
        ],
    }


async def test_a_fill_in_its_own_book_is_a_trade(routed: Rig) -> None:
    await routed.limit(BOB, "SELL", "20000", "1")
    answer = await routed.ask("/api/v3/sor/order", ALICE, **SOR)
    assert [(fill.get("allocId"), fill["tradeId"]) for fill in answer["fills"]] == [(0, -1), (None, 0)]
    assert (answer["status"], answer["workingFloor"]) == ("FILLED", "EXCHANGE")


async def test_over_a_socket_the_answer_is_an_array(routed: Rig) -> None:
    (answer,) = await routed.ask("sor.order.place", ALICE, **SOR)
    assert answer["usedSor"] is True


async def test_allocations_are_asked_for_and_are_no_trades(routed: Rig) -> None:
    await routed.ask("/api/v3/sor/order", ALICE, **SOR)
    assert await routed.ask("myAllocations", ALICE, symbol="BTCUSDT") == [
        {
            "symbol": "BTCUSDT",
            "allocationId": 0,
            "allocationType": "SOR",
            "orderId": 2,
            "orderListId": -1,
            "price": "19900.000000",
            "qty": "0.20000000",
            "quoteQty": "3980.000000",
            "commission": "0.00040000",
            "commissionAsset": "BTC",
            "time": routed.ms,
            "isBuyer": True,
            "isMaker": False,
            "isAllocator": False,
        }
    ]
    assert await routed.ask("myTrades", ALICE, symbol="BTCUSDT") == []
    found = await routed.ask("order.status", ALICE, symbol="BTCUSDT", orderId=2)
    assert (found["usedSor"], found["workingFloor"]) == (True, "SOR")


async def test_a_prevented_match_in_another_book_names_it(routed: Rig) -> None:
    answer = await routed.ask("/api/v3/sor/order", BOB, **SOR)
    assert answer["preventedMatches"] == [
        {
            "preventedMatchId": 0,
            "makerSymbol": "BTCUSDC",
            "makerOrderId": 1,
            "price": "19900.000000",
            "takerPreventedQuantity": "0.50000000",
        }
    ]


async def test_testing_a_routed_order(routed: Rig) -> None:
    assert await routed.ask("sor.order.test", ALICE, **SOR) == {}
    rates = await routed.ask("sor.order.test", ALICE, **SOR, computeCommissionRates="true")
    assert list(rates) == ["standardCommissionForOrder", "taxCommissionForOrder", "discount"]


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({"type": "LIMIT_MAKER"}, -2010, "Unsupported order combination"),
        ({"type": "STOP_LOSS"}, -2010, "Unsupported order combination"),
        ({"quoteOrderQty": "10"}, -1104, "Not all sent parameters were read; read '6' parameter(s) but was sent '7'."),
    ],
)
async def test_what_cannot_be_routed(routed: Rig, changes: dict[str, str], code: int, text: str) -> None:
    assert await refusal(routed, "/api/v3/sor/order", **(SOR | changes)) == (code, text)


async def test_a_market_in_no_group_routes_nothing(rig: Rig) -> None:
    told = (-2010, "Smart order routing is not supported for this symbol.")
    assert await refusal(rig, "/api/v3/sor/order", **SOR) == told


# --- fees and groups


async def test_a_commission_in_another_asset(rig: Rig) -> None:
    engine = rig.engine
    await rig.done(engine.create_asset("BNB", "BNB", 8))
    await rig.done(engine.create_market("BNBUSDT", 2, USDT, MarketRules(**RULES)))
    await rig.done(engine.credit(ALICE, 2, 10**10))
    await rig.done(engine.credit(BOB, 2, 10**10))
    await rig.limit(BOB, "SELL", "500", "1", symbol="BNBUSDT")
    await rig.limit(CAROL, "BUY", "500", "1", symbol="BNBUSDT")
    await rig.done(engine.update_exchange(ExchangeRules(discount=(2, 75_000_000))))
    await rig.done(engine.update_market(BTCUSDT, MarketRules(**(RULES | {"discount": True}))))
    await rig.done(engine.update_account(ALICE, True, None, None, 1, True))
    await rig.limit(BOB, "BUY", "20000", "1")
    answer = await rig.market(ALICE, "SELL", quantity="0.5")
    # 10000 USDT at 0.2 % less a quarter is 15 USDT, at 500 a BNB
    assert [(fill["commission"], fill["commissionAsset"]) for fill in answer["fills"]] == [("0.03000000", "BNB")]
    (trade,) = await rig.ask("myTrades", ALICE, symbol="BTCUSDT")
    assert (trade["commission"], trade["commissionAsset"]) == ("0.03000000", "BNB")


async def test_the_rates_of_an_order_add_up_by_its_side(rig: Rig) -> None:
    fees: dict[str, Any] = {"fees": (100_000, 200_000, 1_000, 2_000), "tax_fees": (10, 20, 1, 2)}
    await rig.done(rig.engine.update_market(BTCUSDT, MarketRules(**(RULES | fees | {"discount": True}))))
    await rig.done(rig.engine.update_exchange(ExchangeRules(discount=(USDT, 75_000_000))))
    order = {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "0.5"}
    await rig.limit(BOB, "BUY", "20000", "1")
    answer = await rig.ask("order.test", ALICE, **order, computeCommissionRates="true")
    assert answer == {
        "standardCommissionForOrder": {"maker": "0.00102000", "taker": "0.00202000"},
        "specialCommissionForOrder": {"maker": "0.00000000", "taker": "0.00000000"},
        "taxCommissionForOrder": {"maker": "0.00000012", "taker": "0.00000022"},
        "discount": {
            "enabledForAccount": False,
            "enabledForSymbol": True,
            "discountAsset": "USDT",
            "discount": "0.75000000",
        },
    }


async def test_a_match_inside_a_group_says_which(rig: Rig) -> None:
    for account in (ALICE, BOB):
        await rig.done(rig.engine.update_account(account, True, None, 7, 1, False))
    await rig.limit(BOB, "SELL", "20000", "0.3", selfTradePreventionMode="TRANSFER")
    answer = await rig.limit(ALICE, "BUY", "20000", "0.5", selfTradePreventionMode="TRANSFER")
    lost = {"takerPreventedQuantity": "0.30000000", "makerPreventedQuantity": "0.30000000"}
    assert answer["tradeGroupId"] == 7
    assert answer["preventedMatches"] == [{"preventedMatchId": 0, "makerOrderId": 1, "price": "20000.000000", **lost}]
    (match,) = await rig.ask("myPreventedMatches", BOB, symbol="BTCUSDT", orderId=1)
    assert {k: match[k] for k in ("tradeGroupId", "makerSymbol", "selfTradePreventionMode", *lost)} == {
        "tradeGroupId": 7,
        "makerSymbol": "BTCUSDT",
        "selfTradePreventionMode": "TRANSFER",
        **lost,
    }
