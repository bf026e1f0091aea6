"""ccxt.pro, unmodified: books, trades, tickers, candles, the private streams, and orders over the WebSocket API."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import ccxt.pro
import pytest

from tests.system import ccxt_client
from tests.system.trader import Trader
from tests.system.venue import Venue

Traders = tuple[Trader, Trader]
SOON_S = 10


@pytest.fixture
async def watcher(market: Venue, traders: Traders) -> AsyncIterator[ccxt.pro.binance]:
    """Alice's ccxt.pro."""
    client = ccxt_client.pro(market.exchange.url, traders[0].account)
    await client.load_markets()
    yield client
    await client.close()


async def watch_until(watch: Callable[[], Awaitable[Any]], condition: Callable[[Any], bool]) -> Any:
    """Watches until what came satisfies."""
    async with asyncio.timeout(SOON_S):
        while not condition(found := await watch()):
            pass
    return found


async def in_thread(call: Callable[..., Any], *args: Any, **params: Any) -> Any:
    """Our REST client blocks; the watcher's loop must not."""
    return await asyncio.to_thread(call, *args, **params)


async def test_the_watched_book_equals_the_depth_of_rest(
    market: Venue, traders: Traders, watcher: ccxt.pro.binance
) -> None:
    alice, bob = traders
    for step in range(5):
        await in_thread(alice.place, market.symbol, "BUY", quantity="1", price=str(90 - step))
        await in_thread(bob.place, market.symbol, "SELL", quantity="1", price=str(110 + step))
    await asyncio.wait_for(watcher.watch_order_book(market.unified), SOON_S)
    for step in range(20):
        await in_thread(alice.place, market.symbol, "BUY", quantity="0.5", price=str(91 + step % 7))
        await in_thread(bob.place, market.symbol, "SELL", "MARKET", quantity="0.2")
    depth = await in_thread(alice.public, "/api/v3/depth", symbol=market.symbol, limit=1000)
    async with asyncio.timeout(SOON_S):  # the last change may have come already
        while (book := watcher.orderbooks[market.unified])["nonce"] < depth["lastUpdateId"]:
            await watcher.watch_order_book(market.unified)
    assert book["nonce"] == depth["lastUpdateId"]
    for side in ("bids", "asks"):
        assert [list(level) for level in book[side]] == [[float(p), float(q)] for p, q in depth[side]]


async def test_public_streams_carry_a_trade(market: Venue, traders: Traders, watcher: ccxt.pro.binance) -> None:
    alice, bob = traders
    unified = market.unified

    def watching(watch: Callable[[], Awaitable[Any]], condition: Callable[[Any], bool]) -> asyncio.Task[Any]:
        return asyncio.create_task(watch_until(watch, condition))

    tasks = [
        watching(lambda: watcher.watch_trades(unified), lambda rows: rows[-1]["price"] == 99),
        watching(lambda: watcher.watch_ticker(unified), lambda found: found["last"] == 99),
        watching(lambda: watcher.watch_ohlcv(unified, "1m"), lambda rows: any(row[4] == 99 for row in rows)),
        watching(lambda: watcher.watch_bids_asks([unified]), lambda found: unified in found),
    ]
    await asyncio.sleep(1)  # ccxt has no word for "subscribed"
    await in_thread(alice.place, market.symbol, "BUY", quantity="2", price="99")
    await in_thread(bob.place, market.symbol, "SELL", "MARKET", quantity="0.5")
    trades, ticker, candles, best = await asyncio.gather(*tasks)
    assert [(trade["price"], trade["amount"], trade["side"]) for trade in trades] == [(99, 0.5, "sell")]
    assert (ticker["symbol"], ticker["baseVolume"]) == (market.unified, 0.5)
    assert [99, 99, 99, 99, 0.5] in [candle[1:] for candle in candles]
    assert best[market.unified]["bid"] == 99


async def test_private_streams_follow_an_order(market: Venue, traders: Traders, watcher: ccxt.pro.binance) -> None:
    _, bob = traders
    orders: list[dict[str, Any]] = []

    async def follow() -> None:
        while not orders or orders[-1]["status"] != "canceled":
            orders.extend(dict(row) for row in await watcher.watch_orders(market.unified))

    following = asyncio.create_task(follow())
    trades = asyncio.create_task(asyncio.wait_for(watcher.watch_my_trades(market.unified), SOON_S))
    balance = asyncio.create_task(
        watch_until(watcher.watch_balance, lambda found: found[market.base]["total"] == 10.49950)
    )
    await asyncio.sleep(1)  # ccxt has no word for "subscribed"
    placed = await watcher.create_order_ws(market.unified, "limit", "buy", 2, 99)
    assert (placed["status"], placed["price"], placed["amount"]) == ("open", 99, 2)
    await in_thread(bob.place, market.symbol, "SELL", "MARKET", quantity="0.5")
    (trade,) = await trades
    assert (trade["order"], trade["price"], trade["amount"], trade["takerOrMaker"]) == (placed["id"], 99, 0.5, "maker")
    assert trade["fee"] == {"currency": market.base, "cost": 0.0005}
    await balance
    canceled = await watcher.cancel_order_ws(placed["id"], market.unified)
    assert (canceled["id"], canceled["status"]) == (placed["id"], "canceled")
    await asyncio.wait_for(following, SOON_S)
    assert [(row["status"], row["filled"]) for row in orders] == [("open", 0), ("open", 0.5), ("canceled", 0.5)]
    found = (await watcher.fetch_balance_ws())["info"]["balances"]
    assert [row["locked"] for row in found] == ["0.00000000"] * len(found)


async def test_orders_over_the_websocket_api(market: Venue, watcher: ccxt.pro.binance) -> None:
    first = await watcher.create_order_ws(market.unified, "limit", "buy", 1, 90)
    second = await watcher.create_order_ws(market.unified, "limit", "buy", 1, 91)
    fetched = await watcher.fetch_order_ws(first["id"], market.unified)
    assert (fetched["id"], fetched["status"]) == (first["id"], "open")
    open_orders = await watcher.fetch_open_orders_ws(market.unified)
    assert [order["id"] for order in open_orders] == [first["id"], second["id"]]
    await watcher.cancel_all_orders_ws(market.unified)
    assert await watcher.fetch_open_orders_ws(market.unified) == []
    with pytest.raises(ccxt.OrderNotFound):
        await watcher.cancel_order_ws(first["id"], market.unified)
    with pytest.raises(ccxt.InsufficientFunds):
        await watcher.create_order_ws(market.unified, "limit", "buy", 5000, 99)
