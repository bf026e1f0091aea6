import asyncio

import pytest

from tandem.platform.deadlines import Deadlines


async def test_what_ends_in_time_is_given() -> None:
    async def answer() -> int:
        return 7

    assert await Deadlines(10).keep(answer()) == 7


async def test_what_takes_too_long_is_cancelled_and_named() -> None:
    future = asyncio.get_running_loop().create_future()
    with pytest.raises(TimeoutError):
        await Deadlines(0.02).keep(future)
    assert future.cancelled()
    current = asyncio.current_task()
    assert current is not None
    assert current.cancelling() == 0


async def test_faults_pass_through() -> None:
    async def fail() -> None:
        raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        await Deadlines(10).keep(fail())


async def test_another_cancellation_stays_one() -> None:
    deadlines = Deadlines(10)
    task = asyncio.create_task(deadlines.keep(asyncio.get_running_loop().create_future()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_each_has_its_own_deadline() -> None:
    deadlines = Deadlines(0.02)
    never = [asyncio.get_running_loop().create_future() for _ in range(3)]
    waiting = [asyncio.create_task(deadlines.keep(future)) for future in never]
    await asyncio.sleep(0)
    never[1].set_result(5)
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result) for result in results] == [TimeoutError, int, TimeoutError]
