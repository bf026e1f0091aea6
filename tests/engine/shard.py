"""A shard with one market, a seller who has base and a buyer who has quote."""

import select

from tandem._engine import Batch, Engine, MarketRules, Result

BASE, QUOTE = 0, 1
SELLER, BUYER = 1, 2
MARKET = 0
BUY, SELL = 0, 1
LIMIT, GTC = 0, 0
TICK = 10**6
FUNDS = 10**20
SETUP = 7
"""Commands before the first order."""


def rules() -> MarketRules:
    return MarketRules(tick_size=TICK, lot_size=100, max_num_orders=0, fees=(100_000, 200_000, 0, 0))


def set_up(engine: Engine) -> None:
    numbers = [
        engine.create_asset("BTC", "Bitcoin", 8),
        engine.create_asset("USDT", "Tether", 8),
        engine.create_account("seller"),
        engine.create_account("buyer"),
        engine.create_market("BTCUSDT", BASE, QUOTE, rules()),
        engine.credit(SELLER, BASE, FUNDS),
        engine.credit(BUYER, QUOTE, FUNDS),
    ]
    results = wait_for(engine, len(numbers))
    assert [(r.number, r.code) for r in results] == [(n, -1) for n in numbers]


def wait_for_batches(engine: Engine, count: int) -> list[Batch]:
    """Batches with this many results and refusals."""
    batches: list[Batch] = []
    while sum(len(b.results) + len(b.refused) for b in batches) < count:
        assert select.select([engine.notify_fd()], [], [], 20)[0], "nothing came"
        batches += engine.poll()
    return batches


def wait_for(engine: Engine, count: int) -> list[Result]:
    return [result for batch in wait_for_batches(engine, count) for result in batch.results]


def sell(engine: Engine, ticks: int, qty: int, client_order_id: str = "") -> int:
    return engine.place_order(SELLER, MARKET, SELL, LIMIT, GTC, ticks * TICK, qty, 0, client_order_id, -1)


def buy(engine: Engine, ticks: int, qty: int, client_order_id: str = "") -> int:
    return engine.place_order(BUYER, MARKET, BUY, LIMIT, GTC, ticks * TICK, qty, 0, client_order_id, -1)


def drain(engine: Engine) -> list[Batch]:
    batches: list[Batch] = []
    while more := engine.poll():
        batches += more
    return batches
