"""How fast the log becomes SQL, what that is compared with bare writes of the same rows, and what it takes on disk."""

import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from run import ROOT

from tandem.history.database import CACHE_KIB, CHECKPOINT_PAGES_BEHIND, PAGE_BYTES

ROWS_AT_ONCE = 20_000
"""In one transaction of a bare write; about what the projection has in one of its own."""
POSTGRES = ROOT / "scripts" / "postgres.sh"
PROGRAM = [sys.executable, "-m", "tandem.apps.project"]


@dataclass(frozen=True)
class Projected:
    """One run of the projecting process from an empty database to the end of a log."""

    seconds: float
    rows: int
    first_tenth: float
    last_tenth: float
    """Seconds for a tenth of the commands each."""
    cores: float
    """How many processors the process had; the database server's are not counted."""


def project(data: Path, database: str) -> Projected:
    """Times are taken from its own reports, so its start does not count."""
    used, began = _used_seconds(), time.perf_counter()
    task = {"data": str(data), "database": database, "log_format": "text", "log_level": "warning"}
    process = subprocess.Popen(PROGRAM, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(task).encode() + b"\n")
    # It ends when it has told everything, as it does when a server stops.
    process.stdin.close()
    told = [(time.perf_counter(), json.loads(line)) for line in process.stdout]
    if process.wait() != 0 or any(status["errors"] for _, status in told):
        raise SystemExit(f"the projection failed: {told[-1:]}")
    cores = (_used_seconds() - used) / (time.perf_counter() - began)
    last = told[-1][1]["seq"]

    def reached(share: float) -> float:
        return next(at for at, status in told if status["seq"] >= last * share) - told[0][0]

    seconds = reached(1)
    return Projected(seconds, told[-1][1]["rows"], reached(0.1), seconds - reached(0.9), cores)


def _used_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


# --- SQLite


def sqlite_bytes(data: Path) -> int:
    return sum(path.stat().st_size for path in data.glob("history.db*"))


def sqlite_limit(source: Path, target: Path) -> tuple[int, float]:
    """(rows, seconds) of `executemany` into the same tables, keys and indexes, set up as the projection does."""
    read, write = sqlite3.connect(source), sqlite3.connect(target, isolation_level=None)
    sizes = f"page_size = {PAGE_BYTES}", f"cache_size = -{CACHE_KIB}", f"wal_autocheckpoint = {CHECKPOINT_PAGES_BEHIND}"
    for pragma in (*sizes, "journal_mode = WAL", "synchronous = NORMAL"):
        write.execute(f"PRAGMA {pragma}")
    made = read.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type = 'index'")
    for (statement,) in made.fetchall():
        write.execute(statement)
    rows, seconds = 0, 0.0
    for table in _sqlite_tables(read):
        cursor = read.execute(f"SELECT * FROM {table}")
        places = ", ".join("?" * len(cursor.description))
        while chunk := cursor.fetchmany(ROWS_AT_ONCE):
            began = time.perf_counter()
            write.execute("BEGIN")
            write.executemany(f"INSERT INTO {table} VALUES ({places})", chunk)
            write.execute("COMMIT")
            seconds += time.perf_counter() - began
            rows += len(chunk)
    read.close()
    write.close()
    return rows, seconds


def warm_sqlite(data: Path) -> None:
    """Reads the file once."""
    with (data / "history.db").open("rb", buffering=0) as file:
        while file.read(1 << 20):
            pass


def _sqlite_tables(connection: sqlite3.Connection) -> list[str]:
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return [name for (name,) in names.fetchall()]


# --- PostgreSQL


class Server:
    """The project's own script starts it; its settings are Debian's, but for `memory_settings`."""

    def __init__(self, url: str) -> None:
        self._url = url

    def new_database(self, name: str, template: str = "template1") -> str:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url_of(name)

    def url_of(self, name: str) -> str:
        return self._url.replace("/postgres?", f"/{name}?")

    def bytes_of(self, name: str) -> int:
        return int(self._value(f"SELECT pg_database_size('{name}') - pg_database_size('template1')"))

    def warm(self, name: str) -> None:
        """Reads what questions are about into the server's memory."""
        with psycopg.connect(self.url_of(name), autocommit=True) as connection:
            connection.execute("CREATE EXTENSION pg_prewarm")
            connection.execute(_POSTGRES_WARM)

    def version(self) -> str:
        return str(self._value("SHOW server_version")).split()[0]

    def _value(self, query: str) -> Any:
        with psycopg.connect(self._url) as connection:
            found = connection.execute(query.encode()).fetchone()
            assert found is not None
            return found[0]

    def limit(self, source: str) -> tuple[int, float]:
        """(rows, seconds) of COPY into the same tables, partitions, keys and indexes."""
        target = self.new_database("bare", source)
        rows, seconds = 0, 0.0
        with psycopg.connect(self.url_of(source)) as read, psycopg.connect(target) as write:
            # As the projection's: a crash may take the last commits back.
            write.execute("SET synchronous_commit = off")
            tables = [name for (name,) in read.execute(_POSTGRES_TABLES).fetchall()]
            write.execute(f"TRUNCATE {', '.join(tables)}".encode())
            write.commit()
            for table in tables:
                with read.cursor().copy(f"COPY (SELECT * FROM {table}) TO STDOUT".encode()) as copy:
                    lines = [bytes(line) for line in copy]
                began = time.perf_counter()
                for start in range(0, len(lines), ROWS_AT_ONCE):
                    with write.cursor().copy(f"COPY {table} FROM STDIN".encode()) as copy:
                        copy.write(b"".join(lines[start : start + ROWS_AT_ONCE]))
                    write.commit()
                seconds += time.perf_counter() - began
                rows += len(lines)
        return rows, seconds


_POSTGRES_TABLES = """
SELECT relname FROM pg_class
WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace
"""


_POSTGRES_WARM = """
SELECT count(pg_prewarm(oid)) FROM pg_class
WHERE relkind IN ('r', 'i') AND relname ~ '^(orders|order_lists|fills|trades|candles)'
AND relname !~ '(client|cancel|seq|order_id|time_us|orders_.*id)'
"""
"""Not the indexes of which a question reads a few pages only: they would push the rest out."""


def memory_settings() -> list[str]:
    """Two fifths of the memory are the server's, as its manual has it for a machine of its own at most."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return [f"shared_buffers={total * 2 // 5 >> 20}MB", "max_wal_size=8GB"]


@contextmanager
def postgres() -> Iterator[Server]:
    directory = tempfile.mkdtemp(prefix="tandem-bench-postgres-")
    try:
        start = [str(POSTGRES), "start", directory, *memory_settings()]
        started = subprocess.run(start, stdout=subprocess.PIPE, check=True, text=True)
        yield Server(started.stdout.strip())
    finally:
        subprocess.run([POSTGRES, "stop", directory], check=True)
