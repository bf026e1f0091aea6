"""What happened stays listed over orderly ends, kills and starts from snapshots, when memory has none of it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.system.exchange import UNLIMITED, Exchange, until
from tests.system.trader import Refused, Trader
from tests.system.venue import make_venue

CONFIG = UNLIMITED.replace('"debug"', '"info"') + "\n[engine]\nsnapshot_every = 50\n"
Answers = dict[str, Any]


def live(ann: Trader, ben: Trader, symbol: str) -> list[int]:
    """Orders of several kinds that fill, end and stay. The ids of ann's that were amended."""
    pair = {"symbol": symbol, "side": "SELL", "quantity": "0.2"}
    above = {"aboveType": "LIMIT_MAKER", "abovePrice": "130"}
    below = {"belowType": "STOP_LOSS_LIMIT", "belowPrice": "70", "belowStopPrice": "71", "belowTimeInForce": "GTC"}
    amended = []
    ben.place(symbol, "SELL", quantity="1", price="150")
    for number in range(6):
        ben.place(symbol, "SELL", quantity="0.3", price=f"{100 + number}", newClientOrderId=f"ask{number}")
        ann.place(symbol, "BUY", quantity="0.4", price=f"{100 + number}", newClientOrderId=f"bid{number}")
        ann.signed("DELETE", "/api/v3/openOrders", symbol=symbol)
        order = ann.place(symbol, "BUY", quantity="0.5", price="90", newClientOrderId=f"low{number}")["orderId"]
        ann.signed("PUT", "/api/v3/order/amend/keepPriority", symbol=symbol, orderId=order, newQty="0.4")
        ann.place(symbol, "SELL", quantity="0.1", price="90", selfTradePreventionMode="DECREMENT")
        ann.signed("POST", "/api/v3/orderList/oco", **pair, **above, **below, listClientOrderId=f"pair{number}")
        if number % 2:
            ann.signed("DELETE", "/api/v3/orderList", symbol=symbol, listClientOrderId=f"pair{number}")
        amended.append(order)
    return amended


def listed(ann: Trader, ben: Trader, symbol: str, amended: list[int]) -> Answers:
    """All that the exchange tells of the past."""

    def ask(trader: Trader, path: str, **params: Any) -> Any:
        return trader.signed("GET", f"/api/v3/{path}", **params)

    at = {"symbol": symbol}
    found: Answers = {"allOrderList": ask(ann, "allOrderList", fromId=0)}
    for trader in (ann, ben):
        found[f"allOrders {trader.name}"] = ask(trader, "allOrders", **at)
        found[f"myTrades {trader.name}"] = ask(trader, "myTrades", **at)
        found[f"openOrders {trader.name}"] = ask(trader, "openOrders", **at)
    for number, order in enumerate(amended):
        found[f"amendments {order}"] = ask(ann, "order/amendments", **at, orderId=order)
        found[f"prevented {order}"] = ask(ann, "myPreventedMatches", **at, orderId=order)
        found[f"bid{number}"] = ask(ann, "order", **at, origClientOrderId=f"bid{number}")
        found[f"pair{number}"] = ask(ann, "orderList", origClientOrderId=f"pair{number}")
    for path, params in (
        ("historicalTrades", {"fromId": 0}),
        ("aggTrades", {"fromId": 0}),
        ("klines", {"interval": "1d", "startTime": 0, "limit": 1}),
    ):
        found[path] = ann.public(f"/api/v3/{path}", **at, **params)
    return found


def listed_when_told(*args: Any) -> Answers:
    """As soon as the history is told what memory does not have."""

    def ask() -> Answers | None:
        try:
            return listed(*args)
        except Refused as refused:
            assert refused.body["code"] == -1007  # noqa: PT017
            return None

    return until(ask, 20.0)


def started_from(exchange: Exchange) -> int:
    """The command after which the running process was told what happened."""
    opened = [json.loads(line) for line in exchange.log_text().splitlines() if '"log is open"' in line]
    return int(opened[-1]["views_from"])


def market_data(trader: Trader, symbol: str) -> Answers:
    """What memory shows of the market, without the times that go on."""
    day = trader.public("/api/v3/ticker/24hr", symbol=symbol)
    week = trader.public("/api/v3/ticker", symbol=symbol, windowSize="7d")
    return {
        **{f"day {name}": value for name, value in day.items() if name not in ("openTime", "closeTime")},
        **{f"week {name}": value for name, value in week.items() if name not in ("openTime", "closeTime")},
        **{
            interval: trader.public("/api/v3/klines", symbol=symbol, interval=interval, startTime=0, limit=1)
            for interval in ("1m", "5m", "1h", "4h", "1d", "3d", "1w", "1M")
        },
        "aggTrades": trader.public("/api/v3/aggTrades", symbol=symbol, limit=1000),
        "trades": trader.public("/api/v3/trades", symbol=symbol, limit=1000),
    }


@pytest.mark.timeout(180)
def test_everything_is_listed_after_kills_and_starts_from_snapshots(tmp_path: Path) -> None:
    exchange = Exchange(tmp_path / "data", config=CONFIG).start("--no-demo")
    try:
        exchange.operate("POST", "/assets", {"asset": "USDT"})
        symbol = make_venue(exchange, "HIS").symbol
        accounts = [exchange.open_account(name, HIS="1000", USDT="1000000") for name in ("ann", "ben")]

        def traders() -> list[Trader]:
            return [exchange.trader(account) for account in accounts]

        amended = live(*traders(), symbol)
        before = listed(*traders(), symbol, amended)
        assert [name for name, rows in before.items() if not rows] == []
        assert exchange.stop() == 0
        exchange.start()
        assert started_from(exchange) >= 50
        assert listed_when_told(*traders(), symbol, amended) == before
        exchange.kill()
        exchange.start()
        ann, ben = traders()
        assert started_from(exchange) >= 50
        more = ann.place(symbol, "BUY", quantity="0.4", price="80")["orderId"]
        ann.cancel(symbol, orderId=more)
        after = listed_when_told(ann, ben, symbol, amended)
        assert after["allOrders ann"].pop()["orderId"] == more
        assert after == before
        exchange.kill()
        exchange.start()
        again = listed_when_told(*traders(), symbol, amended)
        assert again["allOrders ann"].pop()["orderId"] == more
        assert again == before
    finally:
        exchange.close()


@pytest.mark.parametrize("damage", ["gone", "cut"])
@pytest.mark.timeout(180)
def test_market_data_that_were_not_saved_are_made_of_the_history(tmp_path: Path, damage: str) -> None:
    exchange = Exchange(tmp_path / "data", config=CONFIG).start("--no-demo")
    try:
        exchange.operate("POST", "/assets", {"asset": "USDT"})
        symbol = make_venue(exchange, "HIS").symbol
        ann, ben = (exchange.trader(exchange.open_account(name, HIS="1000", USDT="1000000")) for name in ("ann", "ben"))
        live(ann, ben, symbol)
        before = market_data(ann, symbol)
        assert before["day count"] == len(before["trades"]) > 5
        assert exchange.stop() == 0
        views = exchange.data / "marketdata"
        if damage == "gone":
            shutil.rmtree(views)
        else:
            [view] = views.glob("*.view")
            view.write_bytes(view.read_bytes()[:-5])
        exchange.start()
        assert "market data are made of the history" in exchange.log_text()
        assert started_from(exchange) >= 50
        ann, ben = exchange.trader(ann.account), exchange.trader(ben.account)
        assert market_data(ann, symbol) == before
        ben.place(symbol, "SELL", quantity="0.2", price="60")
        after = market_data(ann, symbol)
        assert after["day count"] == len(after["trades"]) > before["day count"]
        assert after["trades"][: len(before["trades"])] == before["trades"]
        assert exchange.stop() == 0
        exchange.start()
        assert market_data(exchange.trader(ann.account), symbol) == after
    finally:
        exchange.close()
