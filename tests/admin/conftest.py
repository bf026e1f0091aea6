"""The operator endpoint over a real engine."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.admin.desk import Desk, running


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with running(tmp_path) as one:
        yield one
