"""An exchange that lived for some seconds, with its log, its history in SQL, and its day as if it had ended."""

from pathlib import Path

from tandem.apps.archiving import write_day
from tandem.archive.manifest import date_of
from tandem.archive.place import Place
from tandem.history.database import database_url
from tandem.history.export import Exporter
from tandem.history.projector import Projector
from tandem.platform.engine import Engine
from tandem.platform.log_files import segments
from tests.history.traffic import Traffic, open_exchange, results, take_snapshot

SEGMENT_BYTES = 1 << 20


def live(data: Path, seed: int = 9, count: int = 2_000) -> None:
    engine = open_exchange(data)
    traffic = Traffic(engine, seed)
    traffic.found()
    traffic.send(count)
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
