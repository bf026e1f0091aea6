"""Replays the log and holds the core, the history in SQL and the archive against it, row by row.

First by sums, then row by row where these differ, with the log told once more. Each time SQL is read as of one position
and the log is told up to that position and no further, so an exchange may run meanwhile. Memory holds what is open and
what accounts own; rows that are compared lie on the disk.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tandem.apps.audit_core import Balances, Names, compare_names, compare_open, compare_position
from tandem.archive.comparing import Workbench
from tandem.archive.intake import Found, Intake
from tandem.archive.manifest import date_of, read_unbroken
from tandem.archive.place import Place
from tandem.archive.sums import Sums
from tandem.archive.tables import TABLES, Table
from tandem.domain.intervals import DAY
from tandem.history.export import Exporter, State
from tandem.history.retelling import Retelling
from tandem.platform.engine import Follower
from tandem.platform.log_files import oldest_start
from tandem.platform.memory import without_collections

Note = Callable[[str], None]
STEP = 1_000_000
"""Commands between two lines of progress."""


@dataclass(frozen=True, slots=True)
class _Sources:
    data: Path
    exporter: Exporter
    place: Place | None
    start: int
    """The seq after which the log can be told."""
    note: Note


class _Told(NamedTuple):
    """Up to one position."""

    state: State
    names: Names
    follower: Follower
    retelling: Retelling
    balances: Balances


def audit(data: Path, exporter: Exporter, place: Place | None, *, limit: int, note: Note) -> Found:
    """`limit`: how many differences of a kind are listed. Raises HistoryUnusable, ArchiveUnusable, LogUnreadable and
    EngineError when something cannot be read at all."""
    found = Found(limit)
    sources = _Sources(data, exporter, place, oldest_start(data), note)
    with without_collections():
        with Sums(found) as sums:
            told = _tell_again(sources, sums, TABLES.values(), sums.next_aggregates)
            suspects = sums.suspects(told.state.archived_us)
            next_aggregates = sums.next_aggregates()
        compare_open(told.follower, told.retelling, found)
        told.balances.compare(told.follower, "core", {}, found)
        compare_names(told.follower, told.names, found)
        compare_position(told.follower, told.state, found)
        archived_us = told.state.archived_us
        if archived_us and archived_us // DAY - 1 not in sums.days:
            note(
                f"the archive lacks days before {date_of(archived_us)} whose rows have left SQL; --archive or --config "
                "names another one"
            )
        if suspects:
            note(f"differences in {', '.join(suspects)}; looking for where, row by row")
            with Workbench(found, suspects) as bench:
                again = _tell_again(sources, bench, bench.tables, lambda: next_aggregates)
                bench.compare(again.state.archived_us)
                misplaced = bench.misplaced_funds()
            if misplaced:
                told.balances.compare(told.follower, "stored", misplaced, found)
    return found


def _tell_again(
    sources: _Sources, intake: Intake, tables: Iterable[Table], next_aggregates: Callable[[], Mapping[int, int]]
) -> _Told:
    """Takes in what SQL, the archive and the log have in these tables."""
    wanted = {table.name: table for table in tables}
    note = sources.note
    with sources.exporter.at_once():
        state = sources.exporter.state()
        follower = Follower.open(str(sources.data), after_seq=sources.start, until_seq=state.seq)
        intake.begin(follower.seq, follower.time_us)
        note(f"the history is told up to seq {state.seq}; reading it")
        for name, table in wanted.items():
            for chunk in sources.exporter.rows(name):
                intake.add("sql", table, chunk)
        names = sources.exporter.names()
    intake.flush(wanted.values())
    note(f"{intake.row_counts['sql']} rows of SQL")
    if sources.place is not None:
        _load(sources.place, intake, state, wanted.values())
        note(f"{intake.row_counts['archive']} rows of the archive")
    if sources.start:
        note(f"the log begins after seq {sources.start}: what ended before is not compared")
    balances = Balances(follower)
    numbers = next_aggregates()
    retelling = Retelling(follower, lambda market: numbers.get(market, 0))
    next_note = sources.start + STEP
    for name, rows in retelling.rows():
        if name == "ledger":
            balances.move(rows)
        if name in wanted:
            intake.add("log", wanted[name], rows)
        if follower.seq >= next_note:
            note(f"the log is told up to seq {follower.seq} of {state.seq}")
            next_note = follower.seq + STEP
    intake.flush(wanted.values())
    return _Told(state, names, follower, retelling, balances)


def _load(place: Place, intake: Intake, state: State, tables: Iterable[Table]) -> None:
    for manifest in read_unbroken(place, state.cluster_id):
        if manifest.last_seq <= state.seq:
            intake.days.add(manifest.start_us // DAY)
            for table in tables:
                intake.load(place, manifest, table)
