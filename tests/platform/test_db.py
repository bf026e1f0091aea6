"""Copies of a database that somebody is writing."""

import sqlite3
from pathlib import Path

import pytest

from tandem.platform.db import COPY_PAGES, Database, DatabaseUnusable, copy_database, database_bytes

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


def test_a_copy_does_not_begin_again_when_somebody_writes(tmp_path: Path) -> None:
    database = Database(tmp_path / "db", TABLE)
    with database.transaction() as sql:
        sql.executemany("INSERT INTO note VALUES (?)", [(f"{number:04000}",) for number in range(2 * COPY_PAGES)])
    lefts: list[int] = []

    def progress(left: int, _pages: int) -> None:
        lefts.append(left)
        add(database, f"while {left} were left")

    copy_database(tmp_path / "db", tmp_path / "copy", progress)
    database.close()
    assert len(lefts) > 2
    assert lefts == sorted(lefts, reverse=True)
    assert notes(tmp_path / "copy") == [f"{number:04000}" for number in range(2 * COPY_PAGES)]
    assert len(notes(tmp_path / "db")) == 2 * COPY_PAGES + len(lefts)


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


def test_somebody_may_come_and_go_while_it_is_copied(tmp_path: Path) -> None:
    """A closed file is read as one that nobody changes; half of it would be of before and half of after."""
    database = Database(tmp_path / "db", TABLE)
    with database.transaction() as sql:
        sql.executemany("INSERT INTO note VALUES (?)", [("x" * 4000,)] * 2 * COPY_PAGES)
    database.close()
    steps = []

    def progress(left: int, pages: int) -> None:
        steps.append((left, pages))
        if len(steps) == 1:
            visitor = Database(tmp_path / "db", TABLE)
            with visitor.transaction() as sql:
                sql.execute("UPDATE note SET text = 'short' WHERE rowid % 2")
                sql.execute("INSERT INTO note SELECT text || rowid FROM note")
            visitor.close()

    copy_database(tmp_path / "db", tmp_path / "copy", progress)
    assert notes(tmp_path / "copy") == notes(tmp_path / "db")
    assert len(steps) > 2
