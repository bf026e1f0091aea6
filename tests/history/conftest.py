from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.history.twins import PostgresTwins, SqliteTwins, Twins
from tests.support.postgres import Server, running_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    # Tests kill processes, not machines.
    with running_server("fsync=off", "full_page_writes=off") as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def twins(request: pytest.FixtureRequest, tmp_path: Path) -> Twins:
    """Two empty databases of one kind, side by side."""
    if request.param == "sqlite":
        return SqliteTwins(tmp_path)
    return PostgresTwins(request.getfixturevalue("postgres").new_database())


@pytest.fixture
def sqlite_twins(tmp_path: Path) -> Twins:
    return SqliteTwins(tmp_path)
