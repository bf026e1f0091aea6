"""Candle intervals and where their boundaries lie.

Times are microseconds since the epoch; offsets shift the boundaries to a time zone.
Weeks start on Monday, months on the first, three-day candles count from the epoch (of the shifted clock).
"""

from dataclasses import dataclass

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_MONDAY = 4 * DAY
"""1970-01-05, the first Monday."""


@dataclass(frozen=True, slots=True)
class Interval:
    """One candle length. `us` is 0 for the month, whose length varies."""

    name: str
    us: int
    phase: int = 0

    def open_of(self, time_us: int, offset_us: int = 0) -> int:
        """The boundary at or before `time_us`."""
        if self.us:
            shift = offset_us - self.phase
            return (time_us + shift) // self.us * self.us - shift
        return _month_start(_month_of(time_us + offset_us)) - offset_us

    def shift(self, open_us: int, count: int, offset_us: int = 0) -> int:
        """The boundary `count` candles after `open_us`, which is one itself."""
        if self.us:
            return open_us + count * self.us
        return _month_start(_month_of(open_us + offset_us) + count) - offset_us

    def open_from(self, time_us: int, offset_us: int = 0) -> int:
        """The boundary at or after `time_us`."""
        open_us = self.open_of(time_us, offset_us)
        return open_us if open_us == time_us else self.shift(open_us, 1, offset_us)


def _month_of(time_us: int) -> int:
    """Months since year 0 in the civil calendar (days-to-civil of H. Hinnant, proleptic Gregorian)."""
    days = time_us // DAY + 719_468
    era, day_of_era = divmod(days, 146_097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    months_from_march = (5 * day_of_year + 2) // 153
    return (era * 400 + year_of_era) * 12 + months_from_march + 2


def _month_start(month: int) -> int:
    """The inverse of `_month_of`, at the first of the month."""
    year, months_from_march = divmod(month - 2, 12)
    era, year_of_era = divmod(year, 400)
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + (153 * months_from_march + 2) // 5
    return (era * 146_097 + day_of_era - 719_468) * DAY


INTERVALS: dict[str, Interval] = {
    i.name: i
    for i in (
        Interval("1s", SECOND),
        Interval("1m", MINUTE),
        Interval("3m", 3 * MINUTE),
        Interval("5m", 5 * MINUTE),
        Interval("15m", 15 * MINUTE),
        Interval("30m", 30 * MINUTE),
        Interval("1h", HOUR),
        Interval("2h", 2 * HOUR),
        Interval("4h", 4 * HOUR),
        Interval("6h", 6 * HOUR),
        Interval("8h", 8 * HOUR),
        Interval("12h", 12 * HOUR),
        Interval("1d", DAY),
        Interval("3d", 3 * DAY),
        Interval("1w", 7 * DAY, _MONDAY),
        Interval("1M", 0),
    )
}


QUARTERS = ("00", "15", "30", "45")


def parse_time_zone(text: str) -> int | None:
    """Microseconds of an offset like `8`, `-1:00` or `05:45`; None when it is none or outside -12:00..+14:00.

    Quarters of an hour, as all zones are: others would have candles of a day folded from minutes, which takes long.
    """
    sign = -1 if text.startswith("-") else 1
    hours, colon, minutes = text.removeprefix("-").removeprefix("+" if sign == 1 else "").partition(":")
    if not (1 <= len(hours) <= 2 and hours.isascii() and hours.isdigit()):
        return None
    if colon and minutes not in QUARTERS:
        return None
    offset = sign * (int(hours) * HOUR + int(minutes or "0") * MINUTE)
    return offset if -12 * HOUR <= offset <= 14 * HOUR else None


def parse_window(text: str) -> int | None:
    """Microseconds of a rolling window: 1m..59m, 1h..23h, 1d..7d; None for anything else."""
    number, unit = text[:-1], text[-1:]
    if not (1 <= len(number) <= 2 and number.isascii() and number.isdigit()) or number.startswith("0"):
        return None
    count = int(number)
    if unit == "m" and count <= 59:
        return count * MINUTE
    if unit == "h" and count <= 23:
        return count * HOUR
    if unit == "d" and count <= 7:
        return count * DAY
    return None
