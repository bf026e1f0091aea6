"""Copies of a database that somebody is writing."""

import sqlite3
from pathlib import Path

import pytest

from tandem.platform.db import Database, DatabaseUnusable, copy_database, database_bytes

TABLE = ("CREATE TABLE note (text TEXT)",)


def add(database: Database, text: str) -> None:
    with database.transaction() as sql:
        sql.execute("INSERT INTO note VALUES (?)", (text,))


def notes(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return [text for (text,) in connection.execute("SELECT text FROM note")]
    finally:
        connection.close()


def test_a_copy_has_what_is_committed_and_holds_nobody_up(tmp_path: Path) -> None:
    database = Database(tmp_path / "db", TABLE)
    add(database, "first")
    with database.transaction() as sql:
        sql.execute("INSERT INTO note VALUES ('not yet')")
        copy_database(tmp_path / "db", tmp_path / "copy")
        (tmp_path / "bytes").write_bytes(database_bytes(tmp_path / "db"))
    add(database, "later")
    database.close()
    assert notes(tmp_path / "copy") == notes(tmp_path / "bytes") == ["first"]
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o600
    assert notes(tmp_path / "db") == ["first", "not yet", "later"]


def test_a_database_that_nobody_has_open_is_only_read(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    database = Database(home / "db #1?", TABLE)
    add(database, "first")
    database.close()
    before = {path: path.stat().st_mtime_ns for path in (home, *home.iterdir())}
    copy_database(home / "db #1?", tmp_path / "copy")
    assert {path: path.stat().st_mtime_ns for path in (home, *home.iterdir())} == before
    assert notes(tmp_path / "copy") == ["first"]


def test_a_damaged_database_is_not_copied(tmp_path: Path) -> None:
    (tmp_path / "db").write_bytes(b"no database" * 1_000)
    with pytest.raises(DatabaseUnusable, match="not a database"):
        copy_database(tmp_path / "db", tmp_path / "copy")
