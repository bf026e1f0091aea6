"""The streams of a real exchange: payloads, coalescing, and the client's recipe for a book."""

import asyncio
import random
from typing import Any

import pytest

from tandem.marketdata import streams
from tandem.marketdata.topics import form_of
from tests.marketdata.exchange import BUY, SELL, Exchange, Listener

SECOND = 1_000_000
START = 1_700_000_000 * SECOND + 50_000


def listen(exchange: Exchange, *names: str, form: int = 0) -> Listener:
    listener = Listener(form)
    for name in names:
        exchange.hub.subscribe(name, listener)
    return listener


async def test_trades_go_out_at_once(exchange: Exchange) -> None:
    listener = listen(exchange, "btcusdt@trade")
    result = await exchange.trade(100, 1.5, taker=SELL)
    now = result.time_us // 1000
    assert listener.take() == [
        {
            "e": "trade",
            "E": now,
            "s": "BTCUSDT",
            "t": 0,
            "p": "100.00000000",
            "q": "1.50000000",
            "T": now,
            "m": True,
            "M": True,
        }
    ]


async def test_one_taker_order_and_price_is_one_aggregate(exchange: Exchange) -> None:
    listener = listen(exchange, "btcusdt@aggTrade")
    for price, qty in ((100, 1), (100, 2), (101, 3)):
        await exchange.place(exchange.alice, SELL, price, qty)
    result = await exchange.place(exchange.bob, BUY, 101, 6)
    now = result.time_us // 1000
    shared = {"e": "aggTrade", "E": now, "s": "BTCUSDT", "T": now, "m": False, "M": True}
    assert listener.take() == [
        shared | {"a": 0, "p": "100.00000000", "q": "3.00000000", "f": 0, "l": 1},
        shared | {"a": 1, "p": "101.00000000", "q": "3.00000000", "f": 2, "l": 2},
    ]
    assert [row["a"] for row in exchange.ask("aggTrades", "symbol=BTCUSDT&fromId=1")] == [1]


async def test_the_best_prices_go_out_when_they_change(exchange: Exchange) -> None:
    one, every = listen(exchange, "btcusdt@bookTicker"), listen(exchange, "!bookTicker")
    await exchange.place(exchange.alice, BUY, 99, 1)
    await exchange.place(exchange.alice, BUY, 98, 1)
    await exchange.place(exchange.alice, SELL, 101, 2)
    expected = [
        {"u": 1, "s": "BTCUSDT", "b": "99.00000000", "B": "1.00000000", "a": "0.00000000", "A": "0.00000000"},
        {"u": 3, "s": "BTCUSDT", "b": "99.00000000", "B": "1.00000000", "a": "101.00000000", "A": "2.00000000"},
    ]
    assert (one.take(), every.take()) == (expected, expected)


async def test_every_form_is_encoded_once_and_shared(exchange: Exchange) -> None:
    name = "btcusdt@trade"
    forms = {
        (combined, unit): [listen(exchange, name, form=form_of(combined=combined, time_unit=unit)) for _ in range(2)]
        for combined in (False, True)
        for unit in (1000, 1)
    }
    result = await exchange.trade(100, 1)
    for (combined, unit), (first, second) in forms.items():
        assert first.frames[0] is second.frames[0]
        (event,) = first.take()
        data = event["data"] if combined else event
        assert data["T"] == result.time_us // unit
        assert (event["stream"] if combined else None) == (name if combined else None)


async def test_a_moved_subscriber_gets_the_other_form(exchange: Exchange) -> None:
    listener = listen(exchange, "btcusdt@trade")
    listener.form = form_of(combined=True, time_unit=1000)
    exchange.hub.moved("btcusdt@trade", listener, 0)
    await exchange.trade(100, 1)
    (event,) = listener.take()
    assert set(event) == {"stream", "data"}


async def test_who_left_gets_nothing_and_costs_nothing(exchange: Exchange) -> None:
    names = ["btcusdt@trade", "btcusdt@depth", "btcusdt@kline_1m", "!ticker@arr", "nothing@here", "!bookTicker"]
    listener = listen(exchange, *names)
    assert exchange.hub.topics == len(names)
    for name in names:
        exchange.hub.unsubscribe(name, listener)
    await exchange.trade(100, 1)
    exchange.hub.tick(START)
    exchange.hub.tick(START + SECOND)
    assert (listener.take(), exchange.hub.topics) == ([], 0)


class ClientBook:
    """The recipe for clients: buffered events, a snapshot, then each event once and in order."""

    def __init__(self) -> None:
        self.levels: dict[str, dict[str, str]] = {"b": {}, "a": {}}
        self.last = -1
        self.is_fresh = False

    def start(self, snapshot: dict[str, Any], buffered: list[dict[str, Any]]) -> None:
        self.last = snapshot["lastUpdateId"]
        self.levels = {"b": dict(snapshot["bids"]), "a": dict(snapshot["asks"])}
        self.is_fresh = True
        for event in buffered:
            self.apply(event)

    def apply(self, event: dict[str, Any]) -> None:
        if event["u"] <= self.last:
            return
        assert event["U"] <= self.last + 1 if self.is_fresh else event["U"] == self.last + 1
        self.is_fresh = False
        self.last = event["u"]
        for side in ("b", "a"):
            for price, qty in event[side]:
                if float(qty) == 0:
                    self.levels[side].pop(price, None)
                else:
                    self.levels[side][price] = qty

    def as_snapshot(self) -> dict[str, Any]:
        rows = {side: sorted(levels.items(), key=lambda row: float(row[0])) for side, levels in self.levels.items()}
        return {
            "lastUpdateId": self.last,
            "bids": [list(row) for row in reversed(rows["b"])],
            "asks": [list(row) for row in rows["a"]],
        }


@pytest.mark.parametrize("name", ["btcusdt@depth", "btcusdt@depth@100ms", "btcusdt@depth@1000ms"])
async def test_snapshot_and_differences_are_the_book(exchange: Exchange, name: str) -> None:
    rng = random.Random(name)
    listener = listen(exchange, name)
    book, now = ClientBook(), START
    buffered: list[dict[str, Any]] = []
    for step in range(150):
        orders = [
            (rng.choice([exchange.alice, exchange.bob]), rng.randrange(2), rng.randrange(95, 106), rng.randrange(1, 9))
            for _ in range(rng.randrange(4))
        ]
        await asyncio.gather(*(exchange.place(*order, tif=rng.choice([0, 0, 0, 1])) for order in orders))
        if step % 40 == 30:
            await exchange.run(exchange.engine.cancel_all(exchange.alice, exchange.market))
        now += 100_000
        exchange.hub.tick(now)
        events = listener.take()
        if step < 20:
            buffered += events
            continue
        if step == 20:
            book.start(exchange.ask("depth", "symbol=BTCUSDT&limit=5000"), buffered)
        for event in events:
            book.apply(event)
    exchange.hub.tick(now + SECOND)
    for event in listener.take():
        book.apply(event)
    assert book.as_snapshot() == exchange.ask("depth", "symbol=BTCUSDT&limit=5000")


async def test_differences_wait_for_the_end_of_a_break(exchange: Exchange) -> None:
    listener = listen(exchange, "btcusdt@depth@100ms")
    await exchange.place(exchange.alice, BUY, 99, 1)
    exchange.hub.tick(START)
    await exchange.run(exchange.engine.set_market_status(exchange.market, 2))
    await exchange.run(exchange.engine.cancel_all(exchange.alice, exchange.market))
    exchange.hub.tick(START + 100_000)
    before = listener.take()
    assert [(e["U"], e["u"], e["b"]) for e in before] == [(1, 1, [["99.00000000", "1.00000000"]])]
    await exchange.run(exchange.engine.set_market_status(exchange.market, 0))
    exchange.hub.tick(START + 200_000)
    assert [(e["U"], e["u"], e["b"]) for e in listener.take()] == [(2, 2, [["99.00000000", "0.00000000"]])]


async def test_partial_depth_goes_out_once_and_when_it_changed(exchange: Exchange) -> None:
    for price in range(90, 100):
        await exchange.place(exchange.alice, BUY, price, 1)
    listener = listen(exchange, "btcusdt@depth5@100ms")
    exchange.hub.tick(START)
    exchange.hub.tick(START + 100_000)
    (event,) = listener.take()
    assert event == {
        "lastUpdateId": 10,
        "bids": [[f"{price}.00000000", "1.00000000"] for price in range(99, 94, -1)],
        "asks": [],
    }
    await exchange.place(exchange.alice, BUY, 50, 1)
    exchange.hub.tick(START + 200_000)
    assert [e["lastUpdateId"] for e in listener.take()] == [11]


async def test_a_candle_is_pushed_while_it_changes_and_closed_once(exchange: Exchange) -> None:
    listener = listen(exchange, "btcusdt@kline_1m")
    result = await exchange.trade(100, 1)
    opened = result.time_us // (60 * SECOND) * 60 * SECOND
    for second in range(0, 62):
        exchange.hub.tick(opened + second * SECOND + 50_000)
    running, closed = listener.take()
    candle = {
        "t": opened // 1000,
        "T": opened // 1000 + 59_999,
        "s": "BTCUSDT",
        "i": "1m",
        "f": 0,
        "L": 0,
        "o": "100.00000000",
        "c": "100.00000000",
        "h": "100.00000000",
        "l": "100.00000000",
        "v": "1.00000000",
        "n": 1,
        "x": False,
        "q": "100.00000000",
        "V": "1.00000000",
        "Q": "100.00000000",
        "B": "0",
    }
    assert running == {"e": "kline", "E": opened // 1000 + 50, "s": "BTCUSDT", "k": candle}
    assert closed == {"e": "kline", "E": opened // 1000 + 60_050, "s": "BTCUSDT", "k": candle | {"x": True}}
    exchange.hub.tick(opened + 120 * SECOND + 50_000)
    (flat,) = listener.take()
    assert (flat["k"]["t"], flat["k"]["n"], flat["k"]["f"], flat["k"]["x"]) == (opened // 1000 + 60_000, 0, -1, True)


async def test_late_ticks_skip_no_candle(exchange: Exchange) -> None:
    listener = listen(exchange, "btcusdt@kline_1s")
    opened = (await exchange.trade(100, 1)).time_us // SECOND * SECOND
    for second in (0, 1, 5):
        exchange.hub.tick(opened + second * SECOND + 50_000)
    exchange.hub.tick(opened + 3 * SECOND + 50_000)
    events = [(event["k"]["t"] - opened // 1000, event["k"]["x"]) for event in listener.take()]
    assert events == [(second * 1000, True) for second in range(5)]


async def test_candles_of_another_time_zone(exchange: Exchange) -> None:
    listener = listen(exchange, "btcusdt@kline_1d@+08:00")
    result = await exchange.trade(100, 1)
    now = result.time_us // (2 * SECOND) * 2 * SECOND + 50_000
    exchange.hub.tick(now)
    (event,) = listener.take()
    day, shift = 86_400_000, 8 * 3_600_000
    start = (now // 1000 + shift) // day * day - shift
    assert (event["k"]["t"], event["k"]["T"]) == (start, start + day - 1)


MINI = {
    "e": "24hrMiniTicker",
    "s": "BTCUSDT",
    "c": "110.00000000",
    "o": "100.00000000",
    "h": "110.00000000",
    "l": "100.00000000",
    "v": "2.00000000",
    "q": "210.00000000",
}
FULL = MINI | {
    "e": "24hrTicker",
    "x": "100.00000000",
    "Q": "1.00000000",
    "b": "90.00000000",
    "B": "3.00000000",
    "a": "0.00000000",
    "A": "0.00000000",
}


def window(now_us: int, hours: int) -> dict[str, Any]:
    """What the tickers of both trades say about their window: the one of 24 hours begins on no minute."""
    start = now_us - hours * 3_600 * SECOND
    return {
        "p": "10.00000000",
        "P": "10.000",
        "w": "105.00000000",
        "O": (start if hours == 24 else start - start % (60 * SECOND)) // 1000,
        "C": now_us // 1000,
        "F": 0,
        "L": 1,
        "n": 2,
    }


async def test_tickers_go_out_each_second_when_something_changed(exchange: Exchange) -> None:
    names = ["btcusdt@miniTicker", "btcusdt@ticker", "btcusdt@ticker_1h", "btcusdt@avgPrice"]
    names += ["!miniTicker@arr", "!ticker@arr", "!ticker_4h@arr"]
    listeners = {name: listen(exchange, name) for name in names}
    now = (await exchange.trade(100, 1)).time_us
    last = await exchange.trade(110, 1)
    await exchange.place(exchange.alice, BUY, 90, 3)
    exchange.hub.tick(now)
    exchange.hub.tick(now + SECOND)
    got = {name: listener.take() for name, listener in listeners.items()}
    sent = {"E": now // 1000}
    average = {"e": "avgPrice", "s": "BTCUSDT", "i": "5m", "w": "105.00000000", "T": last.time_us // 1000}
    assert got == {
        "btcusdt@miniTicker": [MINI | sent],
        "btcusdt@ticker": [FULL | window(now, 24) | sent],
        "btcusdt@ticker_1h": [MINI | window(now, 1) | sent | {"e": "1hTicker"}],
        "btcusdt@avgPrice": [average | sent],
        "!miniTicker@arr": [[MINI | sent]],
        "!ticker@arr": [[FULL | window(now, 24) | sent]],
        "!ticker_4h@arr": [[MINI | window(now, 4) | sent | {"e": "4hTicker"}]],
    }


async def test_every_window_has_streams_of_one_market_and_of_all(exchange: Exchange) -> None:
    windows = ("1h", "4h", "1d")
    ones = {window: listen(exchange, f"btcusdt@ticker_{window}") for window in windows}
    alls = {window: listen(exchange, f"!ticker_{window}@arr") for window in windows}
    exchange.hub.tick((await exchange.trade(100, 1)).time_us)
    assert {window: [event["e"] for event in ones[window].take()] for window in windows} == {
        window: [f"{window}Ticker"] for window in windows
    }
    assert {window: [[row["e"] for row in event] for event in alls[window].take()] for window in windows} == {
        window: [[f"{window}Ticker"]] for window in windows
    }


async def test_a_name_wakes_up_when_its_market_is_made(exchange: Exchange) -> None:
    listener = listen(exchange, "btcxyz@trade")
    await exchange.add_market("BTCXYZ")
    market = exchange.client.catalog.by_symbol["BTCXYZ"].id
    await exchange.place(exchange.alice, SELL, 100, 1, market=market)
    await exchange.place(exchange.bob, BUY, 100, 1, market=market)
    assert [event["s"] for event in listener.take()] == ["BTCXYZ"]


async def test_names_that_mean_nothing_are_silent(exchange: Exchange) -> None:
    names = [
        "0",
        "BTCUSDT@trade",
        "btcusdt@Trade",
        "btcusdt",
        "btcusdt@depth7",
        "btcusdt@kline_7m",
        "btcusdt@depth@200ms",
    ]
    names += ["btcusdt@kline_1M@+09:00", "!ticker", "!ticker_2h@arr", "@trade", "!", ""]
    listener = listen(exchange, *names)
    await exchange.trade(100, 1)
    exchange.hub.tick(START)
    assert listener.take() == []


async def test_names_that_mean_nothing_are_bounded(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MAX_SILENT", 2)
    listener = listen(exchange, "a@trade", "b@trade", "c@trade", "btcusdt@trade")
    assert exchange.hub.topics == 3
    exchange.hub.moved("c@trade", listener, 0)
    for name in ("a@trade", "b@trade", "c@trade"):
        exchange.hub.unsubscribe(name, listener)
    listen(exchange, "c@trade")
    assert exchange.hub.topics == 2
