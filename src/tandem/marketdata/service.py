"""The handlers of the public operations."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import msgspec

from tandem.domain import permissions
from tandem.domain.catalog import Market
from tandem.domain.errors import api_error
from tandem.domain.intervals import DAY, INTERVALS, parse_time_zone, parse_window
from tandem.domain.operation import Args, Call
from tandem.marketdata import tickers
from tandem.marketdata.book import levels, show_total
from tandem.marketdata.candles import Span
from tandem.marketdata.exchange_info import LISTED, ExchangeInfo, permitted
from tandem.marketdata.history import DEFAULT_LIMIT, PublicHistory
from tandem.marketdata.past import Past
from tandem.marketdata.trades import Aggregate, Trade
from tandem.marketdata.views import MarketData

MAX_SYMBOLS = 100
"""For the tickers that cost per symbol."""

Json = Any
T = TypeVar("T")
_decode_names = msgspec.json.Decoder(list[str]).decode


class MarketDataService:
    """The handlers; each returns what the API prints."""

    def __init__(self, data: MarketData, past: Past | None = None) -> None:
        self._data = data
        self._history = PublicHistory(data, past)
        self._catalog = data.client.catalog

    def ping(self, _call: Call, _args: Args) -> Json:
        return {}

    def time(self, call: Call, _args: Args) -> Json:
        return {"serverTime": call.show_time(call.received_us)}

    # --- which markets

    def one(self, args: Args) -> Market:
        market = self._catalog.by_symbol.get(args["symbol"])
        if market is None:
            raise api_error("BAD_SYMBOL")
        if "symbolStatus" in args and market.status.name != args["symbolStatus"]:
            raise api_error("SYMBOL_DOES_NOT_MATCH_STATUS")
        return market

    def several(self, args: Args) -> Sequence[Market]:
        """For `symbols` or no choice at all; those with another status than asked for are left out."""
        if "symbols" in args:
            by_symbol = self._catalog.by_symbol
            if not all(name in by_symbol for name in args["symbols"]):
                raise api_error("BAD_SYMBOL")
            markets = [by_symbol[name] for name in args["symbols"]]
        else:
            markets = list(self._catalog.markets.values())
        status = args.get("symbolStatus")
        return markets if status is None else [m for m in markets if m.status.name == status]

    def _answer(self, args: Args, show: Callable[[Market], Json], *, bounded: bool = False) -> Json:
        """One object for `symbol`, a list otherwise. `bounded`: a choice is mandatory, of 100 at most."""
        if "symbol" in args and "symbols" in args:
            raise api_error("OPTIONAL_PARAMS_BAD_COMBO")
        if "symbol" in args:
            return show(self.one(args))
        if bounded:
            if "symbols" not in args:
                raise api_error("MANDATORY_PARAM_EMPTY_OR_MALFORMED", "symbol", "symbols")
            if len(args["symbols"]) > MAX_SYMBOLS:
                raise api_error("BAD_SYMBOL_COUNT")
        return [show(market) for market in self.several(args)]

    # --- operations

    def exchange_info(self, info: ExchangeInfo, call: Call, args: Args) -> bytes:
        now = call.show_time(call.received_us)
        if not args:
            return info.everything(now)
        choices = [name for name in ("symbol", "symbols", "permissions") if name in args]
        if len(choices) > 1 or ("symbolStatus" in args and choices and choices != ["permissions"]):
            raise api_error("OPTIONAL_PARAMS_BAD_COMBO")
        markets: Sequence[Market] = [self.one(args)] if choices == ["symbol"] else self.several(args)
        if choices in ([], ["permissions"]):
            names = _permissions(args["permissions"]) if choices else LISTED
            markets = permitted(markets, names)
        return info.some(now, markets, show_permission_sets=args.get("showPermissionSets", True))

    def no_derivatives(self, call: Call, _args: Args) -> Json:
        """What clients that load every kind of market at once ask other venues: there are none here."""
        now = call.show_time(call.received_us)
        return {"timezone": "UTC", "serverTime": now, "rateLimits": [], "exchangeFilters": [], "symbols": []}

    def depth(self, _call: Call, args: Args) -> Json:
        market = self.one(args)
        version, bids, asks = self._data.engine.depth(market.id, args.get("limit", 100))
        if not self._data.shows(market):
            bids, asks = [], []
        return {"lastUpdateId": version, "bids": levels(market, bids), "asks": levels(market, asks)}

    def trades(self, call: Call, args: Args) -> Json:
        market = self.one(args)
        return _shown(self._history.trades(market.id, args), lambda trade: _trade(market, call, trade))

    def block_trades(self, _call: Call, args: Args) -> Json:
        """Nothing is traded outside the book."""
        self.one(args)
        return []

    def aggregate_trades(self, call: Call, args: Args) -> Json:
        market = self.one(args)
        if "fromId" in args and ("startTime" in args or "endTime" in args):
            raise api_error("OPTIONAL_PARAMS_BAD_COMBO")
        return _shown(self._history.aggregates(market.id, args), lambda row: _aggregate(market, call, row))

    def klines(self, call: Call, args: Args) -> Json:
        market = self.one(args)
        span = Span(
            INTERVALS[args["interval"]],
            _time_zone(args),
            call.received_us,
            args.get("limit", DEFAULT_LIMIT),
            args.get("startTime"),
            args.get("endTime"),
        )
        return _shown(self._history.candles(market.id, span), lambda row: _kline(market, call, span, row))

    def average_price(self, call: Call, args: Args) -> Json:
        market = self.one(args)
        average = self._data.engine.average_price(market.id)
        return {
            "mins": market.rules.avg_price_mins,
            "price": market.show_price(average or 0),
            "closeTime": call.show_time(self._data.view(market.id).last_time_us),
        }

    def ticker_day(self, call: Call, args: Args) -> Json:
        mini = args.get("type") == "MINI"

        def show(market: Market) -> Json:
            view = self._data.view(market.id)
            window = tickers.day(view, market, call.received_us)
            if mini:
                return tickers.show_mini(market, window, call.show_time)
            return tickers.show_day(market, view, window, self._best(market), call.show_time)

        return self._answer(args, show)

    def ticker_window(self, call: Call, args: Args) -> Json:
        length = parse_window(args.get("windowSize", "1d"))
        if length is None:
            raise api_error("INVALID_PARAMETER", "windowSize")
        show_window = tickers.show_mini if args.get("type") == "MINI" else tickers.show_full

        def show(market: Market) -> Json:
            window = tickers.rolling(self._data.view(market.id), call.received_us, length)
            return show_window(market, window, call.show_time)

        return self._answer(args, show, bounded=True)

    def ticker_trading_day(self, call: Call, args: Args) -> Json:
        start = INTERVALS["1d"].open_of(call.received_us, _time_zone(args))
        end = start + DAY - 1
        show_window = tickers.show_mini if args.get("type") == "MINI" else tickers.show_full

        def show(market: Market) -> Json:
            window = tickers.since(self._data.view(market.id), start, end)
            return show_window(market, window, call.show_time)

        return self._answer(args, show, bounded=True)

    def ticker_price(self, _call: Call, args: Args) -> Json:
        def show(market: Market) -> Json:
            last = self._data.view(market.id).last_price or 0
            return {"symbol": market.symbol, "price": market.show_price(last)}

        return self._answer(args, show)

    def ticker_book(self, _call: Call, args: Args) -> Json:
        def show(market: Market) -> Json:
            _version, bid, bid_qty, ask, ask_qty = self._best(market)
            return {
                "symbol": market.symbol,
                "bidPrice": market.show_price(bid),
                "bidQty": show_total(market, bid_qty),
                "askPrice": market.show_price(ask),
                "askQty": show_total(market, ask_qty),
            }

        return self._answer(args, show)

    def _best(self, market: Market) -> tickers.Best:
        best = self._data.engine.best(market.id)
        return best if self._data.shows(market) else (best[0], 0, 0, 0, 0)


def _shown(found: Sequence[T] | Awaitable[Sequence[T]], show: Callable[[T], Json]) -> Json:
    """Rows that may have to be waited for."""
    if isinstance(found, Sequence):
        return [show(row) for row in found]
    return _shown_later(found, show)


async def _shown_later(found: Awaitable[Sequence[T]], show: Callable[[T], Json]) -> Json:
    return [show(row) for row in await found]


def _kline(market: Market, call: Call, span: Span, row: Sequence[int]) -> Json:
    price, qty, show_time = market.show_price, market.show_qty, call.show_time
    return [
        show_time(row[0]),
        price(row[1]),
        price(row[2]),
        price(row[3]),
        price(row[4]),
        qty(row[5]),
        show_time(span.interval.shift(row[0], 1, span.offset_us) - 1),
        price(row[6]),
        row[7],
        qty(row[8]),
        price(row[9]),
        "0",
    ]


def _trade(market: Market, call: Call, trade: Trade) -> Json:
    quote = trade.price * trade.qty // 10**market.base.decimals
    return {
        "id": trade.id,
        "price": market.show_price(trade.price),
        "qty": market.show_qty(trade.qty),
        "quoteQty": market.show_quote(quote),
        "time": call.show_time(trade.time_us),
        "isBuyerMaker": trade.buyer_is_maker,
        "isBestMatch": True,
    }


def _aggregate(market: Market, call: Call, row: Aggregate) -> Json:
    return {
        "a": row.id,
        "p": market.show_price(row.price),
        "q": market.show_qty(row.qty),
        "f": row.first_id,
        "l": row.last_id,
        "T": call.show_time(row.time_us),
        "m": row.buyer_is_maker,
        "M": True,
    }


def _time_zone(args: Args) -> int:
    offset = parse_time_zone(args.get("timeZone", "0"))
    if offset is None:
        raise api_error("INVALID_PARAMETER", "timeZone")
    return offset


def _permissions(text: str) -> set[str]:
    """One bare value or a JSON array. Raises ApiError."""
    try:
        names = set(_decode_names(text)) if text.startswith("[") else {text}
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise api_error("INVALID_JSON", "permissions") from None
    if not names or not names <= set(permissions.NAMES):
        raise api_error("INVALID_PARAMETER", "permissions")
    return names
