"""The last 24 hours against a recomputation from plain trades."""

import random

import pytest

from tandem.domain.catalog import Asset, Market
from tandem.domain.intervals import DAY, MINUTE, SECOND
from tandem.domain.trading import MarketStatus
from tandem.marketdata import tickers
from tandem.marketdata.tickers import Window
from tandem.marketdata.views import MarketView
from tandem.platform.engine import MarketRules

RULES = MarketRules(tick_size=1, lot_size=1)
MARKET = Market(0, "X", Asset(0, "B", "B", 2), Asset(1, "Q", "Q", 2), RULES, MarketStatus.TRADING)
START = 1_700_000_000 * SECOND

Row = tuple[int, int, int]
"""time, price, quantity"""


def random_rows(seed: int, count: int, gap_us: int) -> list[Row]:
    rng = random.Random(seed)
    time_us, rows = START, []
    for _ in range(count):
        time_us += rng.randrange(gap_us)
        rows.append((time_us, rng.randrange(90, 110), rng.randrange(1, 500) * 100))
    return rows


def view_of(rows: list[Row], capacity: int) -> MarketView:
    view = MarketView(trade_capacity=capacity)
    for trade_id, (time_us, price, qty) in enumerate(rows):
        view.add(time_us, trade_id, price, qty, price * qty // 100, trade_id % 2 == 0, True)
    return view


def naive(rows: list[Row], open_us: int, close_us: int) -> Window:
    found = [(id, *row) for id, row in enumerate(rows) if row[0] >= open_us]
    if not found:
        last = rows[-1][1] if rows else 0
        return Window(open_us, close_us, last, last, last, last, 0, 0, 0, -1, -1)
    prices = [row[2] for row in found]
    volume, quote = sum(row[3] for row in found), sum(row[2] * row[3] // 100 for row in found)
    ends = prices[0], max(prices), min(prices), prices[-1]
    return Window(open_us, close_us, *ends, volume, quote, len(found), found[0][0], found[-1][0])


def price_before(rows: list[Row], window: Window) -> int:
    earlier = [price for time_us, price, _ in rows if time_us < window.open_us]
    return earlier[-1] if earlier else window.open


@pytest.mark.parametrize(
    ("capacity", "gap_us", "is_exact"),
    [
        (100_000, 5 * SECOND, True),
        (100_000, 5 * MINUTE, True),
        (100_000, DAY // 4, True),
        (50, 5 * SECOND, False),
        (50, 5 * MINUTE, False),
        (50, DAY // 4, True),
    ],
)
def test_24_hours_are_exact_while_the_trades_are_held(capacity: int, gap_us: int, is_exact: bool) -> None:
    rows = random_rows(7, 2_000, gap_us)
    view, rng = view_of(rows, capacity), random.Random(8)
    exact = 0
    for _ in range(200):
        now = rows[-1][0] + rng.randrange(DAY + DAY // 2)
        window = tickers.day(view, MARKET, now)
        begins = now - DAY
        if window.open_us != begins:
            assert window.open_us == begins - begins % MINUTE
        exact += window.open_us == begins
        assert window == naive(rows, window.open_us, now)
        assert tickers.close_before(view, window) == price_before(rows, window)
    assert (exact == 200, exact > 0) == (is_exact, True)


def test_a_minute_with_very_many_trades_counts_as_a_whole() -> None:
    rows = [(START + number, 100, 1) for number in range(tickers.MOST_TRADES + 10)]
    view = view_of(rows, 100_000)
    few, many = START + DAY + 20, START + DAY + 1
    assert tickers.day(view, MARKET, few) == naive(rows, START + 20, few)
    minute = START - START % MINUTE
    assert tickers.day(view, MARKET, many) == naive(rows, minute, many)


def test_nothing_was_ever_traded() -> None:
    assert tickers.day(view_of([], 10), MARKET, START) == naive([], START - DAY, START)
