from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.gateway.edge import Edge


@pytest.fixture
async def edge(tmp_path: Path) -> AsyncIterator[Edge]:
    made = Edge(tmp_path)
    yield made
    await made.close()
