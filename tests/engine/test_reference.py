"""What holds for the exchange, its markets and its accounts, set and read back through the engine's Python face."""

from pathlib import Path

from tandem._engine import Engine, ExchangeRules, MarketRules, ReferenceChanged
from tests.engine.shard import BASE, BUYER, MARKET, QUOTE, SELLER, SETUP, TICK, buy, sell, wait_for, wait_for_batches

RULES = MarketRules(
    tick_size=TICK,
    lot_size=100,
    price_min=TICK,
    price_max=10**12,
    qty_min=100,
    qty_max=10**9,
    market_lot_size=200,
    market_qty_min=200,
    market_qty_max=10**8,
    min_notional=(1, True),
    notional=(1, False, 10**15, True),
    avg_price_mins=7,
    max_num_orders=8,
    percent_price=(500_000_000, 20_000_000, 400_000_000, 30_000_000, True),
    iceberg_parts=9,
    max_num_algo_orders=10,
    max_num_iceberg_orders=11,
    max_num_order_lists=12,
    max_num_order_amends=13,
    max_position=2**62,
    trailing_delta=(10, 2000, 20, 3000),
    price_range=(110_000_000, 0, 0, 90_000_000),
    reference=(5, 1000),
    kinds=0b1010111,
    features=0b101010101,
    permissions=6,
    fees=(1, 2, 3, 4),
    special_fees=(5, 6, 7, 8),
    tax_fees=(9, 10, 11, 12),
    discount=True,
    stp_default=2,
    stp_allowed=0b100100,
)


def test_every_rule_of_a_market_is_read_back(engine: Engine) -> None:
    engine.update_market(MARKET, RULES)
    (result,) = wait_for(engine, 1)
    assert result.code == -1
    (market,) = engine.markets()
    assert market.rules == RULES


def test_a_market_that_says_nothing_more_takes_everything() -> None:
    rules = MarketRules(tick_size=1, lot_size=1)
    assert (rules.kinds, rules.features, rules.stp_allowed, rules.permissions) == (127, 511, 63, 1)
    assert (rules.max_num_orders, rules.max_num_algo_orders, rules.max_num_iceberg_orders) == (200, 5, 0)
    assert (rules.max_num_order_lists, rules.max_num_order_amends, rules.iceberg_parts) == (20, 10, 100)
    assert (rules.percent_price, rules.trailing_delta, rules.price_range, rules.reference) == (None, None, None, None)
    assert rules.fees == rules.special_fees == rules.tax_fees == (0, 0, 0, 0)


def test_what_holds_for_the_exchange_is_announced_and_read_back(engine: Engine) -> None:
    rules = ExchangeRules(
        max_num_orders=1,
        max_num_algo_orders=2,
        max_num_iceberg_orders=3,
        max_num_order_lists=4,
        discount=(QUOTE, 75_000_000),
    )
    assert engine.exchange_rules() == ExchangeRules()
    engine.update_exchange(rules)
    engine.set_asset_limit(BUYER, QUOTE, 2**100)
    engine.set_asset_limit(BUYER, BASE, 5)
    engine.set_reference_price(MARKET, 100 * TICK)
    batches = wait_for_batches(engine, 4)
    assert [event for batch in batches for result in batch.results for event in result.events] == [
        ReferenceChanged(kind="ExchangeUpdated", id=0),
        ReferenceChanged(kind="AssetLimitSet", id=BUYER),
        ReferenceChanged(kind="AssetLimitSet", id=BUYER),
        ReferenceChanged(kind="ReferencePriceSet", id=MARKET),
    ]
    assert all(batch.reference_changed for batch in batches)
    sell(engine, 100, 100)
    assert [batch.reference_changed for batch in wait_for_batches(engine, 1)] == [False]
    assert engine.exchange_rules() == rules
    assert engine.asset_limits(BUYER) == [(BASE, 5), (QUOTE, 2**100)]
    assert engine.asset_limits(SELLER) == []
    engine.set_asset_limit(BUYER, BASE, 0)
    wait_for(engine, 1)
    assert engine.asset_limits(BUYER) == [(QUOTE, 2**100)]


def test_a_group_of_markets_is_announced_read_back_and_removed(engine: Engine) -> None:
    engine.create_asset("USDC", "USD Coin", 8)
    engine.create_market("BTCUSDC", BASE, 2, MarketRules(tick_size=TICK, lot_size=100))
    engine.set_sor(BASE, [1, MARKET], BUYER)
    *_, announced = wait_for(engine, 3)
    assert announced.events == [ReferenceChanged(kind="SorSet", id=BASE)]
    assert engine.sors() == [(BASE, [1, MARKET], BUYER)]
    engine.set_sor(BASE, [], BUYER)
    assert wait_for(engine, 1)[0].code == -1
    assert engine.sors() == []


def test_a_reference_price_is_set_from_outside_or_computed(engine: Engine) -> None:
    assert engine.reference_price(MARKET) is None
    engine.set_reference_price(MARKET, 100 * TICK)
    (given,) = wait_for(engine, 1)
    assert engine.reference_price(MARKET) == (0, 100 * TICK, given.time_us)
    engine.set_reference_price(MARKET, None)
    (taken,) = wait_for(engine, 1)
    assert engine.reference_price(MARKET) == (0, -1, taken.time_us)
    engine.update_market(MARKET, MarketRules(tick_size=TICK, lot_size=100, reference=(10, 3_600_000)))
    sell(engine, 100, 100)
    buy(engine, 100, 100)
    *_, traded = wait_for(engine, 3)
    assert engine.reference_price(MARKET) == (1, 100 * TICK, traded.time_us)


def test_inspect_shows_what_was_set(tmp_path: Path, engine: Engine) -> None:
    exchange = ExchangeRules(discount=(QUOTE, 5))
    numbers = [
        engine.update_account(BUYER, True, (1, 2, 3, 4), 5, 6, True),
        engine.update_exchange(exchange),
        engine.set_asset_limit(BUYER, QUOTE, 2**80),
        engine.set_reference_price(MARKET, None),
        engine.set_sor(BASE, [], BUYER),
        engine.update_market(MARKET, RULES),
    ]
    wait_for(engine, len(numbers))
    engine.close()
    found = [(r["command"], r["fields"]) for r in Engine.inspect(str(tmp_path / "data"), SETUP + 1)]
    account = {"account": BUYER, "can_trade": True, "fees": (1, 2, 3, 4)}
    assert found == [
        ("UpdateAccount", account | {"trade_group": 5, "permissions": 6, "discount": True}),
        ("UpdateExchange", {"rules": exchange}),
        ("SetAssetLimit", {"account": BUYER, "asset": QUOTE, "limit": 2**80}),
        ("SetReferencePrice", {"market": MARKET, "price": None}),
        ("SetSor", {"base": BASE, "markets": [], "account": BUYER}),
        ("UpdateMarket", {"market": MARKET, "rules": RULES}),
    ]
