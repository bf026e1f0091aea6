"""The server's daily run: a process of its own that is tried again when it fails."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from tandem.apps.archivist import Archivist
from tandem.archive.manifest import read_manifests
from tandem.archive.place import Place
from tandem.domain.intervals import DAY
from tandem.platform.settings import HistorySettings, Settings
from tests.archive.past import DAYS, START_US
from tests.archive.test_archiving import ALL_DAYS, everything
from tests.support.descriptors import no_descriptors


async def run_until(archivist: Archivist, is_done: Callable[[], bool]) -> None:
    running = asyncio.create_task(archivist.run())
    for _ in range(3_000):
        if is_done():
            break
        await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert is_done()


def settings(data: Path, archive: Path | str) -> Settings:
    return Settings(data=str(data), history=HistorySettings(archive=str(archive), keep_days=3))


@pytest.mark.timeout(90)
async def test_days_are_archived_and_leave_once_a_day(sqlite: URL, tmp_path: Path) -> None:
    now_us = 0
    place = Place(str(tmp_path / "archive"))
    before = len(everything(sqlite)["fills"])
    archivist = Archivist(settings(tmp_path, tmp_path / "archive"), lambda: now_us, look_seconds=0.01)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await archivist.run()
    assert archivist.runs == 0
    now_us = START_US + DAYS * DAY
    await run_until(archivist, lambda: archivist._day > 0)
    assert [manifest.day for manifest in read_manifests(place)] == ALL_DAYS
    assert 0 < len(everything(sqlite)["fills"]) < before
    now_us += DAY - 1
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await archivist.run()
    assert (archivist.runs, archivist.failures) == (1, 0)
    now_us += 1
    await run_until(archivist, lambda: archivist.runs == 2)


@pytest.mark.timeout(90)
async def test_a_run_that_fails_is_tried_again(sqlite: URL, tmp_path: Path) -> None:
    (tmp_path / "archive").write_text("no directory")
    wanted = settings(tmp_path, tmp_path / "archive")
    archivist = Archivist(wanted, lambda: START_US, look_seconds=0.01, retry_seconds=0.01)
    await run_until(archivist, lambda: archivist.failures == 1)
    (tmp_path / "archive").unlink()
    await run_until(archivist, lambda: archivist._day > 0)
    assert len(read_manifests(Place(str(tmp_path / "archive")))) == DAYS


@pytest.mark.timeout(90)
async def test_without_descriptors_it_is_tried_again(sqlite: URL, tmp_path: Path) -> None:
    """What supervises it ends the exchange when it fails."""
    wanted = settings(tmp_path, tmp_path / "archive")
    archivist = Archivist(wanted, lambda: START_US, look_seconds=0.01, retry_seconds=0.01)
    running = asyncio.create_task(archivist.run())
    with no_descriptors():
        await asyncio.sleep(0.1)
    assert archivist.failures > 0
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await run_until(archivist, lambda: archivist._day > 0)
