import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer
from pyarrow import fs
from sqlalchemy.engine import URL

from tandem.history.database import database_url
from tests.archive.past import Past, live, tell
from tests.support.postgres import Server, running_server


@pytest.fixture(scope="session")
def past(tmp_path_factory: pytest.TempPathFactory) -> Past:
    return live(tmp_path_factory.mktemp("past"))


@pytest.fixture
def sqlite(past: Past, tmp_path: Path) -> URL:
    """Holding the past."""
    url = database_url("", tmp_path)
    tell(past, url)
    return url


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    with running_server("fsync=off", "full_page_writes=off") as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def told(request: pytest.FixtureRequest, past: Past, tmp_path: Path) -> URL:
    """A database of each kind that holds the past."""
    if request.param == "sqlite":
        url: URL = request.getfixturevalue("sqlite")
        return url
    url = database_url(request.getfixturevalue("postgres").new_database(), tmp_path)
    tell(past, url)
    return url


@pytest.fixture(scope="session")
def s3_server() -> Iterator[int]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield server.get_host_and_port()[1]
    server.stop()


@pytest.fixture
def s3(s3_server: int, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Callable[[str], str]:
    """The address of a prefix in a bucket of this test."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    query = f"scheme=http&region=us-east-1&endpoint_override=127.0.0.1:{s3_server}"
    fs.FileSystem.from_uri(f"s3://history?{query}&allow_bucket_creation=true")[0].create_dir("history")
    return lambda prefix: f"s3://history/{request.node.name.replace('[', '-').rstrip(']')}/{prefix}?{query}"
