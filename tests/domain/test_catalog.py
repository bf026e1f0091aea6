from dataclasses import dataclass

from tandem.domain.catalog import Asset, Catalog, Market
from tandem.domain.trading import MarketStatus


@dataclass(frozen=True)
class Rules:
    tick_size: int = 1
    price_min: int = 0
    price_max: int = 0
    lot_size: int = 1
    qty_min: int = 0
    qty_max: int = 0
    market_lot_size: int = 0
    market_qty_min: int = 0
    market_qty_max: int = 0
    min_notional: tuple[int, bool] | None = None
    notional: tuple[int, bool, int, bool] | None = None
    avg_price_mins: int = 5
    max_num_orders: int = 0
    percent_price: tuple[int, int, int, int, bool] | None = None
    iceberg_parts: int = 0
    max_num_algo_orders: int = 0
    max_num_iceberg_orders: int = 0
    max_num_order_lists: int = 0
    max_num_order_amends: int = 0
    max_position: int = 0
    trailing_delta: tuple[int, int, int, int] | None = None
    price_range: tuple[int, int, int, int] | None = None
    reference: tuple[int, int] | None = None
    kinds: int = 0
    features: int = 0
    permissions: int = 1
    fees: tuple[int, int, int, int] = (0, 0, 0, 0)
    special_fees: tuple[int, int, int, int] = (0, 0, 0, 0)
    tax_fees: tuple[int, int, int, int] = (0, 0, 0, 0)
    discount: bool = False
    stp_default: int = 0
    stp_allowed: int = 1


BTC, USDT = Asset(1, "BTC", "Bitcoin", 8), Asset(2, "USDT", "Tether", 2)
MARKET = Market(7, "BTCUSDT", BTC, USDT, Rules(), MarketStatus.TRADING)


def test_a_market_prints_each_number_with_its_own_asset() -> None:
    assert (MARKET.show_price(5_000_050), MARKET.show_qty(1), MARKET.show_quote(100)) == (
        "50000.50",
        "0.00000001",
        "1.00",
    )


def test_a_replaced_catalog_forgets_what_was() -> None:
    catalog = Catalog()
    catalog.replace([BTC, USDT], [MARKET])
    assert (catalog.by_symbol["BTCUSDT"], catalog.by_code["BTC"], catalog.version) == (MARKET, BTC, 1)
    catalog.replace([USDT], [])
    assert (catalog.by_symbol, catalog.by_code, catalog.version) == ({}, {"USDT": USDT}, 2)
