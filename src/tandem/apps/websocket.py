"""Sockets: frames made once and shared, a limit on what waits for a client, and the notice before a planned close.

Frames go to the transport directly and not through ASGI's `send`, which would build each frame again for every socket.
That is sound because no extension (compression) is ever agreed on and every write is a whole frame. The server offers
the transport as `scope["extensions"]["tandem.transport"]`.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import unquote

import orjson

from tandem.domain.errors import ApiError, api_error
from tandem.platform.clock import Clock
from tandem.platform.rate_limits import MAX_ENTRIES, address_group
from tandem.platform.telemetry import log
from tandem.trading.user_stream import Burst

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

ATTEMPTS_WINDOW_US = 5 * 60 * 1_000_000


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """What one socket and one address may do. 0 switches a count off."""

    max_waiting_bytes: int = 1024 * 1024
    """A client that lets more than this wait is cut off."""
    lifetime_seconds: float = 24 * 60 * 60
    """Connections end after a day, as clients of this API expect."""
    stream_messages: int = 5
    """Requests, pings and pongs of a stream socket in any `stream_seconds`."""
    stream_seconds: float = 1.0
    attempts_per_5_minutes: int = 300
    """Connections of an address, counted for streams and the WebSocket API together."""
    requests_in_flight: int = 64
    """Of one WebSocket API connection; beyond it nothing more is read."""


SWEEP_SECONDS = 1.0
CHARACTERS_PER_MESSAGE = 16_384
"""Of a stream socket's request; a longer one counts for several, since each name in it takes time."""
MAX_TURN_BYTES = 64 * 1024
"""Of one socket; more is written before the turn of the loop ends."""
MAX_HANDED_BYTES = 64 * 1024
"""While the transport holds more than this, frames wait here: as the one object that all sockets share, while the
transport keeps a copy of each and up to three times its size. Not below the transport's high-water mark."""

EVENTS_PER_PIECE = 64
SHARED_HEADS = 4
"""Of one burst of an account's events."""

ROOM_SECONDS = 1.0
"""How late it may be noticed that a client who is being waited for is gone."""

POLICY_VIOLATION = 1008
SERVICE_RESTART = 1012
GOING_AWAY = 1001


class Transport(Protocol):
    """What is used of `asyncio.Transport`."""

    def write(self, data: bytes) -> None: ...
    def get_write_buffer_size(self) -> int: ...
    def is_closing(self) -> bool: ...
    def abort(self) -> None: ...


def text_frame(payload: bytes) -> bytes:
    """`payload` as one unmasked text frame (RFC 6455, 5.2)."""
    size = len(payload)
    if size < 126:
        return b"\x81%c%b" % (size, payload)
    if size < 65_536:
        return b"\x81\x7e%b%b" % (size.to_bytes(2), payload)
    return b"\x81\x7f%b%b" % (size.to_bytes(8), payload)


def framed(burst: Burst, head: bytes, tail: bytes) -> Iterator[bytes]:
    """The events as text frames with `head` and `tail` around each, many in one piece, when they are asked for. Sockets
    with the same head share the pieces, for the first few heads: a client can have as many as it has sockets, and who
    is cut off early needs few pieces."""
    is_shared = head in burst.made or len(burst.made) < SHARED_HEADS
    made = burst.made.setdefault(head, {}) if is_shared else {}
    for start in range(0, len(burst.events), EVENTS_PER_PIECE):
        piece = made.get(start)
        if piece is None:
            events = burst.events[start : start + EVENTS_PER_PIECE]
            piece = b"".join([text_frame(head + event + tail) for event in events])
            if is_shared:
                made[start] = piece
        yield piece


class Sockets:
    """All open sockets, for what concerns every one of them."""

    def __init__(self, clock: Clock, limits: SocketLimits | None = None) -> None:
        self.clock = clock
        self.limits = limits or SocketLimits()
        self.every_second: list[Callable[[], None]] = []
        """Called by `sweep`."""
        self.cut_off = 0
        """How many clients were cut off because they did not read."""
        self._open: set[Socket] = set()
        self._unflushed: list[Socket] = []
        self._attempts: dict[str, int] = {}
        self._attempts_window = 0

    def __len__(self) -> int:
        return len(self._open)

    def flush_soon(self, socket: "Socket") -> None:
        """At the end of this turn of the loop."""
        if not self._unflushed:
            asyncio.get_running_loop().call_soon(self._flush)
        self._unflushed.append(socket)

    def _flush(self) -> None:
        sockets, self._unflushed = self._unflushed, []
        for socket in sockets:
            socket.flush()

    def count_attempt(self, address: str) -> None:
        """Raises ApiError when an address connects too often."""
        window = self.clock.wall_us() // ATTEMPTS_WINDOW_US
        if window != self._attempts_window:
            self._attempts_window = window
            self._attempts.clear()
        group = address_group(address)
        if len(self._attempts) >= MAX_ENTRIES and group not in self._attempts:
            del self._attempts[next(iter(self._attempts))]
        count = self._attempts[group] = self._attempts.get(group, 0) + 1
        if 0 < self.limits.attempts_per_5_minutes < count:
            raise api_error("TOO_MANY_REQUESTS")

    def add(self, socket: "Socket") -> None:
        self._open.add(socket)

    def discard(self, socket: "Socket") -> None:
        self._open.discard(socket)
        self.cut_off += socket.is_cut_off

    def announce_shutdown(self) -> None:
        """Tells every client that its connection will end soon."""
        now_us = self.clock.wall_us()
        for socket in list(self._open):
            event = {"e": "serverShutdown", "E": now_us if socket.wants_microseconds else now_us // 1000}
            socket.push_text(socket.wrap_notice(orjson.dumps(event)))

    def close(self) -> None:
        """Ends every connection; `announce_shutdown` comes some time before."""
        for socket in list(self._open):
            socket.close(SERVICE_RESTART, "server shutdown")

    async def sweep(self) -> None:
        """Cuts off who does not read, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            for function in (self._check_waiting, *self.every_second):
                try:
                    function()
                except Exception as error:  # noqa: BLE001  (what is due in the next second must still happen)
                    log(__name__).error("a chore of the sockets failed", exc_info=error)

    def _check_waiting(self) -> None:
        for socket in list(self._open):
            socket.check_waiting()


class Socket:
    """An accepted connection. `close` is safe at any time; nothing is written after it.

    What is pushed in one turn of the loop is written at once at its end: a burst costs a socket one system call. The
    server calls what is in `scope["extensions"]["tandem.on_drained"]` when a transport that was full has room again.
    """

    def __init__(self, scope: Scope, send: Send, sockets: Sockets, *, wants_microseconds: bool) -> None:
        self.wants_microseconds = wants_microseconds
        """And not milliseconds."""
        self._transport: Transport = scope["extensions"]["tandem.transport"]
        self._send = send
        self._sockets = sockets
        self._max_waiting = sockets.limits.max_waiting_bytes
        self._frames: list[bytes] = []
        self._frames_bytes = 0
        self._is_flush_due = False
        scope["extensions"]["tandem.on_drained"].append(self.flush)
        self._closing: asyncio.Task[None] | None = None
        self._room: asyncio.Future[None] | None = None
        self.is_cut_off = False

    def wrap_notice(self, event: bytes) -> bytes:
        """An event for every socket in the form of this one."""
        return event

    def push(self, frame: bytes) -> None:
        """Sends one or more whole frames soon."""
        if not self._is_flush_due:
            self._is_flush_due = True
            self._sockets.flush_soon(self)
        self._frames.append(frame)
        self._frames_bytes += len(frame)
        if self._frames_bytes > MAX_TURN_BYTES:
            self.flush()

    def push_text(self, payload: bytes) -> None:
        self.push(text_frame(payload))

    def push_burst(self, burst: Burst, head: bytes = b"", tail: bytes = b"") -> None:
        """Each of the events soon, with `head` and `tail` around it; `tail` is always the same for one `head`.

        One order can have more reports than may wait. Who had taken everything before may take its time with them, as
        long as it shares them with the others: they cost no memory of its own."""
        has_taken_all = not self._frames
        for piece in framed(burst, head, tail):
            if self.is_cut_off:
                return
            if has_taken_all and head in burst.made:
                self._max_waiting += len(piece)
            self.push(piece)

    def flush(self) -> None:
        """Writes what the transport has room for, and cuts off a client for whom too much is waiting."""
        self._is_flush_due = False
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        transport = self._transport
        if self._closing is not None or transport.is_closing():
            self._drop_frames()
            return
        while self._frames and transport.get_write_buffer_size() <= MAX_HANDED_BYTES:
            transport.write(self._take_frames())
        if not self._frames:
            self._max_waiting = self._sockets.limits.max_waiting_bytes
        self.check_waiting()

    def _take_frames(self) -> bytes:
        """The oldest frames, about MAX_TURN_BYTES of them."""
        frames = self._frames
        if self._frames_bytes <= MAX_TURN_BYTES or len(frames) == 1:
            taken = frames[0] if len(frames) == 1 else b"".join(frames)
            self._drop_frames()
            return taken
        count = size = 0
        for frame in frames:
            size += len(frame)
            count += 1
            if size >= MAX_TURN_BYTES:
                break
        taken = b"".join(frames[:count])
        del frames[:count]
        self._frames_bytes -= size
        return taken

    def _drop_frames(self) -> None:
        self._frames.clear()
        self._frames_bytes = 0

    @property
    def waiting_bytes(self) -> int:
        """What the client has not taken yet. Answers to pings are written by the server itself and count as well."""
        return self._transport.get_write_buffer_size() + self._frames_bytes

    @property
    def is_gone(self) -> bool:
        return self._transport.is_closing()

    async def wait_for_room(self, limit: int) -> None:
        """Until no more than `limit` bytes wait for the client, or it is gone."""
        while self.waiting_bytes > limit and not self.is_gone:
            self._room = asyncio.get_running_loop().create_future()
            await asyncio.wait([self._room], timeout=ROOM_SECONDS)

    def check_waiting(self) -> None:
        if self.waiting_bytes > self._max_waiting:
            self.is_cut_off = True
            self._transport.abort()
            self._drop_frames()

    def close(self, code: int, reason: str) -> asyncio.Task[None]:
        """Begins the closing handshake; the application's next `receive` is the disconnect."""
        if self._closing is None:
            self.flush()
            self._closing = asyncio.ensure_future(self._close(code, reason))
        return self._closing

    async def _close(self, code: int, reason: str) -> None:
        try:
            await asyncio.wait_for(self._send({"type": "websocket.close", "code": code, "reason": reason}), 5)
        except (OSError, RuntimeError, TimeoutError):  # the client is gone, is being closed, or does not read
            self._transport.abort()


class MessageRate:
    """At most `limit` messages in any `seconds`; 0 is no limit. A long message counts for several."""

    __slots__ = ("_clock", "_limit", "_seconds", "_times")

    def __init__(self, clock: Clock, limit: int, seconds: float) -> None:
        self._clock = clock
        self._limit = limit
        self._seconds = seconds
        self._times: deque[float] = deque(maxlen=limit or 1)

    def allows(self, size: int = 0) -> bool:
        """`size`: characters of the message."""
        if not self._limit:
            return True
        count = min(1 + size // CHARACTERS_PER_MESSAGE, self._limit)
        now, times = self._clock.monotonic(), self._times
        oldest = len(times) + count - self._limit
        if oldest > 0 and now - times[oldest - 1] < self._seconds:
            return False
        times.extend([now] * count)
        return True


def read_query(scope: Scope) -> dict[str, str]:
    """The URL's parameters, the last one of a name; `+` stays (it is part of stream names)."""
    pairs = [pair.partition("=") for pair in scope["query_string"].decode("latin-1").split("&")]
    return {name: unquote(value) for name, _, value in pairs if name}


async def refuse(send: Send, error: ApiError) -> None:
    """Answers the handshake with an HTTP error."""
    body = orjson.dumps(error.body())
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "websocket.http.response.start", "status": error.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})


def text_of(message: Message) -> str | bytes:
    """The text of a received message; binary ones are taken as text."""
    text: str | bytes | None = message.get("text")
    return message["bytes"] if text is None else text


async def is_handshake(scope: Scope, receive: Receive, send: Send) -> bool:
    """Whether a WebSocket wants to be accepted; plain HTTP requests are told that there is nothing for them."""
    if scope["type"] == "websocket":
        message = await receive()
        return bool(message["type"] == "websocket.connect")
    body = orjson.dumps(api_error("NOT_FOUND").body())
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"upgrade", b"websocket"),
    ]
    await send({"type": "http.response.start", "status": 426, "headers": headers})
    await send({"type": "http.response.body", "body": body})
    return False
