"""/ws-api/v3: every operation over one socket, sessions, and user data.

Operations go through the same pipeline as REST. What may wait for the engine runs beside the reading of the next
request, so answers may come out of order; commands reach the engine in the order they were sent. Foreign web pages are
refused unless their origin is allowed: a page has no business holding API keys.
"""

import asyncio
from collections.abc import Callable, Iterable

import orjson

from tandem.apps.pipeline import Outcome, Pipeline, Route, ShowTime, microseconds, milliseconds, time_unit
from tandem.apps.websocket import (
    GOING_AWAY,
    POLICY_VIOLATION,
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
from tandem.apps.ws_session import Reply, Session, session_methods
from tandem.domain.errors import ApiError, api_error
from tandem.domain.operation import Security
from tandem.domain.requests import Frame, FrameError, read_frame
from tandem.identity.keys import ApiKey
from tandem.identity.listen_tokens import ListenTokens
from tandem.platform.rate_limits import AddressUse, OrderUse
from tandem.trading.user_stream import UserStreams

CONNECT_WEIGHT = 2
SESSION_WEIGHT = 2
MAX_UNREAD_BYTES = 256 * 1024
"""While a client leaves more than this unread, no more of its requests are taken: asking for much at once makes it
wait, and it is cut off only when it reads nothing at all, or no events."""
_BOOLEANS = {"true": True, "false": False}


class WsApiConnection(Socket):
    """One socket and its session."""

    def __init__(
        self, app: "WsApiApp", scope: Scope, send: Send, address: str, show_time: ShowTime, returns_limits: bool
    ) -> None:
        super().__init__(scope, send, app.sockets, wants_microseconds=show_time is microseconds)
        self.address = address
        self.show_time = show_time
        self.returns_limits = returns_limits
        self.session = Session(self, app.pipeline.clock.wall_us())
        self.slots = asyncio.Semaphore(app.sockets.limits.requests_in_flight)
        self.running: set[asyncio.Task[None]] = set()

    def wrap_notice(self, event: bytes) -> bytes:
        return b'{"event":%b}' % event


class WsApiApp:
    """Mount it at /ws-api/v3."""

    def __init__(
        self,
        pipeline: Pipeline,
        sockets: Sockets,
        users: UserStreams,
        listen_tokens: ListenTokens,
        address_of: Callable[[Scope], str],
        *,
        allowed_origins: Iterable[str] = (),
    ) -> None:
        self.pipeline = pipeline
        self.sockets = sockets
        self._users = users
        self._address_of = address_of
        self._origins = frozenset(origin.rstrip("/").lower() for origin in allowed_origins)
        self._connections: set[WsApiConnection] = set()
        self._session_methods = session_methods(pipeline, users, listen_tokens)
        pipeline.keys.on_revoked.append(self._key_revoked)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not await is_handshake(scope, receive, send):
            return
        try:
            connection = self._connection(scope, send)
        except ApiError as error:
            await refuse(send, error)
            return
        await send({"type": "websocket.accept"})
        self.sockets.add(connection)
        self._connections.add(connection)
        try:
            async with asyncio.timeout(self.sockets.limits.lifetime_seconds):
                await self._serve(connection, receive)
        except TimeoutError:
            await connection.close(GOING_AWAY, "connections last 24 hours")
        finally:
            connection.session.end()
            self._connections.discard(connection)
            self.sockets.discard(connection)

    def _connection(self, scope: Scope, send: Send) -> WsApiConnection:
        """Raises ApiError."""
        self._check_origin(scope)
        address = self._address_of(scope)
        self.sockets.count_attempt(address)
        self.pipeline.limiter.charge(address, CONNECT_WEIGHT, self.pipeline.clock.wall_us(), is_raw=False)
        query = read_query(scope)
        show_time = time_unit(query["timeUnit"]) if "timeUnit" in query else milliseconds
        returns_limits = _read_flag(query.get("returnRateLimits", "true"))
        return WsApiConnection(self, scope, send, address, show_time, returns_limits)

    def _check_origin(self, scope: Scope) -> None:
        """Programs send no Origin; pages of this host and of the allowed ones may connect. Raises ApiError."""
        headers = dict(scope["headers"])
        origin = headers.get(b"origin")
        if origin is None:
            return
        text = origin.decode("latin-1").lower()
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if text not in self._origins and (not host or text.partition("://")[2] != host):
            raise api_error("FOREIGN_ORIGIN")

    # --- requests

    async def _serve(self, connection: WsApiConnection, receive: Receive) -> None:
        while not connection.is_gone:
            await connection.wait_for_room(MAX_UNREAD_BYTES)
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            try:
                await self._handle(connection, text_of(message))
            except ApiError as error:
                # Of the frame itself: it has cost weight like any other request.
                self._push_error(connection, None, error, None)
                if error.status == 418:
                    await connection.close(POLICY_VIOLATION, "banned")
                    return

    async def _handle(self, connection: WsApiConnection, text: str | bytes) -> None:
        """Raises ApiError for what is no request."""
        try:
            frame = read_frame(text)
        except (FrameError, ApiError) as error:
            self._charge(connection, 1)
            refused = api_error("INVALID_JSON") if isinstance(error, FrameError) else error
            self._push_error(connection, _id_of(text), refused, None)
            return
        key = connection.session.key
        if key is not None and key.revoked_us is not None:
            connection.session.drop()
            self._push_error(connection, None, api_error("REJECTED_MBX_KEY"), None)
            return
        method = frame.method.removeprefix("v3/")
        route = self.pipeline.ws_routes.get(method)
        if route is None:
            await self._handle_session_method(connection, frame, method)
        elif route.operation.security is Security.NONE:
            await self._answer(connection, frame, route)
            await asyncio.sleep(0)  # who asks for much at once takes turns with everybody else
        else:
            await connection.slots.acquire()
            task = asyncio.create_task(self._answer(connection, frame, route))
            connection.running.add(task)
            task.add_done_callback(connection.running.discard)
            task.add_done_callback(lambda _task: connection.slots.release())

    async def _answer(self, connection: WsApiConnection, frame: Frame, route: Route) -> None:
        outcome = await self.pipeline.answer_ws(
            route,
            frame.sent,
            connection.address,
            session=connection.session.key,
            show_time=connection.show_time,
        )
        self._push_outcome(connection, frame, outcome)
        if outcome.error is not None and outcome.error.status == 418:
            await connection.close(POLICY_VIOLATION, "banned")

    async def _handle_session_method(self, connection: WsApiConnection, frame: Frame, method: str) -> None:
        """Logging on and off, and user data. Answer and subscription are one step: no event precedes the answer."""
        use = reply = None
        error = None
        try:
            use = self._charge(connection, SESSION_WEIGHT)
            handler = self._session_methods.get(method)
            if handler is None:
                raise api_error("UNSUPPORTED_OPERATION")
            reply = handler(connection.session, frame.sent)
        except ApiError as refused:
            error = refused
        except Exception as unexpected:  # noqa: BLE001  (the connection must live on)
            error = self.pipeline.as_api_error(unexpected, method)
        reply = reply or Reply({})
        status = 200 if error is None else error.status
        outcome = Outcome(status, orjson.dumps(reply.result), error, use)
        self._push_outcome(connection, frame, outcome)
        for event in reply.events:
            connection.push_text(event)
        if status == 418:
            await connection.close(POLICY_VIOLATION, "banned")

    def _charge(self, connection: WsApiConnection, weight: int) -> AddressUse:
        return self.pipeline.limiter.charge(connection.address, weight, self.pipeline.clock.wall_us(), is_raw=False)

    # --- answers

    def _push_outcome(self, connection: WsApiConnection, frame: Frame, outcome: Outcome) -> None:
        if outcome.error is not None:
            self._push_error(connection, frame.id, outcome.error, outcome, frame)
            return
        connection.push_text(
            b'{"id":%b,"status":200,"result":%b%b}'
            % (orjson.dumps(frame.id), outcome.body, self._limits(connection, frame, outcome.weight, outcome.orders))
        )

    def _push_error(
        self,
        connection: WsApiConnection,
        request_id: int | str | None,
        error: ApiError,
        outcome: Outcome | None,
        frame: Frame | None = None,
    ) -> None:
        body = error.body()
        if error.retry_after_seconds is not None:
            now_ms = self.pipeline.clock.wall_us() // 1000
            times = {"serverTime": now_ms, "retryAfter": now_ms + error.retry_after_seconds * 1000}
            body["data"] = body.get("data", {}) | times
        weight = None if outcome is None else outcome.weight
        connection.push_text(
            b'{"id":%b,"status":%d,"error":%b%b}'
            % (
                orjson.dumps(request_id),
                error.status,
                orjson.dumps(body),
                self._limits(connection, frame, weight, None),
            )
        )

    def _limits(
        self, connection: WsApiConnection, frame: Frame | None, use: AddressUse | None, orders: OrderUse | None
    ) -> bytes:
        asked = None if frame is None else frame.sent.values.get("returnRateLimits")
        if not (connection.returns_limits if asked is None else asked.lower() == "true"):
            return b""
        limiter = self.pipeline.limiter
        if use is None:
            use = limiter.address(connection.address, self.pipeline.clock.wall_us())
        rows = limiter.weight_rows(use)
        if orders is not None:
            rows += limiter.order_rows(orders)
        return b',"rateLimits":%b' % orjson.dumps(rows)

    def _key_revoked(self, key: ApiKey) -> None:
        """Events stop at once; the session itself ends with its next request, which is told why."""
        for connection in self._connections:
            session = connection.session
            numbers = [number for number, one in session.subscriptions.items() if one.key is key]
            for event in session.end_subscriptions(numbers, self.pipeline.clock.wall_us()):
                connection.push_text(event)


def _read_flag(text: str) -> bool:
    """Raises ApiError."""
    try:
        return _BOOLEANS[text.lower()]
    except KeyError:
        raise api_error("INVALID_PARAMETER", "returnRateLimits") from None


def _id_of(text: str | bytes) -> int | str | None:
    """The id of a request that is none, if it has one."""
    try:
        request = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    request_id = request.get("id") if isinstance(request, dict) else None
    if isinstance(request_id, str) and len(request_id) <= 36:
        return request_id
    return request_id if type(request_id) is int else None
