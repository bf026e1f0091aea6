"""Hostile HTTP: slow, oversized, ambiguous and nonsensical requests, byte by byte over raw sockets."""

import asyncio
import contextlib
import json
import socket
import time

import httpx
import pytest

from tests.system.exchange import Exchange
from tests.system.trader import Trader
from tests.system.venue import Venue, make_account, make_venue

PING = b"GET /api/v3/ping HTTP/1.1\r\nHost: x\r\n\r\n"


def exchange_bytes(where: Exchange, sent: bytes, timeout_s: float = 15.0) -> bytes:
    """Everything that comes back until the other side closes or has nothing more to say."""
    with socket.create_connection(where.address, timeout=timeout_s) as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(sent)
        received = b""
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            while chunk := connection.recv(65536):
                received += chunk
                connection.settimeout(0.3)
        return received


def statuses(received: bytes) -> list[int]:
    return [int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:]]


def check_alive(where: Exchange) -> None:
    assert statuses(exchange_bytes(where, PING)) == [200]


SMUGGLED = b"GET /api/v3/time HTTP/1.1\r\nHost: x\r\n\r\n"
AMBIGUOUS = {
    "length and chunked": b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked and length": b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "two lengths": b"Content-Length: 0\r\nContent-Length: 44\r\n\r\n",
    "signed length": b"Content-Length: +0\r\n\r\n",
    "negative length": b"Content-Length: -1\r\n\r\n",
    "hexadecimal length": b"Content-Length: 0x0\r\n\r\n",
    "list of lengths": b"Content-Length: 0, 0\r\n\r\n",
    "unknown coding": b"Transfer-Encoding: xchunked\r\n\r\n",
    "chunked twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked not last": b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "space before the colon": b"Content-Length : 0\r\n\r\n",
    "folded header": b"X-A: b\r\n c\r\n\r\n",
    "bare line feed": b"X-A: b\nX-B: c\r\n\r\n",
    "bare carriage return": b"X-A: b\rX-B: c\r\n\r\n",
    "NUL in a header": b"X-A: b\x00c\r\n\r\n",
    "bad chunk size": b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
}


@pytest.mark.parametrize("which", AMBIGUOUS)
def test_an_ambiguous_request_is_refused_and_ends_the_connection(exchange: Exchange, which: str) -> None:
    """A proxy in front could read its end elsewhere: what follows must not be answered as a request."""
    received = exchange_bytes(exchange, b"POST /api/v3/order HTTP/1.1\r\nHost: x\r\n" + AMBIGUOUS[which] + SMUGGLED)
    assert b"serverTime" not in received
    assert len(statuses(received)) <= 1
    assert all(400 <= status < 500 for status in statuses(received)), received
    check_alive(exchange)


def test_pipelined_requests_are_answered_in_order(exchange: Exchange) -> None:
    """What is well-formed is not refused: two requests in one segment."""
    received = exchange_bytes(exchange, PING + SMUGGLED)
    assert statuses(received) == [200, 200]
    assert received.index(b"{}") < received.index(b"serverTime")


def chunked(size: int) -> bytes:
    return b"Transfer-Encoding: chunked\r\n\r\n" + b"%x\r\n" % size + b"a" * size + b"\r\n0\r\n\r\n"


FORM = b"POST /api/v3/order HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
OVERSIZED = {
    "declared body": (FORM + b"Content-Length: 10000000000\r\n\r\n", {413}),
    "body": (FORM + b"Content-Length: 1000000\r\n\r\n" + b"a" * 1_000_000, {413}),
    "chunked body": (FORM + chunked(1_000_000), {413}),
    "one header": (b"GET /api/v3/ping HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 1_000_000 + b"\r\n\r\n", {400, 431}),
    "many headers": (b"GET /api/v3/ping HTTP/1.1\r\nHost: x\r\n" + b"X-A: b\r\n" * 20_000 + b"\r\n", {400, 431}),
    "request line": (b"GET /api/v3/ping?" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", {400, 414, 431}),
    "trailers": (FORM + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X-A: b\r\n" * 20_000 + b"\r\n", {400, 413, 431}),
}


@pytest.mark.parametrize("which", OVERSIZED)
def test_an_oversized_request_is_cut_short(exchange: Exchange, which: str) -> None:
    sent, allowed = OVERSIZED[which]
    before = exchange.resident_bytes()
    received = exchange_bytes(exchange, sent)
    assert set(statuses(received)) <= allowed, received[:300]
    assert exchange.resident_bytes() - before < 16 * 1024 * 1024
    check_alive(exchange)


async def drip(where: Exchange, first: bytes, each: bytes, every_s: float) -> float:
    """Seconds until the other side gave up on a client that sends `each` every so often; 30 if it never did."""
    begin = time.monotonic()
    reader, writer = await asyncio.open_connection(*where.address)
    closed = asyncio.create_task(reader.read())
    writer.write(first)
    while not closed.done() and time.monotonic() - begin < 30:
        await asyncio.wait([closed], timeout=every_s)
        writer.write(each)
    spent = time.monotonic() - begin
    closed.cancel()
    await asyncio.gather(closed, return_exceptions=True)
    writer.close()
    return spent


async def test_slow_requests_run_out_of_time_and_disturb_nobody(exchange: Exchange) -> None:
    """Header and body have a deadline in total, not between two bytes."""
    slow_body = FORM + b"Content-Length: 1000\r\n\r\n"
    kinds = [
        (b"GET /api/v3/ping HTTP/1.1\r\nX-A: ", b"a"),
        (b"GET /api/v3/ping HTTP/1.1\r\n", b"X-A: b\r\n"),
        (b"G", b""),
        (slow_body, b"a"),
    ]
    attackers = [asyncio.create_task(drip(exchange, *kind, 0.5)) for kind in kinds for _ in range(25)]
    await asyncio.sleep(1)
    worst = 0.0
    async with httpx.AsyncClient() as client:
        for _ in range(50):
            begin = time.monotonic()
            assert (await client.get(exchange.url + "/api/v3/ping")).status_code == 200
            worst = max(worst, time.monotonic() - begin)
    assert worst < 1.0
    given_up = await asyncio.gather(*attackers)
    assert max(given_up[:75]) < 9, "headers"
    assert max(given_up[75:]) < 16, "bodies"


UNKNOWN = [
    ("GET", "/"),
    ("GET", "/api/v3/nope"),
    ("POST", "/api/v3"),
    ("GET", "/api/v3/ping/"),
    ("GET", "/../etc/passwd"),
]


@pytest.mark.parametrize(("method", "path"), UNKNOWN)
def test_an_unknown_path_is_a_json_404(exchange: Exchange, method: str, path: str) -> None:
    answer = httpx.request(method, exchange.url + path)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("application/json")
    assert set(answer.json()) == {"code", "msg"}


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "PROPFIND", "TRACE"])
def test_an_unknown_method_is_a_json_405(exchange: Exchange, method: str) -> None:
    answer = httpx.request(method, exchange.url + "/api/v3/ping")
    assert answer.status_code == 405
    assert set(answer.json()) == {"code", "msg"}


NONSENSE = {
    "not HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "next version": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no target": b"GET\r\n\r\n",
    "bytes": bytes(range(256)) * 8,
}


@pytest.mark.parametrize("which", NONSENSE)
def test_nonsense_is_answered_or_closed_and_nothing_else(exchange: Exchange, which: str) -> None:
    received = exchange_bytes(exchange, NONSENSE[which])
    assert all(status in (400, 404, 405, 426, 505) for status in statuses(received)), received
    check_alive(exchange)


@pytest.fixture(scope="module")
def victim(exchange: Exchange) -> tuple[Venue, Trader]:
    where = make_venue(exchange, "HTP")
    return where, exchange.trader(make_account("victim", where))


BAD_NUMBERS = ["-1", "+1", "1e3", "NaN", "inf", "0x1", "1_000", " 1", "1 ", "١", "1.", ".5", "1,0", "", "9" * 400]


@pytest.mark.parametrize("text", BAD_NUMBERS)
@pytest.mark.parametrize("field", ["quantity", "price"])
def test_only_plain_decimals_are_amounts(victim: tuple[Venue, Trader], field: str, text: str) -> None:
    where, trader = victim
    before = trader.balances()
    order = {
        "symbol": where.symbol,
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "1",
        "price": "50",
    }
    answer = trader.try_signed("POST", "/api/v3/order", **(order | {field: text}))
    assert answer.status_code == 400, answer.text
    assert -1199 <= answer.json()["code"] <= -1000
    assert trader.balances() == before


@pytest.mark.parametrize(
    "query",
    ["symbol=%ff%fe", "symbol=BTC%00USDT", "symbol=" + "A" * 3000, "symbol=A&symbol=B", "&&&==", "symbol=%", "%=%"],
)
def test_strange_parameters_are_the_clients_mistake(exchange: Exchange, query: str) -> None:
    answer = httpx.get(f"{exchange.url}/api/v3/depth?{query}")
    assert 400 <= answer.status_code < 500
    assert set(json.loads(answer.content)) == {"code", "msg"}


def test_a_changed_byte_breaks_the_signature(victim: tuple[Venue, Trader]) -> None:
    where, trader = victim
    for extra in ("&quantity=2", "&x=1", "&symbol=OTHER", "%20"):
        answer = trader.try_signed(
            "POST", "/api/v3/order", appended=extra, symbol=where.symbol, side="BUY", type="LIMIT"
        )
        assert answer.status_code == 400
        assert answer.json()["code"] in (-1022, -1101, -1102, -1104)
