"""Liquidity for the demo: one maker and one taker in each market, from a seed, through the API's own operations.

The maker has no memory: each second it compares its open orders with the ladder it wants and sends the difference, so
a restart, a crash or somebody who sweeps the book all heal the same way. Prices are floats until they become ticks.
"""

import asyncio
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from tandem.apps.demo import DemoMarket
from tandem.domain.errors import ApiError
from tandem.domain.operation import Call, Operation
from tandem.platform.engine import DiskFull, Overloaded
from tandem.platform.telemetry import log

LEVELS = 25
SECONDS = 1.0
"""From one look at the book to the next; about one trade falls between."""
DRIFT = 0.00012
"""Standard deviation of one step of the log price."""
PULL = 0.002
"""Share of the way back to the start price in each step, so that a demo left alone stays where it began."""


class Trader:
    """One account's hands: the operations that any client would call, without HTTP around them."""

    def __init__(self, operations: Mapping[str, Operation], account: int) -> None:
        self._operations = operations
        self._account = account

    async def ask(self, ws_method: str, args: dict[str, Any]) -> Any:
        """The decoded answer. Raises ApiError as a client would see it."""
        call = Call(self._account, 0, lambda us: us // 1000, lambda: None)
        answer = self._operations[ws_method].handler(call, args)
        if asyncio.iscoroutine(answer) or asyncio.isfuture(answer):
            answer = await answer
        return orjson.loads(answer) if isinstance(answer, bytes) else answer


@dataclass(slots=True)
class Walk:
    """A random walk that is pulled back to where it began."""

    start: float
    generator: random.Random
    price: float = 0.0

    def step(self) -> float:
        price = self.price or self.start
        back = PULL * math.log(self.start / price)
        self.price = price * math.exp(back + self.generator.gauss(0.0, DRIFT))
        return self.price


class Bots:
    """All bots of one exchange: `start` in a running loop, `stop` before the engine closes."""

    def __init__(
        self,
        markets: tuple[DemoMarket, ...],
        operations: list[Operation],
        maker: int,
        taker: int,
        seed: int,
        *,
        seconds: float = SECONDS,
    ) -> None:
        by_method = {operation.ws_method: operation for operation in operations if operation.ws_method}
        self._maker = Trader(by_method, maker)
        self._taker = Trader(by_method, taker)
        self._markets = markets
        self._seed = seed
        self._seconds = seconds
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        for number, market in enumerate(self._markets):
            generator = random.Random(self._seed * 1_000 + number)
            delay = self._seconds * number / len(self._markets)
            task = asyncio.create_task(self._run(market, generator, delay), name=f"bots {market.symbol}")
            task.add_done_callback(_say_why)
            self._tasks.append(task)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    async def _run(self, market: DemoMarket, generator: random.Random, delay: float) -> None:
        walk = Walk(market.price, generator)
        await self._resume(market, walk)
        await self._guarded(self._quote(market, walk.step(), generator))
        await asyncio.sleep(delay)
        while True:
            await self._guarded(self._quote(market, walk.step(), generator))
            await asyncio.sleep(self._seconds * generator.uniform(0.3, 0.5))
            await self._guarded(self._take(market, walk.price, generator))
            await asyncio.sleep(self._seconds * generator.uniform(0.4, 0.6))

    async def _resume(self, market: DemoMarket, walk: Walk) -> None:
        """Goes on from the price at which the market was left."""
        try:
            last = float((await self._maker.ask("ticker.price", {"symbol": market.symbol}))["price"])
        except ApiError:
            return
        if last > 0:
            walk.price = last

    async def _guarded(self, work: Any) -> None:
        """A halted market or a disk that is full or stands still must not end the bots."""
        try:
            await work
        except (ApiError, Overloaded, DiskFull, TimeoutError) as error:
            log(__name__).debug("the bots were refused", error=repr(error))

    async def _quote(self, market: DemoMarket, fair: float, generator: random.Random) -> None:
        """Sends the difference between the ladder around `fair` and the orders that rest."""
        wanted = ladder(market, fair, generator)
        resting: set[tuple[str, str]] = set()
        for order in await self._maker.ask("openOrders.status", {"symbol": market.symbol}):
            place = (order["side"], trim(order["price"]))
            if place in wanted and place not in resting:
                resting.add(place)
                continue
            await self._guarded(self._maker.ask("order.cancel", {"symbol": market.symbol, "orderId": order["orderId"]}))
        for place, quantity in wanted.items():
            if place not in resting:
                side, price = place
                args = {"symbol": market.symbol, "side": side, "type": "LIMIT_MAKER", "price": price}
                await self._guarded(self._maker.ask("order.place", args | {"quantity": quantity}))

    async def _take(self, market: DemoMarket, fair: float, generator: random.Random) -> None:
        """Limit and not market orders: the first trade of a market has no average price that NOTIONAL could go by."""
        share = generator.uniform(0.02, 0.4) if generator.random() < 0.95 else generator.uniform(1.0, 4.0)
        quantity = on_step(market.size * share, market.step)
        side = generator.choice(("BUY", "SELL"))
        price = on_step(fair * (1.01 if side == "BUY" else 0.99), market.tick)
        args = {"symbol": market.symbol, "side": side, "type": "LIMIT", "timeInForce": "IOC", "price": price}
        await self._taker.ask("order.place", args | {"quantity": quantity})


def _say_why(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log(__name__).error("the bots of a market ended", task=task.get_name(), exc_info=error)


def ladder(market: DemoMarket, fair: float, generator: random.Random) -> dict[tuple[str, str], str]:
    """(side, price) -> quantity: LEVELS prices on a fixed grid on each side of `fair`, thicker further out."""
    centre = math.floor(fair / market.grid)
    wanted = {}
    for level in range(LEVELS):
        quantity = market.size * (1.0 + 0.15 * level) * generator.uniform(0.5, 1.5)
        wanted["BUY", on_step((centre - level) * market.grid, market.tick)] = on_step(quantity, market.step)
        wanted["SELL", on_step((centre + 1 + level) * market.grid, market.tick)] = on_step(quantity, market.step)
    return wanted


def on_step(value: float, step: str) -> str:
    """`value` rounded to a multiple of `step`, at least one, as a plain decimal string without trailing zeros."""
    decimals = len(step.partition(".")[2])
    units = max(1, round(value / float(step)))
    whole = int(step.replace(".", ""))
    digits = str(units * whole).zfill(decimals + 1)
    return trim(f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits)


def trim(text: str) -> str:
    """Without trailing zeros: how the bots compare prices."""
    return text.rstrip("0").rstrip(".") if "." in text else text
