"""The REST API: a raw ASGI application over the operations of all features.

GET reads parameters from the query alone; POST, PUT and DELETE from the query, a urlencoded body, or both. Every answer
is JSON, every error `{"code", "msg"}`. Only a browser that opens the bare address is sent to the page at /docs.

Foreign web pages: the API reads no cookies and no other credential that a browser adds by itself, so an Origin proves
nothing and none is refused. Only public GET operations marked `cors` let a foreign page read their answer.

Other paths (the WebSocket applications, /healthz, /metrics) are ASGI callables given as `mounts`, by path: `"/ws"`
takes `/ws` and everything below it.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any

from tandem.apps.connections import RESPOND
from tandem.apps.pipeline import Pipeline, Route, ShowTime, encode, milliseconds, time_unit
from tandem.domain.errors import ApiError, api_error
from tandem.domain.operation import Operation
from tandem.domain.requests import read_http
from tandem.identity.service import KeyService
from tandem.platform.clock import Clock
from tandem.platform.rate_limits import AddressUse, OrderUse, RateLimiter, client_address

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Any, Any, Any], Awaitable[None]]
Header = tuple[bytes, bytes]

MAX_BODY_BYTES = 16 * 1024
"""As for the query: decoding what is escaped takes time, and no operation takes a quarter of it."""
JSON = (b"content-type", b"application/json;charset=UTF-8")
CORS = (b"access-control-allow-origin", b"*")
FORM = b"application/x-www-form-urlencoded"
PAGE = "/docs"


class Disconnected(Exception):
    """The client left before its request was whole."""


class Gateway:
    """`pipeline` is shared with the WebSocket API."""

    def __init__(
        self,
        operations: Iterable[Operation],
        keys: KeyService,
        limiter: RateLimiter,
        clock: Clock,
        *,
        mounts: Mapping[str, AsgiApp] | None = None,
        max_body_bytes: int = MAX_BODY_BYTES,
        pipeline: type[Pipeline] = Pipeline,
    ) -> None:
        self.pipeline = pipeline(operations, keys, limiter, clock)
        self.mounts: dict[str, AsgiApp] = dict(mounts or {})
        """May still be added to: what is mounted needs the pipeline."""
        self._routes = self.pipeline.rest_routes
        self._limiter = limiter
        self._clock = clock
        self._trusted_proxies = limiter.limits.trusted_proxies
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            methods = self._routes.get(scope["path"])
            if methods is not None:
                try:
                    status, headers, body = await self._answer(methods, scope, receive)
                except Disconnected:
                    return
                respond = scope["extensions"].get(RESPOND) if "extensions" in scope else None
                if respond is None or not respond(status, headers, body):
                    await send({"type": "http.response.start", "status": status, "headers": headers})
                    await send({"type": "http.response.body", "body": body})
                return
        app = self._mounted(scope["path"])
        if app is not None:
            await app(scope, receive, send)
        elif scope["type"] == "http":
            await self._send_not_found(scope, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def _answer(
        self, methods: dict[str, Route], scope: Scope, receive: Receive
    ) -> tuple[int, list[Header], bytes]:
        now_us = self._clock.wall_us()
        headers: dict[bytes, bytes] = dict(scope["headers"])
        address = self.address_of(scope)
        method = scope["method"]
        route = methods.get("GET" if method == "HEAD" else method)
        use = orders = None
        try:
            use = self._limiter.charge(address, 1 if route is None else route.base_weight, now_us)
            if route is None:
                return self._without_route(methods, method, use)
            body = b"" if method in ("GET", "HEAD") else await self._body(headers, receive)
            unit = headers.get(b"x-mbx-time-unit")
            show_time: ShowTime = milliseconds if unit is None else time_unit(unit.decode("latin-1"))
            sent = read_http(scope["query_string"], body)
            key_id = headers.get(b"x-mbx-apikey", b"").decode("latin-1")
            answer, orders = await self.pipeline.answer_rest(route, sent, key_id, address, show_time, use, now_us)
        except Disconnected:
            raise
        except Exception as error:  # noqa: BLE001  (every answer is JSON, whatever happened)
            return _refusal(self.pipeline.as_api_error(error, f"{method} {scope['path']}"), use)
        found = _headers(len(answer), use, orders)
        if route.operation.cors:
            found.append(CORS)
        return 200, found, answer

    def address_of(self, scope: Scope) -> str:
        """The client's address for limits and allow lists."""
        client = scope["client"]
        peer: str = client[0] if client else ""
        if not self._trusted_proxies:
            return peer
        forwarded = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
        return client_address(peer, forwarded or None, self._trusted_proxies)

    async def _body(self, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        """Raises ApiError or Disconnected. The content type of nothing does not matter."""
        length = headers.get(b"content-length")
        if (length is None and b"transfer-encoding" not in headers) or length == b"0":
            return b""
        if length is not None and (not length.isdigit() or len(length) > 9 or int(length) > self._max_body_bytes):
            raise api_error("BODY_TOO_LARGE")
        body = b""
        while True:
            message = await receive()
            if message["type"] != "http.request":
                raise Disconnected
            body += bytes(message.get("body", b""))
            if len(body) > self._max_body_bytes:
                raise api_error("BODY_TOO_LARGE")
            if not message.get("more_body", False):
                break
        if body:
            content_type = headers.get(b"content-type", FORM)
            if content_type.partition(b";")[0].strip().lower() != FORM:
                raise api_error("UNSUPPORTED_CONTENT_TYPE")
        return body

    def _without_route(
        self, methods: dict[str, Route], method: str, use: AddressUse
    ) -> tuple[int, list[Header], bytes]:
        """405 with the methods there are; OPTIONS of a browser that asks before it reads a public operation."""
        allowed = ", ".join([*methods, *(["HEAD"] if "GET" in methods else []), "OPTIONS"]).encode()
        if method == "OPTIONS":
            headers = [(b"allow", allowed)]
            get = methods.get("GET")
            if get is not None and get.operation.cors:
                headers += [CORS, (b"access-control-allow-methods", b"GET"), (b"access-control-max-age", b"86400")]
            return 204, headers, b""
        status, found, body = _refusal(api_error("METHOD_NOT_ALLOWED"), use)
        return status, [*found, (b"allow", allowed)], body

    async def _send_not_found(self, scope: Scope, send: Send) -> None:
        use = None
        try:
            use = self._limiter.charge(self.address_of(scope), 1, self._clock.wall_us())
            error = api_error("NOT_FOUND")
            is_page = self._asks_for_page(scope)
        except ApiError as limited:
            error, is_page = limited, False
        status, headers, body = _refusal(error, use)
        if is_page:
            status, body = 307, b""
            headers = [(b"location", PAGE.encode()), (b"vary", b"accept"), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _asks_for_page(self, scope: Scope) -> bool:
        """A browser at the bare address, where there is a page to show."""
        if scope["path"] != "/" or scope["method"] not in ("GET", "HEAD") or PAGE not in self.mounts:
            return False
        return b"text/html" in dict(scope["headers"]).get(b"accept", b"").lower()

    def _mounted(self, path: str) -> AsgiApp | None:
        """The application mounted at the longest path that is `path` or above it."""
        found = ""
        for mount in self.mounts:
            if len(mount) > len(found) and (path == mount or path.startswith(f"{mount}/")):
                found = mount
        return self.mounts.get(found)


def _headers(length: int, use: AddressUse | None, orders: OrderUse | None) -> list[Header]:
    headers = [JSON, (b"content-length", b"%d" % length)]
    if use is not None:
        weight = b"%d" % use.weight
        headers += ((b"x-mbx-used-weight", weight), (b"x-mbx-used-weight-1m", weight))
    if orders is not None:
        headers += (
            (b"x-mbx-order-count-10s", b"%d" % orders.in_ten_seconds),
            (b"x-mbx-order-count-1d", b"%d" % orders.in_day),
        )
    return headers


def _refusal(error: ApiError, use: AddressUse | None) -> tuple[int, list[Header], bytes]:
    body = encode(error.body())
    headers = _headers(len(body), use, None)
    if error.retry_after_seconds is not None:
        headers.append((b"retry-after", b"%d" % error.retry_after_seconds))
    return error.status, headers, body
