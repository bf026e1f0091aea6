"""Stream sockets over a real server with a real client."""

import asyncio
import json
from dataclasses import replace
from urllib.parse import quote

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tandem.apps import websocket
from tandem.apps.websocket import CHARACTERS_PER_MESSAGE, MessageRate, SocketLimits, Sockets
from tandem.domain.errors import ApiError
from tandem.platform.clock import ManualClock
from tests.websocket.venue import Venue, ask, receive, settled


async def test_names_in_the_url(venue: Venue) -> None:
    for path, stream in {
        "/ws/btcusdt@trade": None,
        "/ws/nothing@at-all/btcusdt@trade": None,
        "/ws/btcusdt%40trade": None,
        "/stream?streams=btcusdt@trade": "btcusdt@trade",
        "/stream?streams=btcusdt%40trade/x": "btcusdt@trade",
        "/stream?timeUnit=MILLISECOND&streams=btcusdt@trade": "btcusdt@trade",
    }.items():
        async with venue.open(path) as socket:
            await settled(lambda: venue.exchange.hub.topics > 0)
            await venue.trade(100, 1)
            (event,) = await receive(socket)
        await settled(lambda: venue.exchange.hub.topics == 0)
        assert (path, event.get("stream"), event.get("data", event)["e"]) == (path, stream, "trade")


async def test_names_may_be_escaped_in_the_url(venue: Venue) -> None:
    name = "btcusdt@kline_1m@+08:00"
    for path in (
        "/ws/btcusdt@kline_1m@%2B08:00",
        f"/ws/{name}",
        f"/stream?streams={name}",
        "/stream?streams=" + quote(name),
    ):
        async with venue.open(path) as socket:
            assert (await ask(socket, {"method": "LIST_SUBSCRIPTIONS", "id": 1}))["result"] == [name]


async def test_any_handshake_then_subscribe(venue: Venue) -> None:
    for path in ("/ws", "/ws/", "/ws/0", "/ws/17", "/stream", "/stream/", "/stream?streams=", "/stream/ws/3"):
        async with venue.open(path) as socket:
            subscribe = {"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 1}
            assert await ask(socket, subscribe) == {"result": None, "id": 1}
            result = await venue.trade(100, 2)
            (event,) = await receive(socket)
            trade = event.get("data", event)
            assert ("data" in event) == (path.startswith("/stream") and "/ws" not in path)
            assert (trade["e"], trade["q"], trade["T"]) == ("trade", "2.00000000", result.time_us // 1000)


async def test_properties_change_the_form(venue: Venue) -> None:
    async with venue.open("/ws/btcusdt@trade?timeUnit=microsecond") as socket:
        first = await venue.trade(100, 1)
        assert (await receive(socket))[0]["T"] == first.time_us
        await ask(socket, {"method": "SET_PROPERTY", "params": ["combined", True], "id": 1})
        second = await venue.trade(100, 1)
        (event,) = await receive(socket)
        assert (event["stream"], event["data"]["T"]) == ("btcusdt@trade", second.time_us)
        assert await ask(socket, {"method": "LIST_SUBSCRIPTIONS", "id": 2}) == {"result": ["btcusdt@trade"], "id": 2}
        await ask(socket, {"method": "UNSUBSCRIBE", "params": ["btcusdt@trade"], "id": 3})
        await venue.trade(100, 1)
        assert (await ask(socket, {"method": "LIST_SUBSCRIPTIONS", "id": 4}))["result"] == []
    await settled(lambda: (venue.exchange.hub.topics, len(venue.exchange.sockets)) == (0, 0))


async def test_a_bad_time_unit_fails_the_handshake(venue: Venue) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await venue.open("/ws/btcusdt@trade?timeUnit=SECOND")
    response = refused.value.response
    assert (response.status_code, json.loads(response.body)["code"]) == (400, -1194)


async def test_plain_http_is_told_to_upgrade(venue: Venue) -> None:
    reader, writer = await asyncio.open_connection(*venue.address.split(":"))
    writer.write(b"GET /ws HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    assert (await reader.readline()).split()[1] == b"426"
    writer.close()
    await writer.wait_closed()


async def test_bad_messages_are_answered_and_the_socket_lives(venue: Venue) -> None:
    sockets = venue.exchange.sockets
    sockets.limits = replace(sockets.limits, stream_messages=0)
    async with venue.open("/ws") as socket:
        for text in ("nonsense", "[" * 60_000, '{"method":"SUBSCRIBE"', "\x00"):
            assert (await ask(socket, text))["code"] == 3
        assert await ask(socket, {"method": "LIST_SUBSCRIPTIONS", "id": 1}) == {"result": [], "id": 1}


async def test_a_message_of_more_than_64_kib_ends_the_connection(venue: Venue) -> None:
    async with venue.open("/ws") as socket:
        await socket.send("x" * 70_000)
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009


async def test_too_many_messages_end_the_connection(venue: Venue) -> None:
    sockets = venue.exchange.sockets
    assert (sockets.limits.stream_messages, sockets.limits.stream_seconds) == (5, 1.0)
    sockets.limits = replace(sockets.limits, stream_seconds=60)
    async with venue.open("/ws") as socket:
        for number in range(6):
            await socket.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": number}))
        assert [m["id"] for m in await receive(socket, 5)] == list(range(5))
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, "Too many requests")


@pytest.mark.parametrize("frame", ["ping", "pong"])
async def test_control_frames_count_as_messages(venue: Venue, frame: str) -> None:
    sockets = venue.exchange.sockets
    sockets.limits = replace(sockets.limits, stream_seconds=60)
    async with venue.open("/ws") as socket:
        for _ in range(3):
            await getattr(socket, frame)()
        for number in range(2):
            assert (await ask(socket, {"method": "LIST_SUBSCRIPTIONS", "id": number}))["result"] == []
        await getattr(socket, frame)()
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, "Too many requests")


async def test_an_address_connects_only_so_often(venue: Venue) -> None:
    sockets = venue.exchange.sockets
    sockets.limits = replace(sockets.limits, attempts_per_5_minutes=2)
    for _ in range(2):
        async with venue.open("/ws"):
            pass
    with pytest.raises(InvalidStatus) as refused:
        await venue.open("/ws")
    assert refused.value.response.status_code == 429


async def test_a_connection_ends_after_its_lifetime(venue: Venue) -> None:
    sockets = venue.exchange.sockets
    sockets.limits = replace(sockets.limits, lifetime_seconds=0.05)
    async with venue.open("/ws") as socket:
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001


async def test_a_planned_close_is_announced(venue: Venue) -> None:
    async with venue.open("/ws") as plain, venue.open("/stream") as combined, venue.open("/ws-api/v3") as api:
        for socket in (plain, combined):
            await ask(socket, {"method": "LIST_SUBSCRIPTIONS", "id": 1})
        await ask(api, {"id": 1, "method": "ping"})
        venue.exchange.sockets.announce_shutdown()
        (event,), (wrapped,), (told,) = [await receive(socket) for socket in (plain, combined, api)]
        assert event == {"e": "serverShutdown", "E": event["E"]}
        assert wrapped == {"stream": "!serverShutdown", "data": event}
        assert told == {"event": event}
        async with venue.open("/ws?timeUnit=MICROSECOND") as fine:
            await ask(fine, {"method": "LIST_SUBSCRIPTIONS", "id": 1})
            venue.exchange.sockets.announce_shutdown()
            assert (await receive(fine))[0]["E"] > 10**15
        for socket in (plain, combined, api):
            await receive(socket)
        venue.exchange.sockets.close()
        for socket in (plain, combined, api):
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012


async def test_who_does_not_read_is_cut_off_and_the_others_go_on(venue: Venue) -> None:
    sockets = venue.exchange.sockets
    host, port = venue.address.split(":")
    deaf, deaf_writer = await asyncio.open_connection(host, int(port), limit=1024)
    deaf_writer.write(
        b"GET /ws/btcusdt@trade HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        b"sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    await deaf.readuntil(b"\r\n\r\n")
    async with venue.open("/ws/btcusdt@trade") as reading:
        await settled(lambda: len(sockets) == 2)
        topic = venue.exchange.hub._topics["btcusdt@trade"]
        largest, sent = 0, 0
        while not sockets.cut_off:
            topic.publish(lambda _unit: b'"%b"' % (b"x" * 50_000))
            sent += 1
            waiting = [socket._transport.get_write_buffer_size() for socket in sockets._open]  # type: ignore[attr-defined]
            largest = max([largest, *waiting])
            assert len(await reading.recv()) == 50_002
            assert sent < 1_000
        assert largest <= sockets.limits.max_waiting_bytes + 60_000
        await venue.trade(100, 1)
        assert (await receive(reading))[0]["e"] == "trade"
        assert len(sockets) == 1
    deaf_writer.transport.abort()


async def test_a_listen_key_is_the_accounts_stream(venue: Venue) -> None:
    async with venue.open("/ws-api/v3") as api:
        started = await ask(
            api, {"id": 1, "method": "userDataStream.start", "params": {"apiKey": venue.keys["alice"]["apiKey"]}}
        )
        key = started["result"]["listenKey"]
        async with venue.open(f"/ws/{key}") as plain, venue.open(f"/stream?streams={key}") as combined:
            for socket in (plain, combined):
                assert (await ask(socket, {"method": "LIST_SUBSCRIPTIONS", "id": 1}))["result"] == [key]
            await venue.place("alice", 0, 90, 1)
            await venue.place("bob", 0, 80, 1)
            report, position = await receive(plain, 2)
            assert (report["e"], report["x"], position["e"]) == ("executionReport", "NEW", "outboundAccountPosition")
            assert await receive(combined, 2) == [{"stream": key, "data": event} for event in (report, position)]
            stop = {"apiKey": venue.keys["alice"]["apiKey"], "listenKey": key}
            assert (await ask(api, {"id": 2, "method": "userDataStream.stop", "params": stop}))["result"] == {}
            (expired,) = await receive(plain)
            assert expired == {"e": "listenKeyExpired", "E": expired["E"], "listenKey": key}
            await venue.place("alice", 0, 91, 1)
            assert (await ask(plain, {"method": "LIST_SUBSCRIPTIONS", "id": 2}))["result"] == []


async def test_the_book_by_snapshot_and_stream(venue: Venue) -> None:
    async with venue.open("/ws/btcusdt@depth@100ms") as stream, venue.open("/ws-api/v3") as api:
        await ask(stream, {"method": "LIST_SUBSCRIPTIONS", "id": 1})
        await venue.place("alice", 0, 90, 1)
        (first,) = await receive(stream)
        snapshot = (await ask(api, {"id": 1, "method": "depth", "params": {"symbol": "BTCUSDT"}}))["result"]
        assert first["U"] <= snapshot["lastUpdateId"] + 1
        await venue.place("alice", 0, 91, 2)
        (second,) = await receive(stream)
        assert (second["U"], second["b"]) == (first["u"] + 1, [["91.00000000", "2.00000000"]])


def test_long_messages_count_for_several() -> None:
    clock = ManualClock()
    rate, unit = MessageRate(clock, 10, 5.0), CHARACTERS_PER_MESSAGE
    assert [rate.allows(size) for size in (0, unit - 1, unit * 6, 0, unit, 0, 0)] == [True] * 4 + [False, False, False]
    clock.advance(5)
    assert [rate.allows(10**9), rate.allows()] == [True, False]
    assert all(MessageRate(clock, 0, 5.0).allows(10**9) for _ in range(100))


def test_attempts_are_remembered_of_so_many_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "MAX_ENTRIES", 2)
    sockets = Sockets(ManualClock(), SocketLimits(attempts_per_5_minutes=2))
    for address in ("10.0.0.1", "10.0.0.2", "10.0.0.3"):
        sockets.count_attempt(address)
    for _ in range(2):
        sockets.count_attempt("10.0.0.1")
    with pytest.raises(ApiError):
        sockets.count_attempt("10.0.0.1")
    assert len(sockets._attempts) == 2
