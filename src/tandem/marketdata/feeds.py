"""What fills the streams: one feed per stream that somebody listens to. It says what it hears of; the hub calls it.

Trades and the best prices go out at once, everything else on the hub's ticks. A market that shows no data is silent;
what changed meanwhile goes out with the first tick after it, so that the versions of a depth stream have no gap.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, ClassVar

import orjson

from tandem.domain.catalog import Market
from tandem.domain.intervals import SECOND, Interval
from tandem.marketdata import tickers
from tandem.marketdata.book import levels, show_total
from tandem.marketdata.references import reference_of, show_reference
from tandem.marketdata.topics import Topic
from tandem.marketdata.views import MarketData
from tandem.platform.engine import BookChange, Traded

MAX_LATE_CANDLES = 60
"""Closed candles that one tick pushes, should the process have stood still."""


class Feed:
    """Base of all feeds; the four flags say which calls it gets."""

    wants_trades: ClassVar[bool] = False
    wants_book: ClassVar[bool] = False
    is_ticked: ClassVar[bool] = False
    period_ms = 1_000

    def __init__(self, topic: Topic, data: MarketData, market: int | None) -> None:
        self.topic = topic
        self.data = data
        self.market_id = market
        """None: all markets."""

    def on_trades(self, traded: Sequence[Traded], time_us: int) -> None:
        """The trades of one command, in order."""

    def on_book(self, change: BookChange) -> None: ...

    def on_tick(self, now_us: int) -> None: ...

    def market(self) -> Market:
        assert self.market_id is not None
        return self.data.client.catalog.markets[self.market_id]


class TradeFeed(Feed):
    wants_trades = True

    def on_trades(self, traded: Sequence[Traded], time_us: int) -> None:
        market = self.market()
        for trade in traded:

            def encode(unit: int, trade: Traded = trade) -> bytes:
                return orjson.dumps(
                    {
                        "e": "trade",
                        "E": time_us // unit,
                        "s": market.symbol,
                        "t": trade.trade_id,
                        "p": market.show_price(trade.price),
                        "q": market.show_qty(trade.qty),
                        "T": time_us // unit,
                        "m": trade.taker_side == 1,
                        "M": True,
                    }
                )

            self.topic.publish(encode)


class AggregateTradeFeed(Feed):
    wants_trades = True

    def on_trades(self, traded: Sequence[Traded], time_us: int) -> None:
        assert self.market_id is not None
        aggregate_of = self.data.view(self.market_id).trades.aggregate_of
        for id, members in groupby(traded, lambda trade: aggregate_of(trade.trade_id)):
            if id is not None:  # or one command has brought more trades than are held
                self._publish(id, list(members), time_us)

    def _publish(self, id: int, members: Sequence[Traded], time_us: int) -> None:
        market = self.market()
        first, last = members[0], members[-1]

        def encode(unit: int) -> bytes:
            return orjson.dumps(
                {
                    "e": "aggTrade",
                    "E": time_us // unit,
                    "s": market.symbol,
                    "a": id,
                    "p": market.show_price(first.price),
                    "q": market.show_qty(sum(t.qty for t in members)),
                    "f": first.trade_id,
                    "l": last.trade_id,
                    "T": time_us // unit,
                    "m": first.taker_side == 1,
                    "M": True,
                }
            )

        self.topic.publish(encode)


class BookTickerFeed(Feed):
    """Of one market or of all."""

    wants_book = True

    def __init__(self, topic: Topic, data: MarketData, market: int | None) -> None:
        super().__init__(topic, data, market)
        self._best: dict[int, tuple[int, int, int, int]] = {}

    def on_book(self, change: BookChange) -> None:
        best = change.best
        if self._best.get(change.market) == best:
            return
        market = self.data.client.catalog.markets[change.market]
        if not self.data.shows(market):
            return
        self._best[change.market] = best
        bid, bid_qty, ask, ask_qty = best
        payload = orjson.dumps(
            {
                "u": change.last_version,
                "s": market.symbol,
                "b": market.show_price(bid),
                "B": show_total(market, bid_qty),
                "a": market.show_price(ask),
                "A": show_total(market, ask_qty),
            }
        )
        self.topic.publish(lambda _unit: payload)


class DepthFeed(Feed):
    """The differences of a book, coalesced between ticks: the next `U` is always the last `u` + 1."""

    wants_book = True
    is_ticked = True

    def __init__(self, topic: Topic, data: MarketData, market: int, period_ms: int) -> None:
        super().__init__(topic, data, market)
        self.period_ms = period_ms
        self._first: int | None = None
        self._last = 0
        self._bids: dict[int, int] = {}
        self._asks: dict[int, int] = {}

    def on_book(self, change: BookChange) -> None:
        if self._first is None:
            self._first = change.first_version
        self._last = change.last_version
        self._bids.update(change.bids)
        self._asks.update(change.asks)

    def on_tick(self, now_us: int) -> None:
        first, market = self._first, self.market()
        if first is None or not self.data.shows(market):
            return
        bids = levels(market, sorted(self._bids.items(), reverse=True))
        asks = levels(market, sorted(self._asks.items()))
        last = self._last
        self._first = None
        self._bids.clear()
        self._asks.clear()

        def encode(unit: int) -> bytes:
            return orjson.dumps(
                {
                    "e": "depthUpdate",
                    "E": now_us // unit,
                    "s": market.symbol,
                    "U": first,
                    "u": last,
                    "b": bids,
                    "a": asks,
                }
            )

        self.topic.publish(encode)


class PartialDepthFeed(Feed):
    """The best levels of a book whenever it changed, and once for whoever comes first."""

    wants_book = True
    is_ticked = True

    def __init__(self, topic: Topic, data: MarketData, market: int, levels: int, period_ms: int) -> None:
        super().__init__(topic, data, market)
        self.period_ms = period_ms
        self._levels = levels
        self._has_changed = True

    def on_book(self, change: BookChange) -> None:
        self._has_changed = True

    def on_tick(self, now_us: int) -> None:
        market = self.market()
        if not self._has_changed or not self.data.shows(market):
            return
        self._has_changed = False
        version, bids, asks = self.data.engine.depth(market.id, self._levels)
        payload = orjson.dumps({"lastUpdateId": version, "bids": levels(market, bids), "asks": levels(market, asks)})
        self.topic.publish(lambda _unit: payload)


class KlineFeed(Feed):
    """The current candle every other second while it changes, and each candle once more when it is over (`x` true)."""

    is_ticked = True

    def __init__(self, topic: Topic, data: MarketData, market: int, interval: Interval, offset_us: int) -> None:
        super().__init__(topic, data, market)
        self._interval = interval
        self._offset_us = offset_us
        self._open_us = -1
        self._pushed_trades = -1

    def on_tick(self, now_us: int) -> None:
        open_us = self._interval.open_of(now_us, self._offset_us)
        if self._open_us != open_us:
            self._close_until(open_us, now_us)
            self._open_us = open_us
        if self._interval.us != SECOND and now_us // SECOND % 2 == 0:
            self._push(open_us, now_us, is_closed=False)

    def _close_until(self, open_us: int, now_us: int) -> None:
        """More than one candle when ticks were late."""
        passed = self._open_us
        if passed == -1:
            return
        for _ in range(MAX_LATE_CANDLES):
            if passed >= open_us:
                break
            self._push(passed, now_us, is_closed=True)
            passed = self._interval.shift(passed, 1, self._offset_us)
        self._pushed_trades = 0

    def _push(self, open_us: int, now_us: int, *, is_closed: bool) -> None:
        market = self.market()
        assert self.market_id is not None
        row = self.data.view(self.market_id).candles.latest(self._interval, open_us, self._offset_us)
        if row is None or not self.data.shows_candles(market):
            return
        if not is_closed:
            if row[7] == self._pushed_trades:
                return
            self._pushed_trades = row[7]
        candle = self._show(market, row, is_closed)
        close_us = self._interval.shift(open_us, 1, self._offset_us) - 1

        def encode(unit: int) -> bytes:
            times = {"t": open_us // unit, "T": close_us // unit}
            return orjson.dumps({"e": "kline", "E": now_us // unit, "s": market.symbol, "k": times | candle})

        self.topic.publish(encode)

    def _show(self, market: Market, row: Sequence[int], is_closed: bool) -> dict[str, Any]:
        price, qty, quote = market.show_price, market.show_qty, market.show_quote
        return {
            "s": market.symbol,
            "i": self._interval.name,
            "f": row[10],
            "L": row[11],
            "o": price(row[1]),
            "c": price(row[4]),
            "h": price(row[2]),
            "l": price(row[3]),
            "v": qty(row[5]),
            "n": row[7],
            "x": is_closed,
            "q": quote(row[6]),
            "V": qty(row[8]),
            "Q": quote(row[9]),
            "B": "0",
        }


class TickerFeed(Feed):
    """Statistics of one market or, as an array of those that changed, of all.

    `length_us` 0: the small ticker of 24 hours; `name` is the event's.
    """

    is_ticked = True

    def __init__(self, topic: Topic, data: MarketData, market: int | None, name: str, length_us: int) -> None:
        super().__init__(topic, data, market)
        self._name = name
        self._length_us = length_us
        self._seen: dict[int, tuple[int, int]] = {}

    def on_tick(self, now_us: int) -> None:
        catalog = self.data.client.catalog
        markets = catalog.markets.values() if self.market_id is None else [self.market()]
        rows: list[tickers.StreamRow] = []
        for market in markets:
            view = self.data.view(market.id)
            best = self.data.engine.best(market.id) if self._name == tickers.FULL_EVENT else (0, 0, 0, 0, 0)
            state = (view.trade_count, best[0])
            if self._seen.get(market.id) != state and self.data.shows(market):
                self._seen[market.id] = state
                if self._name in (tickers.MINI_EVENT, tickers.FULL_EVENT):
                    window = tickers.day(view, market, now_us)
                else:
                    window = tickers.rolling(view, now_us, self._length_us)
                rows.append(tickers.stream_row(self._name, market, view, window, best))
        if not rows:
            return

        def encode(unit: int) -> bytes:
            shown = [row.show(now_us, unit) for row in rows]
            return orjson.dumps(shown if self.market_id is None else shown[0])

        self.topic.publish(encode)


class ReferencePriceFeed(Feed):
    """Every second, changed or not; silent until there is one."""

    is_ticked = True

    def on_tick(self, now_us: int) -> None:
        market = self.market()
        found = reference_of(self.data.engine, market)
        if found is None or not self.data.shows(market):
            return
        price, time_us = found

        def encode(unit: int) -> bytes:
            shown = show_reference(market, price)
            return orjson.dumps({"e": "referencePrice", "s": market.symbol, "r": shown, "t": time_us // unit})

        self.topic.publish(encode)


class BlockTradeFeed(Feed):
    """Silent: nothing is traded outside the book."""


class AveragePriceFeed(Feed):
    is_ticked = True

    def __init__(self, topic: Topic, data: MarketData, market: int) -> None:
        super().__init__(topic, data, market)
        self._pushed: tuple[int, int] | None = None

    def on_tick(self, now_us: int) -> None:
        market = self.market()
        average = self.data.engine.average_price(market.id)
        last_us = self.data.view(market.id).last_time_us
        if average is None or self._pushed == (average, last_us) or not self.data.shows(market):
            return
        self._pushed = (average, last_us)

        def encode(unit: int) -> bytes:
            return orjson.dumps(
                {
                    "e": "avgPrice",
                    "E": now_us // unit,
                    "s": market.symbol,
                    "i": f"{market.rules.avg_price_mins}m",
                    "w": market.show_price(average),
                    "T": last_us // unit,
                }
            )

        self.topic.publish(encode)
