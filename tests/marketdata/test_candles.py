"""Candles and windows against a recomputation from all trades."""

import random
from collections.abc import Sequence

import pytest

from tandem.domain.intervals import DAY, HOUR, INTERVALS, MINUTE, SECOND, Interval
from tandem.marketdata.candles import LIMITS, Candles

START = 1_790_000_000 * SECOND
OFFSETS = [0, 8 * HOUR, -3 * HOUR, 5 * HOUR + 45 * MINUTE, 17 * MINUTE]

TradeArgs = tuple[int, int, int, int, int, bool]


def random_trades(seed: int, count: int, step_us: int) -> list[TradeArgs]:
    """Bursts within a second, pauses of many intervals."""
    rng = random.Random(seed)
    time_us, trades = START, []
    for trade_id in range(count):
        time_us += rng.choice([0, 0, 1, rng.randrange(SECOND), rng.randrange(step_us), rng.randrange(20 * step_us)])
        price, qty = rng.randrange(90, 111), rng.randrange(1, 50)
        trades.append((time_us, price, qty, price * qty, trade_id, rng.random() < 0.5))
    return trades


def fold(open_us: int, trades: Sequence[TradeArgs]) -> list[int]:
    prices = [t[1] for t in trades]
    bought = [t for t in trades if not t[5]]
    return [
        open_us,
        prices[0],
        max(prices),
        min(prices),
        prices[-1],
        sum(t[2] for t in trades),
        sum(t[3] for t in trades),
        len(trades),
        sum(t[2] for t in bought),
        sum(t[3] for t in bought),
        trades[0][4],
        trades[-1][4],
    ]


def naive_rows(trades: Sequence[TradeArgs], interval: Interval, offset: int, now_us: int) -> list[list[int]]:
    rows: list[list[int]] = []
    open_us = interval.open_of(trades[0][0], offset)
    by_open: dict[int, list[TradeArgs]] = {}
    for trade in trades:
        by_open.setdefault(interval.open_of(trade[0], offset), []).append(trade)
    close = 0
    while open_us <= interval.open_of(now_us, offset):
        if open_us in by_open:
            rows.append(fold(open_us, by_open[open_us]))
            close = rows[-1][4]
        else:
            rows.append([open_us, close, close, close, close, 0, 0, 0, 0, 0, -1, -1])
        open_us = interval.shift(open_us, 1, offset)
    return rows


def filled(trades: Sequence[TradeArgs]) -> Candles:
    candles = Candles()
    for trade in trades:
        candles.add(*trade)
    return candles


def as_lists(rows: Sequence[Sequence[int]]) -> list[list[int]]:
    return [list(row) for row in rows]


@pytest.mark.parametrize("name", INTERVALS)
@pytest.mark.parametrize("seed", range(3))
def test_every_interval_equals_a_recomputation(name: str, seed: int) -> None:
    interval = INTERVALS[name]
    trades = random_trades(seed, 300, max(interval.us, SECOND) // 20 or 2 * DAY)
    candles = filled(trades)
    now = trades[-1][0] + 3 * (interval.us or 30 * DAY)
    for offset in OFFSETS:
        expected = naive_rows(trades, interval, offset, now)
        got = candles.rows(interval, now, 10**9, start_us=None, end_us=None, offset_us=offset)
        assert as_lists(got) == expected


def test_every_moment_shows_what_has_happened_so_far() -> None:
    trades = random_trades(7, 100, 20 * SECOND)
    candles = Candles()
    for count, trade in enumerate(trades, 1):
        candles.add(*trade)
        for name in ("1s", "1m", "15m", "1h", "1d", "1M"):
            last = candles.rows(INTERVALS[name], trade[0], 1, start_us=None, end_us=None)
            assert as_lists(last) == naive_rows(trades[:count], INTERVALS[name], 0, trade[0])[-1:]


def test_bounds_choose_the_oldest_from_a_start_and_the_newest_otherwise() -> None:
    trades = random_trades(3, 200, MINUTE)
    candles, now = filled(trades), trades[-1][0]
    minute = INTERVALS["1m"]
    everything = naive_rows(trades, minute, 0, now)
    rng = random.Random(5)
    for _ in range(200):
        limit = rng.randrange(1, 40)
        start = rng.choice([None, START + rng.randrange(-HOUR, 2 * HOUR)])
        end = rng.choice([None, START + rng.randrange(-HOUR, 2 * HOUR)])
        chosen = [r for r in everything if (start is None or r[0] >= start) and (end is None or r[0] <= end)]
        expected = chosen[-limit:] if start is None else chosen[:limit]
        assert as_lists(candles.rows(minute, now, limit, start_us=start, end_us=end)) == expected


def test_equal_bounds_give_the_one_candle() -> None:
    candles = filled([(START, 10, 1, 10, 0, False)])
    open_us = INTERVALS["1m"].open_of(START)
    rows = candles.rows(INTERVALS["1m"], START, 500, start_us=open_us, end_us=open_us)
    assert as_lists(rows) == [fold(open_us, [(START, 10, 1, 10, 0, False)])]


def test_no_trades_no_candles() -> None:
    assert Candles().rows(INTERVALS["1h"], START, 500, start_us=None, end_us=None) == []
    assert Candles().window(START) is None
    assert Candles().close_before(START) is None


@pytest.mark.parametrize("seed", range(4))
def test_a_window_is_the_fold_of_its_trades(seed: int) -> None:
    trades = random_trades(seed, 400, 3 * HOUR)
    candles = filled(trades)
    rng = random.Random(seed)
    for _ in range(200):
        start = rng.randrange(START - DAY, trades[-1][0] + DAY)
        minute = start - start % MINUTE
        inside = [t for t in trades if t[0] >= minute]
        before = [t for t in trades if t[0] < minute]
        assert candles.window(start) == (fold(minute, inside) if inside else None)
        assert candles.close_before(start) == (before[-1][1] if before else None)


def test_series_are_bounded() -> None:
    candles = Candles()
    for second in range(3 * LIMITS["1s"]):
        candles.add(START + second * SECOND, 100, 1, 100, second, False)
    kept = len(candles.series["1s"].closed)
    assert LIMITS["1s"] <= kept <= LIMITS["1s"] + 512
    rows = candles.rows(INTERVALS["1m"], START + second * SECOND, 10**6, start_us=None, end_us=None)
    assert sum(row[7] for row in rows) == 3 * LIMITS["1s"]
