"""`tandem backup`: a copy of a data directory, of one moment, while its exchange runs.

It asks nothing of the exchange and locks nothing. The log is copied last and up to its durable mark, so it reaches at
least as far as everything that is derived from it: what is restored is the exchange at that command, never a torn one.

Deliberately absent: a history in PostgreSQL, which is told again from the log, and the archive, whose files never
change and need no more than a copy.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tandem.apps.backup_copy import Tell, cut_segment, measure, whole, write_file
from tandem.apps.backup_manifest import (
    HISTORY,
    LOG,
    SEALED,
    SECRETS,
    VIEWS,
    BackupUnusable,
    File,
    Manifest,
    Vault,
    sync_directory,
    write_manifest,
)
from tandem.domain.errors import Fault
from tandem.history.database import HistoryUnusable, database_url
from tandem.history.export import Exporter
from tandem.platform.db import copy_database, database_bytes
from tandem.platform.engine import Engine
from tandem.platform.log_files import Record, Segment, durable_seq, record_at, segments, snapshot_path, snapshot_seqs

KEPT_SNAPSHOTS = 2
"""Of a log that is whole. One that begins with a snapshot goes with all of them: its history may need the oldest."""
ATTEMPTS = 5
"""At copying a log whose oldest segments are being deleted (`log.keep = "snapshots"`)."""


class BackupRefused(Fault):
    """There is nothing to back up, or no place for it; the message says what to do."""


def make_backup(data: Path, target: Path, vault: Vault, tell: Tell, *, verify: bool = True) -> Manifest:
    """Raises Fault, OSError; then `target` holds no backup."""
    if durable_seq(data) is None:
        segments(data)
        raise BackupRefused(f"{data} does not say how far it is durable: start its exchange once with this version")
    _claim(target)
    sealed = list(_sealed(data, target, vault))
    end, copied = _copies(data, target, tell)
    if verify:
        tell("verifying the copied log")
        verified_log(target / LOG, tell)
        if _can_go_on(data, data) and not _can_go_on(target, target / LOG):
            raise BackupUnusable("the snapshot that the history goes on from is damaged; let it come further first")
    kept = [file for file in sealed + copied if (target / file.name).exists()]
    for directory in {(target / file.name).parent for file in kept}:
        sync_directory(directory)
    manifest = Manifest(
        cluster_id=segments(target / LOG)[-1].cluster_id,
        seq=end.seq,
        time_us=end.time_us,
        made_us=time.time_ns() // 1000,
        kdf=vault.kdf,
        files=tuple(kept),
    )
    write_manifest(target, manifest, vault)
    return manifest


def verified_log(directory: Path, tell: Tell) -> dict[str, object]:
    """The report of `Engine.verify`, when all is well. Damaged snapshots are removed: the log makes them again.

    Raises BackupUnusable."""
    report = Engine.verify(str(directory))
    damaged = {finding["file"] for finding in report["findings"] if finding["file"].endswith(".snap")}
    if not report["ok"] and damaged:
        for name in damaged:
            tell(f"passing over a damaged snapshot: {name}")
            (directory / name).unlink()
        report = Engine.verify(str(directory))
    if not report["ok"]:
        found = "; ".join(f"{f['file']} at {f['offset']}: {f['problem']}" for f in report["findings"])
        raise BackupUnusable(f"the log in {directory} does not verify: {found}")
    return report


def _claim(target: Path) -> None:
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    sync_directory(target.parent)
    if any(target.iterdir()):
        raise BackupRefused(f"{target} is not empty: every backup has a directory of its own")


def _percent(what: str, tell: Tell) -> Callable[[int, int], None]:
    """At every tenth, where there are many."""
    told = 0

    def progress(left: int, pages: int) -> None:
        nonlocal told
        tenth = 10 * (pages - left) // max(pages, 1)
        if told < tenth < 10:
            told = tenth
            tell(f"{what}: {10 * tenth} %")

    return progress


def _put(target: Path, name: str, content: Iterator[bytes]) -> File:
    return File(name, *write_file(target / name, content))


def _sealed(data: Path, target: Path, vault: Vault) -> Iterator[File]:
    for name in SECRETS:
        if (data / name).exists():
            content = database_bytes(data / name) if name.endswith(".db") else (data / name).read_bytes()
            yield _put(target, f"{SEALED}/{name}", iter([vault.seal(content, name)]))


def _copies(data: Path, target: Path, tell: Tell) -> tuple[Record, list[File]]:
    """Where the log ends, and the files of it and of what is derived from it, which can be gone on with."""
    for _attempt in range(ATTEMPTS):
        derived = list(_derived(data, target, tell))
        end, logged = _log(data, target, tell)
        if _can_go_on(target, target / LOG):
            return end, derived + logged
        if not _can_go_on(data, data):
            tell("the history is older than the log and cannot be gone on with: it is copied as it is")
            return end, derived + logged
        tell("the log that the history goes on with was deleted meanwhile; copying both again")
        for file in derived + logged:
            (target / file.name).unlink()
    raise BackupRefused("the log is deleted faster than the history is copied: try again when less happens")


def _can_go_on(directory: Path, log: Path) -> bool:
    """Whether the log there tells what the history there does not."""
    first_seq = segments(log)[0].first_seq
    if first_seq == 1 or not (directory / HISTORY).exists():
        return True
    exporter = Exporter(database_url("", directory))
    try:
        told = exporter.state().seq
    except HistoryUnusable:  # nothing is told yet
        told = 0
    finally:
        exporter.close()
    return any(first_seq - 1 <= seq <= told for seq in snapshot_seqs(log))


def _derived(data: Path, target: Path, tell: Tell) -> Iterator[File]:
    if (data / HISTORY).exists():
        tell("copying the history")
        copy_database(data / HISTORY, target / HISTORY, _percent("copying the history", tell))
        yield File(HISTORY, *measure(target / HISTORY))
    views = data / VIEWS
    # What the cursor says is saved has to be: so the cursor first, then the views.
    for path in (views / "cursor", *sorted(views.glob("*.view"))):
        if path.exists():
            yield _put(target, f"{VIEWS}/{path.name}", iter([path.read_bytes()]))


def _log(data: Path, target: Path, tell: Tell) -> tuple[Record, list[File]]:
    """Where it ends, and its files."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _copy_log(data, target, tell)
        except FileNotFoundError as error:
            if attempt == ATTEMPTS:
                raise
            tell(f"{error.filename} was deleted meanwhile; copying the log again")
            for path in (target / LOG).glob("*"):
                path.unlink()
    raise AssertionError("the last attempt returns or raises")


def _copy_log(data: Path, target: Path, tell: Tell) -> tuple[Record, list[File]]:
    # In this order: what is durable then is in the segments that there are then.
    seq, found = durable_seq(data), segments(data)
    assert seq is not None, "it was there before, and nobody deletes it"
    wanted = [segment for segment in found if segment.first_seq <= seq] or found[:1]
    files = []
    for number, segment in enumerate(wanted, 1):
        tell(f"copying the log: segment {number} of {len(wanted)}")
        files.append(_copy_segment(segment, target, seq if segment is wanted[-1] else None))
    # The oldest first: while it is there, so is the log behind it.
    for snapshot in [known for known in snapshot_seqs(data) if known <= seq][-_kept(found) :]:
        path = snapshot_path(data, snapshot)
        files.append(_put(target, f"{LOG}/{path.name}", whole(path)))
    files.append(_put(target, f"{LOG}/CLUSTER", whole(data / "CLUSTER")))
    return record_at(wanted[-1], seq), files


def _kept(found: list[Segment]) -> int:
    return KEPT_SNAPSHOTS if found[0].first_seq == 1 else 0


def _copy_segment(segment: Segment, target: Path, end_seq: int | None) -> File:
    """A closed one as it is; the last one up to its end."""
    content = whole(segment.path)
    if end_seq is not None:
        content = cut_segment(segment.path, record_at(segment, end_seq).end, segment.length)
    return _put(target, f"{LOG}/{segment.path.name}", content)
