"""The rules of execution and reference prices, by request and by stream."""

import time

import pytest

from tests.marketdata.exchange import UNIT, Exchange, Listener

SECOND = 1_000_000
NO_REFERENCE = (-2043, "This symbol doesn't have a reference price.")
RULE = {"ruleType": "PRICE_RANGE", "bidLimitMultUp": "1.05000000", "askLimitMultDown": "0.95000000"}


async def test_execution_rules_are_those_of_the_market(exchange: Exchange) -> None:
    await exchange.add_market("RANGED", price_range=(105 * UNIT // 100, 0, 0, 95 * UNIT // 100))
    none, ranged = {"symbol": "BTCUSDT", "rules": []}, {"symbol": "RANGED", "rules": [RULE]}
    for query, rules in {
        "": [none, ranged],
        "symbol=RANGED": [ranged],
        'symbols=["RANGED","BTCUSDT"]': [ranged, none],
        "symbolStatus=TRADING": [none, ranged],
        "symbolStatus=HALT": [],
    }.items():
        assert (query, exchange.ask("executionRules", query)) == (query, {"symbolRules": rules})
    combination = (-1128, "Combination of optional parameters invalid.")
    assert exchange.ask("executionRules", "symbol=RANGED&symbolStatus=TRADING") == combination
    assert exchange.ask("executionRules", 'symbol=RANGED&symbols=["RANGED"]') == combination
    assert exchange.ask("executionRules", "symbol=NOPE") == (-1121, "Invalid symbol.")
    assert exchange.ask("executionRules", "symbolStatus=OPEN") == (-1122, "Invalid symbolStatus.")


@pytest.mark.parametrize(
    ("query", "weight"),
    [("symbol=A", 2), ('symbols=["A","B"]', 4), ("", 40), ("symbolStatus=HALT", 40)],
)
async def test_their_weight(exchange: Exchange, query: str, weight: int) -> None:
    assert exchange.weight("executionRules", query) == weight
    many = ",".join(f'"A{n}"' for n in range(30))
    assert exchange.weight("executionRules", f"symbols=[{many}]") == 40


async def test_a_reference_price_from_outside(exchange: Exchange) -> None:
    for path in ("referencePrice", "referencePrice/calculation"):
        assert exchange.ask(path, "symbol=BTCUSDT") == NO_REFERENCE
        assert exchange.ask(path, "symbol=NOPE") == (-1121, "Invalid symbol.")
    before = time.time_ns() // 1_000_000
    await exchange.run(exchange.engine.set_reference_price(exchange.market, 101 * UNIT))
    told = exchange.ask("referencePrice", "symbol=BTCUSDT")
    assert told == {"symbol": "BTCUSDT", "referencePrice": "101.00000000", "timestamp": told["timestamp"]}
    assert before <= told["timestamp"] <= before + 10_000
    assert exchange.ask("referencePrice", "symbol=BTCUSDT", micros=True)["timestamp"] // 1000 == told["timestamp"]
    external = {"symbol": "BTCUSDT", "calculationType": "EXTERNAL", "externalCalculationId": 0}
    assert exchange.ask("referencePrice/calculation", "symbol=BTCUSDT&symbolStatus=TRADING") == external
    assert exchange.ask("referencePrice/calculation", "symbol=BTCUSDT&symbolStatus=HALT")[0] == -1220
    await exchange.run(exchange.engine.set_reference_price(exchange.market, None))
    assert exchange.ask("referencePrice", "symbol=BTCUSDT")["referencePrice"] is None
    assert exchange.ask("referencePrice/calculation", "symbol=BTCUSDT") == external


async def test_a_reference_price_that_is_computed(exchange: Exchange) -> None:
    await exchange.add_market("MEAN", reference=(30, 1_000))
    market = exchange.client.catalog.by_symbol["MEAN"].id
    assert exchange.ask("referencePrice/calculation", "symbol=MEAN") == {
        "symbol": "MEAN",
        "calculationType": "ARITHMETIC_MEAN",
        "bucketCount": 30,
        "bucketWidthMs": 1000,
    }
    assert exchange.ask("referencePrice", "symbol=MEAN") == NO_REFERENCE
    for price in (100, 102):
        await exchange.place(exchange.alice, 1, price, 1, market=market)
        await exchange.place(exchange.bob, 0, price, 1, market=market)
    assert exchange.ask("referencePrice", "symbol=MEAN")["referencePrice"] == "101.00000000"


async def test_the_stream_tells_it_every_second(exchange: Exchange) -> None:
    listener, fine = Listener(), Listener(form=2)
    for one in (listener, fine):
        exchange.hub.subscribe("btcusdt@referencePrice", one)
    exchange.hub.tick(1_700_000_000 * SECOND)
    assert listener.take() == []
    await exchange.run(exchange.engine.set_reference_price(exchange.market, 101 * UNIT))
    found = exchange.engine.reference_price(exchange.market)
    assert found is not None
    event = {"e": "referencePrice", "s": "BTCUSDT", "r": "101.00000000", "t": found[2] // 1000}
    for second in (1, 2):
        exchange.hub.tick((1_700_000_000 + second) * SECOND)
    assert listener.take() == [event, event]
    assert fine.take() == [event | {"t": found[2]}] * 2
    await exchange.run(exchange.engine.set_reference_price(exchange.market, None))
    exchange.hub.tick(1_700_000_010 * SECOND)
    assert [e["r"] for e in listener.take()] == [None]
