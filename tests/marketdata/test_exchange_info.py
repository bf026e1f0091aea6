"""exchangeInfo on a real exchange: every market with all its rules, and who is asked for which."""

from typing import Any

from tandem.domain.trading import Feature, OrderKind
from tandem.platform.engine import ExchangeRules, MarketRules
from tests.marketdata.exchange import UNIT, Exchange

KINDS = ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"]

SYMBOL = {
    "symbol": "BTCUSDT",
    "status": "TRADING",
    "baseAsset": "BTC",
    "baseAssetPrecision": 8,
    "quoteAsset": "USDT",
    "quotePrecision": 8,
    "quoteAssetPrecision": 8,
    "baseCommissionPrecision": 8,
    "quoteCommissionPrecision": 8,
    "orderTypes": KINDS,
    "icebergAllowed": True,
    "ocoAllowed": True,
    "otoAllowed": True,
    "opoAllowed": True,
    "quoteOrderQtyMarketAllowed": True,
    "allowTrailingStop": True,
    "cancelReplaceAllowed": True,
    "amendAllowed": True,
    "pegInstructionsAllowed": True,
    "isSpotTradingAllowed": True,
    "isMarginTradingAllowed": False,
    "filters": [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": "0.00000000",
            "maxPrice": "0.00000000",
            "tickSize": "0.01000000",
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": "0.00010000",
            "maxQty": "92233720368.54775807",
            "stepSize": "0.00010000",
        },
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": "0.00000000",
            "maxQty": "92233720368.54775807",
            "stepSize": "0.00000000",
        },
        {"filterType": "ICEBERG_PARTS", "limit": 100},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
        {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 20},
        {"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": 10},
    ],
    "permissions": [],
    "permissionSets": [["SPOT"]],
    "defaultSelfTradePreventionMode": "NONE",
    "allowedSelfTradePreventionModes": [
        "NONE",
        "EXPIRE_TAKER",
        "EXPIRE_MAKER",
        "EXPIRE_BOTH",
        "DECREMENT",
        "TRANSFER",
    ],
}


async def test_exchange_info_lists_every_filter(exchange: Exchange) -> None:
    info = exchange.ask("exchangeInfo", "symbol=BTCUSDT", now_us=1_700_000_000_000_000)
    assert info == {
        "timezone": "UTC",
        "serverTime": 1_700_000_000_000,
        "rateLimits": [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000},
            {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
            {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200000},
            {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 300000},
        ],
        "exchangeFilters": [],
        "symbols": [SYMBOL],
    }


async def test_exchange_info_chooses_symbols(exchange: Exchange) -> None:
    await exchange.add_market("BTCXYZ")

    def names(query: str) -> Any:
        answer = exchange.ask("exchangeInfo", query)
        return [s["symbol"] for s in answer["symbols"]] if isinstance(answer, dict) else answer

    both = ["BTCUSDT", "BTCXYZ"]
    combination = (-1128, "Combination of optional parameters invalid.")
    assert names("") == both
    assert names('symbols=["BTCXYZ","BTCUSDT"]') == ["BTCXYZ", "BTCUSDT"]
    assert names("permissions=SPOT") == both
    assert names('permissions=["MARGIN","SPOT"]') == both
    assert names("permissions=MARGIN") == []
    assert names("permissions=spot") == (-1130, "Data sent for parameter 'permissions' is not valid.")
    assert names("permissions=[]")[0] == -1130
    assert names('permissions=["SPOT"') == (-1135, "JSON sent for parameter 'permissions' is not valid")
    assert names("permissions=[1]")[0] == -1135
    assert names("symbolStatus=TRADING") == both
    assert names("symbolStatus=HALT") == []
    assert names("symbol=NOPE") == (-1121, "Invalid symbol.")
    assert names('symbols=["BTCXYZ","BTCXYZ"]') == (-1151, "Symbol is present multiple times in the list.")
    assert names("symbolStatus=CLOSED") == (-1122, "Invalid symbolStatus.")
    assert names('symbol=BTCUSDT&symbols=["BTCXYZ"]') == combination
    assert names("symbol=BTCUSDT&permissions=SPOT") == combination
    assert names("symbol=BTCUSDT&symbolStatus=TRADING") == combination
    assert exchange.ask("exchangeInfo", "showPermissionSets=false")["symbols"][0]["permissionSets"] == []


FULL = {
    "price_min": UNIT,
    "price_max": 1_000 * UNIT,
    "qty_max": 50 * UNIT,
    "market_qty_max": 5 * UNIT,
    "min_notional": (UNIT, False),
    "notional": (5 * UNIT, True, 9_000 * UNIT, False),
    "max_num_orders": 200,
    "percent_price": (5 * UNIT, UNIT // 5, 6 * UNIT, UNIT // 10, True),
    "max_num_iceberg_orders": 3,
    "max_position": 7 * UNIT,
    "trailing_delta": (10, 2_000, 20, 1_000),
}
FULL_FILTERS = [
    {"filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": "5.00000000", "bidMultiplierDown": "0.20000000",
     "askMultiplierUp": "6.00000000", "askMultiplierDown": "0.10000000", "avgPriceMins": 5},
    {"filterType": "MIN_NOTIONAL", "minNotional": "1.00000000", "applyToMarket": False, "avgPriceMins": 5},
    {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True, "maxNotional": "9000.00000000",
     "applyMaxToMarket": False, "avgPriceMins": 5},
    {"filterType": "TRAILING_DELTA", "minTrailingAboveDelta": 10, "maxTrailingAboveDelta": 2000,
     "minTrailingBelowDelta": 20, "maxTrailingBelowDelta": 1000},
    {"filterType": "ICEBERG_PARTS", "limit": 100},
    {"filterType": "MAX_POSITION", "maxPosition": "7.00000000"},
    {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
    {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
    {"filterType": "MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders": 3},
    {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 20},
    {"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": 10},
]  # fmt: skip


async def listed(exchange: Exchange, symbol: str, **rules: Any) -> dict[str, Any]:
    """A new market as exchangeInfo shows it."""
    await exchange.add_market(symbol, **rules)
    (row,) = exchange.ask("exchangeInfo", f"symbol={symbol}")["symbols"]
    return dict(row)


async def test_every_filter_is_shown(exchange: Exchange) -> None:
    filters = (await listed(exchange, "FULL", **FULL))["filters"]
    by_name = {row["filterType"]: row for row in filters}
    assert len(by_name) == len(filters)
    bounds = {"minPrice": "1.00000000", "maxPrice": "1000.00000000", "tickSize": "0.01000000"}
    assert by_name.pop("PRICE_FILTER") == {"filterType": "PRICE_FILTER", **bounds}
    assert by_name.pop("LOT_SIZE")["maxQty"] == "50.00000000"
    assert by_name.pop("MARKET_LOT_SIZE")["maxQty"] == "5.00000000"
    assert by_name == {row["filterType"]: row for row in FULL_FILTERS}


async def test_both_sides_alike_are_one_filter(exchange: Exchange) -> None:
    filters = (await listed(exchange, "ALIKE", percent_price=(5 * UNIT, 0, 5 * UNIT, 0, False)))["filters"]
    expected = {"filterType": "PERCENT_PRICE", "multiplierUp": "5.00000000", "multiplierDown": "0.00000000"}
    assert [row for row in filters if "PERCENT" in row["filterType"]] == [expected | {"avgPriceMins": 5}]


async def test_a_market_shows_what_it_takes(exchange: Exchange) -> None:
    row = await listed(
        exchange,
        "FEW",
        kinds=1 << OrderKind.LIMIT | 1 << OrderKind.STOP_LOSS_LIMIT,
        features=1 << Feature.OCO | 1 << Feature.AMEND,
        stp_allowed=0b100001,
        permissions=0b1001,
    )
    assert row["orderTypes"] == ["LIMIT", "STOP_LOSS_LIMIT"]
    assert {key for key, value in row.items() if value is True} == {
        "ocoAllowed",
        "amendAllowed",
        "isSpotTradingAllowed",
    }
    assert row["allowedSelfTradePreventionModes"] == ["NONE", "TRANSFER"]
    assert (row["permissions"], row["permissionSets"]) == ([], [["SPOT", "TRD_GRP_002"]])
    assert "ICEBERG_PARTS" not in {f["filterType"] for f in row["filters"]}


async def test_a_market_of_a_group_is_listed_when_it_is_asked_for(exchange: Exchange) -> None:
    row = await listed(exchange, "GROUPED", permissions=0b1000)
    assert (row["isSpotTradingAllowed"], row["permissionSets"]) == (False, [["TRD_GRP_002"]])

    def names(query: str) -> list[str]:
        return [s["symbol"] for s in exchange.ask("exchangeInfo", query)["symbols"]]

    assert [names(q) for q in ("", "symbolStatus=TRADING", "permissions=SPOT", "showPermissionSets=true")] == [
        ["BTCUSDT"]
    ] * 4
    assert names("permissions=TRD_GRP_002") == ["GROUPED"]
    assert names('permissions=["TRD_GRP_002","SPOT"]') == ["BTCUSDT", "GROUPED"]
    assert names('symbols=["GROUPED"]') == ["GROUPED"]


async def test_exchange_filters_and_routing_groups(exchange: Exchange) -> None:
    assert "sors" not in exchange.ask("exchangeInfo")
    await exchange.run(exchange.engine.update_exchange(ExchangeRules(max_num_orders=1000, max_num_algo_orders=50)))
    await exchange.run(exchange.engine.create_asset("USDC", "USD Coin", 8))
    rules = MarketRules(tick_size=UNIT // 100, lot_size=UNIT // 10_000)
    by_code = exchange.client.catalog.by_code
    await exchange.run(exchange.engine.create_market("BTCUSDC", by_code["BTC"].id, by_code["USDC"].id, rules))
    markets = [market.id for market in exchange.client.catalog.markets.values()]
    await exchange.run(exchange.engine.set_sor(by_code["BTC"].id, markets, exchange.alice))
    info = exchange.ask("exchangeInfo", "symbol=BTCUSDT")
    assert info["exchangeFilters"] == [
        {"filterType": "EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders": 1000},
        {"filterType": "EXCHANGE_MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 50},
    ]
    assert info["sors"] == [{"baseAsset": "BTC", "symbols": ["BTCUSDT", "BTCUSDC"]}]
    await exchange.run(exchange.engine.set_sor(by_code["BTC"].id, [], exchange.alice))
    assert "sors" not in exchange.ask("exchangeInfo", "symbol=BTCUSDT")
