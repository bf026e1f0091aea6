"""Statistics over a window of one market, as REST and the streams print them.

Granularity: rolling windows begin on a minute, so they hold up to 59.999 s more than asked for. Those of 24 hours are
exact as long as the trades of their first minute are still held, and else begin on it; they say where they begin.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tandem.domain import money
from tandem.domain.catalog import Market
from tandem.domain.intervals import DAY, MINUTE
from tandem.marketdata.book import show_total
from tandem.marketdata.candles import merge
from tandem.marketdata.trades import Trade
from tandem.marketdata.views import MarketView

MOST_TRADES = 1_000
"""Of the minute in which a window begins; with more it takes all of them, which costs the same for any number."""

Best = tuple[int, int, int, int, int]
"""(book version, bid price, bid quantity, ask price, ask quantity), as `Engine.best` gives it."""


@dataclass(frozen=True, slots=True)
class Window:
    """Trades from `open_us` to `close_us`. Without any the prices are the last one (0: never traded), the ids -1."""

    open_us: int
    close_us: int
    open: int
    high: int
    low: int
    last: int
    volume: int
    quote_volume: int
    count: int
    first_id: int
    last_id: int

    @property
    def change(self) -> int:
        return self.last - self.open


def rolling(view: MarketView, now_us: int, length_us: int = DAY) -> Window:
    """The last `length_us` up to now."""
    start = now_us - length_us
    return since(view, start - start % MINUTE, now_us)


def day(view: MarketView, market: Market, now_us: int) -> Window:
    """The last 24 hours."""
    start = now_us - DAY
    minute_end = start - start % MINUTE + MINUTE
    ring = view.trades
    low, high = ring.first_at(start), ring.first_at(minute_end)
    if not ring.holds_from(start) or high - low > MOST_TRADES:
        return rolling(view, now_us)
    head = _sum(start, ring.trades(low, high), 10**market.base.decimals)
    rest = view.candles.window(minute_end)
    if head is not None and rest is not None:
        merge(head, rest)
    return _window(view, head or rest, start, now_us)


def _sum(start_us: int, trades: Iterable[Trade], scale: int) -> list[int] | None:
    """As a candle."""
    total: list[int] | None = None
    for t in trades:
        quote = t.price * t.qty // scale
        bought, bought_quote = (0, 0) if t.buyer_is_maker else (t.qty, quote)
        row = [start_us, t.price, t.price, t.price, t.price, t.qty, quote, 1, bought, bought_quote, t.id, t.id]
        if total is None:
            total = row
        else:
            merge(total, row)
    return total


def since(view: MarketView, start_us: int, close_us: int) -> Window:
    return _window(view, view.candles.window(start_us), start_us, close_us)


def _window(view: MarketView, row: list[int] | None, start_us: int, close_us: int) -> Window:
    if row is None:
        last = view.last_price or 0
        return Window(start_us, close_us, last, last, last, last, 0, 0, 0, -1, -1)
    return Window(start_us, close_us, row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[10], row[11])


def percent(change: int, base: int) -> str:
    """`change` of `base` in percent, three decimals, halves away from zero."""
    if base == 0:
        return "0.000"
    thousandths = (abs(change) * 200_000 + base) // (2 * base)
    return money.show(thousandths if change >= 0 else -thousandths, 3)


def weighted_average(market: Market, window: Window) -> int:
    """Quote volume over volume, rounded down; 0 without volume."""
    if window.volume == 0:
        return 0
    scale: int = 10**market.base.decimals
    return window.quote_volume * scale // window.volume


def show_mini(market: Market, window: Window, show_time: Any) -> dict[str, Any]:
    """What all ticker endpoints have in common."""
    price = market.show_price
    return {
        "symbol": market.symbol,
        "openPrice": price(window.open),
        "highPrice": price(window.high),
        "lowPrice": price(window.low),
        "lastPrice": price(window.last),
        "volume": market.show_qty(window.volume),
        "quoteVolume": market.show_quote(window.quote_volume),
        "openTime": show_time(window.open_us),
        "closeTime": show_time(window.close_us),
        "firstId": window.first_id,
        "lastId": window.last_id,
        "count": window.count,
    }


def show_full(market: Market, window: Window, show_time: Any) -> dict[str, Any]:
    """`ticker` and `ticker/tradingDay`."""
    mini = show_mini(market, window, show_time)
    return {
        "symbol": mini.pop("symbol"),
        "priceChange": market.show_price(window.change),
        "priceChangePercent": percent(window.change, window.open),
        "weightedAvgPrice": market.show_price(weighted_average(market, window)),
        **mini,
    }


def show_day(market: Market, view: MarketView, window: Window, best: Best, show_time: Any) -> dict[str, Any]:
    """`ticker/24hr`."""
    mini = show_mini(market, window, show_time)
    _version, bid, bid_qty, ask, ask_qty = best
    return {
        "symbol": mini.pop("symbol"),
        "priceChange": market.show_price(window.change),
        "priceChangePercent": percent(window.change, window.open),
        "weightedAvgPrice": market.show_price(weighted_average(market, window)),
        "prevClosePrice": market.show_price(close_before(view, window)),
        "lastPrice": mini.pop("lastPrice"),
        "lastQty": market.show_qty(view.last_qty),
        "bidPrice": market.show_price(bid),
        "bidQty": show_total(market, bid_qty),
        "askPrice": market.show_price(ask),
        "askQty": show_total(market, ask_qty),
        **mini,
    }


def close_before(view: MarketView, window: Window) -> int:
    """The price of the trade just before the window; the window's first when that is not known."""
    if window.first_id > view.trades.first_id:
        (trade,) = view.trades.trades(window.first_id - 1, window.first_id)
        return trade.price
    before = view.candles.close_before(window.open_us)
    return window.open if before is None else before


MINI_EVENT = "24hrMiniTicker"
FULL_EVENT = "24hrTicker"


@dataclass(frozen=True, slots=True)
class StreamRow:
    """A ticker of a stream before its times are known in the client's unit."""

    event: str
    symbol: str
    fields: dict[str, Any]
    window: Window

    def show(self, now_us: int, unit: int) -> dict[str, Any]:
        row: dict[str, Any] = {"e": self.event, "E": now_us // unit, "s": self.symbol, **self.fields}
        if self.event != MINI_EVENT:
            row["O"] = self.window.open_us // unit
            row["C"] = self.window.close_us // unit
            row["F"] = self.window.first_id
            row["L"] = self.window.last_id
            row["n"] = self.window.count
        return row


def stream_row(event: str, market: Market, view: MarketView, window: Window, best: Best) -> StreamRow:
    """`event`: MINI_EVENT, FULL_EVENT or `1hTicker` and so on."""
    price = market.show_price
    prices = {"o": price(window.open), "h": price(window.high), "l": price(window.low)}
    volumes = {"v": market.show_qty(window.volume), "q": market.show_quote(window.quote_volume)}
    last = {"c": price(window.last)}
    if event == MINI_EVENT:
        return StreamRow(event, market.symbol, last | prices | volumes, window)
    changes = {"p": price(window.change), "P": percent(window.change, window.open)}
    average = {"w": price(weighted_average(market, window))}
    if event != FULL_EVENT:
        return StreamRow(event, market.symbol, changes | prices | last | average | volumes, window)
    _version, bid, bid_qty, ask, ask_qty = best
    book = {
        "b": price(bid),
        "B": show_total(market, bid_qty),
        "a": price(ask),
        "A": show_total(market, ask_qty),
    }
    before = {"x": price(close_before(view, window))}
    quantity = {"Q": market.show_qty(view.last_qty)}
    fields = changes | average | before | last | quantity | book | prices | volumes
    return StreamRow(event, market.symbol, fields, window)
