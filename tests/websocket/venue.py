"""The whole exchange on a loopback port, with clients that connect to it."""

import asyncio
import hashlib
import hmac
import itertools
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from tandem.apps.serve import Exchange
from tandem.apps.server import listen, serve
from tandem.identity.service import open_keys
from tandem.platform.clock import SystemClock
from tandem.platform.engine import Engine, MarketRules, Result
from tandem.platform.settings import Limits, Settings

UNIT = 10**8
ALLOWED_ORIGIN = "https://desk.example"


class Venue:
    def __init__(self, exchange: Exchange, address: str) -> None:
        self.exchange = exchange
        self.address = address
        self.engine = exchange.client.engine
        self.accounts: dict[str, int] = {}
        self.keys: dict[str, dict[str, Any]] = {}
        self._numbers = itertools.count()

    async def run(self, number: int) -> Result:
        result = await self.exchange.client.submit(number)
        assert result.code == -1, result.code
        return result

    async def set_up(self) -> None:
        engine = self.engine
        numbers = [engine.create_asset("BTC", "Bitcoin", 8), engine.create_asset("USDT", "Tether", 8)]
        numbers += [engine.create_account("alice"), engine.create_account("bob")]
        await asyncio.gather(*map(self.run, numbers))
        assets = self.exchange.client.catalog.by_code
        rules = MarketRules(tick_size=UNIT // 100, lot_size=UNIT // 10_000, max_num_orders=0)
        await self.run(engine.create_market("BTCUSDT", assets["BTC"].id, assets["USDT"].id, rules))
        self.accounts = {a.name: a.id for a in engine.accounts()}
        for name in ("alice", "bob"):
            account = self.accounts[name]
            self.keys[name] = self.exchange.create_key(account, name)
            for asset in assets.values():
                await self.run(engine.credit(account, asset.id, 10**15))

    async def place(self, name: str, side: int, price: int, qty: int) -> Result:
        return await self.run(
            self.engine.place_order(
                self.accounts[name], 0, side, 0, 0, price * UNIT, qty * UNIT, 0, f"v{next(self._numbers)}", -1
            )
        )

    async def trade(self, price: int, qty: int) -> Result:
        await self.place("alice", 1, price, qty)
        return await self.place("bob", 0, price, qty)

    def open(self, path: str, **options: Any) -> connect:
        return connect(f"ws://{self.address}{path}", proxy=None, **options)

    def signed(self, name: str, **params: Any) -> dict[str, Any]:
        """Parameters with apiKey, timestamp and signature, as the WebSocket API wants them."""
        key = self.keys[name]
        params = {"apiKey": key["apiKey"], "timestamp": time.time_ns() // 1_000_000, **params}
        shown = {k: v if isinstance(v, str) else json.dumps(v) for k, v in params.items()}
        text = "&".join(f"{k}={shown[k]}" for k in sorted(shown))
        signature = hmac.new(key["secretKey"].encode(), text.encode(), hashlib.sha256).hexdigest()
        return {**params, "signature": signature}


@asynccontextmanager
async def running(directory: Path, **settings: Any) -> AsyncIterator[Venue]:
    engine = Engine.open(str(directory), segment_bytes=1 << 20)
    keys, database = open_keys(directory, SystemClock())
    chosen = Settings(data=str(directory), allowed_origins=(ALLOWED_ORIGIN,), limits=Limits(**settings))
    exchange = Exchange(engine, keys, chosen)
    listener = listen("127.0.0.1", 0)
    address = "{}:{}".format(*listener.getsockname()[:2])
    stop, started = asyncio.Event(), asyncio.Event()
    await exchange.start()
    server = asyncio.create_task(serve(exchange.gateway, listener, stop=stop, started=started))
    try:
        await started.wait()
        venue = Venue(exchange, address)
        await venue.set_up()
        yield venue
    finally:
        stop.set()
        await server
        await exchange.stop()
        await asyncio.gather(*exchange._tasks, return_exceptions=True)
        database.close()


async def receive(socket: ClientConnection, count: int = 1) -> list[Any]:
    return [json.loads(await asyncio.wait_for(socket.recv(), 5)) for _ in range(count)]


async def ask(socket: ClientConnection, request: Any) -> Any:
    """Sends one request and gives the next message."""
    await socket.send(request if isinstance(request, str) else json.dumps(request))
    return (await receive(socket))[0]


async def call(socket: ClientConnection, method: str, params: dict[str, Any] | None = None, id: Any = 1) -> Any:
    """A request of the WebSocket API."""
    return await ask(socket, {"id": id, "method": method} | ({} if params is None else {"params": params}))


async def settled(is_so: Callable[[], bool]) -> None:
    """Lets the loop run until it is so."""
    for _ in range(10_000):
        if is_so():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to be")
