"""What an answer needs of the past that memory has let go, and how rows of both are put together.

Memory is right about whatever it has; SQL has everything up to its position. So an answer is complete when that
position is past all that memory has let go.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")
NEVER_US = 2**63 - 1
"""A time after every other."""


class Need(NamedTuple):
    """How far SQL must have been told. Commands of one time may lie on both sides of a position, so a time has to be
    passed; where nothing came later, all that the asker has seen has to be told."""

    seq: int
    """What the asker has never seen, because it began behind it."""
    time_us: int
    """When the newest of what it has let go last changed."""
    newest_seq: int
    """What it has seen."""

    def is_met_at(self, seq: int, time_us: int) -> bool:
        return seq >= self.newest_seq or (seq >= self.seq and time_us > self.time_us)


def merged(known: list[T], past: list[T], key: Callable[[T], Any], limit: int, *, from_start: bool) -> list[T]:
    """The first `limit` rows, or the last, of two pages that were chosen by the same conditions; rising by `key`. Where
    both have a row, `known` is right."""
    if not known:
        return past[:limit] if from_start else past[-limit:]
    rows = {key(row): row for row in past}
    rows.update((key(row), row) for row in known)
    keys = sorted(rows)
    return [rows[one] for one in (keys[:limit] if from_start else keys[-limit:])]
