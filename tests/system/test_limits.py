"""Rate limits: counted, announced in headers and exchangeInfo, and enforced with the codes that clients wait on."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ccxt
import pytest

from tests.system import ccxt_client
from tests.system.exchange import Exchange
from tests.system.streams import connect
from tests.system.venue import Venue, make_account, make_venue

CONFIG = """
log_level = "warning"

[limits]
weight_per_minute = 400
raw_requests_per_5_minutes = 100000
orders_per_10_seconds = 5
orders_per_day = 8
"""


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Venue]:
    """A market of an exchange with low limits, early enough in a minute that no window ends during a test."""
    if time.time() % 60 > 45:
        time.sleep(60.5 - time.time() % 60)
    own = Exchange(tmp_path / "data", config=CONFIG)
    try:
        own.start("--no-demo")
        own.operate("POST", "/assets", {"asset": "USDT"})
        yield make_venue(own, "LIM")
    finally:
        own.close()


def usage(response: Any) -> dict[str, int]:
    return {name: int(value) for name, value in response.headers.items() if name.startswith("x-mbx-")}


def test_limits_are_announced(limited: Venue) -> None:
    rows = limited.exchange.trader().public("/api/v3/exchangeInfo")["rateLimits"]
    assert rows == [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 400},
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 5},
        {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 8},
        {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 100000},
    ]


def test_limits_that_are_off_are_not_announced(exchange: Exchange) -> None:
    """A limit of 0 would tell a client that it may do nothing."""
    rows = exchange.trader().public("/api/v3/exchangeInfo")["rateLimits"]
    assert [row for row in rows if row["limit"] <= 0] == []


async def test_limits_that_are_off_are_not_counted(exchange: Exchange) -> None:
    async with connect(exchange.ws_url + "/ws-api/v3") as socket:
        answer = await socket.ask("time")
    assert [row for row in answer.get("rateLimits", []) if row["limit"] <= 0] == []


def test_orders_are_counted_and_limited(limited: Venue) -> None:
    trader = limited.exchange.trader(make_account("alice", limited))
    order = {"symbol": limited.symbol, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1"}
    for count in range(1, 6):
        answer = trader.try_signed("POST", "/api/v3/order", **order, price=f"{50 + count}")
        assert answer.status_code == 200
        assert usage(answer)["x-mbx-order-count-10s"] == usage(answer)["x-mbx-order-count-1d"] == count
    refused = trader.try_signed("POST", "/api/v3/order", **order, price="60")
    assert (refused.status_code, refused.json()) == (
        429,
        {"code": -1015, "msg": "Too many new orders; current limit is 5 orders per 10 SECOND."},
    )
    assert 1 <= int(refused.headers["retry-after"]) <= 10
    assert len(trader.open_orders(limited.symbol)) == 5
    counts = trader.signed("GET", "/api/v3/rateLimit/order")
    assert {row["interval"]: row["count"] for row in counts}["SECOND"] >= 5
    trader.cancel(limited.symbol, orderId=trader.open_orders(limited.symbol)[0]["orderId"])


def test_lists_count_as_their_orders_and_a_replacement_over_the_limit_may_still_cancel(limited: Venue) -> None:
    alice = limited.exchange.trader(make_account("alice", limited))
    legs = {"pendingAboveType": "LIMIT_MAKER", "pendingAbovePrice": "120", "pendingBelowType": "STOP_LOSS"}
    otoco = legs | {"pendingBelowStopPrice": "80", "pendingSide": "SELL", "pendingQuantity": "1"}
    working = {"workingType": "LIMIT_MAKER", "workingSide": "BUY", "workingPrice": "90", "workingQuantity": "1"}
    placed = alice.try_signed("POST", "/api/v3/orderList/otoco", symbol=limited.symbol, **otoco, **working)
    assert usage(placed)["x-mbx-order-count-1d"] == 3
    bid = {"symbol": limited.symbol, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1"}
    replace = bid | {"price": "91", "cancelReplaceMode": "STOP_ON_FAILURE"}
    resting = alice.place(limited.symbol, "BUY", quantity="1", price="90")["orderId"]
    replaced = alice.try_signed("POST", "/api/v3/order/cancelReplace", **replace, cancelOrderId=resting)
    assert usage(replaced)["x-mbx-order-count-1d"] == 5
    resting = replaced.json()["newOrderResponse"]["orderId"]
    amended = alice.signed(
        "PUT", "/api/v3/order/amend/keepPriority", symbol=limited.symbol, orderId=resting, newQty="0.5"
    )
    assert amended["amendedOrder"]["qty"] == "0.50000000"
    while alice.try_signed("POST", "/api/v3/order", **bid, price="1").status_code == 200:
        pass
    refused = alice.try_signed("POST", "/api/v3/order/cancelReplace", **replace, cancelOrderId=resting)
    assert (refused.status_code, refused.json()["code"]) == (429, -1015)
    only = {"orderRateLimitExceededMode": "CANCEL_ONLY", "cancelOrderId": resting}
    refused = alice.try_signed("POST", "/api/v3/order/cancelReplace", **replace, **only)
    assert (refused.status_code, refused.json()["code"], int(refused.headers["retry-after"]) > 0) == (429, -2021, True)
    assert refused.json()["data"]["cancelResponse"]["status"] == "CANCELED"
    assert refused.json()["data"]["newOrderResponse"]["code"] == -1015


def test_ccxt_is_told_to_slow_down(limited: Venue) -> None:
    client = ccxt_client.rest(limited.exchange.url, make_account("bob", limited))
    client.load_markets()
    for step in range(5):
        client.create_order(limited.unified, "limit", "buy", 1, 50 + step)
    with pytest.raises(ccxt.DDoSProtection):
        client.create_order(limited.unified, "limit", "buy", 1, 60)


async def test_weight_is_counted_and_limited_over_rest_and_websocket_together(limited: Venue) -> None:
    trader = limited.exchange.trader(make_account("carol", limited))
    first = usage(trader._http.get("/api/v3/ping"))["x-mbx-used-weight-1m"]
    second = usage(trader._http.get("/api/v3/depth", params={"symbol": limited.symbol, "limit": 5000}))
    assert second["x-mbx-used-weight-1m"] - first == 250
    refused = trader._http.get("/api/v3/depth", params={"symbol": limited.symbol, "limit": 5000})
    assert (refused.status_code, refused.json()["code"]) == (429, -1003)
    assert "400 request weight per 1 MINUTE" in refused.json()["msg"]
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    async with connect(limited.exchange.ws_url + "/ws-api/v3") as socket:
        answer = await socket.ask("depth", {"symbol": limited.symbol, "limit": 5000})
    assert (answer["status"], answer["error"]["code"]) == (429, -1003)
    assert answer["error"]["data"]["retryAfter"] > answer["error"]["data"]["serverTime"]


def test_who_goes_on_is_banned_for_a_while(limited: Venue) -> None:
    trader = limited.exchange.trader()
    seen = set()
    for _ in range(2000):
        answer = trader._http.get("/api/v3/depth", params={"symbol": limited.symbol, "limit": 5000})
        seen.add(answer.status_code)
        if answer.status_code == 418:
            break
    assert seen == {200, 429, 418}
    assert answer.json()["code"] == -1003
    assert int(answer.headers["retry-after"]) >= 60
    assert limited.exchange.operate("GET", "/markets"), "the operator is not locked out"
