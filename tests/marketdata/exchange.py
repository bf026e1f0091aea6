"""A small exchange for tests: the real engine in a directory, one market, two accounts, the views and the hub."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson

from tandem.domain.errors import ApiError
from tandem.domain.operation import Call, Operation
from tandem.domain.parameters import Parameters
from tandem.domain.requests import read_http
from tandem.marketdata.routes import operations
from tandem.marketdata.store import ViewStore, saved_through
from tandem.marketdata.streams import StreamHub
from tandem.marketdata.views import MarketData
from tandem.platform.clock import ManualClock
from tandem.platform.engine import Engine, EngineClient, MarketRules, Result
from tandem.platform.rate_limits import RateLimiter
from tandem.platform.settings import Limits

UNIT = 10**8
BUY, SELL = 0, 1
LIMIT, MARKET_ORDER = 0, 2


class Listener:
    """A socket of the hub that keeps what it gets."""

    def __init__(self, form: int = 0) -> None:
        self.form = form
        self.frames: list[bytes] = []

    def push(self, frame: bytes) -> None:
        self.frames.append(frame)

    def take(self) -> list[Any]:
        events = [orjson.loads(frame) for frame in self.frames]
        self.frames.clear()
        return events


class Exchange:
    def __init__(self, directory: Path) -> None:
        saved = saved_through(directory / "marketdata")
        self.engine = Engine.open(str(directory), segment_bytes=1 << 20, replay_from=saved)
        self.client = EngineClient(self.engine)
        found = self.engine.recovery()
        store = ViewStore(directory / "marketdata", cluster_id=found["cluster_id"], last_seq=found["last_seq"])
        self.data = MarketData(self.client, store)
        self.clock = ManualClock()
        self.hub = StreamHub(self.data, self.clock, lambda payload: payload)
        self.market = self.alice = self.bob = 0
        self.operations: dict[str, Operation] = {
            o.path.removeprefix("/api/v3/") or f"ws {o.ws_method}": o
            for o in operations(self.data, RateLimiter(Limits()))
        }

    async def set_up(self) -> None:
        self.client.start()
        engine = self.engine
        numbers = [engine.create_asset("BTC", "Bitcoin", 8), engine.create_asset("USDT", "Tether", 8)]
        numbers += [engine.create_account("alice"), engine.create_account("bob")]
        await asyncio.gather(*map(self.run, numbers))
        await self.add_market("BTCUSDT")
        self.alice, self.bob = (a.id for a in self.engine.accounts() if a.name in ("alice", "bob"))
        await asyncio.gather(
            *(
                self.run(self.engine.credit(account, asset, 10**15))
                for account in (self.alice, self.bob)
                for asset in self.client.catalog.assets
            )
        )
        self.market = self.client.catalog.by_symbol["BTCUSDT"].id

    async def add_market(self, symbol: str, **rules_: Any) -> None:
        by_code = self.client.catalog.by_code
        rules = MarketRules(**{"tick_size": UNIT // 100, "lot_size": UNIT // 10_000, "max_num_orders": 0} | rules_)
        await self.run(self.engine.create_market(symbol, by_code["BTC"].id, by_code["USDT"].id, rules))

    async def run(self, number: int) -> Result:
        result = await self.client.submit(number)
        assert result.code == -1, result.code
        return result

    async def place(
        self, account: int, side: int, price: float, qty: float, *, tif: int = 0, kind: int = LIMIT, market: int = -1
    ) -> Result:
        client_id = f"c{time.perf_counter_ns()}"
        market = self.market if market < 0 else market
        units = round(price * 100) * (UNIT // 100), round(qty * 10_000) * (UNIT // 10_000)
        return await self.run(self.engine.place_order(account, market, side, kind, tif, *units, 0, client_id, -1))

    async def trade(self, price: float, qty: float, *, taker: int = BUY) -> Result:
        """Alice rests, Bob takes. The result is the taker's."""
        await self.place(self.alice, 1 - taker, price, qty)
        return await self.place(self.bob, taker, price, qty)

    def ask(self, path: str, query: str = "", *, now_us: int | None = None, micros: bool = False) -> Any:
        """What an operation answers, as a client reads it; an error as (code, message)."""
        operation = self.operations[path]
        now = time.time_ns() // 1000 if now_us is None else now_us
        call = Call(-1, now, (lambda us: us) if micros else (lambda us: us // 1000), lambda: None)
        try:
            args = Parameters(operation.params).read(read_http(query.encode(), b""))
            result: Any = operation.handler(call, args)
        except ApiError as error:
            return error.code, error.message
        return orjson.loads(result if isinstance(result, bytes) else orjson.dumps(result))

    def weight(self, path: str, query: str) -> int:
        operation = self.operations[path]
        args = Parameters(operation.params).read(read_http(query.encode(), b""))
        return operation.weight if isinstance(operation.weight, int) else operation.weight(args)


@asynccontextmanager
async def running(directory: Path) -> AsyncIterator[Exchange]:
    exchange = Exchange(directory)
    try:
        await exchange.set_up()
        yield exchange
    finally:
        await exchange.client.close()
        await asyncio.sleep(0)
