"""/ws and /stream: public streams, and an account's own under a listen key.

`/ws/<name>/<name>` sends plain events, `/stream?streams=<name>/<name>` wrapped ones; both take SUBSCRIBE and so on.
Any web page may connect: public streams are public, and a listen key is a secret that no browser adds by itself.
"""

import asyncio
from collections.abc import Callable

import orjson

from tandem.apps import stream_control
from tandem.apps.pipeline import microseconds, time_unit
from tandem.apps.websocket import (
    GOING_AWAY,
    POLICY_VIOLATION,
    MessageRate,
    Receive,
    Scope,
    Send,
    Socket,
    Sockets,
    is_handshake,
    read_query,
    refuse,
    text_of,
)
from tandem.domain.errors import ApiError, api_error
from tandem.identity.listen_keys import ListenKey, ListenKeys
from tandem.marketdata.streams import StreamHub
from tandem.marketdata.topics import MICROSECONDS, MILLISECONDS, form_of
from tandem.trading.user_stream import Burst, UserStreams

TOO_MANY = "Too many requests"


class StreamConnection(Socket):
    """A `Subscriber` of the hub, and the `Subscriptions` that its requests act on."""

    def __init__(self, app: "StreamApp", scope: Scope, send: Send, *, combined: bool, unit: int) -> None:
        super().__init__(scope, send, app.sockets, wants_microseconds=unit == MICROSECONDS)
        self._app = app
        limits = app.sockets.limits
        self._rate = MessageRate(app.sockets.clock, limits.stream_messages, limits.stream_seconds)
        scope["extensions"]["tandem.on_control_frame"].append(lambda: self.is_within_rate(0))
        self._unit = unit
        self._combined = combined
        self._names: dict[str, Callable[[], None] | None] = {}
        """What ends an account's own stream; None for public ones."""
        self.form = form_of(combined=combined, time_unit=unit)

    @property
    def names(self) -> list[str]:
        return list(self._names)

    @property
    def combined(self) -> bool:
        return self._combined

    @combined.setter
    def combined(self, value: bool) -> None:
        old, self._combined = self.form, value
        self.form = form_of(combined=value, time_unit=self._unit)
        for name, end in self._names.items():
            if end is None:
                self._app.hub.moved(name, self, old)

    def subscribe(self, names: list[str]) -> None:
        for name in names:
            if name not in self._names:
                self._names[name] = self._app.open_private(name, self)
                if self._names[name] is None:
                    self._app.hub.subscribe(name, self)

    def unsubscribe(self, names: list[str]) -> None:
        for name in names:
            if name in self._names:
                end = self._names.pop(name)
                if end is None:
                    self._app.hub.unsubscribe(name, self)
                else:
                    end()

    def is_within_rate(self, size: int) -> bool:
        """Counts what the client sent. Begins to close when it was too much."""
        is_allowed = self._rate.allows(size)
        if not is_allowed:
            self.close(POLICY_VIOLATION, TOO_MANY)
        return is_allowed

    def push_events(self, name: str, burst: Burst) -> None:
        """Events of an account's own stream."""
        if self._combined:
            self.push_burst(burst, b'{"stream":%b,"data":' % orjson.dumps(name), b"}")
        else:
            self.push_burst(burst)

    def wrap_notice(self, event: bytes) -> bytes:
        return b'{"stream":"!serverShutdown","data":%b}' % event if self._combined else event


class StreamApp:
    """Mount it at /ws and /stream. `address_of` gives the client's address."""

    def __init__(
        self,
        hub: StreamHub,
        sockets: Sockets,
        listen_keys: ListenKeys,
        users: UserStreams,
        address_of: Callable[[Scope], str],
    ) -> None:
        self.hub = hub
        self.sockets = sockets
        self._listen_keys = listen_keys
        self._users = users
        self._address_of = address_of
        self._private: dict[str, set[StreamConnection]] = {}
        listen_keys.on_closed.append(self._key_closed)
        sockets.every_second.append(listen_keys.sweep)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not await is_handshake(scope, receive, send):
            return
        try:
            self.sockets.count_attempt(self._address_of(scope))
            connection, names = self._connection(scope, send)
        except ApiError as error:
            await refuse(send, error)
            return
        await send({"type": "websocket.accept"})
        self.sockets.add(connection)
        try:
            connection.subscribe(names)
            async with asyncio.timeout(self.sockets.limits.lifetime_seconds):
                await self._serve(connection, receive)
        except TimeoutError:
            await connection.close(GOING_AWAY, "connections last 24 hours")
        finally:
            connection.unsubscribe(connection.names)
            self.sockets.discard(connection)

    def _connection(self, scope: Scope, send: Send) -> tuple[StreamConnection, list[str]]:
        """Raises ApiError for a URL that cannot be served."""
        query = read_query(scope)
        unit = MILLISECONDS
        if "timeUnit" in query:
            unit = MICROSECONDS if time_unit(query["timeUnit"]) is microseconds else MILLISECONDS
        parts = scope["path"].strip("/").split("/")
        is_combined = parts[0] == "stream" and len(parts) == 1
        listed = query.get("streams", "").split("/") if is_combined else parts[1:]
        names = list(dict.fromkeys(name for name in listed if name))
        if len(names) > stream_control.MAX_STREAMS or any(len(name) > stream_control.MAX_NAME for name in names):
            raise api_error("TOO_MANY_PARAMETERS")
        return StreamConnection(self, scope, send, combined=is_combined, unit=unit), names

    async def _serve(self, connection: StreamConnection, receive: Receive) -> None:
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            text = text_of(message)
            if not connection.is_within_rate(len(text)):
                await connection.close(POLICY_VIOLATION, TOO_MANY)
                return
            connection.push_text(stream_control.answer(text, connection))

    # --- an account's own stream

    def open_private(self, name: str, connection: StreamConnection) -> Callable[[], None] | None:
        """What ends the stream again; None when `name` is no live listen key."""
        key = self._listen_keys.find(name)
        if key is None:
            return None
        stop = self._users.subscribe(
            key.account, lambda burst: connection.push_events(name, burst), micros=connection.wants_microseconds
        )
        listeners = self._private.setdefault(name, set())
        listeners.add(connection)

        def end() -> None:
            stop()
            listeners.discard(connection)
            if not listeners:
                self._private.pop(name, None)

        return end

    def _key_closed(self, key: ListenKey) -> None:
        for connection in list(self._private.get(key.name, ())):
            unit = MICROSECONDS if connection.wants_microseconds else MILLISECONDS
            event = {
                "e": "listenKeyExpired",
                "E": self.sockets.clock.wall_us() // unit,
                "listenKey": key.name,
            }
            burst = Burst()
            burst.events.append(orjson.dumps(event))
            connection.push_events(key.name, burst)
            connection.unsubscribe([key.name])
