from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.trading.rig import Rig, running
from tests.trading.told import Told, prepare


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with running(tmp_path) as rig:
        await rig.found()
        yield rig


@pytest.fixture
async def told(rig: Rig) -> Told:
    return await prepare(rig)
