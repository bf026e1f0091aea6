"""A raw WebSocket client of ours: streams as they come, and the order book by the documented recipe."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import aiohttp
import orjson

from tests.system.trader import signed_params


class Socket:
    """One connection; frames decoded."""

    def __init__(self, raw: aiohttp.ClientWebSocketResponse) -> None:
        self.raw = raw
        self._ids = itertools.count(1)

    async def next(self, timeout_s: float = 10.0) -> Any:
        """The next message. Raises ConnectionError with the close code when the other side is done."""
        message = await self.raw.receive(timeout_s)
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise ConnectionError(f"closed with {self.raw.close_code}: {message.data!r} {message.extra!r}")
        return orjson.loads(message.data)

    async def ask(self, method: str, params: Any = None, timeout_s: float = 10.0) -> Any:
        """The answer to one request, whatever comes before it. Only for sockets on which nothing else matters."""
        asked = f"t{next(self._ids)}"
        request = {"id": asked, "method": method} | ({} if params is None else {"params": params})
        await self.raw.send_str(orjson.dumps(request).decode())
        async with asyncio.timeout(timeout_s):
            while (answer := await self.next()).get("id") != asked:
                pass
        return answer

    async def ask_signed(self, account: dict[str, str], method: str, **params: Any) -> Any:
        return await self.ask(method, signed_params(account["apiKey"], account["secretKey"], **params))


@asynccontextmanager
async def connect(url: str, **options: Any) -> AsyncIterator[Socket]:
    async with aiohttp.ClientSession() as session, session.ws_connect(url, **options) as raw:
        yield Socket(raw)


@asynccontextmanager
async def user_data(ws_url: str, account: dict[str, str]) -> AsyncIterator[list[dict[str, Any]]]:
    """A list that grows by the account's events until the block ends."""
    events: list[dict[str, Any]] = []
    async with connect(ws_url + "/ws-api/v3") as socket:
        answer = await socket.ask_signed(account, "userDataStream.subscribe.signature")
        assert answer["status"] == 200, answer

        async def collect() -> None:
            while True:
                events.append((await socket.next(60))["event"])

        task = asyncio.create_task(collect())
        try:
            yield events
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


class Book:
    """Levels by price, kept by the recipe: snapshot, then every event whose U follows the u before it."""

    def __init__(self, snapshot: dict[str, Any]) -> None:
        self.last_update_id: int = snapshot["lastUpdateId"]
        self._is_first = True
        self._sides = {
            side: {Decimal(price): Decimal(qty) for price, qty in snapshot[side]} for side in ("bids", "asks")
        }

    def apply(self, event: dict[str, Any]) -> None:
        if event["u"] <= self.last_update_id:
            return
        if self._is_first:
            assert event["U"] <= self.last_update_id + 1 <= event["u"], (self.last_update_id, event)
            self._is_first = False
        else:
            assert event["U"] == self.last_update_id + 1, f"gap: {self.last_update_id} -> {event['U']}"
        for side, changes in (("bids", event["b"]), ("asks", event["a"])):
            levels = self._sides[side]
            for price, qty in changes:
                if Decimal(qty):
                    levels[Decimal(price)] = Decimal(qty)
                else:
                    levels.pop(Decimal(price), None)
        self.last_update_id = event["u"]

    def sides(self) -> tuple[list[tuple[Decimal, Decimal]], list[tuple[Decimal, Decimal]]]:
        """Bids and asks, best first."""
        return sorted(self._sides["bids"].items(), reverse=True), sorted(self._sides["asks"].items())
