"""The market's and the exchange's rules as the API's filters. A bound of 0 means none."""

from typing import Any, Protocol

from tandem.domain import money
from tandem.domain.catalog import Market, Rules
from tandem.domain.trading import ENGINE_MAX, Feature

MULTIPLIER_DECIMALS = 8


class ExchangeBounds(Protocol):
    """Per account over all markets (`tandem._engine.ExchangeRules`)."""

    @property
    def max_num_orders(self) -> int: ...
    @property
    def max_num_algo_orders(self) -> int: ...
    @property
    def max_num_iceberg_orders(self) -> int: ...
    @property
    def max_num_order_lists(self) -> int: ...


def of_market(market: Market) -> list[dict[str, Any]]:
    return [*_steps(market), *_percent(market.rules), *_notionals(market), *_trailing(market.rules), *_counts(market)]


def of_exchange(rules: ExchangeBounds) -> list[dict[str, Any]]:
    rows = (
        ("EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders", rules.max_num_orders),
        ("EXCHANGE_MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders", rules.max_num_algo_orders),
        ("EXCHANGE_MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders", rules.max_num_iceberg_orders),
        ("EXCHANGE_MAX_NUM_ORDER_LISTS", "maxNumOrderLists", rules.max_num_order_lists),
    )
    return [{"filterType": name, field: bound} for name, field, bound in rows if bound]


def _steps(market: Market) -> list[dict[str, Any]]:
    """Lot sizes always print an upper bound."""
    rules, price, qty = market.rules, market.show_price, market.show_qty
    return [
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


def _percent(rules: Rules) -> list[dict[str, Any]]:
    if rules.percent_price is None:
        return []
    *multipliers, by_side = rules.percent_price
    bid_up, bid_down, ask_up, ask_down = (money.show(part, MULTIPLIER_DECIMALS) for part in multipliers)
    if not by_side:
        bounds = {"filterType": "PERCENT_PRICE", "multiplierUp": bid_up, "multiplierDown": bid_down}
    else:
        bounds = {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": bid_up,
            "bidMultiplierDown": bid_down,
            "askMultiplierUp": ask_up,
            "askMultiplierDown": ask_down,
        }
    return [bounds | {"avgPriceMins": rules.avg_price_mins}]


def _notionals(market: Market) -> list[dict[str, Any]]:
    rules, quote = market.rules, market.show_quote
    rows: list[dict[str, Any]] = []
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
    return rows


def _trailing(rules: Rules) -> list[dict[str, Any]]:
    if rules.trailing_delta is None:
        return []
    names = ("minTrailingAboveDelta", "maxTrailingAboveDelta", "minTrailingBelowDelta", "maxTrailingBelowDelta")
    return [{"filterType": "TRAILING_DELTA"} | dict(zip(names, rules.trailing_delta, strict=True))]


def _counts(market: Market) -> list[dict[str, Any]]:
    rules = market.rules
    has_icebergs = rules.features >> Feature.ICEBERG & 1
    rows = (
        ("ICEBERG_PARTS", "limit", rules.iceberg_parts if has_icebergs else 0),
        ("MAX_POSITION", "maxPosition", market.show_qty(rules.max_position) if rules.max_position else 0),
        ("MAX_NUM_ORDERS", "maxNumOrders", rules.max_num_orders),
        ("MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders", rules.max_num_algo_orders),
        ("MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders", rules.max_num_iceberg_orders),
        ("MAX_NUM_ORDER_LISTS", "maxNumOrderLists", rules.max_num_order_lists),
        ("MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends", rules.max_num_order_amends),
    )
    return [{"filterType": name, field: bound} for name, field, bound in rows if bound]
