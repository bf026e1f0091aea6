"""Hostile WebSocket clients: those that never read, those from foreign pages, broken JSON and frames."""

import asyncio
import base64
import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import aiohttp
import httpx
import pytest

from tests.system.exchange import Exchange
from tests.system.streams import connect
from tests.system.venue import Venue, make_account, make_venue

MIB = 1024 * 1024
CLIENTS = 200
MOST_GROWTH = 200 * MIB


def frame(payload: bytes, opcode: int = 1, *, fin: bool = True, masked: bool = True) -> bytes:
    """One client frame."""
    size = len(payload)
    length = bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2) if size < 65536 else b"\x7f" + size.to_bytes(8)
    head = bytes([(0x80 if fin else 0) | opcode, length[0] | (0x80 if masked else 0)]) + length[1:]
    mask = b"\x00" * 4  # a mask of zeros leaves the payload as it is
    return head + (mask if masked else b"") + payload


@contextlib.contextmanager
def deaf_clients(where: Exchange, path: str) -> Iterator[list[socket.socket]]:
    """Connections that nobody will ever read from."""
    clients: list[socket.socket] = []
    try:
        for _ in range(CLIENTS):
            clients.append(open_raw(where, path))
        yield clients
    finally:
        for raw in clients:
            raw.close()


def open_raw(where: Exchange, path: str, receive_buffer: int = 4096) -> socket.socket:
    """A socket after its handshake, with a small receive buffer."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    raw.settimeout(10)
    raw.connect(where.address)
    key = base64.b64encode(os.urandom(16)).decode()
    raw.sendall(
        f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += raw.recv(1)
    assert b" 101 " in answer, answer
    return raw


def is_cut_off(raw: socket.socket) -> bool:
    """Whether the other side is gone, found out without reading: a closed socket answers with a reset."""
    try:
        raw.sendall(frame(b"", 10))  # a pong that nobody asked for
    except (BrokenPipeError, ConnectionResetError):
        return True
    return False


@dataclass
class Watch:
    """What a process did while it was attacked."""

    seconds: float = 0.0
    peak_bytes: int = 0
    slowest_answer: float = 0.0
    left: list[socket.socket] = field(default_factory=list)


async def watch(where: Exchange, clients: list[socket.socket], before: int, timeout_s: float) -> Watch:
    """Until every client is cut off, or time is up."""
    seen, begin, asked = Watch(left=clients), time.monotonic(), 0.0
    async with httpx.AsyncClient(timeout=30) as client:
        while seen.left and seen.seconds < timeout_s:
            sent = time.monotonic()
            seen.seconds = sent - begin
            assert (await client.get(where.url + "/api/v3/ping")).status_code == 200
            seen.slowest_answer = max(seen.slowest_answer, time.monotonic() - sent)
            seen.peak_bytes = max(seen.peak_bytes, where.resident_bytes() - before)
            if sent - asked > 1:  # seldom, so that the pongs themselves are no offence
                asked = sent
                seen.left = [raw for raw in seen.left if not is_cut_off(raw)]
            await asyncio.sleep(0.05)
    return seen


def check_watch(seen: Watch) -> None:
    assert not seen.left, f"{len(seen.left)} of {CLIENTS} still connected after {seen.seconds:.0f} s"
    assert seen.peak_bytes < MOST_GROWTH, f"grew by {seen.peak_bytes / MIB:.0f} MiB"
    assert seen.slowest_answer < 5, f"somebody else waited {seen.slowest_answer:.2f} s"


@pytest.fixture
def busy(own_exchange: Exchange) -> Venue:
    """A process of its own, since its memory is measured, with a market that has something to tell."""
    own_exchange.start("--no-demo")
    own_exchange.operate("POST", "/assets", {"asset": "USDT"})
    where = make_venue(own_exchange, "BSY")
    trader = own_exchange.trader(make_account("maker", where))
    for step in range(100):
        trader.place(where.symbol, "BUY", quantity="0.1", price=f"{60 - step / 100:.2f}")
    taker = own_exchange.trader(make_account("taker", where))
    for _ in range(5):
        for step in range(100):
            trader.place(where.symbol, "BUY", quantity="0.001", price=f"{65 - step / 100:.2f}")
        taker.place(where.symbol, "SELL", quantity="0.1", price="64.01")
    return where


@pytest.mark.timeout(120)
async def test_clients_that_ask_and_never_read_are_cut_off(busy: Venue) -> None:
    """Large answers to many requests pile up with the one who asked, up to a limit."""
    where = busy.exchange
    before = where.resident_bytes()
    request = {"id": 1, "method": "trades.recent", "params": {"symbol": busy.symbol, "limit": 1000}}
    asked = frame(json.dumps(request).encode()) * 100
    with deaf_clients(where, "/ws-api/v3") as clients:
        for raw in clients:
            raw.sendall(asked)
        check_watch(await watch(where, clients, before, 60))


STREAMS = ("depth@100ms", "depth20@100ms", "depth20", "bookTicker", "trade", "aggTrade")


@pytest.mark.timeout(120)
async def test_subscribers_that_never_read_are_cut_off(busy: Venue) -> None:
    """The same for streams: one trader's orders are multiplied by everybody who listens."""
    where = busy.exchange
    names = "/".join(f"{busy.symbol.lower()}@{name}" for name in STREAMS)
    before = where.resident_bytes()
    alice, bob = (where.trader(make_account(name, busy)) for name in ("alice", "bob"))
    done = threading.Event()

    def trade() -> None:
        while not done.is_set():
            for buyer, seller in ((alice, bob), (bob, alice)):
                buyer.place(busy.symbol, "BUY", quantity="0.2", price="70")
                seller.place(busy.symbol, "SELL", "MARKET", quantity="0.2")

    with deaf_clients(where, f"/stream?streams={names}") as clients:
        trading = asyncio.create_task(asyncio.to_thread(trade))
        try:
            check_watch(await watch(where, clients, before, 90))
        finally:
            done.set()
            await trading


FOREIGN = ["https://evil.example", "null", "http://localhost.evil.example", "file://"]


@pytest.mark.parametrize("origin", FOREIGN)
async def test_a_foreign_page_may_not_open_the_websocket_api(exchange: Exchange, origin: str) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with connect(exchange.ws_url + "/ws-api/v3", headers={"Origin": origin}):
            pass
    assert refused.value.status == 403


@pytest.mark.parametrize("path", ["/ws", "/ws/", "/ws/0", "/ws/btcusdt@trade", "/stream", "/stream?streams=x@trade"])
async def test_every_page_may_open_public_streams(exchange: Exchange, path: str) -> None:
    async with connect(exchange.ws_url + path, headers={"Origin": "https://evil.example"}) as opened:
        assert (await opened.ask("LIST_SUBSCRIPTIONS"))["result"] is not None


@pytest.mark.parametrize("path", ["/nope", "/ws-api/v2", "/api/v3/ping", "/healthz"])
async def test_a_handshake_elsewhere_is_refused(exchange: Exchange, path: str) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with connect(exchange.ws_url + path):
            pass
    assert 400 <= refused.value.status < 500


DEEP = "[" * 60_000
BROKEN = {
    "deep list": DEEP,
    "deep params": '{"id":1,"method":"ping","params":' + '{"a":' * 10_000 + "1" + "}" * 10_001,
    "not JSON": "hello",
    "empty": "",
    "a list": "[]",
    "a number": "1",
    "null": "null",
    "no method": '{"id":1}',
    "a method of the wrong kind": '{"id":1,"method":7}',
    "an unknown method": '{"id":1,"method":"nope"}',
    "an id of the wrong kind": '{"id":{},"method":"ping"}',
    "params of the wrong kind": '{"id":1,"method":"ping","params":[1]}',
    "half a pair": '{"id":1,"method":"\\ud800"}',
    "huge number": '{"id":1,"method":"depth","params":{"symbol":"X","limit":' + "9" * 5000 + "}}",
    "number beyond float": '{"id":1,"method":"depth","params":{"symbol":"X","limit":1e999}}',
    "key twice": '{"id":1,"method":"ping","method":"ping"}',
}


@pytest.mark.parametrize("which", BROKEN)
async def test_broken_requests_are_answered_with_an_error(exchange: Exchange, which: str) -> None:
    """Never a 5xx, never silence; afterwards the connection works or is closed in order."""
    async with connect(exchange.ws_url + "/ws-api/v3") as opened:
        await opened.raw.send_str(BROKEN[which])
        try:
            answer = await opened.next(5)
        except ConnectionError:
            assert opened.raw.close_code in (1002, 1003, 1007, 1008, 1009)
            return
        if which != "key twice":
            assert 400 <= answer["status"] < 500, answer
            assert set(answer["error"]) >= {"code", "msg"}
        assert (await opened.ask("ping"))["status"] == 200


@pytest.mark.parametrize("path", ["/ws-api/v3", "/ws"])
async def test_a_message_that_is_too_large_ends_the_connection(exchange: Exchange, path: str) -> None:
    before = exchange.resident_bytes()
    async with connect(exchange.ws_url + path) as opened:
        with pytest.raises(ConnectionError):
            await too_large(opened.raw)
        assert opened.raw.close_code in (1009, 1008, 1006, None)
    assert exchange.resident_bytes() - before < 16 * MIB


async def too_large(raw: aiohttp.ClientWebSocketResponse) -> None:
    await raw.send_str("x" * (4 * MIB))
    message = await raw.receive(10)
    raise ConnectionError(message.type)


PROTOCOL = {
    "an unmasked frame": frame(b'{"id":1,"method":"ping"}', masked=False),
    "an unknown opcode": frame(b"", 11),
    "a reserved bit": bytes([0xC1]) + frame(b"hi")[1:],
    "a continuation of nothing": frame(b"", 0),
    "a long ping": frame(b"x" * 126, 9),
    "text that is not UTF-8": frame(b"\xff\xfe"),
}


@pytest.mark.parametrize("which", PROTOCOL)
def test_frames_against_the_protocol_end_the_connection(exchange: Exchange, which: str) -> None:
    received = b""
    with open_raw(exchange, "/ws", 65536) as raw, contextlib.suppress(ConnectionResetError):
        raw.sendall(PROTOCOL[which])
        while chunk := raw.recv(4096):
            received += chunk
    assert received[:1] in (b"", b"\x88"), received


async def test_many_subscriptions_are_limited(exchange: Exchange, market: Venue) -> None:
    """1024 streams at most on one connection."""
    async with connect(exchange.ws_url + "/ws") as opened:
        names = [f"{market.symbol.lower()}@kline_{i}x" for i in range(1025)]
        assert "code" in await answer_to(opened.raw, {"id": 1, "method": "SUBSCRIBE", "params": names})
        fine = await answer_to(opened.raw, {"id": 2, "method": "SUBSCRIBE", "params": names[:1024]})
        assert fine == {"result": None, "id": 2}
        assert "code" in await answer_to(opened.raw, {"id": 3, "method": "SUBSCRIBE", "params": ["one@trade"]})


async def answer_to(raw: aiohttp.ClientWebSocketResponse, request: dict[str, object]) -> dict[str, object]:
    await raw.send_str(json.dumps(request))
    answer: dict[str, object] = json.loads((await raw.receive(10)).data)
    return answer
