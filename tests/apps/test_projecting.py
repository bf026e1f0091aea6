"""The projecting process is started again whatever went wrong with it."""

import asyncio
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tandem.apps.history import Questions
from tandem.apps.projection import Projection
from tandem.domain.history import Need
from tandem.history.database import database_url
from tandem.history.reader import Range, Reader
from tandem.history.store import drop_history
from tandem.platform.settings import HistorySettings, Settings
from tests.apps.directories import make_directory, opened, trade
from tests.archive.lived import project
from tests.engine.shard import BUYER, MARKET
from tests.support.descriptors import no_descriptors


async def come_true(is_true: Callable[[], bool]) -> None:
    for _ in range(3_000):
        if is_true():
            break
        await asyncio.sleep(0.01)
    assert is_true()


@pytest.mark.timeout(60)
async def test_without_descriptors_it_is_started_later(tmp_path: Path) -> None:
    make_directory(tmp_path)
    with opened(tmp_path) as engine:
        projection = Projection(Settings(data=str(tmp_path)), engine, lambda: 0)
        with no_descriptors():
            projection.start()
            await asyncio.sleep(0.3)
        assert projection.restarts > 0
        await come_true(lambda: projection.status.seq == engine.digest()[0])
        engine.close()
        await projection.stop()


@pytest.mark.timeout(60)
async def test_what_it_could_not_finish_saying_is_no_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be killed in the middle of a line."""
    first = tmp_path / "first"
    python = tmp_path / "python"
    python.write_text(
        f"#!/bin/sh\nif mkdir {first} 2> /dev/null; then printf '{{\"seq\": 1'; exit 9; fi\nexec sleep 60\n"
    )
    python.chmod(0o700)
    make_directory(tmp_path / "data")
    with opened(tmp_path / "data") as engine:
        monkeypatch.setattr("sys.executable", str(python))
        projection = Projection(Settings(data=str(tmp_path / "data")), engine, lambda: 0)
        projection.start()
        await come_true(lambda: projection._process is not None and projection.restarts > 0)
        assert projection._process is not None
        os.kill(projection._process.pid, signal.SIGKILL)
        engine.close()
        await projection.stop()
    assert projection.restarts > 0


@pytest.mark.timeout(60)
async def test_a_history_that_went_on_with_the_original_answers_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither while it is ahead of the restored log nor when that has come as far on its own way."""
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    make_directory(tmp_path / "original")
    shutil.copytree(tmp_path / "original", tmp_path / "restored")
    with opened(tmp_path / "original") as engine:
        trade(engine, 20, "original")
    project(tmp_path / "original", url)
    settings = Settings(data=str(tmp_path / "restored"), history=HistorySettings(database=url))
    with opened(tmp_path / "restored") as engine:
        projection = Projection(settings, engine, lambda: 0)
        reader = Reader(database_url(url, tmp_path))
        questions = Questions(reader, projection.fits, wait_seconds=0.05)

        async def ask() -> int:
            rows = await questions.ask(Need(0, -1, 0), lambda: reader.orders(BUYER, MARKET, Range(limit=1_000)), id)
            return len(rows)

        with pytest.raises(TimeoutError, match="another past"):
            await ask()
        trade(engine, 30, "otherwise")
        assert await ask() > 0
        projection.start()
        await come_true(lambda: projection.restarts > 0)
        assert projection._is_another_past
        assert "Fatal Python error" not in capfd.readouterr().err
        with pytest.raises(TimeoutError, match="another past"):
            await ask()
        drop_history(database_url(url, tmp_path))
        await come_true(lambda: projection.status.seq == engine.digest()[0])
        assert await ask() > 0
        engine.close()
        await projection.stop()
        questions.close()
