"""Backup and restore of a directory: what comes back, and what is refused."""

import hashlib
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tandem.apps.backup import BackupRefused, make_backup
from tandem.apps.backup_manifest import BackupUnusable, Manifest, Vault, open_vault, read_manifest
from tandem.apps.cli import main
from tandem.apps.restore import Restored, restore
from tandem.apps.restored import RESTORING
from tandem.history.database import database_url
from tandem.history.export import Exporter
from tandem.identity.service import open_keys
from tandem.platform.clock import ManualClock
from tandem.platform.engine import Engine, Follower
from tandem.platform.log_files import (
    LogUnreadable,
    Segment,
    durable_seq,
    oldest_start,
    segments,
    snapshot_path,
    snapshot_seqs,
)
from tests.apps.directories import PER_SEGMENT, SEGMENT_BYTES, make_directory, opened, snapshot, trade
from tests.archive.lived import project
from tests.engine.shard import set_up, wait_for

PASSPHRASE = "correct horse"
VAULT = Vault.new(PASSPHRASE)


def quiet(_line: str) -> None:
    """Nobody reads it."""


def back_up(data: Path, target: Path) -> Manifest:
    return make_backup(data, target, VAULT, quiet)


def bring_back(backup: Path, data: Path, passphrase: str = PASSPHRASE) -> Restored:
    return restore(backup, data, passphrase, quiet)


def digest_at(data: Path, seq: int) -> str:
    return f"{Follower.open(str(data), after_seq=seq).digest()[1]:016x}"


def told_seq(data: Path) -> int:
    """What the history has come to."""
    exporter = Exporter(database_url("", data))
    try:
        return exporter.state().seq
    finally:
        exporter.close()


def content_of(directory: Path) -> dict[str, str]:
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in directory.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed exchange with one segment; only read."""
    directory = tmp_path_factory.mktemp("data")
    make_directory(directory)
    (directory / "marketdata").mkdir()
    (directory / "marketdata" / "0.view").write_bytes(b"trades")
    (directory / "marketdata" / "cursor").write_bytes(b"7\n")
    (directory / "demo.json").write_text('{"alice": "her secret"}')
    return directory


@pytest.fixture(scope="module")
def backup(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of `data`; only read."""
    target = tmp_path_factory.mktemp("backup") / "of" / "data"
    back_up(data, target)
    return target


def test_a_running_exchange_comes_back_as_it_was_at_its_durable_command(tmp_path: Path) -> None:
    data, target, back = tmp_path / "data", tmp_path / "backup", tmp_path / "back"
    make_directory(data, 2 * PER_SEGMENT)
    with opened(data) as engine:
        snapshot(engine)
        trade(engine, 500, "later")
        made = back_up(data, target)
        assert made.seq == engine.digest()[0]
        trade(engine, 100, "too-late")
        restored = bring_back(target, back)
        assert len(segments(data)) == 3
        assert snapshot_seqs(data)
        assert restored.digest == digest_at(data, made.seq)
    assert [path.name for path in sorted(back.glob("*.log"))] == [path.name for path in sorted(data.glob("*.log"))]
    assert snapshot_seqs(back) == snapshot_seqs(data)
    with opened(back) as engine:
        assert engine.recovery()["torn_bytes_cut"] == 0
        trade(engine, 100, "trades-on")
        assert engine.digest()[0] == made.seq + 100
    assert Engine.verify(str(back))["ok"]


def test_nothing_beyond_the_durable_mark_is_copied(data: Path, tmp_path: Path) -> None:
    copy = tmp_path / "data"
    shutil.copytree(data, copy)
    (copy / "durable").write_bytes((50).to_bytes(8, "little"))
    assert back_up(copy, tmp_path / "backup").seq == 50
    restored = bring_back(tmp_path / "backup", tmp_path / "back")
    assert (restored.digest, Engine.verify(str(tmp_path / "back"))["seq"]) == (digest_at(data, 50), 50)


def test_what_the_history_needs_to_go_on_is_copied_however_far_behind_it_is(tmp_path: Path) -> None:
    data = tmp_path / "data"
    make_directory(data, 2 * PER_SEGMENT)
    with opened(data, keep_log=False, hold_log=True) as engine:
        snapshot(engine)
        [told] = snapshot_seqs(data)
        engine.release_log(told)
        for number in range(3):
            trade(engine, 10, f"more{number}-")
            snapshot(engine)
        made = back_up(data, tmp_path / "backup")
        assert (oldest_start(tmp_path / "backup" / "log"), len(snapshot_seqs(data))) == (told, 3)
    assert bring_back(tmp_path / "backup", tmp_path / "back").manifest.seq == made.seq
    [first, *_] = Follower.open(str(tmp_path / "back"), after_seq=told).poll()
    assert first.results[0].seq == told + 1


def test_an_exchange_without_a_command_is_backed_up_too(tmp_path: Path) -> None:
    with opened(tmp_path / "data"):
        assert back_up(tmp_path / "data", tmp_path / "backup").seq == 0
    bring_back(tmp_path / "backup", tmp_path / "back")
    assert make_directory(tmp_path / "back")


def test_everything_else_comes_back_too(data: Path, backup: Path, tmp_path: Path) -> None:
    bring_back(backup, tmp_path / "back")
    for name in ("master.key", "demo.json", "marketdata/0.view", "marketdata/cursor"):
        assert (tmp_path / "back" / name).read_bytes() == (data / name).read_bytes()
    loaded = []
    for directory in (data, tmp_path / "back"):
        keys, database = open_keys(directory, ManualClock())
        loaded.append(keys.rows())
        database.close()
    assert loaded[0] == loaded[1] != []
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "back").rglob("*") if path.is_file()}
    assert "restored.json" in modes
    assert set(modes.values()) == {0o600}


def test_secrets_cannot_be_read_off_a_backup(tmp_path: Path) -> None:
    secret = make_directory(tmp_path / "data")
    key = (tmp_path / "data" / "master.key").read_bytes().strip()
    (tmp_path / "data" / "demo.json").write_text(secret)
    back_up(tmp_path / "data", tmp_path / "backup")
    files = [path for path in (tmp_path / "backup").rglob("*") if path.is_file()]
    assert {"tandem.db", "master.key", "demo.json"} <= {path.name for path in files}
    for path in files:
        content = path.read_bytes()
        for what in (secret.encode(), key, bytes.fromhex(key.decode()), b"SQLite format"):
            assert what not in content, path


def test_a_flipped_bit_in_any_file_is_found_and_nothing_is_left_behind(backup: Path, tmp_path: Path) -> None:
    names = sorted(content_of(backup))
    assert len(names) == 8
    for name in names:
        copy = tmp_path / "copy"
        shutil.copytree(backup, copy)
        content = bytearray((copy / name).read_bytes())
        content[len(content) // 2] ^= 0x20
        (copy / name).write_bytes(content)
        with pytest.raises(BackupUnusable, match=f"{Path(name).name} is damaged"):
            bring_back(copy, tmp_path / "back")
        assert not (tmp_path / "back").exists()
        shutil.rmtree(copy)


def test_a_flipped_bit_in_any_byte_of_the_manifest_is_found(backup: Path, tmp_path: Path) -> None:
    text = (backup / "manifest.json").read_bytes()
    assert read_manifest(backup).seq == 107
    for place in range(len(text)):
        flipped = bytearray(text)
        flipped[place] ^= 1 << place % 8
        (tmp_path / "manifest.json").write_bytes(flipped)
        with pytest.raises(BackupUnusable, match=r"damaged|newer program"):
            read_manifest(tmp_path)
    assert len(text) > 1_000


def test_a_manifest_of_somebody_else_is_refused(data: Path, backup: Path, tmp_path: Path) -> None:
    """Who does not know the passphrase can make checksums right, but not the code."""
    forged = tmp_path / "forged"
    make_backup(data, forged, Vault("", VAULT.kdf), quiet)
    with pytest.raises(BackupUnusable, match="wrong passphrase"):
        open_vault(forged, read_manifest(forged), PASSPHRASE)


def test_a_missing_file_is_found(backup: Path, tmp_path: Path) -> None:
    shutil.copytree(backup, tmp_path / "copy")
    (tmp_path / "copy" / "sealed" / "master.key").unlink()
    with pytest.raises(BackupUnusable, match=r"master\.key is missing"):
        bring_back(tmp_path / "copy", tmp_path / "back")


def test_a_wrong_passphrase_is_said_to_be_that(backup: Path, tmp_path: Path) -> None:
    with pytest.raises(BackupUnusable, match="wrong passphrase"):
        bring_back(backup, tmp_path / "back", "battery staple")
    assert not (tmp_path / "back").exists()


def test_a_directory_that_is_not_empty_is_left_alone(data: Path, backup: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("important")
    told = tandem(tmp_path, "restore", str(backup), str(tmp_path))
    assert told.stderr == f"tandem: {tmp_path} is not empty: a restored exchange has a directory of its own\n"
    with pytest.raises(BackupRefused, match="is not empty"):
        back_up(data, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"thesis.tex"}


def test_an_empty_directory_is_empty_again_after_a_refusal(backup: Path, tmp_path: Path) -> None:
    shutil.copytree(backup, tmp_path / "copy")
    (tmp_path / "copy" / "log" / "CLUSTER").write_text("0" * 32)
    (tmp_path / "back").mkdir()
    with pytest.raises(BackupUnusable, match="CLUSTER is damaged"):
        bring_back(tmp_path / "copy", tmp_path / "back")
    assert list((tmp_path / "back").iterdir()) == []


def test_what_was_not_finished_is_no_backup(backup: Path, tmp_path: Path) -> None:
    shutil.copytree(backup, tmp_path / "copy")
    (tmp_path / "copy" / "manifest.json").rename(tmp_path / "copy" / "manifest.json.new")
    with pytest.raises(BackupUnusable, match="not finished"):
        bring_back(tmp_path / "copy", tmp_path / "back")


def test_a_damaged_snapshot_is_passed_over(tmp_path: Path) -> None:
    with opened(tmp_path / "data") as engine:
        engine.create_account("first")
        wait_for(engine, 1)
        snapshot(engine)
        engine.create_account("second")
        wait_for(engine, 1)
    path = snapshot_path(tmp_path / "data", 1)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    told: list[str] = []
    made = make_backup(tmp_path / "data", tmp_path / "backup", VAULT, told.append)
    assert f"passing over a damaged snapshot: {path.name}" in told
    assert (made.seq, snapshot_seqs(tmp_path / "backup" / "log")) == (2, [])
    assert bring_back(tmp_path / "backup", tmp_path / "back").digest == digest_at(tmp_path / "back", 2)


def test_a_damaged_log_makes_no_backup(data: Path, tmp_path: Path) -> None:
    shutil.copytree(data, tmp_path / "data")
    path = segments(tmp_path / "data")[0].path
    content = bytearray(path.read_bytes())
    content[1024 + 100] ^= 1
    path.write_bytes(content)
    with pytest.raises((BackupUnusable, LogUnreadable), match=r"does not verify|tandem verify"):
        back_up(tmp_path / "data", tmp_path / "backup")
    with pytest.raises(BackupUnusable, match="not finished"):
        bring_back(tmp_path / "backup", tmp_path / "back")


def test_segments_may_be_deleted_while_they_are_copied(tmp_path: Path) -> None:
    data, target = tmp_path / "data", tmp_path / "backup"
    make_directory(data, 2 * PER_SEGMENT)
    with opened(data) as engine:
        snapshot(engine)
        trade(engine, 10, "after")
    deleted: list[Path] = []

    def tell(line: str) -> None:
        if line == "copying the log: segment 1 of 3" and not deleted:
            deleted.append(segments(data)[0].path)
            deleted[0].unlink()

    made = make_backup(data, target, VAULT, tell)
    assert [s.path.name for s in segments(target / "log")] == [s.path.name for s in segments(data)]
    assert bring_back(target, tmp_path / "back").digest == digest_at(data, made.seq)


def test_a_segment_may_begin_while_the_others_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "data"
    make_directory(data)
    with opened(data) as engine:

        def then_many_more(directory: Path) -> list[Segment]:
            found = segments(directory)
            if directory == data and len(found) == 1:
                trade(engine, PER_SEGMENT, "more")
            return found

        monkeypatch.setattr("tandem.apps.backup.segments", then_many_more)
        made = back_up(data, tmp_path / "backup")
        assert len(segments(data)) == 2
    assert bring_back(tmp_path / "backup", tmp_path / "back").digest == digest_at(data, made.seq)


def lived_behind(data: Path, *, snapshots: int) -> Engine:
    """An open exchange that keeps as much log as its history needs, which is `snapshots` snapshots behind."""
    engine = Engine.open(str(data), segment_bytes=SEGMENT_BYTES, reserve_bytes=0, keep_log=False, hold_log=True)
    set_up(engine)
    for number in range(3 + snapshots):
        trade(engine, PER_SEGMENT, f"{number}-")
        if number < 3:
            project(data)
            engine.release_log(engine.digest()[0])
        snapshot(engine)
    assert segments(data)[0].first_seq > 1
    return engine


def test_a_history_that_is_behind_a_cut_log_can_be_gone_on_with(tmp_path: Path) -> None:
    data = tmp_path / "data"
    engine = lived_behind(data, snapshots=2)
    made = back_up(data, tmp_path / "backup")
    engine.close()
    bring_back(tmp_path / "backup", tmp_path / "back")
    project(tmp_path / "back")
    assert told_seq(tmp_path / "back") == made.seq > told_seq(data) > 0


def test_a_history_that_the_log_runs_away_from_is_copied_again(tmp_path: Path) -> None:
    data = tmp_path / "data"
    engine = lived_behind(data, snapshots=0)
    before, lines = ("copying the history",), list[str]()

    def tell(line: str) -> None:
        if not lines:
            for number in range(4):
                trade(engine, PER_SEGMENT, f"away{number}-")
                project(data)
                engine.release_log(engine.digest()[0])
                snapshot(engine)
        lines.append(line)

    # The first line is told before the history is copied, the next one after that.
    made = make_backup(data, tmp_path / "backup", VAULT, lambda line: None if line in before else tell(line))
    engine.close()
    assert "the log that the history goes on with was deleted meanwhile; copying both again" in lines
    bring_back(tmp_path / "backup", tmp_path / "back")
    project(tmp_path / "back")
    assert told_seq(tmp_path / "back") == made.seq


def test_a_history_that_was_left_behind_for_good_is_no_obstacle(tmp_path: Path) -> None:
    data = tmp_path / "data"
    engine = lived_behind(data, snapshots=0)
    engine.release_log(2**63)
    for number in range(3):
        trade(engine, PER_SEGMENT, f"on{number}-")
        engine.release_log(engine.digest()[0])
        snapshot(engine)
    lines: list[str] = []
    made = make_backup(data, tmp_path / "backup", VAULT, lines.append)
    engine.close()
    assert "the history is older than the log and cannot be gone on with: it is copied as it is" in lines
    assert bring_back(tmp_path / "backup", tmp_path / "back").digest == digest_at(data, made.seq)


def test_a_backup_changes_nothing_in_the_directory(data: Path, tmp_path: Path) -> None:
    before = content_of(data), {path: path.stat().st_mtime_ns for path in data.rglob("*")}
    back_up(data, tmp_path / "backup")
    assert (content_of(data), {path: path.stat().st_mtime_ns for path in data.rglob("*")}) == before


def test_what_is_no_exchange_is_not_backed_up(data: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(LogUnreadable, match="holds no log of an exchange"):
        back_up(tmp_path / "empty", tmp_path / "backup")
    shutil.copytree(data, tmp_path / "old")
    (tmp_path / "old" / "durable").unlink()
    with pytest.raises(BackupRefused, match="start its exchange once with this version"):
        back_up(tmp_path / "old", tmp_path / "backup")
    assert durable_seq(tmp_path / "old") is None


def tandem(aside: Path, *arguments: str) -> Result:
    file = aside.with_name(aside.name + ".passphrase")
    file.write_text(PASSPHRASE + "\n")
    return CliRunner().invoke(main, [*arguments, "--passphrase-file", str(file)])


def test_a_restored_exchange_starts_only_when_it_is_accepted(backup: Path, tmp_path: Path) -> None:
    told = tandem(tmp_path, "restore", str(backup), str(tmp_path / "back"))
    assert (told.exit_code, '"seq": 107' in told.stdout) == (0, True)
    serve = ["serve", "--data", str(tmp_path / "back"), "--port", "0"]
    refused = CliRunner().invoke(main, serve)
    assert refused.exit_code == 1
    assert "its log ends at seq 107" in refused.stderr
    assert "--accept-restored" in refused.stderr
    assert not (tmp_path / "back" / "LOCK").exists()
    (tmp_path / "back" / RESTORING).touch()
    refused = CliRunner().invoke(main, [*serve, "--accept-restored"])
    assert refused.stderr.endswith("holds a restore that did not finish: empty it and restore again\n")


def test_without_a_passphrase_there_is_no_backup(data: Path, tmp_path: Path) -> None:
    command = ["backup", str(data), str(tmp_path / "backup")]
    assert "give --passphrase-file" in CliRunner().invoke(main, command).stderr
    (tmp_path / "empty").write_text("\n")
    told = CliRunner().invoke(main, [*command, "--passphrase-file", str(tmp_path / "empty")])
    assert told.stderr == f"tandem: the first line of {tmp_path / 'empty'} is empty\n"
    assert not (tmp_path / "backup").exists()
