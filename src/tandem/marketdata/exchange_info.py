"""`exchangeInfo`: what can be traded under which rules. Everything but the time is encoded once per catalog version."""

from collections.abc import Iterable
from typing import Any

import orjson

from tandem.domain import filters, permissions
from tandem.domain.catalog import Market
from tandem.domain.trading import Feature, OrderKind, SelfTradePrevention
from tandem.platform.engine import EngineClient

LISTED = permissions.NAMES[:3]
"""SPOT, MARGIN, LEVERAGED: a market with none of them is listed only when its permission is asked for."""
FLAGS = {
    "icebergAllowed": Feature.ICEBERG,
    "ocoAllowed": Feature.OCO,
    "otoAllowed": Feature.OTO,
    "opoAllowed": Feature.OPO,
    "quoteOrderQtyMarketAllowed": Feature.QUOTE_QTY_MARKET,
    "allowTrailingStop": Feature.TRAILING,
    "cancelReplaceAllowed": Feature.CANCEL_REPLACE,
    "amendAllowed": Feature.AMEND,
    "pegInstructionsAllowed": Feature.PEG,
}


def websocket_limits(announced: list[dict[str, Any]], attempts_per_5_minutes: int) -> list[dict[str, Any]]:
    """The WebSocket API shows its connections where REST shows the raw requests."""
    rows = [row for row in announced if row["rateLimitType"] != "RAW_REQUESTS"]
    if attempts_per_5_minutes:
        rows.append(
            {"rateLimitType": "CONNECTIONS", "interval": "MINUTE", "intervalNum": 5, "limit": attempts_per_5_minutes}
        )
    return rows


def symbol(market: Market, *, show_permission_sets: bool = True) -> dict[str, Any]:
    rules = market.rules
    base, quote = market.base.decimals, market.quote.decimals
    names = permissions.names_of(rules.permissions)
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
        "orderTypes": [kind.name for kind in OrderKind if rules.kinds >> kind & 1],
        **{flag: bool(rules.features >> feature & 1) for flag, feature in FLAGS.items()},
        "isSpotTradingAllowed": "SPOT" in names,
        "isMarginTradingAllowed": False,
        "filters": filters.of_market(market),
        "permissions": [],
        "permissionSets": [names] if show_permission_sets else [],
        "defaultSelfTradePreventionMode": SelfTradePrevention(rules.stp_default).name,
        "allowedSelfTradePreventionModes": [mode.name for mode in SelfTradePrevention if rules.stp_allowed >> mode & 1],
    }


class ExchangeInfo:
    """The answer's bytes."""

    def __init__(self, client: EngineClient, limits: list[dict[str, Any]]) -> None:
        self._engine = client.engine
        self._catalog = client.catalog
        self._rate_limits = orjson.dumps(limits)
        self._version = -1
        self._symbols: dict[str, bytes] = {}
        self._everything = b""
        self._filters = b""
        self._sors = b""

    def everything(self, server_time: int) -> bytes:
        """All markets that a client sees who does not ask for any."""
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
        catalog = self._catalog
        if self._version == catalog.version:
            return
        self._version = catalog.version
        self._symbols = {m.symbol: orjson.dumps(symbol(m)) for m in catalog.markets.values()}
        self._everything = b",".join(self._symbols[m.symbol] for m in permitted(catalog.markets.values(), LISTED))
        self._filters = orjson.dumps(filters.of_exchange(self._engine.exchange_rules()))
        groups = [
            {"baseAsset": catalog.assets[base].code, "symbols": [catalog.markets[market].symbol for market in group]}
            for base, group, _account in self._engine.sors()
        ]
        self._sors = b',"sors":%b' % orjson.dumps(groups) if groups else b""

    def _envelope(self, server_time: int, symbols: bytes) -> bytes:
        return b'{"timezone":"UTC","serverTime":%d,"rateLimits":%b,"exchangeFilters":%b,"symbols":[%b]%b}' % (
            server_time,
            self._rate_limits,
            self._filters,
            symbols,
            self._sors,
        )


def permitted(markets: Iterable[Market], names: Iterable[str]) -> list[Market]:
    """Those that ask for one of these permissions."""
    wanted = sum(1 << permissions.NAMES.index(name) for name in names)
    return [market for market in markets if market.rules.permissions & wanted]
