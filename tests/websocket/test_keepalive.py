"""Pings of the server: how often, and who counts as alive."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tandem.apps import server
from tests.websocket.venue import Venue, running

PING, PONG, CLOSE = 0x89, 0x8A, 0x88


class Raw:
    """A client that does only what it is told to: a library would answer pings by itself."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def frame(self) -> tuple[int, bytes]:
        head = await asyncio.wait_for(self.reader.readexactly(2), 5)
        assert head[1] < 126
        return head[0], await self.reader.readexactly(head[1])

    def pong(self, payload: bytes) -> None:
        # A mask of zeros leaves the payload as it is.
        self.writer.write(bytes([PONG, 0x80 | len(payload), 0, 0, 0, 0]) + payload)


@asynccontextmanager
async def connected(venue: Venue, path: str) -> AsyncIterator[Raw]:
    host, port = venue.address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"GET {path} HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        "sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    yield Raw(reader, writer)
    writer.close()
    await writer.wait_closed()


@pytest.fixture
async def venue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Venue]:
    """One that has less patience than a real one."""
    assert (server.PING_SECONDS, server.PONG_SECONDS) == (20, 60)
    monkeypatch.setattr(server, "PING_SECONDS", 0.05)
    monkeypatch.setattr(server, "PONG_SECONDS", 0.2)
    async with running(tmp_path / "data", stream_messages_per_second=0) as one:
        yield one


@pytest.mark.parametrize("path", ["/ws/btcusdt@trade", "/ws-api/v3"])
async def test_who_echoes_the_payload_is_alive(venue: Venue, path: str) -> None:
    async with connected(venue, path) as client:
        payloads = []
        for _ in range(6):
            kind, payload = await client.frame()
            assert kind == PING
            payloads.append(payload)
            client.pong(payload)
        assert len(set(payloads)) == 6


@pytest.mark.parametrize("answer", [b"", b"else"])
async def test_who_does_not_is_closed(venue: Venue, answer: bytes) -> None:
    async with connected(venue, "/ws/btcusdt@trade") as client:
        kind, payload = await client.frame()
        assert (kind, payload != answer) == (PING, True)
        for _ in range(3):
            client.pong(answer)
        kind, reason = await client.frame()
        assert (kind, int.from_bytes(reason[:2])) == (CLOSE, 1011)
