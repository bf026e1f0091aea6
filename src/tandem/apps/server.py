"""Serves an ASGI application on a socket until told to stop: uvicorn in this process, on this loop."""

import asyncio
import contextlib
import errno
import logging
import resource
import signal
import socket
from collections.abc import Iterator
from functools import partial
from typing import Any

from uvicorn import Config, Server

from tandem.apps.connections import ConnectionLimits, Connections, HttpConnection, WebSocketConnection

BACKLOG = 2048
SEND_BUFFER_BYTES = 256 * 1024
GRACE_SECONDS = 10
PING_SECONDS = 20.0
PONG_SECONDS = 60.0


class ListenError(Exception):
    """The address cannot be listened on; the message says which and why."""


def listen(host: str, port: int) -> socket.socket:
    """Port 0 takes any free one. Raises ListenError."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ListenError(f"cannot listen on {host} port {port}: {error.strerror}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Left alone, the kernel takes megabytes for a client that does not read, before our own caps see any of it.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        hint = "; --port takes another, `make run PORT=...` too" if error.errno == errno.EADDRINUSE else ""
        raise ListenError(f"cannot listen on {host} port {port}: {error.strerror}{hint}") from error
    return listener


def raise_descriptor_limit(wanted: int) -> int:
    """How many descriptors this process may open; as near to `wanted` as its hard limit lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    reachable = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < reachable:
        resource.setrlimit(resource.RLIMIT_NOFILE, (reachable, hard))
        soft = reachable
    return wanted if soft == resource.RLIM_INFINITY else soft


class _Server(Server):
    def __init__(self, config: Config, is_started: asyncio.Event) -> None:
        super().__init__(config)
        self._is_started = is_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._is_started.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the business of whoever runs the process."""
        yield


def _is_ours(record: logging.LogRecord) -> bool:
    """A text frame that is not UTF-8 is the client's mistake, and no error of ours in the log."""
    return not str(record.msg).startswith("Invalid UTF-8")


async def serve(
    app: Any,
    listener: socket.socket,
    *,
    stop: asyncio.Event,
    started: asyncio.Event | None = None,
    limits: ConnectionLimits | None = None,
) -> None:
    """Until `stop` is set; then takes no more connections, finishes what is under way for GRACE_SECONDS, and closes.

    `listener` comes from `listen` and is closed at the end.
    """
    limits = limits or ConnectionLimits()
    shared = Connections(limits)
    # Its messages carry whole URLs, in which there are listen keys and signatures.
    uvicorn_log = logging.getLogger("uvicorn.error")
    uvicorn_log.setLevel(logging.WARNING)
    uvicorn_log.addFilter(_is_ours)
    config = Config(
        app,
        http=partial(HttpConnection, shared=shared),  # type: ignore[arg-type]
        ws=partial(WebSocketConnection, shared=shared),  # type: ignore[arg-type]
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=limits.keep_alive_seconds,
        timeout_graceful_shutdown=GRACE_SECONDS,
        ws_max_size=limits.frame_bytes,
        ws_per_message_deflate=False,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PONG_SECONDS,
    )
    server = _Server(config, started or asyncio.Event())
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        server.should_exit = True
        await serving
        listener.close()


def stop_on_signals(stop: asyncio.Event) -> None:
    """SIGINT and SIGTERM set `stop`. Call it on the running loop of the main thread."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
