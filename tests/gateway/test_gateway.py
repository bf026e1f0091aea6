import logging
import time
from pathlib import Path
from typing import Any

import pytest

from tandem.platform.settings import Limits
from tests.gateway.edge import NOW_MS, OPERATIONS, Edge, sign, told

ORDER = "/api/v3/order"


async def test_a_public_operation_answers_anybody(edge: Edge) -> None:
    response = await edge.send("GET", "/api/v3/depth", "symbol=A&limit=7")
    expected = {"account": -1, "args": {"symbol": "A", "limit": 7}, "time": NOW_MS, "key": ""}
    assert (response.status_code, response.json()) == (200, expected)


async def test_every_answer_says_what_was_used(edge: Edge) -> None:
    for response, weight in (
        (await edge.send("GET", "/api/v3/ping"), "1"),
        (await edge.send("GET", "/api/v3/depth", "symbol=A&limit=10"), "51"),
        (await edge.send("GET", "/api/v3/depth", "symbol=a"), "52"),
        (await edge.send("GET", "/nowhere"), "53"),
    ):
        used = (response.headers["x-mbx-used-weight"], response.headers["x-mbx-used-weight-1m"])
        assert used == (weight, weight)
        assert "x-mbx-order-count-10s" not in response.headers


async def test_a_signed_order_is_taken_and_counted(edge: Edge) -> None:
    for count in ("1", "2"):
        response = await edge.signed("POST", ORDER, "symbol=A")
        headers = response.headers
        assert (response.status_code, response.content) == (200, b'{"orderId":1}')
        assert (headers["x-mbx-order-count-10s"], headers["x-mbx-order-count-1d"]) == (count, count)
        assert headers["x-mbx-used-weight-1m"] == "0"


async def test_a_refused_order_costs_its_weight(edge: Edge) -> None:
    response = await edge.signed("POST", ORDER, "symbol=POOR")
    assert response.json() == {"code": -2010, "msg": "Account has insufficient balance for requested action."}
    assert (response.status_code, response.headers["x-mbx-used-weight"]) == (400, "1")
    assert "x-mbx-order-count-10s" not in response.headers


@pytest.mark.parametrize(
    ("query", "body"),
    [("symbol=A&timestamp={t}&signature={s}", ""), ("", "symbol=A&timestamp={t}&signature={s}")],
)
async def test_parameters_come_in_the_query_or_the_body(edge: Edge, query: str, body: str) -> None:
    values = {"t": NOW_MS, "s": sign(edge.key, f"symbol=A&timestamp={NOW_MS}")}
    for method in ("POST", "DELETE"):
        headers = {"X-MBX-APIKEY": edge.key.key.id}
        response = await edge.send(method, ORDER, query.format(**values), body.format(**values), headers)
        assert response.status_code == 200


async def test_query_and_body_are_signed_glued(edge: Edge) -> None:
    signature = sign(edge.key, f"symbol=Atimestamp={NOW_MS}")
    response = await edge.send(
        "DELETE",
        ORDER,
        "symbol=A",
        f"timestamp={NOW_MS}&signature={signature}",
        {"x-mbx-apikey": edge.key.key.id},
    )
    assert response.json()["args"] == {"symbol": "A"}


async def test_an_empty_body_may_have_any_content_type(edge: Edge) -> None:
    response = await edge.signed("POST", ORDER, "symbol=A", headers={"content-type": "application/json"})
    assert response.status_code == 200


async def test_a_body_must_be_a_form(edge: Edge) -> None:
    for content_type, status in (
        ("application/json", 415),
        ("text/plain", 415),
        ("multipart/form-data; boundary=x", 415),
        ("Application/X-WWW-Form-Urlencoded ; charset=utf-8", 400),
    ):
        response = await edge.send("POST", ORDER, "", "symbol=A", {"content-type": content_type})
        assert told(response)[0] in (status, 401)


async def test_a_get_reads_its_query_alone(edge: Edge) -> None:
    response = await edge.send("GET", "/api/v3/depth", "symbol=A", "symbol=B&x=1")
    assert response.json()["args"] == {"symbol": "A"}


async def test_a_large_body_is_refused(edge: Edge) -> None:
    assert told(await edge.send("POST", ORDER, "", "a=" + "x" * 70_000)) == (413, -1101)


# --- who may


async def test_keys_are_checked_one_thing_after_another(edge: Edge) -> None:
    reader = edge.keys.create(7, permissions=("USER_DATA",))
    elsewhere = edge.keys.create(7, networks=("192.168.0.0/16",))
    revoked = edge.keys.create(7)
    edge.keys.revoke(revoked.key.id)
    answers = {
        "no key": await edge.signed("POST", ORDER, "symbol=A", headers={"x-mbx-apikey": ""}),
        "malformed": await edge.signed("POST", ORDER, "symbol=A", headers={"x-mbx-apikey": "abc"}),
        "unknown": await edge.signed("POST", ORDER, "symbol=A", headers={"x-mbx-apikey": "a" * 64}),
        "revoked": await edge.signed("POST", ORDER, "symbol=A", key=revoked),
        "may not trade": await edge.signed("POST", ORDER, "symbol=A", key=reader),
        "elsewhere": await edge.signed("POST", ORDER, "symbol=A", key=elsewhere),
        "other secret": await edge.signed(
            "POST", ORDER, "symbol=A", headers={"x-mbx-apikey": edge.keys.create(7).key.id}
        ),
    }
    assert {what: told(response) for what, response in answers.items()} == {
        "no key": (401, -2014),
        "malformed": (401, -2014),
        "unknown": (401, -2015),
        "revoked": (401, -2015),
        "may not trade": (401, -2015),
        "elsewhere": (401, -2015),
        "other secret": (400, -1022),
    }
    assert (await edge.signed("GET", "/api/v3/account", key=reader)).json()["account"] == 7


async def test_an_unsigned_key_is_enough_for_listen_keys(edge: Edge) -> None:
    path, key = "/api/v3/userDataStream", {"x-mbx-apikey": edge.key.key.id}
    assert (await edge.send("POST", path, headers=key)).json()["account"] == 7
    assert told(await edge.send("POST", path)) == (401, -2014)


async def test_a_key_that_may_not_read_gets_no_user_stream(edge: Edge) -> None:
    key = edge.keys.create(7, permissions=("TRADE",)).key
    response = await edge.send("POST", "/api/v3/userDataStream", headers={"x-mbx-apikey": key.id})
    assert told(response) == (401, -2015)


async def test_what_a_signed_request_lacks_is_named(edge: Edge) -> None:
    key = {"x-mbx-apikey": edge.key.key.id}
    messages = [
        (await edge.send("POST", ORDER, query, headers=key)).json()["msg"]
        for query in ("timestamp=1&signature=a", "symbol=A&signature=a", f"symbol=A&timestamp={NOW_MS}")
    ]
    assert messages == [
        f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
        for name in ("symbol", "timestamp", "signature")
    ]


async def test_the_window_is_checked_on_arrival_and_before_the_engine(edge: Edge) -> None:
    stale = await edge.signed("POST", ORDER, f"symbol=A&timestamp={NOW_MS - 5001}")
    early = await edge.signed("POST", ORDER, f"symbol=A&timestamp={NOW_MS + 1000}")
    assert [stale.json(), early.json()] == [
        {"code": -1021, "msg": "Timestamp for this request is outside of the recvWindow."},
        {"code": -1021, "msg": "Timestamp for this request was 1000ms ahead of the server's time."},
    ]
    wide = await edge.signed("POST", ORDER, f"symbol=A&recvWindow=5001&timestamp={NOW_MS - 5001}")
    micro = await edge.signed("POST", ORDER, f"symbol=A&recvWindow=0.5&timestamp={NOW_MS * 1000 - 500}")
    assert [wide.status_code, micro.status_code] == [200, 200]

    def ticking() -> int:
        edge.clock.advance(0.003)
        return edge.clock.now_us

    edge.clock.wall_us = ticking  # type: ignore[method-assign]
    late = await edge.signed("POST", ORDER, f"symbol=A&recvWindow=4&timestamp={NOW_MS}")
    assert told(late) == (400, -1021)
    assert edge.limiter.orders(7, NOW_MS * 1000).in_day == 3


async def test_a_public_operation_takes_no_signature(edge: Edge) -> None:
    response = await edge.send("GET", "/api/v3/ping", "timestamp=1&signature=a")
    assert response.json() == {
        "code": -1104,
        "msg": "Not all sent parameters were read; read '1' parameter(s) but was sent '2'.",
    }


# --- limits


async def test_limits_are_answered_with_429_and_then_418(tmp_path: Path) -> None:
    edge = Edge(tmp_path, Limits(weight_per_minute=2))
    responses = [await edge.send("GET", "/api/v3/ping") for _ in range(103)]
    assert [response.status_code for response in responses] == [200] * 2 + [429] * 100 + [418]
    assert (told(responses[2]), responses[2].headers["retry-after"]) == ((429, -1003), "40")
    assert responses[-1].headers["retry-after"] == "120"
    assert told(await edge.send("GET", "/nowhere")) == (418, -1003)
    await edge.close()


async def test_too_many_orders_are_refused(tmp_path: Path) -> None:
    edge = Edge(tmp_path, Limits(orders_per_10_seconds=1))
    assert (await edge.signed("POST", ORDER, "symbol=A")).status_code == 200
    response = await edge.signed("POST", ORDER, "symbol=A")
    assert response.json() == {"code": -1015, "msg": "Too many new orders; current limit is 1 orders per 10 SECOND."}
    assert (response.status_code, response.headers["retry-after"]) == (429, "10")
    await edge.close()


async def test_forwarded_addresses_count_only_behind_our_proxies(tmp_path: Path) -> None:
    for proxies, expected in ((0, {"10.0.0.1"}), (1, {"1.1.1.1", "2.2.2.2"})):
        directory = tmp_path / str(proxies)
        directory.mkdir()
        edge = Edge(directory, Limits(trusted_proxies=proxies))
        for spoofed in ("6.6.6.6, 1.1.1.1", "6.6.6.6,2.2.2.2"):
            headers = {"x-forwarded-for": spoofed, "x-real-ip": "7.7.7.7", "forwarded": "for=8.8.8.8"}
            await edge.send("GET", "/api/v3/ping", headers=headers)
        assert set(edge.limiter._addresses) == expected
        await edge.close()


# --- what else can happen


async def test_the_time_unit_is_chosen_by_a_header(edge: Edge) -> None:
    times = {}
    for unit in ("MILLISECOND", "millisecond", "MICROSECOND", "microsecond"):
        response = await edge.send("GET", "/api/v3/depth", "symbol=A", headers={"x-mbx-time-unit": unit})
        times[unit.lower()] = response.json()["time"]
    assert times == {"millisecond": NOW_MS, "microsecond": NOW_MS * 1000}
    assert told(await edge.send("GET", "/api/v3/ping", headers={"x-mbx-time-unit": "Second"})) == (400, -1194)


async def test_what_the_engine_cannot_take_is_told_apart(edge: Edge) -> None:
    answers = {s: told(await edge.signed("POST", ORDER, f"symbol={s}")) for s in ("BUSY", "FULL", "CLOSED")}
    assert answers == {"BUSY": (503, -1008), "FULL": (503, -1001), "CLOSED": (503, -1016)}


async def test_an_answer_that_does_not_come_is_unknown(edge: Edge) -> None:
    response = await edge.signed("POST", ORDER, "symbol=SLOW")
    assert (response.status_code, response.json()) == (
        504,
        {
            "code": -1007,
            "msg": "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
        },
    )


async def test_a_bug_tells_the_client_nothing_and_the_log_no_secret(
    edge: Edge, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.ERROR):
        response = await edge.signed("POST", ORDER, "symbol=BROKEN")
    assert told(response) == (500, -1000)
    logged = caplog.text + "".join(capsys.readouterr())
    assert "ZeroDivisionError" in logged
    query = response.request.url.query.decode()
    assert edge.key.secret is not None
    assert not [text for text in (query, query.rpartition("=")[2], edge.key.key.id, edge.key.secret) if text in logged]


async def test_unknown_places_and_methods_are_told_in_json(edge: Edge) -> None:
    assert told(await edge.send("GET", "/api/v3/nothing", headers={"accept": "text/html"})) == (404, -1099)
    for path in ("/api/v3/ping/", "/API/v3/ping", "/api//v3/ping", "/"):
        assert (await edge.send("GET", path)).status_code == 404
    response = await edge.send("PATCH", ORDER)
    assert (told(response), response.headers["allow"]) == ((405, -1020), "POST, DELETE, OPTIONS")
    assert told(await edge.send("GET", ORDER))[0] == 405


async def test_head_is_get_without_a_body(edge: Edge) -> None:
    response = await edge.send("HEAD", "/api/v3/ping")
    assert (response.status_code, response.headers["content-length"]) == (200, "2")


async def test_foreign_pages_read_marked_public_operations_only(edge: Edge) -> None:
    origin = {"origin": "https://evil.example"}
    shared = "access-control-allow-origin"
    public = await edge.send("GET", "/api/v3/ping", headers=origin)
    asked = await edge.send("OPTIONS", "/api/v3/ping", headers=origin)
    assert [public.headers[shared], asked.headers[shared], asked.status_code] == ["*", "*", 204]
    unmarked = await edge.send("GET", "/api/v3/depth", "symbol=A", headers=origin)
    private = await edge.signed("GET", "/api/v3/account", headers=origin)
    refused = await edge.send("OPTIONS", ORDER, headers=origin)
    assert not [r for r in (unmarked, private, refused) if shared in r.headers]
    assert "access-control-allow-credentials" not in public.headers


async def test_mounts_take_their_path_and_what_is_below(tmp_path: Path) -> None:
    def named(name: str) -> Any:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": name.encode()})

        return app

    edge = Edge(tmp_path, mounts={"/ws": named("ws"), "/ws/deep": named("deep"), "/healthz": named("health")})
    paths = ("/ws", "/ws/", "/ws/btcusdt@trade", "/ws/deep/er", "/healthz")
    answers = {path: (await edge.send("GET", path)).text for path in paths}
    assert answers == {
        "/ws": "ws",
        "/ws/": "ws",
        "/ws/btcusdt@trade": "ws",
        "/ws/deep/er": "deep",
        "/healthz": "health",
    }
    assert [(await edge.send("GET", path)).status_code for path in ("/wsx", "/health", "/")] == [404] * 3
    await edge.close()


async def test_a_websocket_nobody_serves_is_refused(edge: Edge) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await edge.app({"type": "websocket", "path": "/nowhere", "headers": []}, _never, send)
    assert sent == [{"type": "websocket.close", "code": 1000}]


async def test_a_client_that_leaves_is_not_answered(edge: Edge) -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "path": ORDER,
        "method": "POST",
        "query_string": b"",
        "client": ("10.0.0.1", 1),
        "headers": [(b"content-length", b"5")],
    }
    await edge.app(scope, receive, send)
    assert sent == []


async def test_every_operation_is_refused_without_a_key_unless_it_is_public(edge: Edge) -> None:
    closed = [operation for operation in OPERATIONS if operation.security.name != "NONE"]
    for operation in closed:
        query = "symbol=A" if operation.params else ""
        status, _ = told(await edge.send(operation.http_method, operation.path, query))
        assert status == 401
    assert len(closed) == 4


async def _never() -> Any:
    raise AssertionError("nothing is read")


async def test_long_paths_are_refused_as_fast_as_short_ones(tmp_path: Path) -> None:
    """No prefix of a path is looked up: a client could make it have thousands."""
    edge = Edge(tmp_path, mounts={"/a/b": nothing, "/a": nothing})
    assert edge.app._mounted("/a/b/c") is edge.app.mounts["/a/b"]
    assert [edge.app._mounted(path) for path in ("/ab", "/b/a", "/", "", "//a")] == [None] * 5
    begin = time.process_time()
    for _ in range(100):
        assert edge.app._mounted("/x" * 8_000) is None
    assert time.process_time() - begin < 0.1
    await edge.close()


async def nothing(*_: object) -> None:
    """An application."""
