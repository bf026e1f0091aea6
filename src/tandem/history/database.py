"""The database of the history: where it is, how it is opened, and how its tables come to the newest version.

SQLite loses nothing that matters with the machine's last second: the log has everything, and the projection goes on
from the position that is there.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from tandem.domain.errors import Fault
from tandem.platform.db import create_private

FILE = "history.db"
PAGE_BYTES = 8192
CACHE_KIB = 128 * 1024
READER_CACHE_KIB = 16 * 1024
CHECKPOINT_PAGES, CHECKPOINT_PAGES_BEHIND = 64, 65536
"""How much the write-ahead log gathers before it is brought into the file, which syncs twice: little where orders
wait for the same disk, much while the projection is behind."""
JOURNAL_BYTES = 64 * 1024 * 1024
"""What of the write-ahead log's file stays."""
YIELD_STEPS = 1000
"""Of SQLite's machine, about 0.1 ms, after which its writer yields the processor; see `projector`."""
CONNECT_SECONDS, QUIET_SECONDS = 5, 10
"""For PostgreSQL to take a connection; without a sign of life from its machine."""
UNWANTED = (
    *("jit", "enable_seqscan", "enable_bitmapscan"),
    *("enable_hashjoin", "enable_mergejoin", "enable_hashagg"),
)
"""By PostgreSQL's planner for short questions, each of which goes by an index: statistics may be old."""
_MIGRATIONS = Path(__file__).parent / "migrations"
_ALEMBIC_IS_FOR_ONE = Lock()
"""Thread."""


class HistoryUnusable(Fault):
    """The history's database is damaged, of another exchange, newer than this program, or cannot be reached; the
    message says which."""


@contextmanager
def as_fault(url: URL) -> Iterator[None]:
    """What a driver says becomes HistoryUnusable."""
    try:
        yield
    except (DBAPIError, sqlite3.Error, OSError, msgspec.MsgspecError) as error:  # the last: a row that is none
        reason = error.orig if isinstance(error, DBAPIError) else error
        raise HistoryUnusable(f"{url.render_as_string()}: {str(reason).strip()}") from error


def database_url(database: str, data: Path) -> URL:
    """`database` as the settings have it; empty: a file in the data directory. Raises HistoryUnusable."""
    if not database:
        return URL.create("sqlite", database=str(data / FILE))
    try:
        url = make_url(database)
    except ArgumentError as error:
        raise HistoryUnusable("the history's database is no URL like postgresql://user@host/name") from error
    backend = url.get_backend_name()
    if backend == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if backend == "sqlite" and url.database:
        return url
    raise HistoryUnusable(f"the history's database is sqlite:///<file> or postgresql://..., not {backend}")


def open_engine(url: URL, *, readers: int = 0, longest_ms: int = 0) -> Engine:
    """For one writer, or for that many readers at once. `longest_ms`: PostgreSQL is asked short questions, and tries
    each so long at most; 0: any questions."""
    options: dict[str, Any] = {"pool_size": max(readers, 1), "max_overflow": 0}
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True, connect_args=_patience(url, longest_ms), **options)
    assert url.database is not None
    if not readers:
        with as_fault(url):
            create_private(Path(url.database))
    engine = create_engine(url, creator=partial(_open_file, Path(url.database)), **options)
    event.listen(engine, "connect", _prepare_reader if readers else _prepare_writer)
    event.listen(engine, "begin", _begin)
    return engine


def _patience(url: URL, longest_ms: int = 0) -> dict[str, int | str]:
    """With a server that does not answer: without it threads would wait for hours. What the URL says counts more."""
    wanted: dict[str, int | str] = {
        "connect_timeout": CONNECT_SECONDS,
        "keepalives_idle": QUIET_SECONDS,
        "keepalives_interval": QUIET_SECONDS // 2,
        "keepalives_count": 2,
        "tcp_user_timeout": 2 * QUIET_SECONDS * 1000,
    }
    if longest_ms:
        wanted["options"] = " ".join([f"-c statement_timeout={longest_ms}", *(f"-c {way}=off" for way in UNWANTED)])
    return {name: value for name, value in wanted.items() if name not in url.query}


def _open_file(path: Path) -> sqlite3.Connection:
    """That is there: whoever reads first must not make it."""
    uri = f"{path.absolute().as_uri()}?mode=rw"
    return sqlite3.connect(uri, uri=True, timeout=5, isolation_level=None, check_same_thread=False)


def _prepare_writer(connection: sqlite3.Connection, _record: object) -> None:
    connection.set_progress_handler(os.sched_yield, YIELD_STEPS)
    run = connection.execute
    run(f"PRAGMA page_size = {PAGE_BYTES}")
    run("PRAGMA journal_mode = WAL")
    run("PRAGMA synchronous = NORMAL")
    run(f"PRAGMA cache_size = -{CACHE_KIB}")
    run(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    run(f"PRAGMA journal_size_limit = {JOURNAL_BYTES}")
    run("PRAGMA trusted_schema = OFF")


def _prepare_reader(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA query_only = ON")
    connection.execute(f"PRAGMA cache_size = -{READER_CACHE_KIB}")
    connection.execute("PRAGMA trusted_schema = OFF")


def _begin(connection: Connection) -> None:
    """The driver is told to keep out of transactions, so that reads are in one too."""
    connection.exec_driver_sql("BEGIN")


def migrate(engine: Engine, revision: str = "head") -> None:
    """Brings the tables to the newest version; `base`: drops them. Raises HistoryUnusable."""
    with _ALEMBIC_IS_FOR_ONE, as_fault(engine.url), engine.begin() as connection:
        if revision != "head" or _version(connection) != _newest_version():
            _run_alembic(connection, revision)


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one_or_none()
    return found


def _newest_version() -> str:
    """As the files are called."""
    return max(path.name for path in _MIGRATIONS.glob("versions/v*.py"))[1:5]


def _run_alembic(connection: Connection, revision: str) -> None:
    # It takes a while to load, and is of use once in a database's life.
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    run: Any = command.downgrade if revision == "base" else command.upgrade
    try:
        run(config, revision)
    except CommandError as error:
        raise HistoryUnusable(f"{connection.engine.url.render_as_string()}: {error}") from error
