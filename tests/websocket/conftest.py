"""The exchange that socket tests connect to."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.websocket.venue import Venue, running


@pytest.fixture
async def venue(tmp_path: Path) -> AsyncIterator[Venue]:
    async with running(tmp_path / "data") as one:
        yield one
