import hashlib
import hmac
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tandem.identity.keys import ApiKey, KeyKind, KeyRefused, Permission
from tandem.identity.sealing import MasterKeyUnusable, Sealer, load_or_create_master_key
from tandem.identity.service import KeyService, open_keys
from tandem.platform.clock import ManualClock
from tandem.platform.db import Database, DatabaseUnusable

CLOCK_MS = 1_700_000_000_000


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(CLOCK_MS * 1000)


@pytest.fixture
def keys(tmp_path: Path, clock: ManualClock) -> Iterator[KeyService]:
    service, database = open_keys(tmp_path, clock)
    yield service
    database.close()


def reopened(directory: Path, clock: ManualClock) -> KeyService:
    service, database = open_keys(directory, clock)
    database.close()
    return service


def test_a_key_is_made_found_and_verifies(keys: KeyService) -> None:
    made = keys.create(5, label="bot")
    assert made.secret is not None
    assert (len(made.key.id), len(made.secret)) == (64, 64)
    assert (made.key.id + made.secret).isalnum()
    found = keys.find(made.key.id)
    assert found is made.key
    assert (found.account, found.kind, found.permissions) == (5, KeyKind.HMAC, frozenset(Permission))
    signature = hmac.new(made.secret.encode(), b"text", hashlib.sha256).hexdigest()
    assert found.verify(b"text", signature)


def test_keys_survive_a_restart(keys: KeyService, tmp_path: Path, clock: ManualClock) -> None:
    made = keys.create(5, label="bot", permissions=("USER_DATA",), networks=("10.0.0.0/8", "::1"))
    assert made.secret is not None
    again = reopened(tmp_path, clock).find(made.key.id)
    assert again is not None
    shown = (again.account, again.label, again.permissions, again.networks, again.created_us, again.kind)
    first = made.key
    assert shown == (first.account, first.label, first.permissions, first.networks, first.created_us, first.kind)
    assert again.verify(b"x", hmac.new(made.secret.encode(), b"x", hashlib.sha256).hexdigest())


def test_a_revoked_key_ends_at_once_and_for_good(keys: KeyService, tmp_path: Path, clock: ManualClock) -> None:
    ended: list[ApiKey] = []
    keys.on_revoked.append(ended.append)
    made = keys.create(5)
    clock.advance(3)
    assert keys.revoke(made.key.id)
    assert (keys.find(made.key.id), ended, made.key.revoked_us) == (None, [made.key], (CLOCK_MS + 3000) * 1000)
    assert reopened(tmp_path, clock).find(made.key.id) is None
    assert not keys.revoke(made.key.id)
    assert not keys.revoke("unknown")
    assert len(ended) == 1


def test_a_revoked_key_is_cut_off_even_if_that_cannot_be_written(tmp_path: Path, clock: ManualClock) -> None:
    keys, database = open_keys(tmp_path, clock)
    ended: list[ApiKey] = []
    keys.on_revoked.append(ended.append)
    key = keys.create(5).key
    locker = sqlite3.connect(tmp_path / "tandem.db", isolation_level=None)
    database._connection.execute("PRAGMA busy_timeout = 0")
    locker.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseUnusable, match="locked"):
        keys.revoke(key.id)
    locker.close()
    assert (ended, keys.find(key.id), key.revoked_us) == ([key], None, CLOCK_MS * 1000)
    assert keys.revoke(key.id) is True
    database.close()


def test_keys_are_listed_without_secrets(keys: KeyService, clock: ManualClock) -> None:
    first = keys.create(1, label="a", permissions=("TRADE",), networks=("10.0.0.1",))
    clock.advance(1)
    second = keys.create(2, label="b")
    first.key.last_used_us = clock.wall_us()
    keys.revoke(second.key.id)
    rows = keys.rows()
    assert rows == [
        {
            "apiKey": first.key.id,
            "type": "HMAC",
            "account": 1,
            "label": "a",
            "permissions": ["TRADE"],
            "networks": ["10.0.0.1/32"],
            "created": CLOCK_MS,
            "lastUsed": CLOCK_MS + 1000,
            "revoked": None,
        },
        {
            "apiKey": second.key.id,
            "type": "HMAC",
            "account": 2,
            "label": "b",
            "permissions": ["TRADE", "USER_DATA"],
            "networks": [],
            "created": CLOCK_MS + 1000,
            "lastUsed": None,
            "revoked": CLOCK_MS + 1000,
        },
    ]
    assert first.secret is not None
    assert first.secret not in repr(rows) + repr(first) + repr(first.key)


def test_secrets_are_nowhere_on_disk(keys: KeyService, tmp_path: Path) -> None:
    made = keys.create(5)
    assert made.secret is not None
    files = [path for path in tmp_path.iterdir() if path.is_file()]
    assert {path.name for path in files} >= {"tandem.db", "tandem.db-wal", "master.key"}
    assert not any(made.secret.encode() in path.read_bytes() for path in files)
    assert any(made.key.id.encode() in path.read_bytes() for path in files)


def test_files_are_the_owners_alone(keys: KeyService, tmp_path: Path) -> None:
    keys.create(5)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600}


def test_another_master_key_opens_nothing(keys: KeyService, tmp_path: Path, clock: ManualClock) -> None:
    keys.create(5)
    (tmp_path / "master.key").write_text("00" * 32)
    with pytest.raises(MasterKeyUnusable, match="restore the file that belongs to it"):
        open_keys(tmp_path, clock)


def test_swapped_records_are_noticed(keys: KeyService, tmp_path: Path, clock: ManualClock) -> None:
    mine, theirs = keys.create(1).key.id, keys.create(2).key.id
    with sqlite3.connect(tmp_path / "tandem.db") as sql:
        sql.execute("UPDATE api_key SET sealed_secret = (SELECT sealed_secret FROM api_key WHERE id = ?)", (mine,))
    sql.close()
    with pytest.raises(MasterKeyUnusable, match=theirs):
        open_keys(tmp_path, clock)


def test_labels_are_bounded(keys: KeyService) -> None:
    for label in ("a" * 65, "a\nb", "\x1b[31m", "\u202e"):
        with pytest.raises(KeyRefused, match="label"):
            keys.create(1, label=label)
    assert keys.rows() == []


# --- the files below


def test_a_master_key_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    first = load_or_create_master_key(path)
    assert load_or_create_master_key(path) == first
    assert [entry.name for entry in tmp_path.iterdir()] == ["master.key"]


@pytest.mark.parametrize("text", ["", "zz" * 32, "00" * 31, "00" * 33])
def test_a_damaged_master_key_is_never_replaced(tmp_path: Path, text: str) -> None:
    path = tmp_path / "master.key"
    path.touch(0o600)
    path.write_text(text)
    with pytest.raises(MasterKeyUnusable, match="restore it from your backup"):
        load_or_create_master_key(path)
    assert path.read_text() == text


def test_a_master_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    load_or_create_master_key(path)
    path.chmod(0o640)
    with pytest.raises(MasterKeyUnusable, match="chmod 600"):
        load_or_create_master_key(path)


def test_sealing_the_same_twice_gives_different_bytes() -> None:
    sealer = Sealer(bytes(32))
    first, second = sealer.seal("secret", "owner"), sealer.seal("secret", "owner")
    assert first != second
    assert sealer.open(first, "owner") == sealer.open(second, "owner") == "secret"


@pytest.mark.parametrize("position", [0, 12, 20, -1])
def test_a_changed_byte_is_noticed(position: int) -> None:
    sealer = Sealer(bytes(32))
    sealed = bytearray(sealer.seal("secret", "owner"))
    sealed[position] ^= 1
    with pytest.raises(MasterKeyUnusable):
        sealer.open(bytes(sealed), "owner")


STEPS = ("CREATE TABLE a (x INTEGER) STRICT", "CREATE TABLE b (y INTEGER) STRICT; INSERT INTO b SELECT x FROM a")


def test_a_database_is_brought_to_the_newest_version_step_by_step(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    old = Database(path, STEPS[:1])
    with old.transaction() as sql:
        sql.execute("INSERT INTO a VALUES (7)")
    old.close()
    new = Database(path, STEPS)
    with new.transaction() as sql:
        assert sql.execute("SELECT y FROM b").fetchall() == [(7,)]
        assert sql.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    new.close()
    with pytest.raises(DatabaseUnusable, match="is of version 2, this program knows 1: run the newer program"):
        Database(path, STEPS[:1])


def test_a_failed_step_leaves_the_version_before(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with pytest.raises(DatabaseUnusable):
        Database(path, (STEPS[0], "CREATE TABLE c (z INTEGER); CREATE TABLE a (x INTEGER)"))
    database = Database(path, STEPS)
    with database.transaction() as sql:
        tables = sql.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
    database.close()
    assert tables == [("a",), ("b",)]


def test_what_is_no_database_is_said_plainly(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(DatabaseUnusable, match=r"x\.db: file is not a database"):
        Database(path, STEPS)


def insert_and_fail(database: Database) -> None:
    with database.transaction() as sql:
        sql.execute("INSERT INTO a VALUES (1)")
        raise ZeroDivisionError


def test_a_failed_transaction_changes_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "x.db", STEPS)
    with pytest.raises(ZeroDivisionError):
        insert_and_fail(database)
    with database.transaction() as sql:
        assert sql.execute("SELECT count(*) FROM a").fetchone() == (0,)
    database.close()


def test_a_commit_that_fails_leaves_the_database_usable(tmp_path: Path) -> None:
    database = Database(tmp_path / "file.db", ("CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (a REFERENCES a"
                                               " (id) DEFERRABLE INITIALLY DEFERRED)",))  # fmt: skip
    with pytest.raises(DatabaseUnusable, match="FOREIGN KEY"), database.transaction() as sql:
        sql.execute("INSERT INTO b VALUES (7)")
    with database.transaction() as sql:
        assert sql.execute("SELECT count(*) FROM b").fetchone() == (0,)
    database.close()
