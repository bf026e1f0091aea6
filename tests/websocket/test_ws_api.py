"""The WebSocket API over a real server with a real client."""

import asyncio
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.websocket.venue import ALLOWED_ORIGIN, Venue, ask, call, receive, running

WEIGHT = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000}
NEW_ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "90", "quantity": "1"}


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def test_the_envelope(venue: Venue) -> None:
    async with venue.open("/ws-api/v3") as api:
        first = await call(api, "ping", id="id-1")
        assert first == {"id": "id-1", "status": 200, "result": {}, "rateLimits": [WEIGHT | {"count": 3}]}
        assert (await call(api, "v3/time", id=None))["id"] is None
        assert "rateLimits" not in await call(api, "time", {"returnRateLimits": False})
    async with venue.open("/ws-api/v3?returnRateLimits=false&timeUnit=MICROSECOND") as api:
        told = await call(api, "time", id=7)
        assert set(told) == {"id", "status", "result"}
        assert told["result"]["serverTime"] > 10**15
        assert "rateLimits" in await call(api, "time", {"returnRateLimits": True})


async def test_every_public_operation_answers(venue: Venue) -> None:
    await venue.trade(100, 1)
    symbol = {"symbol": "BTCUSDT"}
    async with venue.open("/ws-api/v3") as api:
        for method, params in {
            "exchangeInfo": {"symbols": ["BTCUSDT"]},
            "depth": {**symbol, "limit": 5},
            "trades.recent": {**symbol, "limit": "5"},
            "trades.historical": {**symbol, "fromId": 0},
            "trades.aggregate": symbol,
            "klines": {**symbol, "interval": "1m"},
            "uiKlines": {**symbol, "interval": "1m"},
            "avgPrice": symbol,
            "ticker.24hr": {"symbols": '["BTCUSDT"]'},
            "ticker.tradingDay": symbol,
            "ticker": symbol,
            "ticker.price": {},
            "ticker.book": symbol,
        }.items():
            answer = await call(api, method, params)
            assert (method, answer["status"], bool(answer["result"])) == (method, 200, True)
        limits = (await call(api, "exchangeInfo"))["result"]["rateLimits"]
        assert [row["rateLimitType"] for row in limits] == ["REQUEST_WEIGHT", "ORDERS", "ORDERS", "CONNECTIONS"]


REFUSALS: list[tuple[str, Any, int, int]] = [
    ("nonsense", None, 400, -1135),
    ("[" * 60_000, None, 400, -1135),
    ("[]", None, 400, -1135),
    ('{"id":1}', 1, 400, -1135),
    ('{"method":"ping"}', None, 400, -1135),
    ('{"id":1,"method":"ping","id":1}', 1, 400, -1135),
    ('{"id":1,"method":"ping","params":{"a":1,"a":2}}', 1, 400, -1135),
    ('{"id":1.5,"method":"ping"}', None, 400, -1135),
    ('{"id":1,"method":"ping","params":[]}', 1, 400, -1135),
    ('{"id":1,"method":"ping","params":{"x":1}}', 1, 400, -1104),
    ('{"id":1,"method":"no.such.thing"}', 1, 400, -1020),
    ('{"id":1,"method":"depth"}', 1, 400, -1102),
    ('{"id":1,"method":"depth","params":{"symbol":"NOPE"}}', 1, 400, -1121),
    ('{"id":1,"method":"order.place"}', 1, 400, -1102),
    ('{"id":1,"method":"userDataStream.subscribe"}', 1, 401, -1002),
    ('{"id":1,"method":"userDataStream.unsubscribe","params":{"subscriptionId":3}}', 1, 400, -2036),
]


async def test_refusals(venue: Venue) -> None:
    told = []
    async with venue.open("/ws-api/v3") as api:
        for text, *_ in REFUSALS:
            answer = await ask(api, text)
            assert "rateLimits" in answer
            told.append((text, answer["id"], answer["status"], answer["error"]["code"]))
        assert (await call(api, "ping"))["status"] == 200
    assert told == REFUSALS


async def test_signed_requests_with_numbers_and_strings(venue: Venue) -> None:
    async with venue.open("/ws-api/v3") as api:
        placed = await call(api, "order.place", venue.signed("alice", **NEW_ORDER))
        assert (placed["status"], placed["result"]["status"]) == (200, "NEW")
        numbers = NEW_ORDER | {"price": 90.5, "quantity": 1, "returnRateLimits": False}
        placed = await call(api, "order.place", venue.signed("alice", **numbers))
        assert (placed["result"]["price"], "rateLimits" in placed) == ("90.50000000", False)
        tampered = venue.signed("alice", **NEW_ORDER) | {"quantity": "2"}
        assert (await call(api, "order.place", tampered))["error"]["code"] == -1022


async def test_an_order_shows_its_counts(venue: Venue) -> None:
    async with venue.open("/ws-api/v3") as api:
        placed = await call(api, "order.place", venue.signed("alice", **NEW_ORDER))
        assert [(row["rateLimitType"], row["interval"], row["count"]) for row in placed["rateLimits"]] == [
            ("REQUEST_WEIGHT", "MINUTE", 2),
            ("ORDERS", "SECOND", 1),
            ("ORDERS", "DAY", 1),
        ]


async def test_a_session(venue: Venue) -> None:
    async with venue.open("/ws-api/v3") as api:
        status = (await call(api, "session.status"))["result"]
        assert (status["apiKey"], status["authorizedSince"], status["userDataStream"]) == (None, None, False)
        logged_on = (await call(api, "session.logon", venue.signed("alice")))["result"]
        assert (logged_on["apiKey"], logged_on["returnRateLimits"]) == (venue.keys["alice"]["apiKey"], True)
        assert logged_on["connectedSince"] <= logged_on["authorizedSince"] <= logged_on["serverTime"]
        placed = await call(api, "order.place", NEW_ORDER | {"timestamp": now_ms()})
        assert placed["result"]["status"] == "NEW"
        assert (await call(api, "order.place", NEW_ORDER))["error"]["code"] == -1102
        as_bob = await call(api, "account.status", venue.signed("bob"))
        assert as_bob["result"]["uid"] == venue.accounts["bob"]
        assert (await call(api, "session.logout"))["result"]["apiKey"] is None
        assert (await call(api, "order.place", NEW_ORDER | {"timestamp": now_ms()}))["error"]["code"] == -1102


async def test_user_data_of_a_session(venue: Venue) -> None:
    async with venue.open("/ws-api/v3") as api:
        await call(api, "session.logon", venue.signed("alice"))
        assert (await call(api, "userDataStream.subscribe"))["result"] == {"subscriptionId": 0}
        assert (await call(api, "userDataStream.subscribe"))["error"]["code"] == -2035
        assert (await call(api, "userDataStream.subscribe.signature", venue.signed("bob")))["result"] == {
            "subscriptionId": 1
        }
        assert (await call(api, "session.subscriptions"))["result"] == [{"subscriptionId": 0}, {"subscriptionId": 1}]
        await venue.trade(100, 1)
        events = await receive(api, 7)
        for number, reports in ((0, ["NEW", "TRADE"]), (1, ["NEW", "TRADE"])):
            mine = [e["event"] for e in events if e["subscriptionId"] == number]
            assert [e["x"] for e in mine if e["e"] == "executionReport"] == reports
            assert mine[-1]["e"] == "outboundAccountPosition"
        assert (await call(api, "session.logout"))["result"]["userDataStream"] is True
        (ended,) = await receive(api)
        assert (ended["subscriptionId"], ended["event"]["e"]) == (0, "eventStreamTerminated")
        await venue.place("alice", 0, 50, 1)
        assert (await call(api, "userDataStream.unsubscribe"))["result"] == {}
        (ended,) = await receive(api)
        assert (ended["subscriptionId"], ended["event"]["e"]) == (1, "eventStreamTerminated")
        assert (await call(api, "session.subscriptions"))["result"] == []
        again = await call(api, "userDataStream.subscribe.signature", venue.signed("alice"))
        assert again["result"] == {"subscriptionId": 2}


async def test_the_answer_comes_before_any_event(venue: Venue) -> None:
    async def storm() -> None:
        while True:
            await venue.place("alice", 0, 50, 1)

    task = asyncio.create_task(storm())
    try:
        for _ in range(5):
            async with venue.open("/ws-api/v3") as api:
                answer = await call(api, "userDataStream.subscribe.signature", venue.signed("alice"))
                assert answer["result"] == {"subscriptionId": 0}
                assert (await receive(api))[0]["event"]["e"] == "executionReport"
    finally:
        task.cancel()


async def test_a_revoked_key_ends_its_session(venue: Venue) -> None:
    async with venue.open("/ws-api/v3") as api:
        await call(api, "session.logon", venue.signed("alice"))
        await call(api, "userDataStream.subscribe")
        venue.exchange.keys.revoke(venue.keys["alice"]["apiKey"])
        (ended,) = await receive(api)
        assert ended["event"]["e"] == "eventStreamTerminated"
        await venue.place("alice", 0, 50, 1)
        told = await call(api, "order.place", NEW_ORDER | {"timestamp": now_ms()}, id=5)
        assert (told["id"], told["status"], told["error"]) == (
            None,
            401,
            {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."},
        )
        assert (await call(api, "session.status"))["result"]["apiKey"] is None


async def test_requests_may_be_pipelined(venue: Venue) -> None:
    sockets = venue.exchange.sockets
    sockets.limits = replace(sockets.limits, requests_in_flight=4)
    async with venue.open("/ws-api/v3") as api:
        for number in range(50):
            params = venue.signed("alice", **NEW_ORDER, newClientOrderId=f"n{number}")
            await api.send(json.dumps({"id": number, "method": "order.place", "params": params}))
        answers = await receive(api, 50)
        orders = {answer["id"]: answer["result"]["orderId"] for answer in answers}
        assert [orders[number] for number in range(50)] == sorted(orders.values())


async def test_an_order_and_its_cancel_may_follow_each_other_blindly(venue: Venue) -> None:
    async with venue.open("/ws-api/v3") as api:
        place = venue.signed("alice", **NEW_ORDER, newClientOrderId="blind")
        cancel = venue.signed("alice", symbol="BTCUSDT", origClientOrderId="blind")
        await api.send(json.dumps({"id": 1, "method": "order.place", "params": place}))
        await api.send(json.dumps({"id": 2, "method": "order.cancel", "params": cancel}))
        answers = {answer["id"]: answer["result"]["status"] for answer in await receive(api, 2)}
        assert answers == {1: "NEW", 2: "CANCELED"}


async def test_foreign_pages_are_refused(venue: Venue) -> None:
    for origin in (None, f"http://{venue.address}", ALLOWED_ORIGIN):
        async with venue.open("/ws-api/v3", origin=origin) as api:
            assert (await call(api, "ping"))["status"] == 200
    for origin in ("https://evil.example", "null", f"http://{venue.address}.evil.example"):
        with pytest.raises(InvalidStatus) as refused:
            await venue.open("/ws-api/v3", origin=origin)
        assert refused.value.response.status_code == 403
        async with venue.open("/ws", origin=origin):
            pass


async def test_the_weight_is_shared_and_a_ban_ends_the_connection(tmp_path: Path) -> None:
    async with running(tmp_path / "data", weight_per_minute=20) as venue, venue.open("/ws-api/v3") as api:
        answers = [await call(api, "ping", id=number) for number in range(119)]
        assert [answer["status"] for answer in answers] == [200] * 18 + [429] * 100 + [418]
        with pytest.raises(ConnectionClosed):
            await api.recv()
        limited = answers[18]["error"]
        assert (limited["code"], set(limited["data"])) == (-1003, {"serverTime", "retryAfter"})
        assert 0 < limited["data"]["retryAfter"] - limited["data"]["serverTime"] <= 60_000


async def test_asking_for_much_at_once_makes_the_client_wait(tmp_path: Path) -> None:
    request = json.dumps({"id": 1, "method": "depth", "params": {"symbol": "BTCUSDT", "limit": 5000}})
    async with running(tmp_path / "data", weight_per_minute=0) as venue, venue.open("/ws-api/v3") as api:
        for price in range(1, 400):
            venue.engine.place_order(venue.accounts["alice"], 0, 0, 0, 0, price * 10**8, 10**4, 0, f"d{price}", -1)
        await venue.place("alice", 0, 400, 1)
        for _ in range(200):
            await api.send(request)
        answers = await receive(api, 200)
        assert {len(answer["result"]["bids"]) for answer in answers} == {400}
        assert venue.exchange.sockets.cut_off == 0


async def test_a_signed_order_does_not_log_on(venue: Venue) -> None:
    """The method is not part of what is signed, so parameters of another method must be refused."""
    order = venue.signed("alice", **NEW_ORDER)
    async with venue.open("/ws-api/v3") as api:
        for method in ("session.logon", "userDataStream.subscribe.signature"):
            assert (await call(api, method, order))["error"]["code"] == -1104
        assert (await call(api, "session.status"))["result"]["apiKey"] is None
        assert (await call(api, "userDataStream.unsubscribe", {"symbol": "BTCUSDT"}))["error"]["code"] == -1104


@pytest.mark.parametrize("origin", ["http://[", "null", "http://", "x"])
async def test_odd_origins_are_refused_and_no_fault_of_ours(
    venue: Venue, origin: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await venue.open("/ws-api/v3", origin=origin)
    assert refused.value.response.status_code == 403
    assert json.loads(refused.value.response.body or b"")["code"] == -1002
    assert caplog.messages == []


async def test_a_key_opens_nothing_from_elsewhere(venue: Venue) -> None:
    made = {network: venue.exchange.create_key(1, "x", networks=(network,)) for network in ("192.0.2.7", "127.0.0.0/8")}
    async with venue.open("/ws-api/v3") as api:
        statuses = {}
        for network, key in made.items():
            venue.keys["x"] = key
            methods = ("session.logon", "account.status", "userDataStream.subscribe.signature")
            statuses[network] = [(await call(api, method, venue.signed("x")))["status"] for method in methods]
    assert statuses == {"192.0.2.7": [401] * 3, "127.0.0.0/8": [200] * 3}
