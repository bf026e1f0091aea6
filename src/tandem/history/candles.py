"""Candles of all intervals and the days of every market, from its trades.

Trades of one second are first added up, and then as one to each interval: most of the work of a busy second is done
once and not sixteen times.
"""

from collections.abc import Callable

from msgspec.structs import astuple

from tandem.domain.intervals import DAY, INTERVALS, SECOND, Interval
from tandem.history.rows import CandleRow, DayRow, Values

_INTERVALS = list(INTERVALS.values())


class _Second:
    """What a market's trades of one second come to."""

    __slots__ = (
        *("open_us", "open", "high", "low", "close"),
        *("volume", "amount", "trades", "bought", "bought_amount", "seq"),
    )

    def __init__(self, open_us: int, price: int) -> None:
        self.open_us = open_us
        self.open = self.high = self.low = self.close = price
        self.volume = self.amount = self.trades = self.bought = self.bought_amount = self.seq = 0


class Candles:
    """`add` each trade; `take` the candles that changed since the last take."""

    def __init__(self, known: Callable[[int, str, int], CandleRow | None]) -> None:
        """`known`: the candle of a market, an interval and an open time that was taken before this began."""
        self._known = known
        self._seconds: dict[int, _Second] = {}
        self._current: dict[int, list[tuple[int, CandleRow]]] = {}
        """By market, for each interval: (open time of the next candle, the candle)."""
        self._changed: dict[tuple[int, str, int], CandleRow] = {}

    def add(self, market: int, time_us: int, price: int, qty: int, amount: int, is_sell: int, seq: int) -> None:
        second = self._seconds.get(market)
        if second is None or time_us >= second.open_us + SECOND:
            if second is not None:
                self._spread(market, second)
            second = self._seconds[market] = _Second(time_us - time_us % SECOND, price)
        if price > second.high:
            second.high = price
        elif price < second.low:
            second.low = price
        second.close = price
        second.volume += qty
        second.amount += amount
        second.trades += 1
        if not is_sell:
            second.bought += qty
            second.bought_amount += amount
        second.seq = seq

    def take(self) -> list[Values]:
        for market, second in self._seconds.items():
            self._spread(market, second)
        self._seconds.clear()
        rows = [astuple(row) for row in self._changed.values()]
        self._changed.clear()
        return rows

    def _spread(self, market: int, second: _Second) -> None:
        open_us = second.open_us
        current = self._current.get(market)
        if current is None:
            current = self._current[market] = [self._resume(market, i, second) for i in _INTERVALS]
        changed = self._changed
        for index, (next_us, row) in enumerate(current):
            if open_us >= next_us:
                interval = _INTERVALS[index]
                row = _opened(market, interval.name, interval.open_of(open_us), second.open)
                current[index] = (interval.shift(row.open_us, 1), row)
            changed[market, row.interval, row.open_us] = row
            _merge(row, second)

    def _resume(self, market: int, interval: Interval, second: _Second) -> tuple[int, CandleRow]:
        open_us = interval.open_of(second.open_us)
        known = self._known(market, interval.name, open_us)
        return interval.shift(open_us, 1), known or _opened(market, interval.name, open_us, second.open)


def _opened(market: int, interval: str, open_us: int, price: int) -> CandleRow:
    return CandleRow(market, interval, open_us, price, price, price, price, 0, 0, 0, 0, 0, 0)


def _merge(row: CandleRow, second: _Second) -> None:
    if second.high > row.high:
        row.high = second.high
    if second.low < row.low:
        row.low = second.low
    row.close = second.close
    row.volume += second.volume
    row.quote_volume += second.amount
    row.trades += second.trades
    row.taker_buy_volume += second.bought
    row.taker_buy_quote_volume += second.bought_amount
    row.seq = second.seq


class Days:
    """What each market's day came to."""

    def __init__(self, last: Callable[[int], DayRow | None]) -> None:
        """`last`: the newest day of a market that was taken before this began."""
        self._last = last
        self._current: dict[int, DayRow] = {}
        self._changed: dict[tuple[int, int], DayRow] = {}

    def at(self, market: int, time_us: int, seq: int) -> DayRow:
        """To be changed by the caller."""
        row = self._current.get(market)
        if row is None or time_us >= row.day_us + DAY:
            row = self._current[market] = self._next(market, row or self._last(market), time_us - time_us % DAY)
        row.seq = seq
        self._changed[market, row.day_us] = row
        return row

    def _next(self, market: int, before: DayRow | None, day_us: int) -> DayRow:
        if before is not None and before.day_us == day_us:
            return before
        return DayRow(market, day_us, 0, 0, 0, 0, 0 if before is None else before.next_aggregate, 0)

    def take(self) -> list[Values]:
        rows = [astuple(row) for row in self._changed.values()]
        self._changed.clear()
        return rows
