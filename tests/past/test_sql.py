"""Answers out of a small memory and SQL are those of a memory that lets go of nothing."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tandem.apps.trading_past import TradingPast
from tandem.history.database import database_url
from tandem.trading.recall import recall
from tests.past.sql import Sql
from tests.past.world import TOO_LATE, World


@pytest.fixture(params=["sqlite", "postgresql"])
def sql(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sql]:
    if request.param == "sqlite":
        url = database_url("", tmp_path)
    else:
        url = database_url(request.getfixturevalue("postgres").new_database(), tmp_path)
    sql = Sql(url)
    yield sql
    sql.close()


@pytest.fixture
def world(sql: Sql, tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "exchange", 5, TradingPast(sql.questions))
    yield world
    world.engine.close()


async def check(world: World, count: int) -> Counter[str]:
    done: Counter[str] = Counter()
    for name, account, params in world.questions(count):
        got, expected = await world.ask(name, account, **params)
        done[TOO_LATE if got == TOO_LATE else name] += 1
        assert got in (TOO_LATE, expected), (name, account, params)
    return done


async def test_random_questions_before_and_after_a_restart(world: World, sql: Sql) -> None:
    world.trade(3_000)
    while not world.has_what_snapshots_lack():
        world.trade(20)
    sql.tell(world.results)
    done = await check(world, 500)
    world.snapshot()
    world.trade(200)
    sql.tell(world.results)
    world.restart()
    assert world.view.unsure
    await recall(world.view, world.past)
    done += await check(world, 300)
    world.trade(500)
    sql.tell(world.results)
    done += await check(world, 500)
    assert not done[TOO_LATE]
    assert min(done[name] for name in {*done} - {TOO_LATE}) > 100, done


async def test_while_sql_lags(world: World, sql: Sql) -> None:
    world.trade(1_500)
    sql.tell(world.results)
    done: Counter[str] = Counter()
    for _ in range(16):
        world.trade(30)
        done += await check(world, 15)
        sql.tell(world.results)
        done += await check(world, 15)
    assert 5 < done[TOO_LATE] < 240, done


PAGED = {
    "allOrders": ("orderId", "orderId", 0),
    "myTrades": ("fromId", "id", 0),
    "myAllocations": ("fromAllocationId", "allocationId", 0),
    "allOrderLists": ("fromId", "orderListId", 0),
}
"""Where a page begins, and which field of its last row the next one follows on."""


async def test_pages_from_the_first_to_the_last(world: World, sql: Sql) -> None:
    world.trade(3_000)
    sql.tell(world.results)
    rows = 0
    for name, (first, key, start) in PAGED.items():
        for account in (1, 2):
            place: dict[str, Any] = {} if name == "allOrderLists" else {"symbol": "BTCUSDT"}
            paged: list[Any] = []
            page, _expected = await world.ask(name, account, **place, **{first: start}, limit=7)
            while page:
                paged += page
                page, _expected = await world.ask(name, account, **place, **{first: page[-1][key] + 1}, limit=7)
            whole = await world.ask_oracle(name, account, **place, **{first: start}, limit=1_000_000)
            # Of a trade with oneself a page may end between the two rows, and the next one begins behind both.
            assert {row[key] for row in paged} == {row[key] for row in whole}
            rows += len(paged)
    assert rows > 500
