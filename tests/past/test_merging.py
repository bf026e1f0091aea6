"""Whatever memory has let go, answers are as if it had let go nothing, however far the past was told."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tandem.trading.recall import recall
from tests.past.remembered import Remembered
from tests.past.world import TOO_LATE, World

IDS = {
    "allOrders": "orderId",
    "myTrades": "id",
    "allOrderLists": "orderListId",
    "myAllocations": "allocationId",
    "order.amendments": "executionId",
    "myPreventedMatches": "preventedMatchId",
}


@pytest.fixture(params=range(2))
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path, request.param, Remembered())
    yield world
    world.engine.close()


def past_of(world: World) -> Remembered:
    assert isinstance(world.past, Remembered)
    return world.past


async def check(world: World, count: int) -> Counter[str]:
    """Every answer is the oracle's, or the past was not told enough. How often each was answered, and by whom."""
    done: Counter[str] = Counter()
    for name, account, params in world.questions(count):
        before = past_of(world).asked
        got, expected = await world.ask(name, account, **params)
        if got == TOO_LATE:
            done[TOO_LATE] += 1
            continue
        assert got == expected, (name, account, params)
        done[name] += 1
        done["past" if past_of(world).asked > before else "memory"] += 1
    return done


async def test_with_a_past_that_was_told_everything(world: World) -> None:
    world.trade(4_000)
    past_of(world).tell(world.results)
    done = await check(world, 2_000)
    assert not done[TOO_LATE]
    assert min(done[name] for name in {*done} - {TOO_LATE}) > 50, done


async def test_after_a_restart_from_a_snapshot(world: World) -> None:
    world.trade(2_000)
    while not world.has_what_snapshots_lack():
        world.trade(20)
    world.snapshot()
    past_of(world).tell(world.results)
    world.restart()
    assert world.view.unsure
    assert any("" in found.client_ids for found in world.view.lists.by_id.values())
    await recall(world.view, world.past)
    assert world.view.start_seq == world.results[-1].seq
    first = await check(world, 600)
    world.trade(1_000)
    past_of(world).tell(world.results)
    done = first + await check(world, 1_500)
    assert not done[TOO_LATE]
    assert first["past"] > 500, first
    assert done["memory"] > 50, done


async def test_a_past_that_is_behind_answers_what_it_can_and_nothing_else(world: World) -> None:
    world.trade(2_000)
    past_of(world).tell(world.results)
    done: Counter[str] = Counter()
    for _ in range(30):
        world.trade(40)
        done += await check(world, 60)
        if world.random.random() < 0.4:
            past_of(world).tell(world.results)
    assert min(done[TOO_LATE], done["past"], done["memory"]) > 100, done


async def test_a_past_that_is_ahead(world: World) -> None:
    """Commands come after memory was looked at and before the past is, and the past tells of them."""
    world.trade(2_000)
    past_of(world).tell(world.results)

    def between() -> None:
        world.trade(20)
        past_of(world).tell(world.results)

    past_of(world).between = between
    done = await check(world, 200)
    assert not done[TOO_LATE]
    assert done["past"] > 100, done


async def test_what_memory_lets_go_while_the_past_is_asked_is_not_missing(world: World) -> None:
    """The past is told nothing of what happens meanwhile: the rows are those of before, as they are now."""
    world.trade(2_000)
    past_of(world).between = lambda: world.trade(60)
    compared = 0
    for name, account, params in world.questions(150):
        if name not in IDS:
            continue
        past_of(world).tell(world.results)
        before = past_of(world).asked
        expected = await world.ask_oracle(name, account, **params)
        got, _after = await world.ask(name, account, **params)
        if past_of(world).asked > before:
            assert [row[IDS[name]] for row in got] == [row[IDS[name]] for row in expected], (name, account, params)
            compared += 1
    assert compared > 50
