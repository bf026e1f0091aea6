"""Rules of the exchange and of a market, and what they do to orders, as a client sees them over the WebSocket API."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from tandem.platform.engine import ExchangeRules, MarketRules
from tests.websocket.venue import UNIT, Venue, call

ONE = {"symbol": "BTCUSDT"}
BID = {**ONE, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "50.00"}
STOP = {**ONE, "side": "SELL", "type": "STOP_LOSS", "quantity": "1", "stopPrice": "80.00"}
OCO = {
    **ONE, "side": "SELL", "quantity": "1", "aboveType": "LIMIT_MAKER", "abovePrice": "150.00",
    "belowType": "STOP_LOSS", "belowStopPrice": "80.00",
}  # fmt: skip
TICK, LOT = UNIT // 100, UNIT // 10_000
Ask = Callable[..., Awaitable[Any]]


@pytest.fixture
async def ask(venue: Venue) -> AsyncIterator[Ask]:
    """`ask(who, method, params)`: the result, or the error's number and text. Nobody ("") asks unsigned."""
    async with venue.open("/ws-api/v3") as api:

        async def ask(who: str, method: str, params: dict[str, Any]) -> Any:
            answer = await call(api, method, venue.signed(who, **params) if who else params)
            return answer.get("result") or (answer["error"]["code"], answer["error"]["msg"])

        yield ask


async def add_market(venue: Venue, symbol: str, **rules: Any) -> int:
    by_code = venue.exchange.client.catalog.by_code
    made = MarketRules(tick_size=TICK, lot_size=LOT, **rules)
    await venue.run(venue.engine.create_market(symbol, by_code["BTC"].id, by_code["USDT"].id, made))
    return venue.exchange.client.catalog.by_symbol[symbol].id


@pytest.mark.parametrize(
    ("bound", "method", "request_"),
    [
        ("max_num_orders", "order.place", BID),
        ("max_num_algo_orders", "order.place", STOP),
        ("max_num_iceberg_orders", "order.place", {**BID, "icebergQty": "0.5"}),
        ("max_num_order_lists", "orderList.place.oco", OCO),
    ],
)
async def test_what_an_account_may_have_open_in_all_markets(
    venue: Venue, ask: Ask, bound: str, method: str, request_: dict[str, Any]
) -> None:
    await venue.trade(100, 1)
    await venue.run(venue.engine.update_exchange(ExchangeRules(**{bound: 1})))
    assert "symbol" in await ask("alice", method, request_)
    assert await ask("alice", method, request_) == (-1013, f"Filter failure: EXCHANGE_{bound.upper()}")
    assert "symbol" in await ask("bob", method, request_)


async def test_an_order_trades_only_within_the_price_range(venue: Venue, ask: Ask) -> None:
    market = await add_market(venue, "RANGED", price_range=(UNIT * 105 // 100, 0, 0, UNIT * 95 // 100))
    ranged = {"symbol": "RANGED", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1"}
    for price in ("104.00", "106.00"):
        await ask("bob", "order.place", {**ranged, "side": "SELL", "price": price})
    await venue.run(venue.engine.set_reference_price(market, 100 * UNIT))
    rules = (await ask("", "executionRules", {"symbol": "RANGED"}))["symbolRules"]
    assert rules == [
        {
            "symbol": "RANGED",
            "rules": [{"ruleType": "PRICE_RANGE", "bidLimitMultUp": "1.05000000", "askLimitMultDown": "0.95000000"}],
        }
    ]
    placed = await ask("alice", "order.place", {"symbol": "RANGED", "side": "BUY", "type": "MARKET", "quantity": "2"})
    assert (placed["status"], placed["executedQty"], placed["expiryReason"]) == (
        "EXPIRED",
        "1.00000000",
        "EXECUTION_RULE_PRICE_RANGE_EXCEEDED",
    )


async def test_a_reference_price_may_be_a_mean_or_come_from_outside(venue: Venue, ask: Ask) -> None:
    await add_market(venue, "MEAN", reference=(3, 60_000))
    outside = await add_market(venue, "OUTSIDE")
    await venue.run(venue.engine.set_reference_price(outside, 100 * UNIT))
    assert [await ask("", "referencePrice.calculation", {"symbol": symbol}) for symbol in ("MEAN", "OUTSIDE")] == [
        {"symbol": "MEAN", "calculationType": "ARITHMETIC_MEAN", "bucketCount": 3, "bucketWidthMs": 60_000},
        {"symbol": "OUTSIDE", "calculationType": "EXTERNAL", "externalCalculationId": 0},
    ]


async def test_what_the_exchange_cancels_has_a_reason_of_its_own(venue: Venue, ask: Ask) -> None:
    placed = await ask("alice", "order.place", BID)
    await venue.run(venue.engine.cancel_all(venue.accounts["alice"], 0, True))
    found = await ask("alice", "order.status", {**ONE, "orderId": placed["orderId"]})
    assert (found["status"], found["expiryReason"]) == ("EXPIRED", "EXCHANGE_CANCELED")


async def test_a_cancel_may_ask_for_a_partly_filled_order(venue: Venue, ask: Ask) -> None:
    named = {**ONE, "orderId": (await ask("alice", "order.place", BID))["orderId"]}
    partly, new = {"cancelRestrictions": "ONLY_PARTIALLY_FILLED"}, {"cancelRestrictions": "ONLY_NEW"}
    unmet = (-2011, "Order was not canceled due to cancel restrictions.")
    assert await ask("alice", "order.cancel", {**named, **partly}) == unmet
    await ask("bob", "order.place", {**BID, "side": "SELL", "quantity": "0.4"})
    assert await ask("alice", "order.cancel", {**named, **new}) == unmet
    assert (await ask("alice", "order.cancel", {**named, **partly}))["executedQty"] == "0.40000000"
