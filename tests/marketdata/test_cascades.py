"""Commands that bring trades of several takers, or in several markets: triggered orders and routed ones."""

from types import SimpleNamespace
from typing import Any

from tandem.platform.engine import OrderAccepted, Result, Traded
from tests.marketdata.exchange import UNIT, Exchange, Listener

ACCEPTED = OrderAccepted(
    order_id=9, account=1, market=0, side=0, kind=0, tif=0, price=0, qty=0, quote_qty=0, client_order_id="", stp=0
)
NOW_US = 1_700_000_000_000_000


def traded(market: int, trade_id: int, taker: int, price: int) -> Traded:
    return Traded(
        market=market,
        trade_id=trade_id,
        price=price * UNIT,
        qty=UNIT,
        quote_amount=price * UNIT,
        taker_side=0,
        taker_order=taker,
        taker_account=1,
        taker_fee=0,
        taker_fee_asset=0,
        taker_left=0,
        maker_order=1,
        maker_account=2,
        maker_fee=0,
        maker_fee_asset=1,
        maker_left=0,
    )


def deliver(exchange: Exchange, *trades: Traded) -> None:
    """As one command, to the views and then to the streams."""
    results = [Result(seq=100, time_us=NOW_US, events=[ACCEPTED, *trades])]
    batch: Any = SimpleNamespace(seq=100, replayed=False, results=results, depth=[])
    exchange.data.on_batch(batch)
    exchange.hub.on_batch(batch)


def listen(exchange: Exchange, stream: str) -> Listener:
    listener = Listener()
    exchange.hub.subscribe(stream, listener)
    return listener


async def test_several_takers_of_one_command_are_several_aggregates(exchange: Exchange) -> None:
    listener = listen(exchange, "btcusdt@aggTrade")
    market = exchange.market
    deliver(
        exchange,
        traded(market, 0, 10, 100),
        traded(market, 1, 10, 100),
        traded(market, 2, 11, 100),
        traded(market, 3, 11, 101),
    )
    told = [(row["a"], row["f"], row["l"]) for row in listener.take()]
    asked = [(row["a"], row["f"], row["l"]) for row in exchange.ask("aggTrades", "symbol=BTCUSDT")]
    assert told == asked == [(0, 0, 1), (1, 2, 2), (2, 3, 3)]


async def test_trades_in_several_markets_go_to_each_ones_streams(exchange: Exchange) -> None:
    await exchange.add_market("BTCEUR")
    other = exchange.client.catalog.by_symbol["BTCEUR"].id
    streams = [listen(exchange, f"{name}@{kind}") for name in ("btcusdt", "btceur") for kind in ("trade", "aggTrade")]
    deliver(
        exchange,
        traded(exchange.market, 0, 10, 100),
        traded(other, 0, 10, 100),
        traded(other, 1, 10, 100),
        traded(exchange.market, 1, 10, 101),
    )
    told = [[(row["s"], row.get("t", row.get("a")), row["p"][:3]) for row in stream.take()] for stream in streams]
    ours = [("BTCUSDT", 0, "100"), ("BTCUSDT", 1, "101")]
    assert told == [ours, ours, [("BTCEUR", 0, "100"), ("BTCEUR", 1, "100")], [("BTCEUR", 0, "100")]]
    assert exchange.ask("ticker/price") == [
        {"symbol": "BTCUSDT", "price": "101.00000000"},
        {"symbol": "BTCEUR", "price": "100.00000000"},
    ]
