from collections.abc import Iterator
from pathlib import Path

import pytest

from tandem._engine import Engine
from tests.engine.shard import set_up


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = Engine.open(str(tmp_path / "data"), segment_bytes=1 << 20, reserve_bytes=0)
    set_up(engine)
    yield engine
    engine.close()
