"""Raw bytes against the real server on a loopback port: deadlines, sizes, smuggling, caps, and a graceful stop."""

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
import uvloop
from websockets.asyncio.client import connect

from tandem.apps.connections import ConnectionLimits, HttpConnection, WebSocketConnection
from tandem.apps.server import ListenError, listen, serve

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

BIG = b"x" * 3_000_000
SHORT = ConnectionLimits(
    head_seconds=0.1, body_seconds=0.1, stalled_seconds=0.2, head_bytes=1024, body_bytes=2048, frame_bytes=1024
)
ROOMY = ConnectionLimits(head_bytes=1024, body_bytes=2048, frame_bytes=1024)


async def echo(
    scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
) -> None:
    """Answers with what arrived; `/big` with more than socket buffers hold; WebSockets echo text."""
    assert scope["extensions"]["tandem.transport"].get_write_buffer_size() == 0
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})
        return
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        if not message["more_body"]:
            break
    if scope["path"] == "/slow":
        await asyncio.sleep(0.05)
    answer = BIG if scope["path"] == "/big" else b"%s %s %s" % (scope["method"].encode(), scope["raw_path"], body)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(answer))]})
    await send({"type": "http.response.body", "body": answer})


@asynccontextmanager
async def running(limits: ConnectionLimits) -> AsyncIterator[int]:
    listener = listen("127.0.0.1", 0)
    stop, started = asyncio.Event(), asyncio.Event()
    serving = asyncio.create_task(serve(echo, listener, stop=stop, started=started, limits=limits))
    await started.wait()
    try:
        yield listener.getsockname()[1]
    finally:
        stop.set()
        await serving


async def talk(port: int, *pieces: bytes) -> bytes:
    """Everything that comes back until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        return await asyncio.wait_for(reader.read(), 3)
    except ConnectionResetError:
        return b"reset"
    finally:
        writer.transport.abort()


def statuses(answer: bytes) -> list[int]:
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]


def refusal(answer: bytes) -> tuple[int, Any]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/json;charset=UTF-8" in head
    assert b"connection: close" in head
    return int(head[9:12]), json.loads(body)


CLOSE = b"Connection: close\r\n"
CLOSE_REQUEST = b"GET /last HTTP/1.1\r\nHost: x\r\n" + CLOSE + b"\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
SMUGGLED = {
    "length and chunked": b"POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked and length": b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
    "signed length": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +4\r\n\r\nabcd",
    "hex length": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x4\r\n\r\nabcd",
    "list of lengths": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4, 4\r\n\r\nabcd",
    "obsolete folding": b"POST / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    "bare LF": b"GET / HTTP/1.1\nHost: x\n\n",
    "bare LF in a head": b"GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n",
    "bare CR": b"GET / HTTP/1.1\r\nHost: x\rA: b\r\n\r\n",
    "space before colon": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length : 4\r\n\r\nabcd",
    "not chunked last": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "odd chunked": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "bad chunk size": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
    "NUL in a header": b"GET / HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n",
    "no request": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "CONNECT": b"CONNECT evil:80 HTTP/1.1\r\nHost: x\r\n\r\n",
    "not ASCII": "GET /é HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
    "no path": b"GET http://x HTTP/1.1\r\nHost: x\r\n\r\n",
}


async def test_ambiguous_requests_are_refused_in_json() -> None:
    async with running(SHORT) as port:
        answers = {what: refusal(await talk(port, raw)) for what, raw in SMUGGLED.items()}
    malformed = (400, {"code": -1130, "msg": "The HTTP request is malformed."})
    assert answers == dict.fromkeys(SMUGGLED, malformed)


async def test_ordinary_requests_pass_whole_or_in_pieces() -> None:
    request = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n" + CLOSE + b"\r\nabc"
    chunked = b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n" + CLOSE + b"\r\n3\r\nabc\r\n0\r\n\r\n"
    async with running(ROOMY) as port:
        answers = [
            await talk(port, request),
            await talk(port, *[bytes([byte]) for byte in request]),
            await talk(port, chunked),
        ]
    assert [answer.rpartition(b"\r\n\r\n")[2] for answer in answers] == [b"POST /a abc"] * 3


async def test_pipelined_requests_are_answered_in_order() -> None:
    first = b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in range(40))
    async with running(ROOMY) as port:
        answer = await talk(port, first + b"GET /last HTTP/1.1\r\nHost: x\r\n" + CLOSE + b"\r\n")
    assert statuses(answer) == [200] * 41
    positions = [answer.index(b"GET /%d " % number) for number in range(40)]
    assert positions == sorted(positions)
    assert answer.endswith(b"GET /last ")


async def test_a_connection_that_queues_too_many_requests_is_cut_off() -> None:
    async with running(replace(ROOMY, pipelined_requests=8)) as port:
        whole = await talk(port, b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n" * 8 + CLOSE_REQUEST)
        flood = await talk(port, b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n" * 100)
    assert statuses(whole) == [200] * 9
    assert statuses(flood) in ([], [200])


@pytest.mark.parametrize("then", [b"", b"\x00"], ids=["leaves", "is refused"])
def test_a_client_that_goes_while_its_requests_queue_is_no_error_of_ours(
    then: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def go() -> None:
        async with running(ROOMY) as port:
            for _ in range(3):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n" * 3 + then)
                await asyncio.sleep(0.02)
                writer.transport.abort()
            await asyncio.sleep(0.1)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # the loop that refuses writes to what is closed
        runner.run(go())
    assert caplog.messages == []


TOO_LARGE = {
    "request line": (b"GET /" + b"a" * 2000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    "endless request line": (b"GET /" + b"a" * 5000, 414),
    "one header": (b"GET / HTTP/1.1\r\nA: " + b"a" * 2000 + b"\r\n\r\n", 431),
    "many headers": (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 300 + b"\r\n", 431),
    "trailers": (CHUNKED + b"0\r\n" + b"a: b\r\n" * 100, 400),
    "chunked body": (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n" + b"a" * 4096, 413),
}


async def test_what_is_too_large_is_refused_before_it_is_read() -> None:
    async with running(ROOMY) as port:
        answers = {what: refusal(await talk(port, raw))[0] for what, (raw, _) in TOO_LARGE.items()}
        dribbled = await talk(port, b"GET / HTTP/1.1\r\nA: ", *[b"a" * 500] * 5)
        extended = await talk(port, CHUNKED + b"1;", *[b"a" * 4000] * 5)
        trailing = await talk(port, CHUNKED + b"0\r\na: ", *[b"a" * 4000] * 5)
    assert answers == {what: status for what, (_, status) in TOO_LARGE.items()}
    assert statuses(dribbled) == [431]
    assert statuses(extended) == statuses(trailing) == [413]


LATE = {
    "silence": b"",
    "half a request line": b"GET / HT",
    "half a head": b"GET / HTTP/1.1\r\nHost: x\r\n",
    "empty lines": b"\r\n\r\n",
    "half a body": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc",
    "half a chunk": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
}


async def test_slow_requests_are_ended_at_their_deadline() -> None:
    async with running(SHORT) as port:
        answers = await asyncio.gather(*[talk(port, raw) for raw in LATE.values()])
    late = (408, {"code": -1001, "msg": "The request did not arrive in time."})
    assert dict(zip(LATE, map(refusal, answers), strict=True)) == dict.fromkeys(LATE, late)


async def test_bytes_that_trickle_in_do_not_extend_a_deadline() -> None:
    async with running(SHORT) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        reading = asyncio.create_task(reader.read())
        began = asyncio.get_running_loop().time()
        while not reading.done():
            writer.write(b"\r\n" if began else b"")
            await asyncio.wait({reading}, timeout=0.02)
        took = asyncio.get_running_loop().time() - began
        writer.transport.abort()
    assert statuses(await reading) == [408]
    assert took < 1


async def test_a_second_request_has_a_deadline_too() -> None:
    async with running(SHORT) as port:
        answer = await talk(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1\r\nHo")
    assert statuses(answer) == [200, 408]


async def test_a_peer_that_does_not_read_is_cut_off() -> None:
    async with running(SHORT) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
        await asyncio.sleep(0.5)
        received = 0
        try:
            while piece := await reader.read(65536):
                received += len(piece)
        except ConnectionResetError:
            received += 0
        writer.transport.abort()
    assert received < 3 * len(BIG)


async def test_one_address_opens_only_so_many_connections() -> None:
    async with running(ConnectionLimits(connections_per_address=2)) as port:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        status, body = refusal(await talk(port))
        held[0][1].transport.abort()
        again = b"HTTP/1.1 429"
        while statuses(again) == [429]:
            again = await talk(port, b"GET / HTTP/1.1\r\nHost: x\r\n" + CLOSE + b"\r\n")
        held[1][1].transport.abort()
    assert (status, body) == (
        429,
        {"code": -1003, "msg": "Too many concurrent connections from IP; current limit is 2."},
    )
    assert statuses(again) == [200]


async def test_a_full_server_says_that_it_is_busy() -> None:
    async with running(ConnectionLimits(connections=1)) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        status, body = refusal(await talk(port))
        writer.transport.abort()
    assert (status, body["code"]) == (503, -1008)


async def test_websocket_messages_are_bounded_and_connections_counted() -> None:
    async with running(ConnectionLimits(frame_bytes=1024, connections_per_address=1)) as port:
        for size, code in ((1024, 1000), (1025, 1009)):
            async with connect(f"ws://127.0.0.1:{port}/", max_size=None) as socket:
                assert socket.response is not None
                assert "Sec-WebSocket-Extensions" not in socket.response.headers
                await socket.send("a" * size)
                if code == 1000:
                    assert await socket.recv() == "a" * size
                    assert refusal(await talk(port))[0] == 429
                else:
                    await socket.wait_closed()
            assert socket.close_code == code


async def test_control_frames_and_empty_fragments_have_a_limit() -> None:
    async with running(ROOMY) as port:
        async with connect(f"ws://127.0.0.1:{port}/") as socket:
            for _ in range(50):
                await socket.ping()
            await socket.wait_closed()
        assert socket.close_code == 1008
        async with connect(f"ws://127.0.0.1:{port}/") as socket:
            socket.transport.write(b"\x01\x80\x00\x00\x00\x00" + b"\x00\x80\x00\x00\x00\x00" * 100)
            await socket.wait_closed()
        assert socket.close_code == 1006


async def test_messages_that_nobody_has_read_are_bounded() -> None:
    async with (
        running(replace(ROOMY, queued_messages=100)) as port,
        connect(f"ws://127.0.0.1:{port}/", max_queue=None) as socket,
    ):
        socket.transport.write(b"\x81\x80\x00\x00\x00\x00" * 90)
        assert [await socket.recv() for _ in range(90)] == [""] * 90
        socket.transport.write(b"\x81\x80\x00\x00\x00\x00" * 10_000)
        await socket.wait_closed()
        assert socket.close_code == 1006


async def test_connections_that_ended_leave_nothing_for_the_collector() -> None:
    """Full collections are rare, so what only they could free would pile up."""
    kinds = (HttpConnection, WebSocketConnection)
    async with running(ROOMY) as port:
        gc.collect()
        gc.disable()
        try:
            for _ in range(10):
                await talk(port, b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n", CLOSE_REQUEST)
                await talk(port, b"?")
                async with connect(f"ws://127.0.0.1:{port}/") as socket:
                    await socket.send("a")
                    await socket.recv()
            await asyncio.sleep(0.05)
            left = [type(found).__name__ for found in gc.get_objects() if type(found) in kinds]
        finally:
            gc.enable()
    assert left == []


async def accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except (ConnectionRefusedError, ConnectionResetError):
        return False
    writer.transport.abort()
    return True


async def test_a_stop_finishes_what_is_under_way_and_takes_nothing_new() -> None:
    begun, finish = asyncio.Event(), asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        begun.set()
        await finish.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    stop, started = asyncio.Event(), asyncio.Event()
    serving = asyncio.create_task(serve(slow, listener, stop=stop, started=started))
    await started.wait()
    talking = asyncio.create_task(talk(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
    await begun.wait()
    stop.set()
    while await accepts(port):
        await asyncio.wait({serving}, timeout=0.01)
    finish.set()
    assert statuses(await talking) == [200]
    await serving


async def test_an_address_in_use_is_said_plainly() -> None:
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(ListenError, match=f"cannot listen on 127.0.0.1 port {port}: Address already in use"):
            listen("127.0.0.1", port)
