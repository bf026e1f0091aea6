"""The exchange that market-data tests trade on."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.marketdata.exchange import Exchange, running


@pytest.fixture
async def exchange(tmp_path: Path) -> AsyncIterator[Exchange]:
    async with running(tmp_path / "data") as one:
        yield one
