"""The hub of the public streams: names, listeners and ticks. Nothing is computed for a stream without a listener.

Names are case-sensitive and lower-case in the symbol. A name that means nothing (yet) may be listened to: it stays
silent until a market makes it mean something.
"""

import asyncio
import re
from collections import defaultdict
from collections.abc import Callable

from tandem.domain.intervals import DAY, HOUR, INTERVALS, SECOND
from tandem.marketdata import feeds
from tandem.marketdata.tickers import FULL_EVENT, MINI_EVENT
from tandem.marketdata.topics import Frame, Subscriber, Topic
from tandem.marketdata.views import MarketData
from tandem.platform.clock import Clock
from tandem.platform.engine import Batch, Traded
from tandem.platform.telemetry import log

TICK_US = 100_000
TICK_DELAY_US = 50_000
"""Ticks come this long after the full tenth of a second, so that what happened before it is durable and here."""

MAX_SILENT = 20_000
"""Names that mean nothing yet, over all sockets. Beyond it a new one is taken but stays silent for good."""

WINDOWS = {"1h": HOUR, "4h": 4 * HOUR, "1d": DAY}

_DEPTH = re.compile(r"depth(5|10|20)?(?:@(100|1000)ms)?")
_KLINE = re.compile(r"kline_(\d{1,2}[smhdwM])(@\+08:00)?")

MakeFeed = Callable[[Topic, MarketData, int], feeds.Feed]

_SIMPLE: dict[str, MakeFeed] = {
    "trade": feeds.TradeFeed,
    "aggTrade": feeds.AggregateTradeFeed,
    "bookTicker": feeds.BookTickerFeed,
    "avgPrice": feeds.AveragePriceFeed,
    "blockTrade": feeds.BlockTradeFeed,
    "referencePrice": feeds.ReferencePriceFeed,
}
_TICKERS: dict[str, tuple[str, int]] = {
    "miniTicker": (MINI_EVENT, DAY),
    "ticker": (FULL_EVENT, DAY),
    **{f"ticker_{name}": (f"{name}Ticker", length) for name, length in WINDOWS.items()},
}


class StreamHub:
    """Give `on_batch` to the engine client behind the views, and run `run` as a task."""

    def __init__(self, data: MarketData, clock: Clock, frame: Frame) -> None:
        self._data = data
        self._clock = clock
        self._frame = frame
        self._catalog = data.client.catalog
        self._catalog_version = -1
        self._markets: dict[str, int] = {}
        self._topics: dict[str, Topic] = {}
        self._feeds: dict[str, feeds.Feed] = {}
        self._silent: set[str] = set()
        self._trades: defaultdict[int | None, list[feeds.Feed]] = defaultdict(list)
        self._books: defaultdict[int | None, list[feeds.Feed]] = defaultdict(list)
        self._ticked: defaultdict[int, list[feeds.Feed]] = defaultdict(list)
        self._last_second = -1
        data.client.add_listener(self.on_batch)

    # --- who listens

    def subscribe(self, name: str, subscriber: Subscriber) -> None:
        topic = self._topics.get(name)
        if topic is None:
            topic = self._topics[name] = Topic(name, self._frame)
            self._silent.add(name)
            self._fill(name)
            if len(self._silent) > MAX_SILENT:
                self._silent.remove(name)
                del self._topics[name]
                return
        topic.forms[subscriber.form].add(subscriber)

    def unsubscribe(self, name: str, subscriber: Subscriber) -> None:
        topic = self._topics.get(name)
        if topic is None:
            return
        topic.forms[subscriber.form].discard(subscriber)
        if topic.is_empty():
            del self._topics[name]
            self._silent.discard(name)
            feed = self._feeds.pop(name, None)
            if feed is not None:
                self._unlist(feed)

    def moved(self, name: str, subscriber: Subscriber, old_form: int) -> None:
        """The subscriber takes another form from now on."""
        topic = self._topics.get(name)
        if topic is not None:
            topic.forms[old_form].discard(subscriber)
            topic.forms[subscriber.form].add(subscriber)

    @property
    def topics(self) -> int:
        """Streams that somebody listens to."""
        return len(self._topics)

    def _fill(self, name: str) -> None:
        """Gives a silent topic its feed, if the name means something."""
        feed = self._make(name, self._topics[name])
        if feed is None:
            return
        self._silent.discard(name)
        self._feeds[name] = feed
        if feed.wants_trades:
            self._trades[feed.market_id].append(feed)
        if feed.wants_book:
            self._books[feed.market_id].append(feed)
        if feed.is_ticked:
            self._ticked[feed.period_ms].append(feed)

    def _unlist(self, feed: feeds.Feed) -> None:
        for index, key in ((self._trades, feed.market_id), (self._books, feed.market_id)):
            if feed in index.get(key, ()):
                index[key].remove(feed)
                if not index[key]:
                    del index[key]
        if feed.is_ticked:
            self._ticked[feed.period_ms].remove(feed)

    # --- what a name means

    def _make(self, name: str, topic: Topic) -> feeds.Feed | None:
        data = self._data
        if name.startswith("!"):
            if name == "!bookTicker":
                return feeds.BookTickerFeed(topic, data, None)
            kind, at, array = name[1:].partition("@")
            if kind in _TICKERS and (at, array) == ("@", "arr"):
                return feeds.TickerFeed(topic, data, None, *_TICKERS[kind])
            return None
        symbol, _, kind = name.partition("@")
        self._renew_markets()
        market = self._markets.get(symbol)
        if market is None:
            return None
        if kind in _SIMPLE:
            return _SIMPLE[kind](topic, data, market)
        if kind in _TICKERS:
            return feeds.TickerFeed(topic, data, market, *_TICKERS[kind])
        if match := _DEPTH.fullmatch(kind):
            levels, period = match[1], int(match[2] or 1000)
            if levels is None:
                return feeds.DepthFeed(topic, data, market, period)
            return feeds.PartialDepthFeed(topic, data, market, int(levels), period)
        if (match := _KLINE.fullmatch(kind)) and match[1] in INTERVALS:
            return feeds.KlineFeed(topic, data, market, INTERVALS[match[1]], 8 * HOUR if match[2] else 0)
        return None

    def _renew_markets(self) -> None:
        if self._catalog_version != self._catalog.version:
            self._catalog_version = self._catalog.version
            self._markets = {m.symbol.lower(): m.id for m in self._catalog.markets.values()}

    # --- what happens

    def on_batch(self, batch: Batch) -> None:
        if self._silent and self._catalog_version != self._catalog.version:
            self._renew_markets()
            for name in list(self._silent):
                self._fill(name)
        if self._trades:
            self._on_results(batch)
        if self._books:
            everywhere = self._books.get(None, ())
            for change in batch.depth:
                for feed in self._books.get(change.market, ()):
                    feed.on_book(change)
                for feed in everywhere:
                    feed.on_book(change)

    def _on_results(self, batch: Batch) -> None:
        for result in batch.results:
            events = result.events
            if len(events) < 2:
                continue
            by_market: dict[int, list[Traded]] = {}
            for event in events:
                if type(event) is Traded and event.market in self._trades:
                    by_market.setdefault(event.market, []).append(event)
            for market, traded in by_market.items():
                for feed in self._trades[market]:
                    feed.on_trades(traded, result.time_us)

    # --- time

    async def run(self) -> None:
        """Ticks until cancelled."""
        while True:
            now = self._clock.wall_us()
            await asyncio.sleep((TICK_US - (now - TICK_DELAY_US) % TICK_US) / SECOND)
            try:
                self.tick(self._clock.wall_us())
            except Exception as error:  # noqa: BLE001  (one bad feed must not silence the others for good)
                log(__name__).error("a tick of the streams failed", exc_info=error)

    def tick(self, now_us: int) -> None:
        """The fast streams, and the others in the first tick of a second."""
        for feed in self._ticked[100]:
            feed.on_tick(now_us)
        second = (now_us - TICK_DELAY_US) // SECOND
        if second != self._last_second:
            self._last_second = second
            for feed in self._ticked[1000]:
                feed.on_tick(now_us)
