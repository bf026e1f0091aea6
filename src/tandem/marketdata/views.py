"""What readers ask about every market, kept up to date from the engine's batches, the replayed ones included.

After a restart the views start at the snapshot that recovery began with: the last price is known, older trades and
candles are not.
"""

from tandem.domain.catalog import Market
from tandem.domain.trading import MarketStatus, Side
from tandem.marketdata.candles import Candles
from tandem.marketdata.trades import CAPACITY, TradeRing
from tandem.platform.engine import Batch, Engine, EngineClient, Traded

_SELL = int(Side.SELL)


class MarketView:
    """One market's trades and what follows from them."""

    __slots__ = ("candles", "last_price", "last_qty", "last_time_us", "trade_count", "trades")

    def __init__(self, *, last_price: int | None = None, trade_capacity: int = CAPACITY) -> None:
        self.trades = TradeRing(trade_capacity)
        self.candles = Candles()
        self.last_price = last_price
        self.last_qty = 0
        self.last_time_us = 0
        self.trade_count = 0
        """Since this process began: changes when the market traded."""

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


class MarketData:
    """The views of all markets. Make it before `EngineClient.start`."""

    def __init__(self, client: EngineClient, *, trade_capacity: int = CAPACITY) -> None:
        self.client = client
        self._trade_capacity = trade_capacity
        self._views: dict[int, MarketView] = {}
        for market, _next_trade, last_price, _version in client.engine.snapshot_markets():
            self._views[market] = MarketView(last_price=last_price, trade_capacity=trade_capacity)
        client.add_listener(self.on_batch)

    @property
    def engine(self) -> Engine:
        return self.client.engine

    def view(self, market: int) -> MarketView:
        view = self._views.get(market)
        if view is None:
            view = self._views[market] = MarketView(trade_capacity=self._trade_capacity)
        return view

    def on_batch(self, batch: Batch) -> None:
        for result in batch.results:
            events = result.events
            if len(events) < 2:  # a trade comes behind its taker's OrderAccepted
                continue
            taker = price = -1
            for event in events:
                if type(event) is Traded:
                    time_us = result.time_us
                    starts = event.taker_order != taker or event.price != price
                    taker, price = event.taker_order, event.price
                    self.view(event.market).add(
                        time_us,
                        event.trade_id,
                        price,
                        event.qty,
                        event.quote_amount,
                        event.taker_side == _SELL,
                        starts,
                    )

    def shows(self, market: Market) -> bool:
        """A market in BREAK shows no book."""
        return market.status is not MarketStatus.BREAK
