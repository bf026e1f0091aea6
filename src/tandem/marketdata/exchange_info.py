"""`exchangeInfo`: what can be traded under which rules. Everything but the time is encoded once per catalog version."""

from collections.abc import Iterable
from typing import Any

import orjson

from tandem.domain.catalog import Catalog, Market, Rules
from tandem.domain.trading import ENGINE_MAX, SelfTradePrevention

ORDER_TYPES = ["LIMIT", "LIMIT_MAKER", "MARKET"]
PERMISSION = "SPOT"
"""The only permission there is; every market has it."""


def websocket_limits(announced: list[dict[str, Any]], attempts_per_5_minutes: int) -> list[dict[str, Any]]:
    """The WebSocket API shows its connections where REST shows the raw requests."""
    rows = [row for row in announced if row["rateLimitType"] != "RAW_REQUESTS"]
    if attempts_per_5_minutes:
        rows.append(
            {"rateLimitType": "CONNECTIONS", "interval": "MINUTE", "intervalNum": 5, "limit": attempts_per_5_minutes}
        )
    return rows


def filters(market: Market) -> list[dict[str, Any]]:
    """The market's rules as the API's filters. A bound of 0 means none; lot sizes always print an upper one."""
    rules: Rules = market.rules
    price, qty, quote = market.show_price, market.show_qty, market.show_quote
    rows: list[dict[str, Any]] = [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": price(rules.price_min),
            "maxPrice": price(rules.price_max),
            "tickSize": price(rules.tick_size),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": qty(rules.qty_min or rules.lot_size),
            "maxQty": qty(rules.qty_max or ENGINE_MAX),
            "stepSize": qty(rules.lot_size),
        },
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": qty(rules.market_qty_min),
            "maxQty": qty(rules.market_qty_max or rules.qty_max or ENGINE_MAX),
            "stepSize": qty(rules.market_lot_size),
        },
    ]
    if rules.min_notional is not None:
        minimum, apply_to_market = rules.min_notional
        rows.append(
            {
                "filterType": "MIN_NOTIONAL",
                "minNotional": quote(minimum),
                "applyToMarket": apply_to_market,
                "avgPriceMins": rules.avg_price_mins,
            }
        )
    if rules.notional is not None:
        minimum, apply_min, maximum, apply_max = rules.notional
        rows.append(
            {
                "filterType": "NOTIONAL",
                "minNotional": quote(minimum),
                "applyMinToMarket": apply_min,
                "maxNotional": quote(maximum or ENGINE_MAX),
                "applyMaxToMarket": apply_max,
                "avgPriceMins": rules.avg_price_mins,
            }
        )
    if rules.max_num_orders:
        rows.append({"filterType": "MAX_NUM_ORDERS", "maxNumOrders": rules.max_num_orders})
    return rows


def symbol(market: Market, *, show_permission_sets: bool = True) -> dict[str, Any]:
    rules = market.rules
    base, quote = market.base.decimals, market.quote.decimals
    return {
        "symbol": market.symbol,
        "status": market.status.name,
        "baseAsset": market.base.code,
        "baseAssetPrecision": base,
        "quoteAsset": market.quote.code,
        "quotePrecision": quote,
        "quoteAssetPrecision": quote,
        "baseCommissionPrecision": base,
        "quoteCommissionPrecision": quote,
        "orderTypes": ORDER_TYPES,
        "icebergAllowed": False,
        "ocoAllowed": False,
        "otoAllowed": False,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": False,
        "amendAllowed": False,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": filters(market),
        "permissions": [],
        "permissionSets": [[PERMISSION]] if show_permission_sets else [],
        "defaultSelfTradePreventionMode": SelfTradePrevention(rules.stp_default).name,
        "allowedSelfTradePreventionModes": [mode.name for mode in SelfTradePrevention if rules.stp_allowed >> mode & 1],
    }


class ExchangeInfo:
    """The answer's bytes."""

    def __init__(self, catalog: Catalog, limits: list[dict[str, Any]]) -> None:
        self._catalog = catalog
        self._rate_limits = orjson.dumps(limits)
        self._version = -1
        self._symbols: dict[str, bytes] = {}
        self._everything = b""

    def everything(self, server_time: int) -> bytes:
        self._renew()
        return self._envelope(server_time, self._everything)

    def some(self, server_time: int, markets: Iterable[Market], *, show_permission_sets: bool) -> bytes:
        self._renew()
        if show_permission_sets:
            rows = [self._symbols[market.symbol] for market in markets]
        else:
            rows = [orjson.dumps(symbol(market, show_permission_sets=False)) for market in markets]
        return self._envelope(server_time, b",".join(rows))

    def _renew(self) -> None:
        if self._version != self._catalog.version:
            self._version = self._catalog.version
            self._symbols = {m.symbol: orjson.dumps(symbol(m)) for m in self._catalog.markets.values()}
            self._everything = b",".join(self._symbols.values())

    def _envelope(self, server_time: int, symbols: bytes) -> bytes:
        return b'{"timezone":"UTC","serverTime":%d,"rateLimits":%b,"exchangeFilters":[],"symbols":[%b]}' % (
            server_time,
            self._rate_limits,
            symbols,
        )
