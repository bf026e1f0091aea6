"""Trades, aggregates and candles out of a small memory and SQL are those of a memory that lets go of nothing."""

import inspect
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tandem.apps.market_past import MarketPast
from tandem.domain.intervals import DAY, HOUR, INTERVALS, MINUTE, SECOND
from tandem.history.database import database_url
from tandem.marketdata import candles
from tandem.marketdata.candles import Span
from tandem.marketdata.history import PublicHistory
from tandem.marketdata.past import Past
from tandem.marketdata.views import MarketData
from tandem.platform.engine import Batch, EngineClient, Result
from tests.history.traffic import BTCUSDT
from tests.past.sql import Sql
from tests.trading.rig import BOB
from tests.trading.told import accepted, traded

START = 1_790_000_000 * SECOND
OFFSETS = (0, 0, 8 * HOUR, -3 * HOUR, 5 * HOUR + 45 * MINUTE)
TOO_LATE = "timeout"


def data_of(past: Past | None, start_seq: int = 0, markets: Any = (), capacity: int = 10**6) -> MarketData:
    engine = SimpleNamespace(recovery=lambda: {"events_from_seq": start_seq}, snapshot_markets=lambda: markets)
    client = SimpleNamespace(engine=engine, add_listener=lambda _listener: None)
    return MarketData(cast(EngineClient, client), None, past, trade_capacity=capacity)


class Market:
    """Trades at times that a test chooses: a memory of 50 trades and 20 candles, and one of everything."""

    def __init__(self, sql: Sql, seed: int, patch: pytest.MonkeyPatch) -> None:
        self.sql = sql
        self.past = MarketPast(sql.questions)
        self.random = random.Random(seed)
        self.results: list[Result] = []
        self.time_us, self.orders, self.trades = START, 0, 0
        self.everything = data_of(None)
        self.everything.view(BTCUSDT)
        patch.setattr(candles, "LIMITS", {"1s": 20, "1m": 20})
        patch.setattr(candles, "DEFAULT_LIMIT", 20)
        patch.setattr(candles, "SLACK", 3)
        self.small = data_of(self.past, capacity=50)

    def trade(self, commands: int, step_us: int = 10 * MINUTE) -> None:
        for _ in range(commands):
            pauses = (0, 0, 1, SECOND, step_us, 20 * step_us)
            self.time_us += self.random.randrange(self.random.choice(pauses) + 1)
            self._take()

    def _take(self) -> None:
        """A taker that meets several makers, some at one price."""
        makers, events, prices = (
            [],
            [],
            sorted(self.random.randrange(90, 100) for _ in range(self.random.randint(1, 4))),
        )
        for price in prices:
            self.orders += 1
            makers.append((self.orders, price))
            self._tell([accepted(self.orders, account=BOB, side=1, price=price, qty=10)])
        self.orders += 1
        side = self.random.randint(0, 1)
        for maker, price in makers:
            amounts = {"price": price, "quote_amount": price * 10, "taker_side": side, "taker_left": 1}
            events.append(traded(self.orders, maker, qty=10, trade_id=self.trades, **amounts))
            self.trades += 1
        self._tell([accepted(self.orders, qty=10 * len(makers) + 1), *events])

    def _tell(self, events: list[Any]) -> None:
        result = Result(seq=len(self.results) + 1, time_us=self.time_us, events=events)
        self.results.append(result)
        for data in (self.small, self.everything):
            data.on_batch(cast(Batch, SimpleNamespace(seq=result.seq, results=[result], replayed=False)))

    def restart(self) -> None:
        """The small memory begins anew, without what was saved of it."""
        view = self.everything.view(BTCUSDT)
        markets = [(BTCUSDT, view.trades.next_id, view.last_price, 0)]
        self.small = data_of(self.past, self.results[-1].seq, markets, capacity=50)

    async def ask(self, name: str, *args: Any) -> tuple[Any, Any]:
        answers = [getattr(PublicHistory(*side), name)(BTCUSDT, *args) for side in self._sides]
        rows = []
        for answer in answers:
            try:
                rows.append(await answer if inspect.isawaitable(answer) else answer)
            except TimeoutError:
                rows.append(TOO_LATE)
        return rows[0], rows[1]

    @property
    def _sides(self) -> tuple[tuple[MarketData, Past | None], ...]:
        return (self.small, self.past), (self.everything, None)

    def question(self) -> tuple[str, tuple[Any, ...]]:
        limit: dict[str, Any] = {"limit": self.random.choice((1, 2, 7, 30, 200, 1000))}
        view = self.everything.view(BTCUSDT)
        dice = self.random.random()
        if dice < 0.2:
            by_id = {"fromId": self.random.randrange(view.trades.next_id + 2)}
            return "trades", (limit | self.random.choice([{}, by_id]),)
        start, end = sorted(self._moment() for _ in "ab")
        bounds = self.random.choice([(None, None), (start, None), (None, end), (start, end)])
        if dice < 0.5:
            near = self.small.view(BTCUSDT).trades.first_whole_aggregate() + self.random.randint(-3, 2)
            first = self.random.choice((self.random.randrange(view.trades.next_aggregate + 2), max(near, 0)))
            by_id = {"fromId": first}
            by_time = {k: us for k, us in zip(("startTime", "endTime"), bounds, strict=True) if us is not None}
            return "aggregates", (limit | self.random.choice([by_id, by_time]),)
        interval = INTERVALS[self.random.choice(list(INTERVALS))]
        now_us = self.time_us + self.random.choice((0, MINUTE, 3 * DAY))
        return "candles", (Span(interval, self.random.choice(OFFSETS), now_us, limit["limit"], *bounds),)

    def _moment(self) -> int:
        return self.random.randrange(START - HOUR, self.time_us + HOUR)


@pytest.fixture(params=["sqlite", "postgresql"])
def market(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Market]:
    database = "" if request.param == "sqlite" else request.getfixturevalue("postgres").new_database()
    sql = Sql(database_url(database, tmp_path))
    yield Market(sql, 3, monkeypatch)
    sql.close()


def comparable(rows: Any) -> Any:
    """Trade ids of candles, and which trade begins an aggregate, are not asked for."""
    if rows == TOO_LATE:
        return rows
    return [tuple(row[:10]) if len(row) == 12 else row[:4] + row[5:] if len(row) == 6 else row for row in rows]


async def check(market: Market, count: int) -> Counter[str]:
    done: Counter[str] = Counter()
    for _ in range(count):
        name, args = market.question()
        got, expected = await market.ask(name, *args)
        done[TOO_LATE if got == TOO_LATE else name] += 1
        assert got == TOO_LATE or comparable(got) == comparable(expected), (name, args)
    return done


async def test_random_questions(market: Market) -> None:
    market.trade(60)
    done: Counter[str] = Counter()
    for number in range(30):
        market.trade(9, (SECOND, MINUTE, 10 * MINUTE, DAY // 4)[number % 4])
        market.sql.tell(market.results)
        done += await check(market, 25)
    assert not done[TOO_LATE]
    assert min(done["trades"], done["aggregates"], done["candles"]) > 80, done


async def test_a_memory_that_begins_anew_goes_on_with_the_same_ids(market: Market) -> None:
    market.trade(100)
    market.sql.tell(market.results)
    market.restart()
    done = await check(market, 150)
    market.trade(3, 100)
    done += await check(market, 60)
    market.trade(40)
    market.sql.tell(market.results)
    done += await check(market, 150)
    assert market.small.view(BTCUSDT).trades.next_aggregate == market.everything.view(BTCUSDT).trades.next_aggregate
    assert 3 < done[TOO_LATE] < 60, done


async def test_a_memory_that_begins_anew_asks_for_all_that_was_before(market: Market) -> None:
    """SQL does not have the last commands before the start: none of its answers is complete."""
    market.trade(100)
    market.sql.tell(market.results[:-2])
    market.restart()
    done = await check(market, 60)
    assert done[TOO_LATE] > 50, done
    market.sql.tell(market.results)
    assert not (await check(market, 60))[TOO_LATE]


async def test_while_sql_lags(market: Market) -> None:
    market.trade(100)
    market.sql.tell(market.results)
    done: Counter[str] = Counter()
    for _ in range(8):
        market.trade(40)
        done += await check(market, 15)
        market.sql.tell(market.results)
        done += await check(market, 15)
    assert 3 < done[TOO_LATE] < 100, done
