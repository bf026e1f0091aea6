"""The time machine: a running exchange served as it was, by a second process that only reads."""

import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tandem.platform.log_files import durable_seq
from tests.system.exchange import TANDEM, Exchange, until
from tests.system.trader import Refused, Trader
from tests.system.venue import make_account, make_venue

CLOSED = (400, -1013, "Market is closed.")
SIGNED = {
    "/api/v3/account": {},
    "/api/v3/account/commission": {"symbol": True},
    "/api/v3/openOrders": {},
    "/api/v3/allOrders": {"symbol": True},
    "/api/v3/myTrades": {"symbol": True},
    "/api/v3/openOrderList": {},
    "/api/v3/allOrderList": {},
    "/api/v3/myPreventedMatches": {"symbol": True, "orderId": 1},
}
PUBLIC = {
    "/api/v3/depth": {"symbol": True},
    "/api/v3/trades": {"symbol": True},
    "/api/v3/aggTrades": {"symbol": True},
    "/api/v3/historicalTrades": {"symbol": True},
    "/api/v3/klines": {"symbol": True, "interval": "1m"},
    "/api/v3/avgPrice": {"symbol": True},
    "/api/v3/ticker/price": {},
    "/api/v3/ticker/bookTicker": {},
}


@contextmanager
def replaying(data: Path, *arguments: str) -> Iterator[str]:
    """The URL of `tandem replay`, which ends well at the end."""
    log = data.with_name("replay.log")
    with log.open("w") as stderr:
        process = subprocess.Popen([str(TANDEM), "replay", str(data), *arguments], stderr=stderr)
    try:
        found = until(lambda: re.search(r"is open at (\S+),", log.read_text()) or process.poll() is not None, 30)
        assert isinstance(found, re.Match), log.read_text()
        yield found[1]
        process.send_signal(signal.SIGINT)
        assert process.wait(15) == 0, log.read_text()
        assert "Traceback" not in log.read_text()
    finally:
        process.kill()
        process.wait()


def answers(trader: Trader, symbol: str) -> dict[str, Any]:
    def told(params: dict[str, Any]) -> dict[str, Any]:
        return {name: symbol if value is True else value for name, value in params.items()}

    signed = {path: trader.signed("GET", path, **told(params)) for path, params in SIGNED.items()}
    return signed | {path: trader.public(path, **told(params)) for path, params in PUBLIC.items()}


def trade(alice: Trader, bob: Trader, symbol: str) -> None:
    """Something of everything: fills, rests, stops, lists, cancels, what was prevented."""
    for price in ("100", "101", "102"):
        alice.place(symbol, "SELL", quantity="0.5", price=price)
    bob.place(symbol, "BUY", quantity="0.7", price="101")
    bob.place(symbol, "BUY", "MARKET", quoteOrderQty="10")
    resting = bob.place(symbol, "BUY", quantity="0.1", price="90")
    bob.place(symbol, "BUY", quantity="0.1", price="91")
    bob.cancel(symbol, orderId=resting["orderId"])
    bob.place(symbol, "SELL", "STOP_LOSS_LIMIT", quantity="0.1", price="80", stopPrice="85", timeInForce="GTC")
    bob.place(symbol, "SELL", quantity="0.1", price="91", selfTradePreventionMode="EXPIRE_TAKER")
    legs = {"aboveType": "LIMIT_MAKER", "abovePrice": "120", "belowType": "STOP_LOSS", "belowStopPrice": "70"}
    bob.signed("POST", "/api/v3/orderList/oco", symbol=symbol, side="SELL", quantity="0.1", **legs)


def test_an_exchange_is_served_as_it_was_while_it_goes_on(own_exchange: Exchange) -> None:
    exchange = own_exchange.start("--no-demo")
    exchange.operate("POST", "/assets", {"asset": "USDT"})
    where = make_venue(exchange)
    alice, bob = (exchange.trader(make_account(name, where)) for name in ("alice", "bob"))
    trade(alice, bob, where.symbol)
    expected = [answers(trader, where.symbol) for trader in (alice, bob)]
    seq = durable_seq(exchange.data)
    trade(alice, bob, where.symbol)
    alice.signed("DELETE", "/api/v3/openOrders", symbol=where.symbol)
    late = exchange.trader(make_account("late", where))
    second_key = exchange.operate("POST", "/keys", {"account": alice.name})
    ended = durable_seq(exchange.data)

    with replaying(exchange.data, "--until", str(seq)) as url:
        then = [Trader(url, trader.account) for trader in (alice, bob, late, alice)]
        then[3].key, then[3].secret = second_key["apiKey"], second_key["secretKey"]
        assert [answers(trader, where.symbol) for trader in then[:2]] == expected
        assert then[3].open_orders(where.symbol) == expected[0]["/api/v3/openOrders"]
        with pytest.raises(Refused) as refused:
            then[2].balances()
        assert refused.value.body["code"] == -2015
        check_time(then[0])
        check_commands(then[1], where.symbol, expected[1]["/api/v3/openOrders"][0])
        assert [answers(trader, where.symbol) for trader in then[:2]] == expected
        assert durable_seq(exchange.data) == ended
        alice.place(where.symbol, "BUY", quantity="0.1", price="50")
        for trader in then:
            trader.close()


def check_time(trader: Trader) -> None:
    """It stands still, and what is signed by it is as good as what is signed by ours."""
    shown = trader.public("/api/v3/time")["serverTime"]
    assert shown < time.time_ns() // 1_000_000
    assert trader.signed("GET", "/api/v3/account", timestamp=shown) == trader.signed("GET", "/api/v3/account")
    assert trader.try_signed("GET", "/api/v3/account", "&omitZeroBalances=true").json()["code"] == -1022
    assert trader.public("/api/v3/time")["serverTime"] == shown


def check_commands(trader: Trader, symbol: str, order: dict[str, Any]) -> None:
    """All of them are refused; what only checks an order still checks."""
    new = {"symbol": symbol, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1", "price": "50"}
    mine = {"symbol": symbol, "orderId": order["orderId"]}
    commands: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/api/v3/order", new),
        ("DELETE", "/api/v3/order", mine),
        ("DELETE", "/api/v3/openOrders", {"symbol": symbol}),
        ("PUT", "/api/v3/order/amend/keepPriority", mine | {"newQty": "0.05"}),
        ("POST", "/api/v3/order/cancelReplace", new | {"cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrderId": 1}),
        ("DELETE", "/api/v3/orderList", {"symbol": symbol, "orderListId": 0}),
    ]
    for method, path, params in commands:
        with pytest.raises(Refused) as refused:
            trader.signed(method, path, **params)
        assert refused.value.error == CLOSED, path
    assert trader.signed("POST", "/api/v3/order/test", **new) == {}
    with pytest.raises(Refused) as poor:
        trader.signed("POST", "/api/v3/order/test", **new | {"quantity": "9000"})
    assert poor.value.error == (400, -2010, "Account has insufficient balance for requested action.")
