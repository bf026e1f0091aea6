"""The public operations on a real exchange: whole answers, and the errors of bad input."""

import time
from pathlib import Path

from tandem.domain.catalog import Asset, Market
from tandem.domain.intervals import INTERVALS
from tandem.domain.trading import MarketStatus
from tandem.marketdata.book import levels
from tandem.platform.engine import MarketRules
from tests.marketdata.exchange import BUY, SELL, Exchange


def now_us() -> int:
    return time.time_ns() // 1000


async def three_trades(exchange: Exchange) -> list[int]:
    """100 x 1 bought, 102 x 2 sold, then one taker over two makers at 101. Times of the takers, in ms."""
    first = await exchange.trade(100, 1, taker=BUY)
    second = await exchange.trade(102, 2, taker=SELL)
    await exchange.place(exchange.alice, SELL, 101, 0.5)
    await exchange.place(exchange.alice, SELL, 101, 0.25)
    third = await exchange.place(exchange.bob, BUY, 101, 0.75)
    return [r.time_us // 1000 for r in (first, second, third)]


async def test_ping_and_time(exchange: Exchange) -> None:
    assert exchange.ask("ping") == {}
    assert exchange.ask("time", now_us=1_700_000_000_123_456) == {"serverTime": 1_700_000_000_123}
    assert exchange.ask("time", now_us=1_700_000_000_123_456, micros=True) == {"serverTime": 1_700_000_000_123_456}


async def test_depth_is_the_book(exchange: Exchange) -> None:
    await exchange.place(exchange.alice, BUY, 99.5, 1)
    await exchange.place(exchange.alice, BUY, 99, 2)
    last = await exchange.place(exchange.alice, SELL, 101, 3)
    assert last.events
    assert exchange.ask("depth", "symbol=BTCUSDT") == {
        "lastUpdateId": 3,
        "bids": [["99.50000000", "1.00000000"], ["99.00000000", "2.00000000"]],
        "asks": [["101.00000000", "3.00000000"]],
    }
    assert exchange.ask("depth", "symbol=BTCUSDT&limit=1")["bids"] == [["99.50000000", "1.00000000"]]
    await exchange.run(exchange.engine.set_market_status(exchange.market, 2))
    assert exchange.ask("depth", "symbol=BTCUSDT") == {"lastUpdateId": 3, "bids": [], "asks": []}
    assert exchange.ask("depth", "symbol=BTCUSDT&symbolStatus=TRADING")[0] == -1220
    assert exchange.ask("ticker/bookTicker", "symbol=BTCUSDT")["bidPrice"] == "0.00000000"


async def test_trades_and_their_aggregates(exchange: Exchange) -> None:
    times = await three_trades(exchange)
    rows = [
        (0, "100.00000000", "1.00000000", "100.00000000", times[0], False),
        (1, "102.00000000", "2.00000000", "204.00000000", times[1], True),
        (2, "101.00000000", "0.50000000", "50.50000000", times[2], False),
        (3, "101.00000000", "0.25000000", "25.25000000", times[2], False),
    ]
    keys = ("id", "price", "qty", "quoteQty", "time", "isBuyerMaker")
    trades = [dict(zip(keys, row, strict=True)) | {"isBestMatch": True} for row in rows]
    assert exchange.ask("trades", "symbol=BTCUSDT") == trades
    assert exchange.ask("trades", "symbol=BTCUSDT&limit=2") == trades[2:]
    assert exchange.ask("historicalTrades", "symbol=BTCUSDT&fromId=1&limit=2") == trades[1:3]
    assert exchange.ask("historicalTrades", "symbol=BTCUSDT") == trades
    aggregates = exchange.ask("aggTrades", "symbol=BTCUSDT")
    assert aggregates == [
        {"a": 0, "p": rows[0][1], "q": rows[0][2], "f": 0, "l": 0, "T": times[0], "m": False, "M": True},
        {"a": 1, "p": rows[1][1], "q": rows[1][2], "f": 1, "l": 1, "T": times[1], "m": True, "M": True},
        {"a": 2, "p": rows[2][1], "q": "0.75000000", "f": 2, "l": 3, "T": times[2], "m": False, "M": True},
    ]
    assert exchange.ask("aggTrades", "symbol=BTCUSDT&fromId=1&limit=1") == aggregates[1:2]
    assert exchange.ask("aggTrades", f"symbol=BTCUSDT&endTime={times[2]}999&limit=1") == aggregates[2:]
    assert exchange.ask("aggTrades", f"symbol=BTCUSDT&startTime={times[0]}&limit=2") == aggregates[:2]
    assert exchange.ask("aggTrades", "symbol=BTCUSDT&fromId=1&startTime=1500000000000")[0] == -1128


async def test_nothing_is_traded_in_blocks(exchange: Exchange) -> None:
    await three_trades(exchange)
    assert exchange.ask("historicalBlockTrades", "symbol=BTCUSDT&fromId=0&limit=5000") == []
    assert exchange.ask("historicalBlockTrades", "symbol=NOPE&fromId=0")[0] == -1121
    missing = (-1102, "Mandatory parameter 'fromId' was not sent, was empty/null, or malformed.")
    assert exchange.ask("historicalBlockTrades", "symbol=BTCUSDT") == missing


async def test_other_venues_have_no_markets(exchange: Exchange) -> None:
    for venue in ("fapi", "dapi"):
        assert exchange.ask(f"/{venue}/v1/exchangeInfo", now_us=1_700_000_000_000_000) == {
            "timezone": "UTC",
            "serverTime": 1_700_000_000_000,
            "rateLimits": [],
            "exchangeFilters": [],
            "symbols": [],
        }


async def test_the_oldest_paths_answer_the_same(exchange: Exchange) -> None:
    await three_trades(exchange)
    old = [path for path in exchange.operations if path.startswith("/api/v1/")]
    assert len(old) == 10
    now = now_us()
    for path in old:
        query = "symbol=BTCUSDT&interval=1m" if path.endswith("klines") else "symbol=BTCUSDT"
        query = "" if path.endswith(("ping", "time")) else query
        answer = exchange.ask(path, query, now_us=now)
        assert (path, answer) == (path, exchange.ask(path.removeprefix("/api/v1/"), query, now_us=now))


async def test_klines(exchange: Exchange) -> None:
    times = await three_trades(exchange)
    now = times[2] * 1000
    start = INTERVALS["1w"].open_of(now) // 1000
    week = 7 * 86_400_000
    prices = ["100.00000000", "102.00000000", "100.00000000", "101.00000000"]
    rest = ["379.75000000", 4, "1.75000000", "175.75000000", "0"]
    for path in ("klines", "uiKlines"):
        query = "symbol=BTCUSDT&interval=1w"
        assert exchange.ask(path, query, now_us=now) == [[start, *prices, "3.75000000", start + week - 1, *rest]]
        assert exchange.ask(path, query, now_us=now, micros=True) == [
            [start * 1000, *prices, "3.75000000", (start + week) * 1000 - 1, *rest]
        ]


async def test_tickers_of_the_same_trades(exchange: Exchange) -> None:
    times = await three_trades(exchange)
    now = now_us()
    opened = now - 86_400_000_000
    common = {
        "symbol": "BTCUSDT",
        "priceChange": "1.00000000",
        "priceChangePercent": "1.000",
        "weightedAvgPrice": "101.26666666",
        "openPrice": "100.00000000",
        "highPrice": "102.00000000",
        "lowPrice": "100.00000000",
        "lastPrice": "101.00000000",
        "volume": "3.75000000",
        "quoteVolume": "379.75000000",
        "openTime": (opened - opened % 60_000_000) // 1000,
        "closeTime": now // 1000,
        "firstId": 0,
        "lastId": 3,
        "count": 4,
    }
    full = exchange.ask("ticker/24hr", "symbol=BTCUSDT", now_us=now)
    exact = {"openTime": opened // 1000}
    assert full == common | exact | {
        "prevClosePrice": "100.00000000",
        "lastQty": "0.25000000",
        "bidPrice": "0.00000000",
        "bidQty": "0.00000000",
        "askPrice": "0.00000000",
        "askQty": "0.00000000",
    }
    assert list(full)[:6] == [
        "symbol",
        "priceChange",
        "priceChangePercent",
        "weightedAvgPrice",
        "prevClosePrice",
        "lastPrice",
    ]
    assert exchange.ask("ticker", "symbol=BTCUSDT", now_us=now) == common
    mini = {k: v for k, v in common.items() if k not in ("priceChange", "priceChangePercent", "weightedAvgPrice")}
    assert exchange.ask("ticker/24hr", "symbol=BTCUSDT&type=MINI", now_us=now) == mini | exact
    assert exchange.ask("ticker/24hr", "", now_us=now) == [full]
    assert exchange.ask("ticker", 'symbols=["BTCUSDT"]&type=MINI&windowSize=7d', now_us=now)[0]["count"] == 4
    assert exchange.ask("ticker/price", "symbol=BTCUSDT") == {"symbol": "BTCUSDT", "price": "101.00000000"}
    average = exchange.ask("avgPrice", "symbol=BTCUSDT")
    assert average == {"mins": 5, "price": "101.26666666", "closeTime": times[2]}


async def test_a_market_without_trades(exchange: Exchange) -> None:
    assert exchange.ask("trades", "symbol=BTCUSDT") == []
    assert exchange.ask("aggTrades", "symbol=BTCUSDT") == []
    assert exchange.ask("klines", "symbol=BTCUSDT&interval=1m") == []
    assert exchange.ask("avgPrice", "symbol=BTCUSDT") == {"mins": 5, "price": "0.00000000", "closeTime": 0}
    ticker = exchange.ask("ticker/24hr", "symbol=BTCUSDT")
    assert (ticker["firstId"], ticker["lastId"], ticker["count"]) == (-1, -1, 0)
    assert (ticker["lastPrice"], ticker["priceChangePercent"]) == ("0.00000000", "0.000")


async def test_a_window_without_trades_shows_the_last_price(exchange: Exchange) -> None:
    await exchange.trade(100, 1)
    later = now_us() + 3 * 86_400_000_000
    ticker = exchange.ask("ticker/24hr", "symbol=BTCUSDT", now_us=later)
    assert {ticker[k] for k in ("openPrice", "highPrice", "lowPrice", "lastPrice")} == {"100.00000000"}
    assert (ticker["volume"], ticker["count"], ticker["firstId"]) == ("0.00000000", 0, -1)


async def test_the_trading_day_is_a_calendar_day(exchange: Exchange) -> None:
    await exchange.trade(100, 1)
    now = now_us()
    for zone, hours in (("0", 0), ("8", 8), ("-3:00", -3)):
        ticker = exchange.ask("ticker/tradingDay", f"symbol=BTCUSDT&timeZone={zone}", now_us=now)
        offset, day = hours * 3_600_000, 86_400_000
        start = (now // 1000 + offset) // day * day - offset
        assert (ticker["openTime"], ticker["closeTime"]) == (start, start + day - 1)


MANDATORY = (-1102, "Param 'symbol' or 'symbols' must be sent, but both were empty/null!")


STATUS = (-1220, "The symbol's status does not match the requested symbolStatus.")
ZONE = (-1130, "Data sent for parameter 'timeZone' is not valid.")
BAD_INPUT = [
    ("depth", "", (-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")),
    ("depth", "symbol=NOPE", (-1121, "Invalid symbol.")),
    ("klines", "symbol=BTCUSDT&interval=1x", (-1120, "Invalid interval.")),
    ("klines", "symbol=BTCUSDT&interval=1M&timeZone=15", ZONE),
    ("ticker/24hr", "type=BIG", (-1139, "Invalid ticker type.")),
    ("ticker/24hr", 'symbol=BTCUSDT&symbols=["BTCUSDT"]', (-1128, "Combination of optional parameters invalid.")),
    ("ticker/price", 'symbols=["NOPE"]', (-1121, "Invalid symbol.")),
    ("ticker/price", "symbols=[", (-1135, "JSON sent for parameter 'symbols' is not valid")),
    ("ticker/price", "symbol=BTCUSDT&symbolStatus=HALT", STATUS),
    ("ticker", "", MANDATORY),
    ("ticker/tradingDay", "", MANDATORY),
    ("ticker", "symbol=BTCUSDT&windowSize=8d", (-1130, "Data sent for parameter 'windowSize' is not valid.")),
]


async def test_bad_input(exchange: Exchange) -> None:
    answers = [(path, query, exchange.ask(path, query)) for path, query, _ in BAD_INPUT]
    assert answers == BAD_INPUT


async def test_status_leaves_out_what_does_not_match(exchange: Exchange) -> None:
    assert exchange.ask("ticker/price", "symbolStatus=HALT") == []
    assert len(exchange.ask("ticker/price", "symbolStatus=TRADING")) == 1


async def test_some_take_more_than_a_hundred_symbols(exchange: Exchange) -> None:
    many = f"symbols=[{','.join(f'{chr(34)}A{n}{chr(34)}' for n in range(101))}]"
    answers = {
        p: exchange.ask(p, many)[0] for p in ("ticker/24hr", "ticker/price", "ticker/bookTicker", "exchangeInfo")
    }
    assert set(answers.values()) == {-1121}
    too_many = (-1101, "Too many values sent for parameter 'symbols', maximum allowed up to 100.")
    assert [exchange.ask(path, many) for path in ("ticker", "ticker/tradingDay")] == [too_many] * 2


def test_a_level_shows_no_more_than_clients_can_read() -> None:
    market = Market(0, "X", Asset(0, "B", "B", 8), Asset(1, "Q", "Q", 2), MarketRules(tick_size=1, lot_size=1),
                    MarketStatus.TRADING)  # fmt: skip
    assert levels(market, [(150, 2**63), (100, 5)]) == [["1.50", "92233720368.54775807"], ["1.00", "0.00000005"]]


WEIGHTS = [
    ("depth", "symbol=A", 5),
    ("depth", "symbol=A&limit=100", 5),
    ("depth", "symbol=A&limit=101", 25),
    ("depth", "symbol=A&limit=501", 50),
    ("depth", "symbol=A&limit=1001", 250),
    ("depth", "symbol=A&limit=99999", 250),
    ("ticker/24hr", "symbol=A", 2),
    ("ticker/24hr", 'symbols=["A"]', 2),
    ("ticker/24hr", f"symbols=[{','.join(f'{chr(34)}A{n}{chr(34)}' for n in range(21))}]", 40),
    ("ticker/24hr", f"symbols=[{','.join(f'{chr(34)}A{n}{chr(34)}' for n in range(101))}]", 80),
    ("ticker/24hr", "", 80),
    ("ticker/price", "symbol=A", 2),
    ("ticker/price", "", 4),
    ("ticker", "symbol=A", 4),
    ("ticker", f"symbols=[{','.join(f'{chr(34)}A{n}{chr(34)}' for n in range(60))}]", 200),
]


async def test_weights(exchange: Exchange) -> None:
    assert [(path, query, exchange.weight(path, query)) for path, query, _ in WEIGHTS] == WEIGHTS


async def test_a_restart_knows_the_trades_of_the_log(exchange: Exchange, tmp_path: Path) -> None:
    times = await three_trades(exchange)
    before = [exchange.ask(path, "symbol=BTCUSDT") for path in ("trades", "aggTrades", "depth", "ticker/price")]
    await exchange.client.close()
    again = Exchange(tmp_path / "data")
    again.client.start()
    try:
        assert [
            again.ask(path, "symbol=BTCUSDT") for path in ("trades", "aggTrades", "depth", "ticker/price")
        ] == before
        assert again.ask("avgPrice", "symbol=BTCUSDT")["closeTime"] == times[2]
    finally:
        await again.client.close()
