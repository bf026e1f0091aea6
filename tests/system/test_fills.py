"""Both sides of every trade see the same fills: user data, myTrades, orders and balances agree to the last unit."""

import asyncio
import random
from collections import defaultdict
from decimal import Decimal
from typing import Any

from tests.system.exchange import until
from tests.system.story import START_BASE, START_QUOTE, fee
from tests.system.streams import user_data
from tests.system.trader import Refused, Trader
from tests.system.venue import Venue

SEED = 20_260_101
ORDERS = 240
ZERO = Decimal(0)


def trade_at_random(traders: tuple[Trader, Trader], symbol: str) -> None:
    """Orders of every kind around one price, so that they fill in parts and in turn."""
    chance = random.Random(SEED)
    for _ in range(ORDERS):
        trader = chance.choice(traders)
        side = chance.choice(("BUY", "SELL"))
        qty = f"{chance.randint(6_000, 90_000) / 100_000:.5f}"
        price = f"{100 + chance.randint(-40, 40) / 100:.2f}"
        kind = chance.choice(("LIMIT", "LIMIT", "LIMIT", "IOC", "FOK", "MARKET", "QUOTE", "CANCEL"))
        try:
            match kind:
                case "LIMIT":
                    trader.place(symbol, side, quantity=qty, price=price)
                case "IOC" | "FOK":
                    trader.place(symbol, side, quantity=qty, price=price, timeInForce=kind)
                case "MARKET":
                    trader.place(symbol, side, "MARKET", quantity=qty)
                case "QUOTE":
                    trader.place(symbol, side, "MARKET", quoteOrderQty=f"{chance.randint(600, 9000) / 100:.2f}")
                case _:
                    trader.signed("DELETE", "/api/v3/openOrders", symbol=symbol)
        except Refused as refused:
            assert refused.body["code"] in (-2010, -2011, -1013), refused  # noqa: PT017


def fills_of_reports(events: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    reports = [event for event in events if event["e"] == "executionReport" and event["x"] == "TRADE"]
    return [
        (r["t"], r["i"], r["S"], Decimal(r["L"]), Decimal(r["l"]), Decimal(r["n"]), r["N"], r["m"]) for r in reports
    ]


def fills_of_rest(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [
        (
            row["id"],
            row["orderId"],
            "BUY" if row["isBuyer"] else "SELL",
            Decimal(row["price"]),
            Decimal(row["qty"]),
            Decimal(row["commission"]),
            row["commissionAsset"],
            row["isMaker"],
        )
        for row in rows
    ]


def expected_funds(fills: list[tuple[Any, ...]]) -> tuple[Decimal, Decimal]:
    """Base and quote, free and locked together, from nothing but the fills."""
    base, quote = START_BASE, START_QUOTE
    for _, _, side, price, qty, commission, _, _ in fills:
        sign = 1 if side == "BUY" else -1
        base, quote = base + sign * qty, quote - sign * price * qty
        assert commission == fee(qty if side == "BUY" else price * qty)
        if side == "BUY":
            base -= commission
        else:
            quote -= commission
    return base, quote


def locked_by(orders: list[dict[str, Any]]) -> tuple[Decimal, Decimal]:
    """Base and quote that the open orders need."""
    base = quote = ZERO
    for order in orders:
        left = Decimal(order["origQty"]) - Decimal(order["executedQty"])
        if order["side"] == "SELL":
            base += left
        else:
            quote += left * Decimal(order["price"])
    return base, quote


def check_orders(trader: Trader, symbol: str, fills: list[tuple[Any, ...]]) -> None:
    """Every order's executed quantity and amount is the sum of its fills."""
    qty: dict[int, Decimal] = defaultdict(Decimal)
    amount: dict[int, Decimal] = defaultdict(Decimal)
    for _, order_id, _, price, filled, *_ in fills:
        qty[order_id] += filled
        amount[order_id] += price * filled
    orders = trader.signed("GET", "/api/v3/allOrders", symbol=symbol, limit=1000)
    assert {row["orderId"] for row in orders} >= qty.keys()
    for row in orders:
        assert Decimal(row["executedQty"]) == qty[row["orderId"]], row
        assert Decimal(row["cummulativeQuoteQty"]) == amount[row["orderId"]], row


async def test_both_sides_see_the_same_fills(market: Venue, traders: tuple[Trader, Trader]) -> None:
    ws_url, symbol = market.exchange.ws_url, market.symbol
    alice, bob = traders
    async with user_data(ws_url, alice.account) as of_alice, user_data(ws_url, bob.account) as of_bob:
        await asyncio.to_thread(trade_at_random, traders, symbol)
        fills = [fills_of_rest(await asyncio.to_thread(t.trades, symbol, limit=1000)) for t in traders]
        for events, found in zip((of_alice, of_bob), fills, strict=True):
            await asyncio.to_thread(until, lambda e=events, f=found: len(fills_of_reports(e)) >= len(f))
            assert sorted(fills_of_reports(events)) == sorted(found)
    assert len(fills[0]) > 20
    by_id = [{fill[0]: fill for fill in side} for side in fills]
    between = by_id[0].keys() & by_id[1].keys()
    assert len(between) > 10
    for trade_id in between:
        left, right = by_id[0][trade_id], by_id[1][trade_id]
        assert left[3:5] == right[3:5]
        assert {left[2], right[2]} == {"BUY", "SELL"}
        assert left[7] is not right[7]
    for trader, found in zip(traders, fills, strict=True):
        balances, open_orders = trader.balances(), trader.open_orders(symbol)
        assert tuple(sum(balances[asset]) for asset in (market.base, market.quote)) == expected_funds(found)
        assert (balances[market.base][1], balances[market.quote][1]) == locked_by(open_orders)
        check_orders(trader, symbol, found)


async def test_balance_events_lead_to_the_balance(market: Venue, traders: tuple[Trader, Trader]) -> None:
    """The last outboundAccountPosition of each asset is what REST says."""
    alice, bob = traders
    async with user_data(market.exchange.ws_url, alice.account) as events:
        await asyncio.to_thread(alice.place, market.symbol, "BUY", quantity="1", price="100")
        await asyncio.to_thread(bob.place, market.symbol, "SELL", quantity="0.4", price="100")
        await asyncio.to_thread(alice.signed, "DELETE", "/api/v3/openOrders", symbol=market.symbol)
        credit = {"account": alice.name, "asset": market.quote, "amount": "12.5"}
        await asyncio.to_thread(market.exchange.operate, "POST", "/accounts/credit", credit)
        await asyncio.to_thread(until, lambda: any(event["e"] == "balanceUpdate" for event in events))
    last: dict[str, tuple[Decimal, Decimal]] = {}
    for event in events:
        if event["e"] == "outboundAccountPosition":
            last |= {row["a"]: (Decimal(row["f"]), Decimal(row["l"])) for row in event["B"]}
    (update,) = [event for event in events if event["e"] == "balanceUpdate"]
    assert (update["a"], Decimal(update["d"])) == (market.quote, Decimal("12.5"))
    balances = alice.balances()
    assert balances[market.base] == last[market.base] == (Decimal("10.3996"), ZERO)
    assert balances[market.quote] == (Decimal(100_000) - 40 + Decimal("12.5"), ZERO)
