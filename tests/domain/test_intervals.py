"""Boundaries of candles against the standard library's calendar."""

import random
from datetime import UTC, datetime, timedelta, timezone

import pytest

from tandem.domain.intervals import DAY, HOUR, INTERVALS, MINUTE, SECOND, parse_time_zone, parse_window

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def us(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def naive_open(name: str, time_us: int, offset_us: int) -> int:
    zone = timezone(timedelta(microseconds=offset_us))
    local = (EPOCH + timedelta(microseconds=time_us)).astimezone(zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    if name == "1M":
        return us(midnight.replace(day=1))
    if name == "1w":
        return us(midnight - timedelta(days=midnight.weekday()))
    if name == "3d":
        days = (midnight.replace(tzinfo=UTC) - EPOCH).days
        return us(midnight - timedelta(days=days % 3))
    units = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
    length = int(name[:-1]) * units[name[-1]]
    into = us(local) - us(midnight)
    return us(midnight) + into // length * length


@pytest.mark.parametrize("name", INTERVALS)
def test_boundaries_agree_with_the_calendar(name: str) -> None:
    interval = INTERVALS[name]
    rng = random.Random(name)
    for _ in range(300):
        time_us = rng.randrange(us(datetime(2017, 1, 1, tzinfo=UTC)), us(datetime(2045, 1, 1, tzinfo=UTC)))
        offset = rng.choice([0, 0, 8 * HOUR, -12 * HOUR, 14 * HOUR, 5 * HOUR + 45 * MINUTE, -HOUR])
        opened = interval.open_of(time_us, offset)
        following = interval.shift(opened, 1, offset)
        assert opened == naive_open(name, time_us, offset)
        assert opened <= time_us < following
        assert interval.open_of(following, offset) == following == naive_open(name, following, offset)
        assert interval.open_of(following - 1, offset) == opened
        assert interval.shift(following, -1, offset) == opened
        assert interval.open_from(opened + 1, offset) == following
        assert interval.open_from(opened, offset) == opened


def test_months_step_over_the_year_and_leap_days() -> None:
    month = INTERVALS["1M"]
    december = us(datetime(2027, 12, 1, tzinfo=UTC))
    starts = [EPOCH + timedelta(microseconds=month.shift(december, n)) for n in range(4)]
    assert [(d.year, d.month, d.day) for d in starts] == [(2027, 12, 1), (2028, 1, 1), (2028, 2, 1), (2028, 3, 1)]


@pytest.mark.parametrize(
    ("text", "hours"),
    [("0", 0), ("8", 8), ("-1:00", -1), ("05:45", 5.75), ("+08:00", 8), ("14", 14), ("-12:00", -12), ("-0:30", -0.5)],
)
def test_time_zones(text: str, hours: float) -> None:
    assert parse_time_zone(text) == int(hours * HOUR)


@pytest.mark.parametrize("text", ["", "x", "14:01", "-12:30", "8:5", "8:60", "--1", "+-1", "100", "8:", "1:000", "٣"])
def test_bad_time_zones(text: str) -> None:
    assert parse_time_zone(text) is None


@pytest.mark.parametrize(
    ("text", "window"), [("1m", MINUTE), ("59m", 59 * MINUTE), ("1h", HOUR), ("23h", 23 * HOUR), ("7d", 7 * DAY)]
)
def test_windows(text: str, window: int) -> None:
    assert parse_window(text) == window


@pytest.mark.parametrize("text", ["", "m", "0m", "60m", "24h", "8d", "01m", "1M", "1h30m", "1s", "-1m", "١m"])
def test_bad_windows(text: str) -> None:
    assert parse_window(text) is None
