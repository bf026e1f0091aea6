"""Pages of rows that memory holds in order, and whether memory alone has all of a page."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

from tandem.domain.errors import api_error
from tandem.domain.history import Need
from tandem.domain.operation import Args
from tandem.trading.orders import OrderView
from tandem.trading.past import Asked
from tandem.trading.records import Gone

DAY_HOURS = 24
DAY_US = DAY_HOURS * 3_600_000_000
DEFAULT_LIMIT = 500
MAX_LIMIT = 1_000
MILLISECOND_US = 1_000

T = TypeVar("T")


class Page(NamedTuple, Generic[T]):
    """What memory has of what was asked for, rising. `asked`: what to ask the past for too; None: memory has all."""

    rows: list[T]
    asked: Asked | None


@dataclass(frozen=True, slots=True)
class Held(Generic[T]):
    """Rows that rise by id and by time; those before `first` do not count."""

    rows: Sequence[T]
    gone: Gone
    id_of: Callable[[T], int]
    placed_us: Callable[[T], int]
    first: int = 0

    def edge_us(self, view: OrderView) -> int:
        """Rows of later are all here; -1: simply all."""
        return max(view.start_us, self.gone.placed_us)

    def need(self, view: OrderView) -> Need:
        return Need(view.start_seq, self.gone.changed_us, view.seq)

    def has_all_from(self, first_id: int, edge_us: int) -> bool:
        at = bisect_right(self.rows, edge_us, key=self.placed_us)
        return at < len(self.rows) and first_id >= self.id_of(self.rows[at])

    def walk(self, asked: Asked, since_us: int = -1, until_us: int | None = None) -> Iterator[T]:
        """Those within the bounds of `asked` and the times given besides; from the end they come falling."""
        rows, low, high = self.rows, self.first, len(self.rows)
        if asked.first_id is not None:
            low = max(low, bisect_left(rows, asked.first_id, key=self.id_of))
        if asked.start_us is not None:
            since_us = max(since_us, asked.start_us)
        if since_us >= 0:
            low = max(low, bisect_left(rows, since_us, key=self.placed_us))
        for end_us in (asked.end_us, until_us):
            if end_us is not None:
                high = min(high, bisect_right(rows, end_us, key=self.placed_us))
        return (rows[index] for index in (range(low, high) if asked.from_start else range(high - 1, low - 1, -1)))

    def page(self, view: OrderView, asked: Asked, found: Iterator[T], since_us: int = -1) -> Page[T]:
        """`found`: what was walked and meets the conditions. No row that does was placed before `since_us`."""
        rows = list(islice(found, asked.limit))
        if not asked.from_start:
            rows.reverse()
        return Page(rows, None if self._has_all(view, asked, rows, since_us) else asked)

    def _has_all(self, view: OrderView, asked: Asked, found: list[T], since_us: int) -> bool:
        edge_us = self.edge_us(view)
        if edge_us < max(since_us, 0 if asked.start_us is None else asked.start_us):
            return True
        if asked.first_id is not None and self.has_all_from(asked.first_id, edge_us):
            return True
        return not asked.from_start and len(found) == asked.limit and self.placed_us(found[0]) > edge_us


def asked_for(
    view: OrderView, held: Held[T], account: int, market: int, args: Args, first: str, **conditions: int | None
) -> Asked:
    """From the parameter `first` or the start time on, else the latest. Raises ApiError -1127."""
    start_us, end_us = window(args)
    first_id = args.get(first)
    return Asked(
        need=held.need(view),
        account=account,
        market=market,
        limit=args.get("limit", DEFAULT_LIMIT),
        from_start=first_id is not None or start_us is not None,
        first_id=first_id,
        start_us=start_us,
        end_us=end_us,
        order_id=conditions.get("order_id"),
        match_id=conditions.get("match_id"),
    )


def window(args: Args) -> tuple[int | None, int | None]:
    """`startTime` and `endTime` as inclusive microseconds; a start alone covers a day. Raises ApiError -1127."""
    start, end = args.get("startTime"), args.get("endTime")
    if start is not None and end is not None and end - start > DAY_US:
        raise api_error("MORE_THAN_XX_HOURS", DAY_HOURS)
    if end is not None and end % MILLISECOND_US == 0:
        end += MILLISECOND_US - 1  # an answer shows the millisecond cut off, and asking for it must find it
    if start is not None and end is None:
        end = start + DAY_US
    return start, end
