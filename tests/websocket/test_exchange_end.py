"""How the parts of a process end: what fails is said, and nothing that matters waits for what does not."""

import asyncio
import os
from pathlib import Path

import pytest

from tandem.apps import serve, websocket
from tandem.apps.websocket import Sockets
from tandem.identity.service import open_keys
from tandem.platform.clock import ManualClock, SystemClock
from tests.websocket.venue import call, running


async def test_a_disk_that_takes_no_views_does_not_keep_the_rest_from_being_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise OSError(28, "No space left on device")

    async with running(tmp_path) as venue:
        async with venue.open("/ws-api/v3") as api:
            assert (await call(api, "account.status", venue.signed("alice")))["status"] == 200
        monkeypatch.setattr(venue.exchange.market_data, "save", fail)
    keys, database = open_keys(tmp_path, SystemClock())
    used = {row["label"]: row["lastUsed"] is not None for row in keys.rows()}
    database.close()
    assert used == {"alice": True, "bob": False}


async def test_a_background_task_that_fails_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)

    async def fail() -> None:
        raise ZeroDivisionError

    async def go_on() -> None:
        await asyncio.sleep(3600)

    tasks = [asyncio.create_task(fail()), asyncio.create_task(go_on())]
    for task in tasks:
        task.add_done_callback(serve._must_not_fail)
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0)
    assert ended == [serve.BROKEN_EXIT_CODE]


async def test_one_chore_that_fails_does_not_end_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "SWEEP_SECONDS", 0)
    sockets = Sockets(ManualClock())
    calls: list[int] = []

    def fail() -> None:
        raise ZeroDivisionError

    sockets.every_second += [fail, lambda: calls.append(1)]
    sweeping = asyncio.create_task(sockets.sweep())
    for _ in range(10):
        await asyncio.sleep(0)
    sweeping.cancel()
    await asyncio.gather(sweeping, return_exceptions=True)
    assert len(calls) > 1
