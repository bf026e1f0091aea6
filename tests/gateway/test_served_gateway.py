"""The gateway behind the real server, where answers leave in one write."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tandem.apps.server import listen, serve
from tests.gateway.edge import NOW_MS, Edge, sign


@asynccontextmanager
async def served(edge: Edge) -> AsyncIterator[int]:
    listener = listen("127.0.0.1", 0)
    stop, started = asyncio.Event(), asyncio.Event()
    serving = asyncio.create_task(serve(edge.app, listener, stop=stop, started=started))
    await started.wait()
    try:
        yield listener.getsockname()[1]
    finally:
        stop.set()
        await serving


async def talk(port: int, raw: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(raw)
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    await writer.wait_closed()
    return answer


def split(answer: bytes) -> list[tuple[bytes, dict[bytes, bytes], bytes]]:
    """Status line, headers and body of each answer, by its content-length."""
    found = []
    while answer:
        head, _, rest = answer.partition(b"\r\n\r\n")
        status, *lines = head.split(b"\r\n")
        headers = dict(line.split(b": ", 1) for line in lines)
        assert len(headers) == len(lines), "a header twice"
        length = int(headers.get(b"content-length", b"0"))
        found.append((status, headers, rest[:length]))
        answer = rest[length:]
    return found


CLOSE = b"Connection: close\r\n\r\n"


async def test_pipelined_orders_and_refusals_are_answered_whole_and_in_order(edge: Edge) -> None:
    signed = f"symbol=A&timestamp={NOW_MS}"
    query = f"{signed}&signature={sign(edge.key, signed)}".encode()
    head = b"POST /api/v3/order?" + query + b" HTTP/1.1\r\nHost: x\r\nX-MBX-APIKEY: " + edge.key.key.id.encode()
    order = head + b"\r\nContent-Length: 0\r\n\r\n"
    async with served(edge) as port:
        requests = (
            order + b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n" + order + b"GET /api/v3/ping HTTP/1.1\r\n" + CLOSE
        )
        answers = split(await talk(port, requests))
    assert [(status, body) for status, _, body in answers] == [
        (b"HTTP/1.1 200 OK", b'{"orderId":1}'),
        (b"HTTP/1.1 404 Not Found", b'{"code":-1099,"msg":"Not found, authenticated, or authorized"}'),
        (b"HTTP/1.1 200 OK", b'{"orderId":1}'),
        (b"HTTP/1.1 200 OK", b"{}"),
    ]
    headers = answers[2][1]
    assert headers.pop(b"date")
    assert headers == {
        b"content-type": b"application/json;charset=UTF-8",
        b"content-length": b"13",
        b"x-mbx-used-weight": b"1",
        b"x-mbx-used-weight-1m": b"1",
        b"x-mbx-order-count-10s": b"2",
        b"x-mbx-order-count-1d": b"2",
    }
    assert answers[3][1][b"connection"] == b"close"


async def test_head_and_options_have_no_body(edge: Edge) -> None:
    async with served(edge) as port:
        head = await talk(port, b"HEAD /api/v3/ping HTTP/1.1\r\n" + CLOSE)
        options = await talk(port, b"OPTIONS /api/v3/ping HTTP/1.1\r\n" + CLOSE)
        old = await talk(port, b"GET /api/v3/ping HTTP/1.0\r\n\r\n")
    assert head.endswith(b"\r\n\r\n")
    assert b"content-length: 2\r\n" in head
    assert options.startswith(b"HTTP/1.1 204 No Content\r\n")
    assert options.endswith(b"\r\n\r\n")
    assert b"transfer-encoding" not in options
    assert old.endswith(b"\r\n\r\n{}")


async def test_a_body_in_pieces_is_one_body(edge: Edge) -> None:
    body = f"symbol=A&timestamp={NOW_MS}"
    body += f"&signature={sign(edge.key, body)}"
    head = f"DELETE /api/v3/order HTTP/1.1\r\nX-MBX-APIKEY: {edge.key.key.id}\r\nTransfer-Encoding: chunked\r\n"
    pieces = "".join(f"1\r\n{character}\r\n" for character in body)
    async with served(edge) as port:
        answer = await talk(port, head.encode() + CLOSE + pieces.encode() + b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_refused_body_ends_the_request_and_not_the_server(edge: Edge) -> None:
    async with served(edge) as port:
        big = await talk(port, b"POST /api/v3/order HTTP/1.1\r\nContent-Length: 100000\r\n" + CLOSE)
        assert big.startswith(b"HTTP/1.1 413 ")
        assert (await talk(port, b"GET /api/v3/ping HTTP/1.1\r\n" + CLOSE)).endswith(b"{}")
