"""A real engine with trading and accounts on top of it; operations are called as the edge calls them."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from tandem.accounts import routes as account_routes
from tandem.accounts.legacy import KeyFacts
from tandem.domain.operation import Call, Operation
from tandem.domain.parameters import Parameters
from tandem.domain.requests import Sent
from tandem.platform.engine import Batch, Engine, EngineClient, MarketRules, Result
from tandem.platform.rate_limits import RateLimiter
from tandem.platform.settings import Limits
from tandem.trading import routes
from tandem.trading.orders import OrderView
from tandem.trading.user_stream import Burst, UserStreams

ALICE, BOB, CAROL = 1, 2, 3
BTC, USDT = 0, 1
BTCUSDT = 0
BTC_DECIMALS, USDT_DECIMALS = 8, 6
RULES: dict[str, Any] = {
    "tick_size": 10_000,  # 0.01
    "lot_size": 10_000,  # 0.0001
    "price_min": 10_000,
    "price_max": 10**12,
    "qty_min": 10_000,
    "qty_max": 10**12,
    "market_qty_max": 10**11,
    "min_notional": (5_000_000, False),
    "fees": (100_000, 200_000, 0, 0),  # 0.1 %, 0.2 %
    "max_num_orders": 6,
    "stp_default": 1,  # EXPIRE_TAKER
}
NOW_US = 1_700_000_000_000_000


class Rig:
    def __init__(self, path: Path, **limits: int) -> None:
        self.engine = Engine.open(str(path), segment_bytes=1 << 20, reserve_bytes=0)
        self.client = EngineClient(self.engine)
        self.limiter = RateLimiter(Limits())
        self.view = OrderView(self.client, limiter=self.limiter, **limits)
        self.streams = UserStreams(self.client, self.view)
        self.results: list[Result] = []
        self.client.add_listener(self._record)
        self.checks_of_time = 0
        self._ids = 0
        operations = [
            *routes.operations(self.client, self.view, self.limiter, self._next_id),
            *account_routes.operations(self.client, self.view.updated_us, _facts),
        ]
        self.operations: dict[str, Operation] = {op.ws_method or op.path: op for op in operations}

    async def found(self) -> None:
        """Two assets, a market, three accounts with funds."""
        engine = self.engine
        numbers = [
            engine.create_asset("BTC", "Bitcoin", BTC_DECIMALS),
            engine.create_asset("USDT", "Tether", USDT_DECIMALS),
            engine.create_market("BTCUSDT", BTC, USDT, MarketRules(**RULES)),
        ]
        for account, name in ((ALICE, "alice"), (BOB, "bob"), (CAROL, "carol")):
            numbers += [
                engine.create_account(name),
                engine.credit(account, BTC, 100 * 10**BTC_DECIMALS),
                engine.credit(account, USDT, 1_000_000 * 10**USDT_DECIMALS),
            ]
        for result in await asyncio.gather(*(self.client.submit(number) for number in numbers)):
            assert result.code == -1, result

    def rules(self, **change: Any) -> MarketRules:
        """The market's rules with some of them replaced."""
        return MarketRules(**(RULES | change))

    async def done(self, number: int) -> Result:
        result = await self.client.submit(number)
        assert result.code == -1, result
        return result

    async def snapshot(self) -> None:
        """Of everything that has been done."""
        self.engine.snapshot()
        async with asyncio.timeout(10):
            # The engine tells nobody; only these tests want to know.
            while self.engine.stats()["snapshot_seq"] < self.results[-1].seq:  # noqa: ASYNC110
                await asyncio.sleep(0.001)

    async def ask(self, name: str, account: int = ALICE, **params: object) -> Any:
        """The operation's answer, decoded."""
        operation = self.operations[name]
        values = {key: str(value) for key, value in params.items()}
        args = Parameters(operation.params).read(Sent(values, len(values), None, None))
        answer = operation.handler(self.call(account), args)
        if inspect.isawaitable(answer):
            answer = await answer
        return msgspec.json.decode(answer) if isinstance(answer, bytes) else answer

    async def limit(self, account: int, side: str, price: str, quantity: str, **params: object) -> Any:
        params = {"symbol": "BTCUSDT", "timeInForce": "GTC", "type": "LIMIT"} | params
        return await self.ask("order.place", account, side=side, price=price, quantity=quantity, **params)

    async def market(self, account: int, side: str, **params: object) -> Any:
        return await self.ask("order.place", account, symbol="BTCUSDT", side=side, type="MARKET", **params)

    def call(self, account: int) -> Call:
        def ensure_fresh() -> None:
            self.checks_of_time += 1

        return Call(account, NOW_US, _milliseconds, ensure_fresh, api_key="key")

    def hear(self, account: int, **options: bool) -> tuple[list[Any], Callable[[], None]]:
        """The account's events from now on, decoded, and the way to stop."""
        heard: list[Any] = []

        def sink(burst: Burst) -> None:
            heard.extend(map(msgspec.json.decode, burst.events))

        return heard, self.streams.subscribe(account, sink, **options)

    @property
    def ms(self) -> int:
        """When the last command was done."""
        return self.results[-1].time_us // 1000

    def execution(self, back: int = 0, index: int = 0) -> int:
        """The execution id of the `index`th report of the command `back` before the last."""
        return self.results[-1 - back].seq * 4096 + index

    def _record(self, batch: Batch) -> None:
        self.results.extend(batch.results)

    def _next_id(self) -> str:
        self._ids += 1
        return f"generated{self._ids:013d}"


def _milliseconds(us: int) -> int:
    return us // 1000


def _facts(api_key: str) -> KeyFacts:
    assert api_key == "key"
    return KeyFacts(created_us=NOW_US, may_trade=True, is_ip_restricted=False)


@asynccontextmanager
async def running(path: Path, **limits: int) -> AsyncIterator[Rig]:
    """A started rig with the engine's directory at `path`."""
    rig = Rig(path, **limits)
    rig.client.start()
    try:
        yield rig
    finally:
        await rig.client.close()
