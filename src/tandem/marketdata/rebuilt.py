"""A market's view out of rows of the past, for a start that finds none that was saved.

What comes out is what memory would hold after these trades, with fewer of the oldest. Rows are believed only when they
agree with each other: candles of every interval with those of the finer ones, back to where the longest window begins.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import dropwhile

from tandem.domain.intervals import DAY, INTERVALS
from tandem.marketdata.candles import LIMITS, TREE, Row, group
from tandem.marketdata.trades import Aggregate, Trade
from tandem.marketdata.views import MarketView

TRADES = 1_000
CANDLES = 1_000
"""Of an interval, where windows do not need more: beyond it the past is asked."""
WINDOW_DAYS = 7
WINDOW_PARTS = ("1m", "1h")
"""Of these windows are added up."""


def wanted_candles(interval: str) -> int:
    return LIMITS[interval] if interval == "1m" else CANDLES


def rebuilt(trades: Sequence[Trade], aggregates: Sequence[Aggregate], rows: Mapping[str, Sequence[Row]]) -> MarketView:
    """`trades` and `aggregates`: the newest, at least one; of candles the newest `wanted_candles`. Raises ValueError
    when they do not agree."""
    view = MarketView()
    begins = {aggregate.first_id: aggregate.id for aggregate in aggregates}
    held = list(dropwhile(lambda trade: trade.id not in begins, trades))
    if not held or held[-1].id != aggregates[-1].last_id:
        raise ValueError("trades and aggregates do not agree")
    view.trades.start_at(held[0].id, begins[held[0].id])
    for trade in held:
        flagged = trade.time_us << 2 | (trade.id in begins) << 1 | trade.buyer_is_maker
        view.trades.add(trade.id, trade.price, trade.qty, flagged)
    last = held[-1]
    view.last_price, view.last_qty, view.last_time_us = last.price, last.qty, last.time_us
    if view.trades.next_aggregate != aggregates[-1].id + 1:
        raise ValueError("ids of aggregates are missing")
    _restore_candles(view, {name: _numbered(found, last.id + 1) for name, found in rows.items()}, last.time_us)
    return view


def _numbered(rows: Iterable[Row], end_id: int) -> list[Row]:
    """With the ids of their trades, which are as many as their numbers say."""
    found: list[Row] = []
    for row in reversed(list(rows)):
        first_id = end_id - row[7]
        found.append((*row[:10], first_id, end_id - 1))
        end_id = first_id
    return found[::-1]


def _restore_candles(view: MarketView, rows: Mapping[str, list[Row]], last_us: int) -> None:
    """A series has closed when it began before the last trade's; what it has of the current one is what its parent has
    closed of it."""
    series = view.candles.series
    closed: dict[str, tuple[list[Row], list[int] | None]] = {"1s": (rows["1s"][:-1], list(rows["1s"][-1]))}
    for parent, children in TREE.items():
        for name in children:
            interval = INTERVALS[name]
            begin = interval.open_of(last_us)
            parts = [row for row in closed[parent][0] if row[0] >= begin]
            current = group(parts, interval, 0)
            closed[name] = [row for row in rows[name] if row[0] < begin], current[0] if current else None
    view.candles.restore(closed)
    for name, found in rows.items():
        if series[name].pending()[-1:] != [list(found[-1])]:
            raise ValueError(f"the last candle of {name} is not what the finer ones come to")
    begin = last_us - last_us % DAY - WINDOW_DAYS * DAY
    counts = {name: _count(rows[name], begin) for name in (*WINDOW_PARTS, "1d")}
    if len(set(counts.values())) != 1:
        raise ValueError(f"candles of {WINDOW_DAYS} days are not all there: {counts}")


def _count(rows: Sequence[Row], begin_us: int) -> int:
    return sum(row[7] for row in rows if row[0] >= begin_us)
