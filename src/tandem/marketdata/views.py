"""What readers ask about every market, kept up to date from the engine's batches, the replayed ones included.

Recovery begins at the engine's newest snapshot; what lies before it comes from the `ViewStore`, if there is one.
"""

from tandem.domain.catalog import Market
from tandem.domain.trading import MarketStatus, Side
from tandem.marketdata.candles import Candles
from tandem.marketdata.past import Past
from tandem.marketdata.store import VERSION, SavedSeries, SavedView, ViewStore
from tandem.marketdata.trades import CAPACITY, TradeRing
from tandem.platform.engine import Batch, Engine, EngineClient, Traded
from tandem.platform.telemetry import log

_SELL = int(Side.SELL)


class MarketView:
    """One market's trades and what follows from them."""

    __slots__ = (
        "candles",
        "first_us",
        "last_price",
        "last_qty",
        "last_time_us",
        "saved_count",
        "saved_seq",
        "trade_count",
        "trades",
    )

    def __init__(self, *, trade_capacity: int = CAPACITY) -> None:
        self.trades = TradeRing(trade_capacity)
        self.candles = Candles()
        self.first_us = -1
        """When the second of the first trade of all began, once the past was asked."""
        self.last_price: int | None = None
        self.last_qty = 0
        self.last_time_us = 0
        self.trade_count = 0
        """Since this process began: changes when the market traded."""
        self.saved_count = 0
        self.saved_seq = 0

    def add(
        self,
        time_us: int,
        trade_id: int,
        price: int,
        qty: int,
        quote: int,
        buyer_is_maker: bool,
        starts_aggregate: bool,
    ) -> None:
        self.trades.add(trade_id, price, qty, time_us << 2 | starts_aggregate << 1 | buyer_is_maker)
        self.candles.add(time_us, price, qty, quote, trade_id, buyer_is_maker)
        self.last_price = price
        self.last_qty = qty
        self.last_time_us = time_us
        self.trade_count += 1

    def saved(self, cluster_id: str, seq: int) -> SavedView:
        """A copy that later trades do not change."""
        return SavedView(
            VERSION,
            cluster_id,
            seq,
            self.last_price,
            self.last_qty,
            self.last_time_us,
            self.trades.first_id,
            self.trades.next_id,
            self.trades.next_aggregate,
            self.trades.packed(),
            {
                name: SavedSeries(series.closed.copy(), None if series.current is None else series.current.copy())
                for name, series in self.candles.series.items()
            },
        )

    def restore(self, saved: SavedView) -> None:
        self.last_price, self.last_qty, self.last_time_us = saved.last_price, saved.last_qty, saved.last_time_us
        self.trades.start_at(saved.next_id, saved.next_aggregate)
        self.trades.unpack(saved.first_id, saved.next_aggregate, saved.trades)
        self.candles.restore({name: (series.closed, series.current) for name, series in saved.series.items()})
        self.saved_seq = saved.seq


class MarketData:
    """The views of all markets. Make it before `EngineClient.start`."""

    def __init__(
        self,
        client: EngineClient,
        store: ViewStore | None = None,
        past: Past | None = None,
        *,
        trade_capacity: int = CAPACITY,
    ) -> None:
        self.client = client
        self._store = store
        self._past = past
        self._trade_capacity = trade_capacity
        self._views: dict[int, MarketView] = {}
        self.start_seq: int = client.engine.recovery()["events_from_seq"]
        """Where the events begin that this is told."""
        self.seq = self.start_seq
        """All views have seen everything up to here."""
        for market, next_trade, last_price, _version in client.engine.snapshot_markets():
            self._recover(market, next_trade, last_price)
        client.add_listener(self.on_batch)

    @property
    def engine(self) -> Engine:
        return self.client.engine

    def view(self, market: int) -> MarketView:
        view = self._views.get(market)
        if view is None:
            view = self._views[market] = MarketView(trade_capacity=self._trade_capacity)
            view.saved_seq = self.seq
        return view

    def on_batch(self, batch: Batch) -> None:
        is_replayed = batch.replayed
        for result in batch.results:
            events = result.events
            if len(events) < 2:  # a trade comes behind its taker's OrderAccepted
                continue
            market = taker = price = -1
            for event in events:
                if type(event) is Traded:
                    view = self.view(event.market)
                    starts = event.taker_order != taker or event.price != price or event.market != market
                    market, taker, price = event.market, event.taker_order, event.price
                    trade_id = event.trade_id
                    if is_replayed and trade_id < view.trades.next_id:
                        continue
                    view.add(
                        result.time_us,
                        trade_id,
                        price,
                        event.qty,
                        event.quote_amount,
                        event.taker_side == _SELL,
                        starts,
                    )
        self.seq = batch.seq

    def shows(self, market: Market) -> bool:
        """Whether the market's book and its streams are shown."""
        return market.status not in (MarketStatus.BREAK, MarketStatus.END_OF_DAY)

    def shows_candles(self, market: Market) -> bool:
        """Whether its candles go on. What was there before is shown to whoever asks."""
        return self.shows(market) and market.status is not MarketStatus.CANCEL_ONLY

    # --- across restarts

    def _recover(self, market: int, next_trade: int, last_price: int | None) -> None:
        view = self.view(market)
        saved = None if self._store is None else self._store.load(market)
        if saved is not None:
            view.restore(saved)
        if view.trades.next_id < next_trade:
            if saved is not None:
                missing = next_trade - saved.next_id
                log(__name__).warning("candles lack trades from before the snapshot", market=market, trades=missing)
            view.trades.start_at(next_trade, self._next_aggregate(market, next_trade, saved))
            view.last_price = last_price

    def _next_aggregate(self, market: int, next_trade: int, saved: SavedView | None) -> int:
        """The past has counted; else so high that no id comes twice."""
        counted = None if self._past is None else self._past.next_aggregate(market, next_trade)
        if counted is not None:
            return counted
        known, counted = (0, 0) if saved is None else (saved.next_id, saved.next_aggregate)
        return counted + next_trade - known

    def unsaved(self) -> list[int]:
        """Markets that traded since they were saved, the one saved longest ago first."""
        if self._store is None:
            return []
        changed = [
            (view.saved_seq, market) for market, view in self._views.items() if view.trade_count != view.saved_count
        ]
        return [market for _, market in sorted(changed)]

    def saved_seq(self, market: int) -> int:
        return self._views[market].saved_seq

    def copy(self, market: int) -> tuple[SavedView, int]:
        """What is to be written, and the trades counted in it."""
        assert self._store is not None
        view = self._views[market]
        return view.saved(self._store.cluster_id, self.seq), view.trade_count

    def write(self, market: int, saved: SavedView) -> None:
        """May run in another thread. Raises OSError."""
        assert self._store is not None
        self._store.save(market, saved)

    def written(self, market: int, saved: SavedView, trade_count: int) -> None:
        """What `copy` gave is on the disk."""
        view = self._views[market]
        view.saved_seq, view.saved_count = saved.seq, trade_count

    def save_cursor(self) -> None:
        """Notes from where a restart needs events. Raises OSError."""
        assert self._store is not None
        unsaved = self.unsaved()
        self._store.save_cursor(self.saved_seq(unsaved[0]) if unsaved else self.seq)

    def save(self) -> None:
        """Saves what has changed, for the end of the process. Raises OSError."""
        if self._store is not None:
            for market in self.unsaved():
                saved, count = self.copy(market)
                self.write(market, saved)
                self.written(market, saved, count)
            self.save_cursor()
