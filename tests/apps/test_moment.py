"""The exchange as it was at a command or at a time."""

import json
import shutil
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tandem.apps.cli import main
from tandem.apps.moment import Moment, MomentRefused, open_moment, read_time
from tandem.apps.timemachine import keys_of, make_gateway
from tandem.identity.service import open_keys
from tandem.platform.clock import ManualClock
from tandem.platform.engine import Engine
from tandem.platform.log_files import segments, snapshot_seqs
from tests.apps.directories import PER_SEGMENT, make_directory, opened, snapshot, trade
from tests.engine.shard import BASE, SELLER, set_up, wait_for

DAY_US = 86_400 * 10**6


def quiet(_line: str) -> None:
    """Nobody reads it."""


def at(data: Path, until: str | None, *, with_past: bool = False) -> Moment:
    return open_moment(data, until, quiet, with_past=with_past)


def replay(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["replay", *arguments])


def test_each_command_has_its_moment(tmp_path: Path) -> None:
    digests, times = {}, {}
    with opened(tmp_path) as engine:
        set_up(engine)
        for number in range(12):
            if number == 5:
                snapshot(engine)
            engine.credit(SELLER, BASE, number + 1)
            [result] = wait_for(engine, 1)
            digests[result.seq], times[result.seq] = engine.digest()[1], result.time_us
            time.sleep(0.002)
        for seq, digest in digests.items():
            assert at(tmp_path, str(seq)).digest() == (seq, digest)
            assert at(tmp_path, str(times[seq])).digest() == (seq, digest)
            assert at(tmp_path, str(times[seq] // 1000)).digest() == (seq, digest)
            assert at(tmp_path, str(times[seq] - 1)).digest()[0] == seq - 1
            with_past = at(tmp_path, str(seq), with_past=True)
            with_past.client().drain()
            assert with_past.digest() == (seq, digest)
        assert at(tmp_path, None).digest()[0] == max(digests)
        assert at(tmp_path, str(times[10])).time_us == at(tmp_path, "10").time_us == times[10]


def test_a_moment_is_found_in_a_log_of_many_segments(tmp_path: Path) -> None:
    make_directory(tmp_path, 3 * PER_SEGMENT)
    assert len(segments(tmp_path)) > 3
    starts = [segment.first_seq for segment in segments(tmp_path)[1:]]
    records = {record["seq"]: record["time_us"] for record in Engine.inspect(str(tmp_path), 1, 10**6)}
    for seq in (7, 1_000, *starts, *(start - 1 for start in starts), max(records)):
        wanted = max(known for known, time_us in records.items() if time_us <= records[seq])
        assert at(tmp_path, str(records[seq])).digest()[0] == wanted
    assert at(tmp_path, str(records[1] - 1)).digest()[0] == 0


def test_times_are_read_as_people_and_programs_write_them() -> None:
    noon = 1_767_268_800 * 10**6
    assert read_time("2026-01-01T12:00:00Z") == (noon, noon)
    assert read_time("2026-01-01 12:00") == (noon, noon)
    assert read_time("2026-01-01T13:00:00.000250+01:00") == (noon + 250, noon + 250)
    assert read_time(str(noon // 1000)) == (noon + 999, noon)
    assert read_time(str(noon + 1)) == (noon + 1, noon + 1)


@pytest.mark.parametrize("text", ["yesterday", "", "-1", "1.5", "2026-13-01"])
def test_what_is_no_moment_is_refused(text: str, tmp_path: Path) -> None:
    make_directory(tmp_path)
    told = replay(str(tmp_path), "--until", text, "--print")
    assert told.exit_code == 1
    assert f"{text!r} is no seq, no time in ms and not like 2026-07-01T12:00:00Z" in told.stderr


def test_a_moment_outside_of_the_log_is_refused(tmp_path: Path) -> None:
    make_directory(tmp_path)
    assert "ends at seq 107, which is before 108" in replay(str(tmp_path), "--until", "108", "--print").stderr
    tomorrow = (time.time_ns() // 1000 + DAY_US) // 1000
    assert f"{tomorrow} is yet to come" in replay(str(tmp_path), "--until", str(tomorrow), "--print").stderr


def test_where_the_log_begins_late_so_does_the_past(tmp_path: Path) -> None:
    make_directory(tmp_path, PER_SEGMENT)
    with opened(tmp_path) as engine:
        snapshot(engine)
        trade(engine, 100, "after")
        digest = engine.digest()
    [snapped] = snapshot_seqs(tmp_path)
    first = segments(tmp_path)[0]
    first.path.unlink()
    moment = at(tmp_path, None, with_past=True)
    assert moment.start_seq == snapped
    make_gateway(moment, keys_of(tmp_path))
    assert moment.digest() == digest
    with pytest.raises(MomentRefused, match="what was before is gone"):
        at(tmp_path, "100")
    with pytest.raises(MomentRefused, match="what was before is gone"):
        at(tmp_path, str(first.time_us + 1))


def test_a_moment_is_printed_as_json_and_changes_nothing(tmp_path: Path) -> None:
    make_directory(tmp_path / "data")
    before = {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in (tmp_path / "data").rglob("*")}
    told = replay(str(tmp_path / "data"), "--until", "60", "--print")
    state = json.loads(told.stdout)
    assert (told.exit_code, state["seq"], [row["name"] for row in state["accounts"]]) == (
        0,
        60,
        ["fees", "seller", "buyer"],
    )
    [seller] = [row for row in state["accounts"] if row["name"] == "seller"]
    locked = [order for order in state["open_orders"] if order["account"] == "seller"]
    lots = sum(round(float(order["left"]) * 10**8) for order in locked)
    assert round(float(seller["balances"]["BTC"]["locked"]) * 10**8) == lots > 0
    assert before == {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in (tmp_path / "data").rglob("*")}


def test_keys_are_read_without_making_any(tmp_path: Path) -> None:
    make_directory(tmp_path / "data")
    live, database = open_keys(tmp_path / "data", ManualClock())
    [key_id] = [row["apiKey"] for row in live.rows()]
    database.close()
    found = keys_of(tmp_path / "data").find(key_id)
    assert found is not None
    assert found.account == SELLER
    shutil.rmtree(tmp_path / "data")
    (tmp_path / "data").mkdir()
    assert keys_of(tmp_path / "data").find(key_id) is None
    assert list((tmp_path / "data").iterdir()) == []
