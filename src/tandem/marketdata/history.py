"""Trades, aggregates and candles as far back as they are asked for: from memory, and beyond it from the past.

What memory has is taken before the past is asked: what it lets go of meanwhile is not missing.
"""

import asyncio
from collections.abc import Awaitable, Sequence

from tandem.domain.history import NEVER_US, Need
from tandem.domain.intervals import Interval
from tandem.domain.operation import Args
from tandem.marketdata.candles import Row, Series, Span
from tandem.marketdata.past import Past, Wanted
from tandem.marketdata.trades import Aggregate, Trade, TradeRing
from tandem.marketdata.views import MarketData, MarketView

DEFAULT_LIMIT = 500
ALL = 1_000_000
"""Of the candles that are folded into those of an answer: their times are bounds enough."""
AT_ONCE = 2_000
"""Candles that may be folded on the loop."""
Candle = Sequence[int]


class PublicHistory:
    """Answers at once when memory has everything, or when there is no past to ask."""

    def __init__(self, data: MarketData, past: Past | None) -> None:
        self._data = data
        self._past = past

    # --- trades

    def trades(self, market: int, args: Args) -> list[Trade] | Awaitable[list[Trade]]:
        """From `fromId` on, else the latest."""
        ring = self._data.view(market).trades
        limit, is_last = args.get("limit", DEFAULT_LIMIT), "fromId" not in args
        first = max(ring.next_id - limit, 0) if is_last else args["fromId"]
        held = list(ring.trades(first, max(first, ring.first_id) + limit))
        if self._past is None or first >= ring.first_id:
            return held
        wanted = Wanted(
            need=self._need_of_trades(ring), market=market, limit=limit, first_id=first, end_id=ring.first_id
        )
        return _older_trades(self._past, wanted, held, is_last)

    def _need_of_trades(self, ring: TradeRing) -> Need:
        if len(ring):
            return Need(0, ring.first_us, self._data.seq)
        return Need(0, NEVER_US, self._data.start_seq)

    # --- aggregates

    def aggregates(self, market: int, args: Args) -> list[Aggregate] | Awaitable[list[Aggregate]]:
        """From `fromId` or from `startTime` on, else the latest."""
        ring = self._data.view(market).trades
        limit, first_id = args.get("limit", DEFAULT_LIMIT), args.get("fromId")
        start_us, end_us = args.get("startTime"), args.get("endTime")
        whole_from = ring.first_whole_aggregate()
        end = ring.next_id if end_us is None else ring.first_at(end_us + 1)
        is_last = first_id is None and start_us is None
        if is_last:
            held = ring.latest_aggregates(limit, end)
            has_all = len(held) == limit
        elif first_id is not None:
            held = ring.aggregates(ring.first_of(first_id), end, limit)
            has_all = first_id >= whole_from
        else:
            held = ring.aggregates(ring.first_at(start_us or 0), end, limit)
            has_all = ring.holds_from(start_us or 0)
        if self._past is None or has_all or not ring.first_id:
            return held
        wanted = Wanted(
            need=self._need_of_trades(ring),
            market=market,
            limit=limit,
            is_last=is_last,
            first_id=first_id,
            end_id=whole_from,
            start_us=start_us,
            end_us=end_us,
        )
        return _older_aggregates(self._past, wanted, held)

    # --- candles

    def candles(self, market: int, span: Span) -> Sequence[Candle] | Awaitable[Sequence[Candle]]:
        view = self._data.view(market)
        base = view.candles.base(span.interval, span.offset_us)
        first = base.first()
        if self._past is None or _holds_all(view, span, first):
            return view.candles.span_rows(span)
        return self._older_candles(self._past, market, span, base, first)

    async def _older_candles(
        self, past: Past, market: int, span: Span, base: Series, first: Candle | None
    ) -> Sequence[Candle]:
        """`first` is the first candle that memory holds: that one too is asked for, and those behind it are not."""
        view = self._data.view(market)
        if first is None:
            border, held, need = NEVER_US, [], Need(0, NEVER_US, self._data.start_seq)
        else:
            border = base.interval.shift(first[0], 1)
            held = base.between(border, span.interval.shift(span.last_us, 1, span.offset_us))
            need = Need(0, border - 1, self._data.seq)
        name = base.interval.name
        if view.first_us < 0:
            oldest = await past.candles(Wanted(need=need, market=market, limit=1), "1s")
            if not oldest:
                return view.candles.span_rows(span)
            view.first_us = oldest[0][0]
        low, high = span.bounds(view.first_us)
        end = span.interval.shift(high, 1, span.offset_us)
        older = await _stored(past, need, market, span, base.interval, (low, min(border, end)))
        before = Wanted(need=need, market=market, limit=1, is_last=True, end_us=low - 1)
        closed = await past.candles(before, name)
        stored = [*older, *(row for row in held if low <= row[0])]
        fold = span.folded
        folded = (
            await asyncio.to_thread(fold, base.interval, stored)
            if len(stored) > AT_ONCE
            else fold(base.interval, stored)
        )
        return span.fill(folded, low, high, closed[-1][4] if closed else None)


async def _stored(
    past: Past, need: Need, market: int, span: Span, base: Interval, within: tuple[int, int]
) -> list[Row]:
    """Candles that those of the span can be folded from: `base` and others that divide them."""
    start, end = within
    cut = start if base is span.interval else max(start, span.interval.open_of(end, span.offset_us))
    rows = await past.candle_pieces(need, market, span.pieces(), start, cut - 1) if start < cut else []
    if cut < end:
        rest = Wanted(need=need, market=market, limit=ALL, start_us=cut, end_us=end - 1)
        rows = rows + await past.candles(rest, base.name)
    return rows


def _holds_all(view: MarketView, span: Span, first: Candle | None) -> bool:
    """Also the last price before: so the first candle is not among those that are asked for, unless it is the first
    of all, with the market's first trade in it."""
    if first is None:
        return not view.trades.next_id
    return not first[10] or span.bounds(0)[0] > first[0]


async def _older_trades(past: Past, wanted: Wanted, held: list[Trade], is_last: bool) -> list[Trade]:
    rows = [*await past.trades(wanted), *held]
    return rows[-wanted.limit :] if is_last else rows[: wanted.limit]


async def _older_aggregates(past: Past, wanted: Wanted, held: list[Aggregate]) -> list[Aggregate]:
    rows = [*await past.aggregates(wanted), *held]
    return rows[-wanted.limit :] if wanted.is_last else rows[: wanted.limit]
