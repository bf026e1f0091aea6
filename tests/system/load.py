"""Concurrent signed clients that write down what they ask for before they send it, and what they were told.

The journal is a file of our own, outside the process under test: one JSON object a line, `send` before the request
leaves, then `ack` (200), `refused` (an error that says nothing was done) or nothing at all (the connection broke). `at`
says when, in seconds.
"""

import asyncio
import json
import os
import random
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import aiohttp

from tests.system.trader import signed_query

TASKS_PER_ACCOUNT = 3


class Journal:
    """Append only; a line is with the kernel before `write` returns."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        self._path = path

    def write(self, what: str, op: str, cid: str, **more: Any) -> None:
        line = {"what": what, "op": op, "cid": cid, "at": time.monotonic(), **more}
        os.write(self._fd, json.dumps(line).encode() + b"\n")

    def read(self) -> Iterator[dict[str, Any]]:
        with self._path.open() as lines:
            for line in lines:
                yield json.loads(line)

    def close(self) -> None:
        os.close(self._fd)


def canceling(cid: str) -> str:
    """The client id that a cancel of order `cid` gives."""
    return f"x{cid}"


def original(cid: str) -> str:
    return cid.removeprefix("x")


class Loader:
    """One account's orders in one cycle. Client ids are `<cycle>-<account>-<number>`."""

    def __init__(self, url: str, account: dict[str, str], symbol: str, cycle: int, seed: int, journal: Journal) -> None:
        self._url = url + "/api/v3/order"
        self._account = account
        self._symbol = symbol
        self._prefix = f"{cycle}-{account['name']}"
        self._chance = random.Random(f"{seed}-{self._prefix}")
        self._journal = journal
        self._count = 0
        self._open: list[str] = []
        self.acknowledged = 0

    async def run(self, session: aiohttp.ClientSession) -> None:
        """Until the connection breaks."""
        await asyncio.gather(*(self._work(session) for _ in range(TASKS_PER_ACCOUNT)))

    async def _work(self, session: aiohttp.ClientSession) -> None:
        while True:
            try:
                if self._open and self._chance.random() < 0.3:
                    await self._cancel(session, self._open.pop(self._chance.randrange(len(self._open))))
                else:
                    await self._place(session)
            except (TimeoutError, aiohttp.ClientError, ConnectionError):
                return

    async def _place(self, session: aiohttp.ClientSession) -> None:
        self._count += 1
        cid = f"{self._prefix}-{self._count}"
        chance = self._chance
        params: dict[str, Any] = {
            "symbol": self._symbol,
            "side": chance.choice(("BUY", "SELL")),
            "quantity": f"{chance.randint(60, 400) / 1000:.3f}",
            "newClientOrderId": cid,
            "newOrderRespType": "RESULT",
        }
        if chance.random() < 0.12:
            params |= {"type": "MARKET"}
        else:
            tif = chance.choice(("GTC", "GTC", "GTC", "IOC"))
            params |= {"type": "LIMIT", "timeInForce": tif, "price": f"{100 + chance.randint(-30, 30) / 100:.2f}"}
        answer = await self._send(session, "POST", "place", cid, params)
        if answer is not None and answer["status"] in ("NEW", "PARTIALLY_FILLED"):
            self._open.append(cid)

    async def _cancel(self, session: aiohttp.ClientSession, cid: str) -> None:
        params = {"symbol": self._symbol, "origClientOrderId": cid, "newClientOrderId": canceling(cid)}
        await self._send(session, "DELETE", "cancel", cid, params)

    async def _send(
        self, session: aiohttp.ClientSession, method: str, op: str, cid: str, params: dict[str, Any]
    ) -> dict[str, Any] | None:
        self._journal.write("send", op, cid, account=self._account["name"])
        url = f"{self._url}?{signed_query(self._account['secretKey'], **params)}"
        async with session.request(method, url, headers={"X-MBX-APIKEY": self._account["apiKey"]}) as response:
            answer: dict[str, Any] = json.loads(await response.read())
            status = response.status
        if status == 200:
            kept = {
                name: answer[name] for name in ("orderId", "status", "executedQty", "cummulativeQuoteQty", "origQty")
            }
            self._journal.write("ack", op, cid, **kept)
            self.acknowledged += 1
            return answer
        assert status == 400, (status, answer)
        self._journal.write("refused", op, cid, code=answer["code"])
        return None


async def load_until(loaders: Iterable[Loader], seconds: float, kill: Callable[[], None]) -> None:
    """Runs all loaders for `seconds`, calls `kill`, and waits until every connection is broken."""
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as session:
        running = [asyncio.create_task(loader.run(session)) for loader in loaders]
        done, _ = await asyncio.wait(running, timeout=seconds)
        kill()
        for task in done:
            task.result()
        assert not done, "the process died before it was killed"
        await asyncio.gather(*running)
