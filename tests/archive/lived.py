"""An exchange that lived for some seconds, with its log, its history in SQL, and its day as if it had ended."""

from datetime import date
from pathlib import Path

from tandem.apps.archiving import write_day
from tandem.archive.manifest import date_of, start_of
from tandem.archive.place import Place
from tandem.domain.intervals import DAY
from tandem.history.database import database_url
from tandem.history.export import Exporter
from tandem.history.projector import Projector
from tandem.platform.engine import Engine
from tandem.platform.log_files import segments
from tests.history.traffic import Traffic, open_exchange, results, take_snapshot

SEGMENT_BYTES = 1 << 20
AT_ONCE = 20
LIVED_DAYS = ["2026-12-30", "2026-12-31", "2027-01-01", "2027-01-02"]
"""In UTC: a month, a year, and a week in their midst."""


def live(data: Path, seed: int = 9, count: int = 2_000) -> None:
    engine = open_exchange(data)
    traffic = Traffic(engine, seed)
    traffic.found()
    traffic.send(count)
    engine.close()
    project(data)


def live_for_days(data: Path, seed: int = 21, count: int = 3_000) -> None:
    """From noon of the first of `LIVED_DAYS` to noon of the day after the last."""
    step_us = len(LIVED_DAYS) * DAY * AT_ONCE // count
    now_us = start_of(date.fromisoformat(LIVED_DAYS[0])) + DAY // 2
    engine = open_exchange(data, clock_us=now_us)
    traffic = Traffic(engine, seed)
    traffic.found()
    for _ in range(count // AT_ONCE):
        now_us += step_us
        engine.set_clock(now_us)
        traffic.send(AT_ONCE, at_once=AT_ONCE)
    engine.close()
    project(data)


def live_without_old_log(data: Path, seed: int = 11, count: int = 2_000) -> None:
    """Its log begins in the middle of what SQL tells."""
    engine = Engine.open(
        str(data), segment_bytes=SEGMENT_BYTES, reserve_bytes=0, snapshot_every=1_000_000, keep_log=False
    )
    traffic = Traffic(engine, seed)
    traffic.found()
    for _ in range(4):
        traffic.send(count // 4)
        _fill_a_segment(engine)
        project(data)
        take_snapshot(engine)
    traffic.send(count // 4)
    engine.close()
    project(data)
    assert segments(data)[0].first_seq > count // 4


def _fill_a_segment(engine: Engine) -> None:
    """With commands that are refused."""
    size = 4000
    wanted = SEGMENT_BYTES // size + 1
    for _ in range(wanted):
        engine.create_account("x" * size)
    assert all(result.code >= 0 for result in results(engine, wanted))


def project(data: Path, database: str = "") -> None:
    """To the end of the log."""
    projector = Projector(data, database_url(database, data))
    projector.finish.set()
    projector.run()


def archive_all(data: Path) -> None:
    """All days that there are, whether they ended or not."""
    exporter = Exporter(database_url("", data))
    state = exporter.state()
    first_us = exporter.first_us()
    assert first_us is not None
    seq = 0
    for day in sorted({date_of(first_us), date_of(state.time_us)}):
        seq = write_day(exporter, Place(str(data / "archive")), state.cluster_id, day, seq + 1).last_seq
    exporter.close()
