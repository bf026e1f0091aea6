"""Nobody sees or touches what belongs to somebody else: every way to name alice's order, tried by bob.

Foreign and non-existing must be told apart by nothing: same status, same code, same text.
"""

from dataclasses import dataclass
from typing import Any

import pytest

from tests.system.exchange import Exchange
from tests.system.streams import connect, user_data
from tests.system.trader import Refused, Trader
from tests.system.venue import Venue, make_account, make_venue

NOWHERE_ID, NOWHERE_CID = 2**52, "never-was"


@dataclass
class Scene:
    """Alice's orders in one market, and bob who looks for them."""

    where: Venue
    alice: Trader
    bob: Trader
    resting: dict[str, Any]
    filled: dict[str, Any]


@pytest.fixture(scope="module")
def scene(exchange: Exchange) -> Scene:
    where = make_venue(exchange, "IDR")
    alice, bob, carol = (exchange.trader(make_account(name, where)) for name in ("alice", "bob", "carol"))
    filled = alice.place(where.symbol, "BUY", quantity="1", price="100", newClientOrderId="alices-filled")
    carol.place(where.symbol, "SELL", quantity="1", price="100")
    resting = alice.place(where.symbol, "BUY", quantity="2", price="90", newClientOrderId="alices-resting")
    return Scene(where, alice, bob, resting, filled)


def names_of(order: dict[str, Any]) -> list[dict[str, Any]]:
    """Each way to name an order in a request."""
    by_id, by_cid = {"orderId": order["orderId"]}, {"origClientOrderId": order["clientOrderId"]}
    return [by_id, by_cid, by_id | by_cid]


NOWHERE = [
    {"orderId": NOWHERE_ID},
    {"origClientOrderId": NOWHERE_CID},
    {"orderId": NOWHERE_ID, "origClientOrderId": NOWHERE_CID},
]
REST = [("GET", "/api/v3/order"), ("DELETE", "/api/v3/order")]
WS = ["order.status", "order.cancel"]


def refusal(trader: Trader, method: str, path: str, **params: Any) -> tuple[int, Any, Any]:
    with pytest.raises(Refused) as refused:
        trader.signed(method, path, **params)
    error: tuple[int, Any, Any] = refused.value.error
    return error


@pytest.mark.parametrize(("method", "path"), REST)
@pytest.mark.parametrize("which", ["resting", "filled"])
def test_a_foreign_order_does_not_exist_over_rest(scene: Scene, method: str, path: str, which: str) -> None:
    symbol = scene.where.symbol
    for name, nowhere in zip(names_of(getattr(scene, which)), NOWHERE, strict=True):
        foreign = refusal(scene.bob, method, path, symbol=symbol, **name)
        assert foreign == refusal(scene.bob, method, path, symbol=symbol, **nowhere)
        assert foreign[1] == (-2013 if method == "GET" else -2011)
    assert scene.alice.order(symbol, orderId=scene.resting["orderId"])["status"] == "NEW"


@pytest.mark.parametrize("method", WS)
@pytest.mark.parametrize("which", ["resting", "filled"])
async def test_a_foreign_order_does_not_exist_over_websocket(scene: Scene, method: str, which: str) -> None:
    symbol = scene.where.symbol
    async with connect(scene.where.exchange.ws_url + "/ws-api/v3") as socket:
        for name, nowhere in zip(names_of(getattr(scene, which)), NOWHERE, strict=True):
            foreign = await socket.ask_signed(scene.bob.account, method, symbol=symbol, **name)
            absent = await socket.ask_signed(scene.bob.account, method, symbol=symbol, **nowhere)
            assert (foreign["status"], foreign["error"]) == (absent["status"], absent["error"])
            assert foreign["status"] == 400
    assert scene.alice.order(symbol, orderId=scene.resting["orderId"])["status"] == "NEW"


def test_foreign_lists_are_empty(scene: Scene) -> None:
    bob, symbol = scene.bob, scene.where.symbol
    assert bob.open_orders(symbol) == []
    assert bob.signed("GET", "/api/v3/openOrders") == []
    assert bob.signed("GET", "/api/v3/allOrders", symbol=symbol, orderId=scene.filled["orderId"]) == []
    assert bob.trades(symbol) == []
    assert bob.trades(symbol, orderId=scene.filled["orderId"]) == []
    assert refusal(bob, "DELETE", "/api/v3/openOrders", symbol=symbol)[1] == -2011
    assert scene.alice.open_orders(symbol)[0]["orderId"] == scene.resting["orderId"]


async def test_foreign_lists_are_empty_over_websocket(scene: Scene) -> None:
    symbol = scene.where.symbol
    async with connect(scene.where.exchange.ws_url + "/ws-api/v3") as socket:
        for method in ("openOrders.status", "allOrders", "myTrades"):
            answer = await socket.ask_signed(scene.bob.account, method, symbol=symbol)
            assert (answer["status"], answer["result"]) == (200, []), method
        answer = await socket.ask_signed(scene.bob.account, "openOrders.cancelAll", symbol=symbol)
        assert answer["error"]["code"] == -2011


async def test_user_data_carries_nothing_of_others(scene: Scene) -> None:
    symbol = scene.where.symbol
    ws_url = scene.where.exchange.ws_url
    async with user_data(ws_url, scene.bob.account) as of_bob, user_data(ws_url, scene.alice.account) as of_alice:
        placed = scene.alice.place(symbol, "BUY", quantity="1", price="80")
        scene.alice.cancel(symbol, orderId=placed["orderId"])
        own = scene.bob.place(symbol, "BUY", quantity="1", price="70")
        scene.bob.cancel(symbol, orderId=own["orderId"])
        async with connect(ws_url + "/ws-api/v3") as socket:  # one more round trip, so that events have come
            await socket.ask("ping")
            while len(of_bob) < 4 or len(of_alice) < 4:
                await socket.ask("ping")
    assert {event["i"] for event in of_bob if event["e"] == "executionReport"} == {own["orderId"]}
    assert {event["i"] for event in of_alice if event["e"] == "executionReport"} == {placed["orderId"]}


def test_a_foreign_listen_key_is_of_no_use(scene: Scene) -> None:
    key = scene.alice.keyed("POST", "/api/v3/userDataStream")["listenKey"]
    for method in ("PUT", "DELETE"):
        with pytest.raises(Refused) as refused:
            scene.bob.keyed(method, "/api/v3/userDataStream", listenKey=key)
        assert refused.value.error[:2] == (400, -1125)
    assert scene.alice.keyed("PUT", "/api/v3/userDataStream", listenKey=key) == {}


async def test_a_key_is_of_no_use_with_another_secret(scene: Scene) -> None:
    mixed = {**scene.alice.account, "secretKey": scene.bob.secret}
    async with connect(scene.where.exchange.ws_url + "/ws-api/v3") as socket:
        answer = await socket.ask_signed(mixed, "account.status")
    assert (answer["status"], answer["error"]["code"]) == (400, -1022)
    trader = scene.where.exchange.trader(mixed)
    assert refusal(trader, "GET", "/api/v3/account")[1] == -1022


def test_a_signed_request_serves_once_its_time_has_passed_never(scene: Scene) -> None:
    """Outside recvWindow, in both directions; and a changed byte."""
    for params in ({"timestamp": 1_500_000_000_000}, {"recvWindow": 60_001}):
        assert refusal(scene.alice, "GET", "/api/v3/account", **params)[0] == 400


def test_the_same_client_id_may_be_used_by_two_accounts(scene: Scene) -> None:
    order = scene.bob.place(scene.where.symbol, "BUY", quantity="1", price="60", newClientOrderId="alices-resting")
    assert scene.bob.order(scene.where.symbol, origClientOrderId="alices-resting")["orderId"] == order["orderId"]
    scene.bob.cancel(scene.where.symbol, origClientOrderId="alices-resting")
    found = scene.alice.order(scene.where.symbol, origClientOrderId="alices-resting")
    assert (found["orderId"], found["status"]) == (scene.resting["orderId"], "NEW")
