"""SQLite in one file: opened safely, brought to the newest version, one connection under one lock.

Nothing here decides about money; what it loses with the machine's last second (WAL, synchronous=FULL loses nothing
committed) can be made again by the operator.
"""

import contextlib
import os
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tandem.domain.errors import Fault


class DatabaseUnusable(Fault):
    """The file is damaged, locked, newer than this program, or the disk is full; the message says which."""


@contextmanager
def _as_fault(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise DatabaseUnusable(f"{path}: {error}") from error


class Database:
    """`migrations[n]` brings a file from version n to n + 1; published ones are never changed.

    A migration is statements separated by `;`, so none of them may hold one.
    """

    def __init__(self, path: Path, migrations: Sequence[str]) -> None:
        self.path = path
        create_private(path)
        with _as_fault(path):
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._lock = threading.Lock()
        try:
            with _as_fault(path):
                self._prepare(migrations)
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self, migrations: Sequence[str]) -> None:
        run = self._connection.execute
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = FULL")
        run("PRAGMA foreign_keys = ON")
        run("PRAGMA busy_timeout = 5000")
        run("PRAGMA trusted_schema = OFF")
        (version,) = run("PRAGMA user_version").fetchone()
        if version > len(migrations):
            raise DatabaseUnusable(
                f"{self.path} is of version {version}, this program knows {len(migrations)}: run the newer program"
            )
        for number in range(version, len(migrations)):
            with self.transaction() as connection:
                for statement in migrations[number].split(";"):
                    if statement.strip():
                        connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {number + 1}")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; threads take turns. Raises DatabaseUnusable."""
        with self._lock, _as_fault(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # SQLite ends it by itself when the disk is full
                    self._connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Idempotent."""
        with self._lock:
            self._connection.close()


def create_private(path: Path) -> None:
    """Makes sure that the file exists and that only its owner can read it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        if stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o077:
            os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


COPY_PAGES = 4096
Progress = Callable[[int, int], None]
"""Is told how many pages are left, and of how many."""


def copy_database(source: Path, target: Path, tell: Progress = lambda _left, _all: None) -> None:
    """What is committed in `source`, as a new file; whoever writes it goes on. Raises DatabaseUnusable, OSError."""
    create_private(target)
    with contextlib.closing(sqlite3.connect(target)) as copy:
        _copy(source, copy, tell)


def database_bytes(source: Path) -> bytes:
    """The same in memory, for what must not lie on a disk as it is."""
    with contextlib.closing(sqlite3.connect(":memory:")) as copy:
        _copy(source, copy, lambda _left, _all: None)
        return copy.serialize()


def _copy(source: Path, copy: sqlite3.Connection, tell: Progress) -> None:
    """In one transaction: what is copied is of one moment, and does not begin again when somebody writes."""
    with _as_fault(source):
        while True:
            quiet = _quiet(source)
            # Only an immutable file is read without a lock file beside it; nobody has it open, or there would be a WAL.
            how = "mode=ro" if quiet is None else "immutable=1"
            with contextlib.closing(sqlite3.connect(f"{source.resolve().as_uri()}?{how}", uri=True)) as connection:
                connection.execute("PRAGMA busy_timeout = 5000")
                connection.execute("BEGIN")
                connection.execute("SELECT 1 FROM sqlite_schema").fetchall()
                connection.backup(copy, pages=COPY_PAGES, progress=lambda _status, left, pages: tell(left, pages))
            if quiet is None or quiet == _quiet(source):
                return


def _quiet(path: Path) -> tuple[int, ...] | None:
    """What a file is known by that nobody has open; None: somebody has. One who comes and goes writes to it."""
    found = path.stat()
    is_open = path.with_name(path.name + "-wal").exists()
    return None if is_open else (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
