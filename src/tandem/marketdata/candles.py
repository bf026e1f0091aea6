"""Candles of one market in all intervals, and sums over windows of it.

A trade touches one object, the current second. When a second is over it is folded into its minute, a full minute into
the intervals up to an hour, a full hour into those up to a day, a day into the longest: so the cost per trade does not
depend on how many intervals there are. What is not folded yet is folded into the answer of a query. Only candles with
trades are stored; the flat ones between are made on demand. Every series is bounded.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import gcd

from tandem.domain.intervals import DAY, HOUR, INTERVALS, MINUTE, SECOND, Interval

Row = tuple[int, int, int, int, int, int, int, int, int, int, int, int]
"""open time, open, high, low, close, volume, quote volume, trades, volume and quote volume bought by takers, first id,
last id."""

TREE = {
    "1s": ("1m",),
    "1m": ("3m", "5m", "15m", "30m", "1h"),
    "1h": ("2h", "4h", "6h", "8h", "12h", "1d"),
    "1d": ("3d", "1w", "1M"),
}

LIMITS = {"1s": 7_200, "1m": 20_160}
"""Candles kept; the rest keeps `DEFAULT_LIMIT`. The minutes must cover the longest rolling window, 7 days."""
DEFAULT_LIMIT = 5_000
SLACK = 512
"""How many more a series gathers before the oldest are dropped together."""
_WHOLE_PARTS = sorted((i for i in INTERVALS.values() if 0 < i.us <= DAY), key=lambda i: -i.us)
"""Intervals that divide the day, the longest first."""


class Series:
    """Stored candles of one interval: the closed ones and the one being filled."""

    __slots__ = ("_bucket", "children", "closed", "current", "interval", "limit", "parent")

    def __init__(self, interval: Interval, limit: int, parent: "Series | None") -> None:
        self.interval = interval
        self.limit = limit
        self.parent = parent
        self.children: list[Series] = []
        self.closed: list[Row] = []
        self.current: list[int] | None = None
        self._bucket = interval.open_of
        if parent is not None:
            parent.children.append(self)

    def fold(self, row: Sequence[int]) -> None:
        """Takes a closed candle of the parent."""
        open_us = self._bucket(row[0])
        current = self.current
        if current is not None:
            if current[0] == open_us:
                merge(current, row)
                return
            self.close(current)
        self.current = [open_us, *row[1:]]

    def close(self, current: list[int]) -> None:
        row: Row = tuple(current)  # type: ignore[assignment]  # twelve numbers, always
        closed = self.closed
        closed.append(row)
        if len(closed) > self.limit + SLACK:
            del closed[: len(closed) - self.limit]
        for child in self.children:
            child.fold(row)

    def pending(self) -> list[list[int]]:
        """What `closed` does not hold yet, the parents' share included: rarely more than one candle."""
        current = [] if self.current is None else [self.current]
        if self.parent is None:
            return current
        return group([*current, *self.parent.pending()], self.interval, 0)

    def first(self) -> Sequence[int] | None:
        """The oldest candle held: perhaps without the trades of its beginning. Those behind it have all of theirs."""
        if self.closed:
            return self.closed[0]
        pending = self.pending()
        return pending[0] if pending else None

    def between(self, start_us: int, end_us: int) -> list[Sequence[int]]:
        """Candles that open in [start, end)."""
        closed = self.closed
        low = bisect_left(closed, (start_us,))
        rows: list[Sequence[int]] = [*closed[low : bisect_left(closed, (end_us,), low)]]
        rows += [row for row in self.pending() if start_us <= row[0] < end_us]
        return rows

    def close_before(self, time_us: int) -> int | None:
        """The last price of the candles that open before `time_us`."""
        for row in reversed(self.pending()):
            if row[0] < time_us:
                return row[4]
        at = bisect_left(self.closed, (time_us,))
        return self.closed[at - 1][4] if at else None


def merge(into: list[int], row: Sequence[int]) -> None:
    """Adds a later candle to an earlier one."""
    if row[2] > into[2]:
        into[2] = row[2]
    if row[3] < into[3]:
        into[3] = row[3]
    into[4] = row[4]
    into[5] += row[5]
    into[6] += row[6]
    into[7] += row[7]
    into[8] += row[8]
    into[9] += row[9]
    into[11] = row[11]


def group(rows: Iterable[Sequence[int]], interval: Interval, offset_us: int) -> list[list[int]]:
    """Folds finer candles, in order of time, into `interval`."""
    grouped: list[list[int]] = []
    last: list[int] | None = None
    for row in rows:
        open_us = interval.open_of(row[0], offset_us)
        if last is not None and last[0] == open_us:
            merge(last, row)
        else:
            last = [open_us, *row[1:]]
            grouped.append(last)
    return grouped


class Candles:
    """All series of one market."""

    __slots__ = ("_hour", "_minute", "_second", "_second_end", "series")

    def __init__(self) -> None:
        self.series: dict[str, Series] = {"1s": Series(INTERVALS["1s"], LIMITS["1s"], None)}
        for parent, children in TREE.items():
            for name in children:
                limit = LIMITS.get(name, DEFAULT_LIMIT)
                self.series[name] = Series(INTERVALS[name], limit, self.series[parent])
        self._second = self.series["1s"]
        self._minute = self.series["1m"]
        self._hour = self.series["1h"]
        self._second_end = -1

    def add(self, time_us: int, price: int, qty: int, quote: int, trade_id: int, buyer_is_maker: bool) -> None:
        """One trade. Times never go back."""
        if time_us < self._second_end:
            current = self._second.current
            assert current is not None
            if price > current[2]:
                current[2] = price
            elif price < current[3]:
                current[3] = price
            current[4] = price
            current[5] += qty
            current[6] += quote
            current[7] += 1
            if not buyer_is_maker:
                current[8] += qty
                current[9] += quote
            current[11] = trade_id
            return
        second = self._second
        if second.current is not None:
            second.close(second.current)
        open_us = time_us - time_us % SECOND
        self._second_end = open_us + SECOND
        bought, bought_quote = (0, 0) if buyer_is_maker else (qty, quote)
        second.current = [
            open_us, price, price, price, price, qty, quote, 1, bought, bought_quote, trade_id, trade_id,
        ]  # fmt: skip

    def restore(self, series: Mapping[str, tuple[list[Row], list[int] | None]]) -> None:
        """The closed candles and the current one of every interval, as they were."""
        for name, (closed, current) in series.items():
            self.series[name].closed = closed
            self.series[name].current = current
        second = self._second.current
        self._second_end = -1 if second is None else second[0] + SECOND

    def rows(
        self,
        interval: Interval,
        now_us: int,
        limit: int,
        *,
        start_us: int | None,
        end_us: int | None,
        offset_us: int = 0,
    ) -> list[Sequence[int]]:
        """Of what is held; see `Span`."""
        return self.span_rows(Span(interval, offset_us, now_us, limit, start_us, end_us))

    def span_rows(self, span: "Span") -> list[Sequence[int]]:
        base = self.base(span.interval, span.offset_us)
        first = base.first()
        if first is None:
            return []
        low, high = span.bounds(first[0])
        stored = base.between(low, span.interval.shift(high, 1, span.offset_us))
        return span.fill(span.folded(base.interval, stored), low, high, base.close_before(low))

    def latest(self, interval: Interval, open_us: int, offset_us: int = 0) -> Sequence[int] | None:
        """The candle that opens at `open_us`, flat when it has no trades; None before the first trade."""
        rows = self.rows(interval, open_us, 1, start_us=open_us, end_us=open_us, offset_us=offset_us)
        return rows[0] if rows else None

    def window(self, start_us: int) -> list[int] | None:
        """All trades from the minute of `start_us` on as one candle; None when there are none."""
        start_us -= start_us % MINUTE
        minutes, hours = self._minute, self._hour
        pieces: list[Sequence[int]] = []
        current = hours.current
        if current is None or current[0] < start_us:
            pieces += minutes.closed[bisect_left(minutes.closed, (start_us,)) :]
        else:
            next_hour = -(-start_us // HOUR) * HOUR
            low = bisect_left(minutes.closed, (start_us,))
            pieces += minutes.closed[low : bisect_left(minutes.closed, (next_hour,), low)]
            pieces += hours.closed[bisect_left(hours.closed, (next_hour,)) :]
            pieces.append(current)
        pieces += [row for row in minutes.pending() if row[0] >= start_us]
        if not pieces:
            return None
        total = [start_us, *pieces[0][1:]]
        for row in pieces[1:]:
            merge(total, row)
        return total

    def close_before(self, time_us: int) -> int | None:
        """The price of the last trade before the minute of `time_us`."""
        return self._minute.close_before(time_us - time_us % MINUTE)

    def base(self, interval: Interval, offset_us: int) -> Series:
        """The coarsest series whose boundaries are boundaries of the shifted interval as well."""
        within_day = 0 < interval.us <= DAY
        if offset_us == 0 or (within_day and offset_us % interval.us == 0):
            return self.series[interval.name]
        unit = gcd(interval.us if within_day else DAY, offset_us)
        best = self._minute
        for series in self.series.values():
            us = series.interval.us
            if us and us <= DAY and unit % us == 0 and us > best.interval.us:
                best = series
        return best


@dataclass(frozen=True, slots=True)
class Span:
    """Candles whose open time lies in [start, end], up to now: with a start the oldest `limit`, else the newest."""

    interval: Interval
    offset_us: int
    now_us: int
    limit: int
    start_us: int | None
    end_us: int | None

    def bounds(self, first_us: int) -> tuple[int, int]:
        """When the first and the last of them open, if `first_us` is of the first candle that ever was. There are
        none when the first is later than the last."""
        interval, offset_us = self.interval, self.offset_us
        low, high = interval.open_of(first_us, offset_us), self.last_us
        if self.start_us is None:
            return max(low, interval.shift(high, 1 - self.limit, offset_us)), high
        low = max(low, interval.open_from(self.start_us, offset_us))
        return low, min(high, interval.shift(low, self.limit - 1, offset_us))

    @property
    def last_us(self) -> int:
        """No candle opens later."""
        end_us = self.now_us if self.end_us is None else min(self.end_us, self.now_us)
        return self.interval.open_of(end_us, self.offset_us)

    def pieces(self) -> dict[str, list[int]]:
        """The fewest stored candles, in UTC, that a day of these is made of: by interval, when in the day they open."""
        length, found = min(self.interval.us or DAY, DAY), dict[str, list[int]]()
        start = -self.offset_us % length
        for end in range(start + length, start + DAY + 1, length):
            while start < end:
                piece = next(i for i in _WHOLE_PARTS if start % i.us == 0 and start + i.us <= end)
                found.setdefault(piece.name, []).append(start % DAY)
                start += piece.us
        return found

    def folded(self, base: Interval, stored: Sequence[Sequence[int]]) -> Sequence[Sequence[int]]:
        """From candles of an interval that divides this one."""
        return stored if base is self.interval else group(stored, self.interval, self.offset_us)

    def fill(self, stored: Sequence[Sequence[int]], low: int, high: int, close: int | None) -> list[Sequence[int]]:
        """Puts flat candles between those that opened in these bounds. `close`: the last price before. The first and
        last id of a flat candle are -1."""
        rows: list[Sequence[int]] = []
        at, open_us = 0, low
        while open_us <= high:
            if at < len(stored) and stored[at][0] == open_us:
                rows.append(stored[at])
                close = stored[at][4]
                at += 1
            elif close is not None:
                rows.append((open_us, close, close, close, close, 0, 0, 0, 0, 0, -1, -1))
            open_us = self.interval.shift(open_us, 1, self.offset_us)
        return rows
