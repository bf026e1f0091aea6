"""How far from which price orders may trade: the rules of execution, and the reference prices that they go by."""

from typing import Any

from tandem.domain import money
from tandem.domain.catalog import Market
from tandem.domain.errors import api_error
from tandem.domain.operation import Args, Call
from tandem.marketdata.service import MarketDataService
from tandem.platform.engine import Engine, EngineClient

SET_BY_HAND = 0
"""The API's number for a price that an operator sets."""
MULTIPLIERS = ("bidLimitMultUp", "bidLimitMultDown", "askLimitMultUp", "askLimitMultDown")
MULTIPLIER_DECIMALS = 8


class ReferenceService:
    """The handlers."""

    def __init__(self, client: EngineClient, markets: MarketDataService) -> None:
        self._engine = client.engine
        self._markets = markets

    def execution_rules(self, _call: Call, args: Args) -> dict[str, Any]:
        if len(args) > 1:
            raise api_error("OPTIONAL_PARAMS_BAD_COMBO")
        markets = [self._markets.one(args)] if "symbol" in args else self._markets.several(args)
        return {"symbolRules": [{"symbol": market.symbol, "rules": execution_rules(market)} for market in markets]}

    def price(self, call: Call, args: Args) -> dict[str, Any]:
        market = self._markets.one(args)
        found = reference_of(self._engine, market)
        if found is None:
            raise api_error("NO_REFERENCE_PRICE")
        price, time_us = found
        return {
            "symbol": market.symbol,
            "referencePrice": show_reference(market, price),
            "timestamp": call.show_time(time_us),
        }

    def calculation(self, _call: Call, args: Args) -> dict[str, Any]:
        market = self._markets.one(args)
        rule = market.rules.reference
        if rule is not None:
            count, width_ms = rule
            return {
                "symbol": market.symbol,
                "calculationType": "ARITHMETIC_MEAN",
                "bucketCount": count,
                "bucketWidthMs": width_ms,
            }
        if reference_of(self._engine, market) is None:
            raise api_error("NO_REFERENCE_PRICE")
        return {"symbol": market.symbol, "calculationType": "EXTERNAL", "externalCalculationId": SET_BY_HAND}


def reference_of(engine: Engine, market: Market) -> tuple[int, int] | None:
    """Price (-1: null) and since when; None when there never was one, as before the first trade of a computed one."""
    found = engine.reference_price(market.id)
    if found is None or found[2] == 0:
        return None
    return found[1:]


def show_reference(market: Market, price: int) -> str | None:
    """-1 is the engine's word for a price that is not there on purpose."""
    return None if price < 0 else market.show_price(price)


def execution_rules(market: Market) -> list[dict[str, str]]:
    """A bound that is off is left out."""
    multipliers = market.rules.price_range
    if multipliers is None:
        return []
    named = zip(MULTIPLIERS, multipliers, strict=True)
    shown = {name: money.show(value, MULTIPLIER_DECIMALS) for name, value in named if value}
    return [{"ruleType": "PRICE_RANGE", **shown}]
