"""The server's connections: uvicorn's HTTP and WebSocket protocols with the limits that it lacks.

Head and body have deadlines and sizes, a peer that stops reading is cut off, one address opens only so many
connections, and what is refused before an application sees it is answered in the API's own words. Applications find the
transport as `scope["extensions"]["tandem.transport"]`, for HTTP and WebSocket alike, and for HTTP a function that sends
a whole answer in one write as `scope["extensions"]["tandem.respond"]` (see `HttpConnection.respond`).
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httptools
import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from tandem.domain.errors import api_error
from tandem.platform.rate_limits import address_group

TRANSPORT = "tandem.transport"
ON_DRAINED = "tandem.on_drained"
ON_CONTROL_FRAME = "tandem.on_control_frame"
RESPOND = "tandem.respond"
MAX_FRAGMENTS = 64
"""Of one WebSocket message; empty fragments would grow it without ever reaching the size limit."""
CHUNKING = 8
"""A body in chunks may take this many times its size on the wire; the rest would be extensions of chunks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    head_seconds: float = 5.0
    """From the first byte of a request (or from connecting) to the end of its headers."""
    body_seconds: float = 10.0
    """From the end of the headers to the end of the body."""
    stalled_seconds: float = 10.0
    """How long a peer may leave a full buffer unread."""
    keep_alive_seconds: int = 75
    head_bytes: int = 16 * 1024
    """The request line, and again all header lines together."""
    body_bytes: int = 64 * 1024
    frame_bytes: int = 64 * 1024
    """A WebSocket message, in one frame or many."""
    control_frames_per_second: int = 10
    pipelined_requests: int = 64
    """Waiting behind the one that is being answered."""
    queued_messages: int = 2_000
    """WebSocket messages that the application has not taken: one segment may hold very many tiny ones."""
    connections: int = 10_000
    connections_per_address: int = 1_000
    """0: no limit. Behind a proxy of ours all connections come from it."""


@dataclass(slots=True)
class Connections:
    """What the connections of one server share."""

    limits: ConnectionLimits
    by_address: Counter[str] = field(default_factory=Counter)
    total: int = 0

    def open(self, address: str) -> str:
        """Counts a connection; the name of the error when it is one too many, which has to be closed all the same."""
        self.total += 1
        self.by_address[address] += 1
        if self.total > self.limits.connections:
            return "SERVER_BUSY"
        if 0 < self.limits.connections_per_address < self.by_address[address]:
            return "TOO_MANY_CONNECTIONS"
        return ""

    def close(self, address: str) -> None:
        self.total -= 1
        self.by_address[address] -= 1
        if not self.by_address[address]:
            del self.by_address[address]


def error_response(name: str, *values: object) -> bytes:
    """An error of spec/errors.toml as a whole HTTP response that ends the connection."""
    error = api_error(name, *values)
    body = orjson.dumps(error.body())
    return b"%bcontent-type: application/json;charset=UTF-8\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b" % (
        STATUS_LINE[error.status],
        len(body),
        body,
    )


class _Refused(Exception):
    """Leaves a parser callback; `name` is in spec/errors.toml."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class _Deadline:
    """At most one timer."""

    __slots__ = ("_timer",)

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None

    def arm(self, loop: asyncio.AbstractEventLoop, seconds: float, action: Callable[[], None]) -> None:
        """Does not extend a deadline that is running."""
        if self._timer is None:
            self._timer = loop.call_later(seconds, self._fire, action)

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fire(self, action: Callable[[], None]) -> None:
        self._timer = None
        action()


IDLE, HEAD, BODY = range(3)


class HttpConnection(HttpToolsProtocol):
    def __init__(self, *, shared: Connections, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self._shared = shared
        self._limits = shared.limits
        self._address = ""
        self._is_counted = False
        self._phase = IDLE
        self._head_bytes = 0
        """Of a head that is arriving in pieces: what earlier segments brought."""
        self._segment_bytes = 0
        self._body_bytes = 0
        """Of a body that is arriving in pieces: its segments, with framing and what the first held before."""
        self._begun = 0
        """How many requests the current segment began."""
        self._arrival = _Deadline()
        self._stall = _Deadline()
        self._extensions: dict[str, Any] = {}
        self._served: RequestResponseCycle | None = None
        """The request that the application is working on; pipelined ones wait for it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._extensions = {TRANSPORT: transport, RESPOND: self.respond}
        self._address = address_group(self.client[0] if self.client else "")
        self._is_counted = True
        refusal = self._shared.open(self._address)
        if refusal:
            values = (self._limits.connections_per_address,) if refusal == "TOO_MANY_CONNECTIONS" else ()
            transport.write(error_response(refusal, *values))
            transport.close()
            return
        self._arrival.arm(self.loop, self._limits.head_seconds, self._too_late)

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_timers()
        self._uncount()
        self._say_gone()
        super().connection_lost(exc)
        self._release()

    def _say_gone(self) -> None:
        """To the request being served and to the one that arrives; uvicorn knows of the latter only."""
        for cycle in (self._served, self.cycle):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()

    def _release(self) -> None:
        """What refers to itself would stay in memory until the next full collection, which is rare."""
        self._extensions.clear()
        self.pipeline.clear()
        self.parser = None  # type: ignore[assignment]  # uvicorn says the same of `cycle` before the first request
        self.cycle = None  # type: ignore[assignment]
        self._served = None

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        if self.transport.is_closing():
            return
        self._segment_bytes = len(data)
        self._begun = 0
        was_idle = self._phase == IDLE
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            if self._should_upgrade():
                self._cancel_timers()
                self.handle_websocket_upgrade()
            return
        except httptools.HttpParserError as error:
            cause = error.__context__
            self.refuse(cause.name if isinstance(cause, _Refused) else "MALFORMED_REQUEST")
            return
        # A head that begins behind other requests is measured by what is parsed of it so far.
        self._after_segment(self._parsed_head() if self._begun > was_idle else self._segment_bytes)

    def _after_segment(self, head_bytes: int) -> None:
        """Bounds what is still to come, in bytes and in time."""
        limits = self._limits
        if self._phase == HEAD:
            self._head_bytes = head_bytes if self._begun else self._head_bytes + head_bytes
            if self._head_bytes > 2 * limits.head_bytes:
                self.refuse("URI_TOO_LONG" if len(self.url) > limits.head_bytes else "HEADERS_TOO_LARGE")
            else:
                self._arrival.arm(self.loop, limits.head_seconds, self._too_late)
            return
        self._head_bytes = 0
        if self._phase == BODY:
            self._body_bytes += self._segment_bytes
            if self._body_bytes > CHUNKING * limits.body_bytes:
                self.refuse("BODY_TOO_LARGE")
            else:
                self._arrival.arm(self.loop, limits.body_seconds, self._too_late)
        elif self._open_cycle() is None:
            # Bytes that begin no request (empty lines) must not keep the connection.
            self._arrival.arm(self.loop, limits.head_seconds, self._too_late)

    def _open_cycle(self) -> RequestResponseCycle | None:
        """The request that is being answered."""
        cycle: RequestResponseCycle | None = self.cycle
        return None if cycle is None or cycle.response_complete else cycle

    def _parsed_head(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._phase = HEAD
        self._begun += 1
        self.scope["extensions"] = self._extensions

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._phase == BODY:  # a trailer: it would join the headers that are checked already
            raise _Refused("MALFORMED_REQUEST")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        # A head is no longer than the segments it came in, which spares most requests the sums.
        if self._head_bytes + self._segment_bytes > self._limits.head_bytes:
            self._check_head(self._limits.head_bytes)
        super().on_headers_complete()
        self._phase = BODY
        self._body_bytes = 0
        self._arrival.cancel()
        if len(self.pipeline) > self._limits.pipelined_requests:
            raise _Refused("TOO_MANY_REQUESTS")

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        if len(self.cycle.body) > self._limits.body_bytes:
            raise _Refused("BODY_TOO_LARGE")

    def on_message_complete(self) -> None:
        self._phase = IDLE
        self._arrival.cancel()
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        # From here on the connection is counted off by the WebSocket protocol.
        self._is_counted = False
        super().handle_websocket_upgrade()
        self._release()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._served = cycle
        super()._start_asgi_task(cycle, app)

    def respond(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> bool:
        """Answers the request being served with one write; ASGI's two messages cost two system calls and more.

        `headers` include content-length and are ours, so they are not examined. False when nothing was done because
        the peer does not read: then ASGI's `send` waits for it.
        """
        cycle = self._served
        assert cycle is not None, "nothing is being served"
        assert not cycle.response_started, "it is answered already"
        if cycle.disconnected:
            return True
        if cycle.flow.write_paused:
            return False
        lines = [STATUS_LINE[status]]
        lines += [b"%b: %b\r\n" % header for header in cycle.default_headers]
        lines += [b"%b: %b\r\n" % header for header in headers]
        if not cycle.keep_alive:
            lines.append(b"connection: close\r\n")
        lines.append(b"\r\n")
        if cycle.scope["method"] != "HEAD":
            lines.append(body)
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        self.transport.write(b"".join(lines))
        cycle.message_event.set()
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()
        return True

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stall.arm(self.loop, self._limits.stalled_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stall.cancel()

    def send_400_response(self, msg: str) -> None:
        self.refuse("MALFORMED_REQUEST")

    def refuse(self, name: str) -> None:
        """Answers the request that is arriving with an error and closes; an answer under way is cut short instead."""
        self._cancel_timers()
        cycle = self.cycle if self._phase == BODY else self._open_cycle()
        is_answered = cycle is not None and (cycle.response_started or bool(self.pipeline) or self._phase != BODY)
        self._say_gone()
        if is_answered:
            self.transport.abort()
        elif not self.transport.is_closing():
            self.transport.write(error_response(name))
            self.transport.close()

    def _too_late(self) -> None:
        if self.flow.read_paused:
            # It is we who do not read: an earlier request of the connection is being worked on.
            self._arrival.arm(self.loop, self._limits.head_seconds, self._too_late)
        else:
            self.refuse("REQUEST_TIMEOUT")

    def _check_head(self, limit: int) -> None:
        if len(self.url) > limit:
            raise _Refused("URI_TOO_LONG")
        if self._parsed_head() - len(self.url) > limit:
            raise _Refused("HEADERS_TOO_LARGE")

    def _cancel_timers(self) -> None:
        self._unset_keepalive_if_required()
        self._arrival.cancel()
        self._stall.cancel()

    def _uncount(self) -> None:
        if self._is_counted:
            self._is_counted = False
            self._shared.close(self._address)


class WebSocketConnection(WebSocketsSansIOProtocol):
    """Made when an HTTP connection is upgraded, and counted off in its stead."""

    def __init__(self, *, shared: Connections, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self._shared = shared
        self._stall = _Deadline()
        self._on_drained: list[Callable[[], None]] = []
        self._on_control_frame: list[Callable[[], object]] = []
        self._second = 0
        self._control_frames = 0

    def connection_lost(self, exc: Exception | None) -> None:
        self._stall.cancel()
        self._shared.close(address_group(self.client[0] if self.client else ""))
        super().connection_lost(exc)
        # As for HTTP: no cycle may be left, and the parser is a generator that holds the connection.
        self._on_drained.clear()
        self._on_control_frame.clear()
        self.conn.parser.close()

    async def run_asgi(self) -> None:
        extensions: dict[str, Any] = self.scope["extensions"]
        extensions[TRANSPORT] = self.transport
        extensions[ON_DRAINED] = self._on_drained
        extensions[ON_CONTROL_FRAME] = self._on_control_frame
        await super().run_asgi()

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            self.handshake_complete = True  # or a handshake that the application refused is logged as its failure

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stall.arm(self.loop, self._shared.limits.stalled_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stall.cancel()
        for function in self._on_drained:
            function()

    def send_receive_event_to_app(self) -> None:
        if self.queue.qsize() < self._shared.limits.queued_messages:
            super().send_receive_event_to_app()
        else:
            self.frames = []
            self.transport.abort()

    def handle_ping(self) -> None:
        super().handle_ping()
        self._count_control_frame()

    def handle_pong(self, event: Any) -> None:
        super().handle_pong(event)
        self._count_control_frame()

    def handle_cont(self, event: Any) -> None:
        super().handle_cont(event)
        if len(self.frames) > MAX_FRAGMENTS:
            self.transport.abort()

    def _count_control_frame(self) -> None:
        """Control frames never reach the application, so it is told of them."""
        for function in self._on_control_frame:
            function()
        second = int(self.loop.time())
        if second != self._second:
            self._second, self._control_frames = second, 0
        self._control_frames += 1
        if self._control_frames > self._shared.limits.control_frames_per_second and not self.close_sent:
            self.conn.fail(1008, "too many control frames")
            self.handle_parser_exception()
