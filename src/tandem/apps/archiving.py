"""Brings the history's days that ended into the archive, and takes old ones out of SQL."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta

from tandem.archive.manifest import Manifest, check_day, date_of, read_manifests, read_unbroken, start_of
from tandem.archive.place import ArchiveUnusable, Place
from tandem.archive.tables import TABLES, names_of
from tandem.archive.writer import DayWriter
from tandem.domain.intervals import DAY
from tandem.history.export import Exporter, Period, State, day_of
from tandem.history.prune import Pruner

Note = Callable[[str], None]


def archive(exporter: Exporter, place: Place, *, until: date | None = None, note: Note) -> list[Manifest]:
    """Writes all days that ended, up to `until`, and are not there yet; returns them. Raises ArchiveUnusable and
    HistoryUnusable; what was written till then stays."""
    state = exporter.state()
    manifests = read_manifests(place, state.cluster_id)
    _check_past(exporter, place, state, manifests)
    known = {manifest.day: manifest for manifest in manifests}
    first_us = exporter.first_us()
    firsts = [] if first_us is None else [date_of(first_us)]
    day = min([*known, *firsts], default=None)
    written: list[Manifest] = []
    last_seq = 0
    while day is not None and _has_ended(day, state) and (until is None or day <= until):
        manifest = known.get(day)
        if manifest is None:
            if start_of(day) < state.archived_us:
                raise ArchiveUnusable(f"archive {place.address}: {day} is missing, and its rows have left SQL")
            manifest = write_day(exporter, place, state.cluster_id, day, last_seq + 1)
            note(f"{day}: {sum(part.rows for part in manifest.tables.values())} rows")
            written.append(manifest)
        last_seq = manifest.last_seq
        day += timedelta(days=1)
    return written


def _has_ended(day: date, state: State) -> bool:
    """By the log's own clock: a command of a later day has been told, so none of this day can follow."""
    return start_of(day) + DAY <= state.time_us


def _check_past(exporter: Exporter, place: Place, state: State, manifests: Sequence[Manifest]) -> None:
    """Whether the newest day that SQL still has whole ended with the same command there. Raises ArchiveUnusable."""
    whole = (m for m in reversed(manifests) if m.first_seq <= m.last_seq and _has_ended(m.day, state))
    newest = next(whole, None)
    if newest is not None and newest.start_us >= state.archived_us:
        told = exporter.last_seq_before(newest.end_us)
        if told != newest.last_seq:
            raise ArchiveUnusable(
                f"archive {place.address}: {newest.day} ends with seq {newest.last_seq}, in SQL with seq {told}: one of"
                " them is of an exchange that was restored, and its days since then are others. Take away the manifests"
                " of these days, or use another place"
            )


def write_day(exporter: Exporter, place: Place, cluster_id: str, day: date, first_seq: int) -> Manifest:
    """Raises ArchiveUnusable, HistoryUnusable; then there is no such day."""
    before = exporter.state()
    start_us = start_of(day)
    last_seq = max(exporter.last_seq_before(start_us + DAY), first_seq - 1)
    period = Period(start_us, start_us + DAY, first_seq, last_seq)
    assets, markets, _accounts = exporter.names()
    writer = DayWriter(place, names_of(assets, markets), cluster_id, day)
    for name, table in TABLES.items():
        writer.add(table, exporter.rows_of(name, period))
    # A history that is dropped and told again meanwhile lacks rows for a while.
    if exporter.state().seq < before.seq or writer.rows() != _counted(exporter, writer.rows(), period):
        raise ArchiveUnusable(f"archive {place.address}: the rows of {day} changed while they were written; try again")
    return writer.finish(first_seq, last_seq)


def prune(exporter: Exporter, pruner: Pruner, place: Place, keep_days: int, *, note: Note) -> int:
    """Takes days out of SQL that ended at least `keep_days` days ago and are whole in the archive, which is read back
    first. Returns the number of rows. Raises ArchiveUnusable and HistoryUnusable."""
    state = exporter.state()
    end_us = day_of(state.time_us) - keep_days * DAY
    removed = 0
    for manifest in read_unbroken(place, state.cluster_id):
        # The newest of the days that left may have been cut off.
        if state.archived_us <= manifest.end_us <= end_us:
            count = _prune_day(exporter, pruner, place, manifest)
            note(f"{manifest.day}: {count} rows left SQL")
            removed += count
    return removed


def _prune_day(exporter: Exporter, pruner: Pruner, place: Place, manifest: Manifest) -> int:
    check_day(place, manifest)
    period = Period(manifest.start_us, manifest.end_us, manifest.first_seq, manifest.last_seq)
    with exporter.at_once():
        is_cut_off = exporter.state().archived_us >= manifest.end_us
        counted = _counted(exporter, manifest.tables, period)
    for name, part in manifest.tables.items():
        if counted[name] > part.rows or (counted[name] < part.rows and not is_cut_off):
            raise ArchiveUnusable(
                f"archive {place.address}: {manifest.day} has {part.rows} {name}, SQL has {counted[name]}; see"
                " `tandem audit`"
            )
    pruner.mark(manifest.end_us)
    return pruner.remove(period)


def _counted(exporter: Exporter, names: Iterable[str], period: Period) -> dict[str, int]:
    return {name: exporter.count(name, period) for name in names}
