"""What happens to a request whatever carried it: parameters, weight, key, signature, time, handler, answer.

REST (`tandem.apps.gateway`) and the WebSocket API use it alike. For the WebSocket API:

    frame = requests.read_frame(text)                      # FrameError, ApiError
    route = pipeline.ws_routes.get(frame.method.removeprefix("v3/"))
    outcome = await pipeline.answer_ws(route, frame.sent, address, session=key_of_the_session, show_time=milliseconds)
    outcome.status, outcome.body, outcome.error            # `body`: the result as JSON; `error`: ApiError or None
    outcome.weight, outcome.orders                         # for RateLimiter.weight_rows and order_rows

`pipeline.log_on(frame.sent, address)` checks `session.logon` and gives the key; end the session when
`KeyService.on_revoked` names it. Opening a connection: `limiter.charge(address, 2, clock.wall_us(), is_raw=False)`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
import orjson

from tandem.domain.errors import ApiError, api_error
from tandem.domain.operation import Args, Call, Operation, Security
from tandem.domain.parameters import Parameters
from tandem.domain.requests import Sent
from tandem.domain.signing import EDGE_PARAMETERS, check_fresh, read_timestamp, read_window
from tandem.identity.keys import ApiKey, Permission
from tandem.identity.service import KEY_LENGTH, KeyService
from tandem.platform.clock import Clock
from tandem.platform.engine import DiskFull, EngineClosed, Overloaded
from tandem.platform.rate_limits import AddressUse, OrderUse, RateLimiter
from tandem.platform.telemetry import log

WS_PARAMETERS = frozenset({"apiKey", "returnRateLimits"})
_NEEDED = {
    Security.KEY: Permission.USER_DATA,
    Security.USER_DATA: Permission.USER_DATA,
    Security.TRADE: Permission.TRADE,
}


ShowTime = Callable[[int], int]


def milliseconds(us: int) -> int:
    """How times are shown unless the client asks otherwise."""
    return us // 1000


def microseconds(us: int) -> int:
    return us


TIME_UNITS: dict[str, ShowTime] = {
    "MILLISECOND": milliseconds,
    "millisecond": milliseconds,
    "MICROSECOND": microseconds,
    "microsecond": microseconds,
}


def time_unit(text: str) -> ShowTime:
    """Raises ApiError -1194."""
    try:
        return TIME_UNITS[text]
    except KeyError:
        raise api_error("INVALID_TIME_UNIT") from None


def encode(result: Any) -> bytes:
    """JSON; bytes are JSON already."""
    return result if type(result) is bytes else orjson.dumps(result, default=msgspec.to_builtins)


class Route:
    """An operation with what is known about it before any request comes."""

    __slots__ = ("base_weight", "is_signed", "needed", "operation", "parameters", "refund", "ws_parameters")

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.is_signed = operation.security in (Security.USER_DATA, Security.TRADE)
        self.needed = _NEEDED.get(operation.security)
        edge = EDGE_PARAMETERS if self.is_signed else frozenset()
        self.parameters = Parameters(operation.params, edge)
        self.ws_parameters = Parameters(operation.params, edge | WS_PARAMETERS)
        weight = operation.weight
        self.base_weight = weight if isinstance(weight, int) else 1
        """Charged before the parameters are read, so that bad requests cost too."""
        on_success = operation.weight_on_success
        self.refund = 0 if on_success is None else self.base_weight - on_success
        assert self.refund >= 0, f"{operation.path}: success costs more than failure"
        assert on_success is None or isinstance(weight, int), f"{operation.path}: only a fixed weight can be given back"


@dataclass(slots=True)
class Outcome:
    """What a WebSocket API request came to."""

    status: int
    body: bytes
    """The result as JSON; empty with an error."""
    error: ApiError | None = None
    weight: AddressUse | None = None
    orders: OrderUse | None = None
    """Set when orders were counted."""


class Freshness:
    """The recvWindow of one request, to be checked again later."""

    __slots__ = ("_clock", "_timestamp_us", "_window_us")

    def __init__(self, clock: Clock, timestamp_us: int, window_us: int) -> None:
        self._clock = clock
        self._timestamp_us = timestamp_us
        self._window_us = window_us

    def __call__(self) -> None:
        check_fresh(self._timestamp_us, self._window_us, self._clock.wall_us())


def _always_fresh() -> None:
    """Unsigned requests carry no time."""


class Pipeline:
    """`address` is the client's, `show_time` what its time unit asks for."""

    def __init__(
        self,
        operations: Iterable[Operation],
        keys: KeyService,
        limiter: RateLimiter,
        clock: Clock,
    ) -> None:
        self.keys = keys
        self.limiter = limiter
        self.clock = clock
        self.rest_routes: dict[str, dict[str, Route]] = {}
        """By path, then by method."""
        self.ws_routes: dict[str, Route] = {}
        for operation in operations:
            self._add(Route(operation))

    def _add(self, route: Route) -> None:
        operation = route.operation
        if operation.path:
            methods = self.rest_routes.setdefault(operation.path, {})
            assert operation.http_method not in methods, f"{operation.http_method} {operation.path} is there twice"
            methods[operation.http_method] = route
        if operation.ws_method:
            assert operation.ws_method not in self.ws_routes, f"{operation.ws_method} is there twice"
            self.ws_routes[operation.ws_method] = route

    async def answer_rest(
        self, route: Route, sent: Sent, key_id: str, address: str, show_time: ShowTime, use: AddressUse, now_us: int
    ) -> tuple[bytes, OrderUse | None]:
        """JSON, and the account's order count when this counted orders. `use` has been charged. Raises ApiError."""
        args = route.parameters.read(sent)
        self._charge_extra(route, args, address, now_us)
        if route.operation.security is Security.NONE:
            call = Call(-1, now_us, show_time, _always_fresh)
        else:
            call = self._admit(route, sent, self.find_key(key_id), address, show_time, now_us)
        return await self._perform(route, call, args, use)

    async def answer_ws(
        self, route: Route, sent: Sent, address: str, *, session: ApiKey | None, show_time: ShowTime
    ) -> Outcome:
        """Never raises for what a client does. `session` is the key that `log_on` gave, as long as it lasts."""
        now_us = self.clock.wall_us()
        use = None
        try:
            use = self.limiter.charge(address, route.base_weight, now_us, is_raw=False)
            args = route.ws_parameters.read(sent)
            self._charge_extra(route, args, address, now_us)
            call = self._admit_ws(route, sent, session, address, show_time, now_us)
            body, orders = await self._perform(route, call, args, use)
        except Exception as error:  # noqa: BLE001  (the connection must live on)
            refused = self.as_api_error(error, route.operation.ws_method)
            return Outcome(refused.status, b"", refused, use)
        return Outcome(200, body, None, use, orders)

    def log_on(self, sent: Sent, address: str) -> ApiKey:
        """The key of a `session.logon`. Raises ApiError."""
        key = self.find_key(_mandatory(sent, "apiKey"))
        self._check_signed(sent, key, None, address, self.clock.wall_us())
        return key

    def find_key(self, id: str) -> ApiKey:
        """Raises ApiError -2014 or -2015."""
        key = self.keys.find(id)
        if key is None:
            is_well_formed = len(id) == KEY_LENGTH and id.isascii() and id.isalnum()
            raise api_error("REJECTED_MBX_KEY" if is_well_formed else "BAD_API_KEY_FMT")
        return key

    def as_api_error(self, error: Exception, what: str) -> ApiError:
        """For what no handler expected: the client learns nothing, the log everything but the request's parameters."""
        if isinstance(error, ApiError):
            return error
        log(__name__).error("a request failed", request=what, exc_info=error)
        return api_error("UNKNOWN")

    def _charge_extra(self, route: Route, args: Args, address: str, now_us: int) -> None:
        """What the parameters add to the weight. Raises ApiError."""
        weight = route.operation.weight
        if not isinstance(weight, int):
            extra = weight(args) - route.base_weight
            if extra > 0:
                self.limiter.charge(address, extra, now_us, is_raw=False)

    def _admit(self, route: Route, sent: Sent, key: ApiKey, address: str, show_time: ShowTime, now_us: int) -> Call:
        if route.is_signed:
            fresh: Callable[[], None] = self._check_signed(sent, key, route.needed, address, now_us)
        else:
            _check_allowed(key, route.needed, address)
            fresh = _always_fresh
        key.last_used_us = now_us
        return Call(key.account, now_us, show_time, fresh, key.id)

    def _admit_ws(
        self, route: Route, sent: Sent, session: ApiKey | None, address: str, show_time: ShowTime, now_us: int
    ) -> Call:
        if route.operation.security is Security.NONE:
            return Call(-1, now_us, show_time, _always_fresh)
        if session is None or "apiKey" in sent.values:
            return self._admit(route, sent, self.find_key(_mandatory(sent, "apiKey")), address, show_time, now_us)
        if session.revoked_us is not None:
            raise api_error("REJECTED_MBX_KEY")
        if sent.signature is not None or not route.is_signed:
            return self._admit(route, sent, session, address, show_time, now_us)
        timestamp_us, window_us = read_timestamp(sent.values), read_window(sent.values)
        _check_allowed(session, route.needed, address)
        check_fresh(timestamp_us, window_us, now_us)
        session.last_used_us = now_us
        return Call(session.account, now_us, show_time, Freshness(self.clock, timestamp_us, window_us), session.id)

    def _check_signed(self, sent: Sent, key: ApiKey, needed: Permission | None, address: str, now_us: int) -> Freshness:
        timestamp_us = read_timestamp(sent.values)
        signature = sent.signature
        if not signature:
            raise api_error("MANDATORY_PARAM_EMPTY_OR_MALFORMED", "signature")
        window_us = read_window(sent.values)
        _check_allowed(key, needed, address)
        if not key.verify(sent.signed_text(), signature):
            raise api_error("INVALID_SIGNATURE")
        check_fresh(timestamp_us, window_us, now_us)
        return Freshness(self.clock, timestamp_us, window_us)

    async def _perform(self, route: Route, call: Call, args: Args, use: AddressUse) -> tuple[bytes, OrderUse | None]:
        """Raises ApiError, also for what the engine could not take."""
        operation = route.operation
        orders = None
        if operation.order_count:
            orders = self.limiter.charge_orders(call.account, operation.order_count, call.received_us)
        elif operation.counts_itself:
            orders = self.limiter.orders(call.account, call.received_us)
        try:
            result = operation.handler(call, args)
            if hasattr(result, "__await__"):
                result = await result
        except Overloaded:
            raise api_error("SERVER_BUSY") from None
        except DiskFull:
            raise api_error("DISK_FULL") from None
        except EngineClosed:
            raise api_error("SERVICE_SHUTTING_DOWN") from None
        except TimeoutError:
            raise api_error("TIMEOUT") from None
        if route.refund:
            self.limiter.give_back(use, route.refund, call.received_us)
        return encode(result), orders


def _check_allowed(key: ApiKey, needed: Permission | None, address: str) -> None:
    """Raises ApiError -2015. `needed` None: any permission will do."""
    if (needed is not None and needed not in key.permissions) or (key.networks and not key.allows_address(address)):
        raise api_error("REJECTED_MBX_KEY")


def _mandatory(sent: Sent, name: str) -> str:
    text = sent.values.get(name)
    if not text:
        raise api_error("MANDATORY_PARAM_EMPTY_OR_MALFORMED", name)
    return text
