"""A PostgreSQL server for one test session, started by the project's own script; where it cannot be had, tests fail."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg

SCRIPT = Path(__file__).parents[2] / "scripts" / "postgres.sh"
START_SECONDS = 300
"""The package may have to be installed."""
_numbers = count(1)


class Server:
    def __init__(self, url: str) -> None:
        self.url = url

    def new_database(self) -> str:
        """The URL of an empty one."""
        name = f"test_{next(_numbers)}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url.replace("/postgres?", f"/{name}?")


@contextmanager
def running_server(*settings: str) -> Iterator[Server]:
    # Not below pytest's own directory, which the server's user may not enter.
    directory = tempfile.mkdtemp(prefix="tandem-postgres-")
    try:
        started = subprocess.run(
            [SCRIPT, "start", directory, *settings], capture_output=True, text=True, timeout=START_SECONDS, check=False
        )
        assert started.returncode == 0, started.stderr
        yield Server(started.stdout.strip())
    finally:
        subprocess.run([SCRIPT, "stop", directory], check=True, timeout=60)
