"""Public operations: the market-data half of REST and of the WebSocket API."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from tandem.domain.intervals import INTERVALS
from tandem.domain.operation import Args, Call, Kind, Operation, Param, Security
from tandem.marketdata.exchange_info import ExchangeInfo, websocket_limits
from tandem.marketdata.past import Past
from tandem.marketdata.references import ReferenceService
from tandem.marketdata.service import Json, MarketDataService
from tandem.marketdata.views import MarketData
from tandem.platform.rate_limits import RateLimiter

MAX_DEPTH = 5_000
RETIRED = {
    "ping",
    "time",
    "depth",
    "trades",
    "historicalTrades",
    "aggTrades",
    "klines",
    "ticker/24hr",
    "ticker/price",
    "ticker/bookTicker",
}
"""Under /api/v1 too, where the oldest clients ask."""

_SYMBOL = Param("symbol", Kind.SYMBOL, mandatory=True)
_ONE_SYMBOL = Param("symbol", Kind.SYMBOL)
_SYMBOLS = Param("symbols", Kind.SYMBOLS)
_MANY_SYMBOLS = Param("symbols", Kind.SYMBOLS, maximum=5_000)
_STATUS = Param("symbolStatus", Kind.ENUM, choices=("TRADING", "HALT", "BREAK"), bad_choice="INVALID_SYMBOLSTATUS")
_LIMIT = Param("limit", Kind.INT, minimum=1, maximum=1000, clamp=True)
_TYPE = Param("type", Kind.ENUM, choices=("FULL", "MINI"), bad_choice="INVALID_TICKER_TYPE")
_FROM_ID = Param("fromId", Kind.LONG)
_START, _END = Param("startTime", Kind.TIME), Param("endTime", Kind.TIME)
_TIME_ZONE = Param("timeZone", Kind.STRING)
_INTERVAL = Param("interval", Kind.ENUM, mandatory=True, choices=tuple(INTERVALS), bad_choice="BAD_INTERVAL")

_INFO = (_ONE_SYMBOL, _MANY_SYMBOLS, Param("permissions", Kind.STRING), Param("showPermissionSets", Kind.BOOL), _STATUS)

Weight = int | Callable[[Args], int]


Handler = Callable[[Call, Args], Json]
Row = tuple[str, str, Weight, tuple[Param, ...], Handler, str]
"""REST path below /api/v3, WebSocket API method, weight, parameters, handler, summary."""


def operations(data: MarketData, limiter: RateLimiter, past: Past | None = None) -> list[Operation]:
    """Without a `past`, trades and candles reach as far back as memory does."""
    service = MarketDataService(data, past)
    announced = limiter.announced()
    info = [
        partial(service.exchange_info, ExchangeInfo(data.client, limits))
        for limits in (announced, websocket_limits(announced, limiter.limits.connection_attempts_per_5_minutes))
    ]
    rows: list[Row] = [
        ("ping", "ping", 1, (), service.ping, "Answers an empty object."),
        ("time", "time", 1, (), service.time, "The server's time."),
        ("exchangeInfo", "", 20, _INFO, info[0], "Markets and their rules."),
        ("", "exchangeInfo", 20, _INFO, info[1], "Markets and their rules."),
        *_history(service),
        *_tickers(service),
        *_references(ReferenceService(data.client, service)),
    ]
    found = [_public(*row) for row in rows]
    retired = [
        replace(operation, path=f"/api/v1/{row[0]}", ws_method="")
        for row, operation in zip(rows, found, strict=True)
        if row[0] in RETIRED
    ]
    return [*found, *retired, *_other_venues(service)]


def _other_venues(service: MarketDataService) -> list[Operation]:
    """Under the paths that futures have elsewhere."""
    return [
        Operation(
            "GET",
            f"/{venue}/v1/exchangeInfo",
            "",
            Security.NONE,
            1,
            (),
            service.no_derivatives,
            cors=True,
            summary="Futures: there are none.",
        )
        for venue in ("fapi", "dapi")
    ]


def _history(service: MarketDataService) -> list[Row]:
    depth = (_SYMBOL, Param("limit", Kind.INT, minimum=1, maximum=MAX_DEPTH, clamp=True), _STATUS)
    klines = (_SYMBOL, _INTERVAL, _START, _END, _TIME_ZONE, _LIMIT)
    aggregates = (_SYMBOL, _FROM_ID, _START, _END, _LIMIT)
    old = (_SYMBOL, _LIMIT, _FROM_ID)
    block = (_SYMBOL, replace(_FROM_ID, mandatory=True), replace(_LIMIT, kind=Kind.LONG))
    return [
        ("depth", "depth", _depth_weight, depth, service.depth, "The order book, best first."),
        ("trades", "trades.recent", 25, (_SYMBOL, _LIMIT), service.trades, "The last trades."),
        ("historicalBlockTrades", "blockTrades.historical", 25, block, service.block_trades, "Block trades: none."),
        ("historicalTrades", "trades.historical", 25, old, service.trades, "Trades from an id on."),
        (
            "aggTrades",
            "trades.aggregate",
            4,
            aggregates,
            service.aggregate_trades,
            "A taker order's trades at a price.",
        ),
        ("klines", "klines", 2, klines, service.klines, "Candles."),
        ("uiKlines", "uiKlines", 2, klines, service.klines, "Candles, the same as klines."),
    ]


def _tickers(service: MarketDataService) -> list[Row]:
    several = (_ONE_SYMBOL, _MANY_SYMBOLS, _STATUS)
    day = (_ONE_SYMBOL, _MANY_SYMBOLS, _TYPE, _STATUS)
    calendar_day = (_ONE_SYMBOL, _SYMBOLS, _TIME_ZONE, _TYPE, _STATUS)
    window = (_ONE_SYMBOL, _SYMBOLS, Param("windowSize", Kind.STRING), _TYPE, _STATUS)
    each = _per_symbol_weight
    return [
        ("avgPrice", "avgPrice", 2, (_SYMBOL,), service.average_price, "The average price of the last minutes."),
        ("ticker/24hr", "ticker.24hr", _day_weight, day, service.ticker_day, "Statistics of the last 24 hours."),
        ("ticker/tradingDay", "ticker.tradingDay", each, calendar_day, service.ticker_trading_day, "Those of a day."),
        ("ticker/price", "ticker.price", _price_weight, several, service.ticker_price, "The last price."),
        ("ticker/bookTicker", "ticker.book", _price_weight, several, service.ticker_book, "The best bid and ask."),
        ("ticker", "ticker", each, window, service.ticker_window, "Statistics of a rolling window."),
    ]


def _references(service: ReferenceService) -> list[Row]:
    one, with_status = (_SYMBOL,), (_SYMBOL, _STATUS)
    rules = (_ONE_SYMBOL, _MANY_SYMBOLS, _STATUS)
    return [
        (
            "executionRules",
            "executionRules",
            _rules_weight,
            rules,
            service.execution_rules,
            "How far trades may go.",
        ),
        ("referencePrice", "referencePrice", 2, one, service.price, "The price that these rules go by."),
        (
            "referencePrice/calculation",
            "referencePrice.calculation",
            2,
            with_status,
            service.calculation,
            "Where it comes from.",
        ),
    ]


def _public(
    path: str,
    ws_method: str,
    weight: Weight,
    params: tuple[Param, ...],
    handler: Handler,
    summary: str,
) -> Operation:
    return Operation(
        http_method="GET" if path else "",
        path=f"/api/v3/{path}" if path else "",
        ws_method=ws_method,
        security=Security.NONE,
        weight=weight,
        params=params,
        handler=handler,
        cors=True,
        summary=summary,
    )


def _depth_weight(args: Args) -> int:
    limit = args.get("limit", 100)
    return 5 if limit <= 100 else 25 if limit <= 500 else 50 if limit <= 1000 else 250


def _day_weight(args: Args) -> int:
    if "symbol" in args:
        return 2
    count = len(args["symbols"]) if "symbols" in args else 101
    return 2 if count <= 20 else 40 if count <= 100 else 80


def _price_weight(args: Args) -> int:
    return 2 if "symbol" in args else 4


def _rules_weight(args: Args) -> int:
    if "symbol" in args:
        return 2
    return min(2 * len(args["symbols"]), 40) if "symbols" in args else 40


def _per_symbol_weight(args: Args) -> int:
    return min(4 * len(args.get("symbols", ("one",))), 200)
