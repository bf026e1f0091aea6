"""An exchange as it was: a `Follower` at one command of a log, in the place of an engine that nothing is asked of.

It has no commands at all, so nothing can be written.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from tandem.domain.errors import Fault
from tandem.platform import log_files
from tandem.platform.engine import Batch, Engine, EngineClient, EngineError, Follower, OpenOrder, OpenOrderList

TELL_EVERY = 1_000_000
_MS_FROM, _US_FROM = 10**12, 10**15
"""Plain numbers from here on are times, those below are seqs."""


class MomentRefused(Fault):
    """There is no such moment in the log; the message says what there is."""


class Moment:
    """`start_seq`: what its `poll` begins after, which is where views begin."""

    def __init__(self, follower: Follower, time_us: int, tell: Callable[[str], None]) -> None:
        self.follower = follower
        self.start_seq = follower.seq
        self.time_us = time_us
        """The clock, which stands still."""
        self._tell = tell
        self._told = self.start_seq
        self._orders, self._lists = follower.open_orders(), follower.open_lists()
        self._markets = [(m.id, int(m.last_price is not None), m.last_price, 0) for m in follower.markets()]

    def __getattr__(self, name: str) -> Any:
        """Every query is the follower's."""
        return getattr(self.follower, name)

    def client(self) -> EngineClient:
        """For views. It is never started: `replay` drives it."""
        return EngineClient(cast("Engine", self))

    def recovery(self) -> dict[str, Any]:
        return {"events_from_seq": self.start_seq, "last_seq": self.start_seq, "cluster_id": self.follower.cluster_id}

    def snapshot_orders(self) -> list[OpenOrder]:
        return self._orders

    def snapshot_lists(self) -> list[OpenOrderList]:
        return self._lists

    def snapshot_markets(self) -> list[tuple[int, int, int | None, int]]:
        return self._markets

    def poll(self) -> list[Batch]:
        batches = self.follower.poll()
        if batches and batches[-1].seq >= self._told + TELL_EVERY:
            self._told = batches[-1].seq
            self._tell(f"replayed up to seq {self._told}")
        return batches


def open_moment(directory: Path, until: str | None, tell: Callable[[str], None], *, with_past: bool) -> Moment:
    """`until`: a seq or a time, None: now. `with_past`: at the beginning of the log, to be replayed up to there.

    Raises Fault, EngineError, OSError."""
    end_seq, time_us = _resolve(directory, until)
    # The beginning of the log, or the oldest state from which it still goes on.
    starts = [0, *(seq for seq in log_files.snapshot_seqs(directory) if seq <= end_seq)] if with_past else [end_seq]
    refused: EngineError | None = None
    for start in starts:
        try:
            follower = Follower.open(str(directory), after_seq=start, until_seq=end_seq)
        except EngineError as error:
            refused = refused or error
        else:
            return Moment(follower, time_us, tell)
    raise refused or AssertionError("there is at least one start")


def _resolve(directory: Path, until: str | None) -> tuple[int, int]:
    """The last seq that counts, and what the clock shows."""
    # In this order: what is durable then is in the segments that there are then.
    last = log_files.last_seq(directory)
    found = log_files.segments(directory)
    if until is not None and not (until.isdigit() and int(until) < _MS_FROM):
        until_us, time_us = read_time(until)
        return _seq_at(found, last, until_us), time_us
    seq = last if until is None else int(until)
    if seq > last:
        raise MomentRefused(f"the log of {directory} ends at seq {last}, which is before {seq}")
    if seq < found[0].first_seq - 1:
        raise MomentRefused(f"the log of {directory} begins at seq {found[0].first_seq}: what was before is gone")
    holding = [segment for segment in found if segment.first_seq <= seq] or found[:1]
    return seq, log_files.record_at(holding[-1], seq).time_us


def read_time(text: str) -> tuple[int, int]:
    """Microseconds: the last that counts, and what was said. A millisecond counts whole, since the API rounds down.

    Raises MomentRefused."""
    if text.isdigit():
        said = int(text)
        time_us, rest = (said * 1000, 999) if said < _US_FROM else (said, 0)
    else:
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            raise MomentRefused(f"{text!r} is no seq, no time in ms and not like 2026-07-01T12:00:00Z") from None
        said_us = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
        time_us, rest = round(said_us.timestamp() * 1_000_000), 0
    if time_us > time.time_ns() // 1000:
        raise MomentRefused(f"{text} is yet to come")
    return time_us + rest, time_us


def _seq_at(found: list[log_files.Segment], last: int, until_us: int) -> int:
    """The last durable record that is not later."""
    holding = [s for s in found if s.time_us <= until_us and s.first_seq <= last]
    if found[0].first_seq > 1 and found[0].time_us > until_us:
        raise MomentRefused(f"the log begins at seq {found[0].first_seq}, later than that: what was before is gone")
    if not holding:
        return 0
    seq = holding[-1].first_seq - 1
    for record in log_files.records(holding[-1]):
        if record.time_us > until_us or record.seq > last:
            break
        seq = record.seq
    return seq
