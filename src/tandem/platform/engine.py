"""The engine on an asyncio loop: awaitable commands, and every batch handed to listeners in log order."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from itertools import takewhile

from tandem._engine import (
    Account,
    Allocated,
    Asset,
    Batch,
    BookChange,
    CancelReplaced,
    Credited,
    Debited,
    Engine,
    EngineError,
    ExchangeRules,
    Follower,
    ListAccepted,
    ListClosed,
    Market,
    MarketRules,
    OpenOrder,
    OpenOrderList,
    OrderAccepted,
    OrderAmended,
    OrderClosed,
    OrderExtra,
    OrderReleased,
    Overloaded,
    ReferenceChanged,
    Replica,
    Result,
    SelfTradePrevented,
    Terms,
    Traded,
    TrailingStarted,
)
from tandem.domain import catalog
from tandem.domain.trading import MarketStatus

__all__ = [
    "Account",
    "Allocated",
    "Asset",
    "Batch",
    "BookChange",
    "CancelReplaced",
    "Credited",
    "Debited",
    "DiskFull",
    "Engine",
    "EngineClient",
    "EngineClosed",
    "EngineError",
    "Event",
    "ExchangeRules",
    "Follower",
    "ListAccepted",
    "ListClosed",
    "Market",
    "MarketRules",
    "OpenOrder",
    "OpenOrderList",
    "OrderAccepted",
    "OrderAmended",
    "OrderClosed",
    "OrderExtra",
    "OrderReleased",
    "Overloaded",
    "ReferenceChanged",
    "Replica",
    "Result",
    "SelfTradePrevented",
    "Terms",
    "Traded",
    "TrailingStarted",
]

Event = (
    OrderAccepted
    | Traded
    | SelfTradePrevented
    | OrderClosed
    | ListAccepted
    | ListClosed
    | OrderReleased
    | TrailingStarted
    | OrderAmended
    | CancelReplaced
    | Allocated
    | Credited
    | Debited
    | ReferenceChanged
)
Listener = Callable[[Batch], None]


class DiskFull(Exception):
    """The command never reached the log: there is no space for it. Nothing was done."""


class EngineClosed(Exception):
    """The command never reached the log: the engine is closing. Nothing was done."""


ANSWER_SECONDS = 10.0
"""How long a command may take before its caller is told that the outcome is unknown."""


class EngineClient:
    """Wraps one `Engine` for one loop.

    Listeners run on the loop before the command's own future resolves, so whoever has an answer can read its effect.
    The catalog is renewed before listeners see the batch that changed it.
    """

    def __init__(
        self,
        engine: Engine,
        on_broken: Callable[[Exception], None] | None = None,
        *,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        """`on_broken` is told when a listener fails: what it keeps is wrong from then on, so the process should end."""
        self.engine = engine
        self._on_broken = on_broken
        self.catalog = catalog.Catalog()
        self._listeners: list[Listener] = []
        self._waiting: dict[int, asyncio.Future[Result]] = {}
        """By number, which rises: the first has waited longest."""
        self._answer_seconds = answer_seconds
        self._marks: deque[tuple[float, int]] = deque()
        """(when, the newest number then): who waits with a number up to an old mark has waited too long."""
        self._newest = 0
        self._expiry: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._renew_catalog()

    def add_listener(self, listener: Listener) -> None:
        """`listener` sees every batch from now on; add listeners before `start` to see the replayed ones."""
        self._listeners.append(listener)

    def start(self, tell: Callable[[int], None] | None = None) -> None:
        """Drains what recovery replayed, then follows the engine on the running loop. `tell`: how far the draining is,
        again and again."""
        self._loop = asyncio.get_running_loop()
        self.drain(tell)
        self._loop.add_reader(self.engine.notify_fd(), self._follow)
        self._expire(self._loop)

    async def close(self) -> None:
        """Finishes what was taken, then stops. Idempotent."""
        if self._loop is None:
            return
        if self._expiry is not None:
            self._expiry.cancel()
        await self._loop.run_in_executor(None, self.engine.close)
        self._loop.remove_reader(self.engine.notify_fd())
        self.drain()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(EngineClosed())
        self._waiting.clear()
        self._loop = None

    def submit(self, number: int) -> Awaitable[Result]:
        """The result of the command with this number, which a submit method of `engine` has just returned:
        `await client.submit(client.engine.cancel_all(account, market))`.

        Raises DiskFull or EngineClosed: nothing was done; TimeoutError: the outcome is unknown."""
        assert self._loop is not None, "start() comes first"
        future: asyncio.Future[Result] = self._loop.create_future()
        self._waiting[number] = future
        self._newest = number
        return future

    def _expire(self, loop: asyncio.AbstractEventLoop) -> None:
        """One timer for all who wait; precise to a quarter of the time, or of a second."""
        now, newest_expired = loop.time(), 0
        self._marks.append((now, self._newest))
        while self._marks[0][0] + self._answer_seconds <= now:
            newest_expired = self._marks.popleft()[1]
        for number in list(takewhile(newest_expired.__ge__, self._waiting)):
            future = self._waiting.pop(number)
            if not future.done():
                text = f"no answer from the engine in {self._answer_seconds:g} s; the outcome is unknown"
                future.set_exception(TimeoutError(text))
        self._expiry = loop.call_later(min(self._answer_seconds, 1.0) / 4, self._expire, loop)

    def _follow(self) -> None:
        try:
            self.drain()
        except Exception as error:
            if self._on_broken is None:
                raise
            self._on_broken(error)

    def drain(self, tell: Callable[[int], None] | None = None) -> None:
        """Hands everything that has happened to the listeners, now. `start` sees to it for whoever has a loop."""
        while batches := self.engine.poll():
            for batch in batches:
                self._deliver(batch)
            if tell is not None and batches[-1].results:  # a replayed batch has the seq of the end
                tell(batches[-1].results[-1].seq)

    def _deliver(self, batch: Batch) -> None:
        if batch.reference_changed:
            self._renew_catalog()
        for listener in self._listeners:
            listener(batch)
        waiting = self._waiting
        if waiting:
            for result in batch.results:
                future = waiting.pop(result.number, None)
                if future is not None and not future.done():
                    future.set_result(result)
            for number, reason in batch.refused:
                future = waiting.pop(number, None)
                if future is not None and not future.done():
                    future.set_exception(DiskFull() if reason == "disk_full" else EngineClosed())

    def _renew_catalog(self) -> None:
        # Markets first: the replica goes on between the two questions, and a market's assets are older than itself.
        listed = self.engine.markets()
        assets = {a.id: catalog.Asset(a.id, a.code, a.name, a.decimals) for a in self.engine.assets()}
        markets = [
            catalog.Market(m.id, m.symbol, assets[m.base], assets[m.quote], m.rules, MarketStatus(m.status))
            for m in listed
        ]
        self.catalog.replace(assets.values(), markets)
