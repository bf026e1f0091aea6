"""The order-book stream is gap-free and equals REST while the demo's bots trade."""

import asyncio
from decimal import Decimal
from typing import Any

import aiohttp
import orjson
import pytest

from tests.system.exchange import Exchange
from tests.system.streams import Book, Socket, connect

MATCHES = 5
LIMIT = 5000


async def depth(session: aiohttp.ClientSession, url: str, symbol: str) -> dict[str, Any]:
    async with session.get(f"{url}/api/v3/depth", params={"symbol": symbol, "limit": str(LIMIT)}) as response:
        assert response.status == 200, await response.text()
        answer: dict[str, Any] = orjson.loads(await response.read())
        return answer


def as_sides(snapshot: dict[str, Any]) -> tuple[list[tuple[Decimal, Decimal]], ...]:
    return tuple([(Decimal(p), Decimal(q)) for p, q in snapshot[side]] for side in ("bids", "asks"))


async def compare(session: aiohttp.ClientSession, url: str, symbol: str, stream: Socket) -> dict[str, int]:
    """Follows the book by the recipe until it was equal to a REST snapshot of the same lastUpdateId a few times."""
    first = await stream.next()  # the stream is open before the snapshot is taken
    book = Book(await depth(session, url, symbol))
    book.apply(first)
    seen = {"events": 1, "matches": 0}
    while seen["matches"] < MATCHES:
        while book.last_update_id > (snapshot := await depth(session, url, symbol))["lastUpdateId"]:
            pass
        while book.last_update_id < snapshot["lastUpdateId"]:
            book.apply(await stream.next())
            seen["events"] += 1
        if book.last_update_id == snapshot["lastUpdateId"]:
            assert book.sides() == as_sides(snapshot)
            seen["matches"] += 1
        book.apply(await stream.next())
        seen["events"] += 1
    return seen


@pytest.mark.parametrize("speed", ["@100ms", ""])
async def test_snapshot_and_diffs_equal_the_book(demo: Exchange, speed: str) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{demo.url}/api/v3/exchangeInfo") as response:
            symbol = orjson.loads(await response.read())["symbols"][0]["symbol"]
        async with connect(f"{demo.ws_url}/ws/{symbol.lower()}@depth{speed}") as stream:
            async with asyncio.timeout(50):
                seen = await compare(session, demo.url, symbol, stream)
    assert seen["events"] > MATCHES


async def test_two_connections_are_told_the_same(demo: Exchange) -> None:
    """The stream is one sequence: who joins twice reads the same events with the same numbers."""
    async with aiohttp.ClientSession() as session, session.get(f"{demo.url}/api/v3/exchangeInfo") as response:
        symbol = orjson.loads(await response.read())["symbols"][0]["symbol"].lower()
    raw_url = f"{demo.ws_url}/ws/{symbol}@depth@100ms"
    combined_url = f"{demo.ws_url}/stream?streams={symbol}@depth@100ms"
    async with connect(raw_url) as raw, connect(combined_url) as combined:
        left = {(event := await raw.next())["u"]: event for _ in range(15)}
        right = {(event := (await combined.next())["data"])["u"]: event for _ in range(15)}
    common = left.keys() & right.keys()
    assert len(common) >= 10
    assert [left[u] for u in sorted(common)] == [right[u] for u in sorted(common)]


async def test_the_demo_trades(demo: Exchange) -> None:
    """Live markets: trades, both sides of the book, candles."""
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{demo.url}/api/v3/exchangeInfo") as response:
            symbols = [row["symbol"] for row in orjson.loads(await response.read())["symbols"]]
        async with connect(f"{demo.ws_url}/ws/{symbols[0].lower()}@trade") as stream:
            trades = [await stream.next(30) for _ in range(3)]
        assert [trade["t"] for trade in trades] == list(range(trades[0]["t"], trades[0]["t"] + 3))
        for symbol in symbols:
            snapshot = await depth(session, demo.url, symbol)
            assert snapshot["bids"], symbol
            assert snapshot["asks"], symbol
            assert Decimal(snapshot["bids"][0][0]) < Decimal(snapshot["asks"][0][0])
