"""The engine on a loop: answers, listeners, and what is told when an answer does not come."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tandem.platform.engine import Batch, Engine, EngineClient

NEVER = 2**62
"""The number of a command that was not sent."""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = Engine.open(str(tmp_path / "data"), segment_bytes=1 << 20)
    yield opened
    opened.close()


async def test_a_listener_sees_the_effect_before_the_caller_has_the_answer(engine: Engine) -> None:
    client = EngineClient(engine)
    told: list[str] = []

    def listen(batch: Batch) -> None:
        told.extend(asset.code for asset in client.catalog.assets.values())

    client.add_listener(listen)
    client.start()
    result = await client.submit(engine.create_asset("BTC", "Bitcoin", 8))
    assert (result.code, told) == (-1, ["BTC"])
    await client.close()


async def test_a_start_tells_how_far_it_has_replayed(tmp_path: Path) -> None:
    path = str(tmp_path / "data")
    first = Engine.open(path, segment_bytes=1 << 20)
    client = EngineClient(first)
    client.start()
    for number in range(200):
        await client.submit(first.create_account(f"account {number}"))
    await client.close()
    again = EngineClient(Engine.open(path, replay_from=0))
    told: list[int] = []
    again.start(told.append)
    assert told == sorted(told)
    assert told[-1] == 200
    await again.close()


async def test_an_answer_that_does_not_come_in_time_is_a_timeout_and_others_still_come(engine: Engine) -> None:
    client = EngineClient(engine, answer_seconds=0.02)
    client.start()
    lost = asyncio.ensure_future(client.submit(NEVER))
    with pytest.raises(TimeoutError, match=r"no answer from the engine in 0\.02 s; the outcome is unknown"):
        await asyncio.wait_for(lost, 5)
    assert (await client.submit(engine.create_asset("BTC", "Bitcoin", 8))).code == -1
    assert client._waiting == {}
    await client.close()


async def test_a_failing_listener_is_reported_once_and_stops_nothing_else_by_itself(engine: Engine) -> None:
    broken: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
    client = EngineClient(engine, broken.set_result)

    def fail(_batch: Batch) -> None:
        raise RuntimeError("a view is wrong")

    client.start()
    client.add_listener(fail)
    engine.create_asset("BTC", "Bitcoin", 8)
    assert str(await broken) == "a view is wrong"
    client._listeners.clear()
    await client.close()
