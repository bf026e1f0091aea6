"""Hooks the recorder into the exchange: the few places that every request, answer and event passes."""

import re
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

import jsonschema_rs
import orjson

from tandem.apps import stream_control, ws_api
from tandem.apps.openapi_schemas import ANSWERS, schema_of, schemas
from tandem.apps.pipeline import Pipeline
from tandem.apps.streams import StreamConnection
from tandem.apps.websocket import Sockets
from tandem.apps.ws_session import Session
from tandem.domain.error_table import ERRORS
from tandem.domain.errors import ApiError
from tandem.domain.operation import Kind, Operation
from tandem.marketdata.topics import Topic
from tandem.trading.user_stream import Burst, UserStreams
from tests.conformance.recorder import Recorder

_EDGE = {"timestamp", "recvWindow", "apiKey", "returnRateLimits"}
_ENUMS = {
    "timeinforce": "timeInForce",
    "side": "side",
    "neworderresptype": "newOrderRespType",
    "selftradepreventionmode": "selfTradePreventionMode",
    "cancelreplacemode": "cancelReplaceMode",
    "orderratelimitexceededmode": "orderRateLimitExceededMode",
    "cancelrestrictions": "cancelRestrictions",
    "pegpricetype": "pegPriceType",
    "pegoffsettype": "pegOffsetType",
    "interval": "klineInterval",
    "type": "orderType",
}
"""By how the parameter's name ends; the last one is asked last."""
_SHOWN = re.compile(
    rb'"(status|expiryReason|contingencyType|listStatusType|listOrderStatus|cancelResult|newOrderResult|allocationType'
    rb'|matchType|workingFloor|ruleType|calculationType)":"(\w+)"'
)
_FIELDS = {
    "status": "orderStatus",
    "cancelResult": "cancelReplaceResult",
    "newOrderResult": "cancelReplaceResult",
    "ruleType": "executionRuleType",
    "calculationType": "referencePriceCalculationType",
}
_REPORT = {"x": "executionType", "X": "orderStatus", "eR": "expiryReason", "k": "workingFloor", "b": "matchType"}
_LIST = {"c": "contingencyType", "l": "listStatusType", "L": "listOrderStatus"}
_STREAM = (
    (re.compile(r"^[^!@]+@"), "<symbol>@"),
    (re.compile(r"kline_[^@]+"), "kline_<interval>"),
    (re.compile(r"ticker_(1h|4h|1d)"), "ticker_<1h|4h|1d>"),
    (re.compile(r"depth\d+"), "depth<5|10|20>"),
    (re.compile(r"@1000ms$"), ""),
)
_EVENT = re.compile(rb'"e":"(\w+)"')


class Observer:
    def __init__(self, recorder: Recorder) -> None:
        self._note = recorder.note
        self._recorder = recorder
        self._compared: set[tuple[str, str, frozenset[str]]] = set()

    def observe(self) -> None:
        """From now on, in this process."""
        _wrap(Pipeline, "answer_rest", self._rest)
        _wrap(Pipeline, "answer_ws", self._ws)
        _wrap(ws_api, "session_methods", self._session_methods)
        _wrap(ApiError, "body", self._error)
        _wrap(Topic, "_send", self._stream)
        _wrap(UserStreams, "subscribe", self._user_stream)
        _wrap(StreamConnection, "push_events", self._listen_key)
        _wrap(Session, "end_subscriptions", self._ended)
        _wrap(Sockets, "announce_shutdown", self._shutdown)
        _wrap(stream_control, "answer", self._control)

    # --- requests

    def accepted(self, name: str, operation: Operation, values: Mapping[str, Any], answer: bytes) -> None:
        """`name` empty: not over one of the two transports, so only values count."""
        if name:
            self._note(name)
            for parameter in values.keys() - _EDGE:
                self._note(f"{name} {parameter}")
        for param in operation.params:
            if param.kind is Kind.ENUM and param.name in values:
                self._note(f"{_enum(operation, param.name)} {values[param.name]}")
        self._show(answer)
        asked = self._recorder.test, f"{operation.http_method} {operation.path}", frozenset(values)
        if asked not in self._compared and _is_ours(operation.handler):
            self._compared.add(asked)
            self._compare(operation, answer)

    def _show(self, answer: bytes) -> None:
        for field, value in _SHOWN.findall(answer):
            self._note(f"{_FIELDS.get(field.decode(), field.decode())} {value.decode()}")

    def _compare(self, operation: Operation, answer: bytes) -> None:
        """With the OpenAPI document."""
        is_described = _validator(operation.http_method, operation.path)
        error = is_described and next(is_described.iter_errors(orjson.loads(answer)), None)
        if error:
            where = "/".join(map(str, error.instance_path))
            self._note(f"undocumented {operation.http_method} {operation.path}: {where} {error.message[:300]}")

    def refused(self, error: ApiError) -> None:
        if self._recorder.test.startswith("tests/domain/") or error.name not in ERRORS:
            return
        self._note(f"error {error.code} {template(error)}")
        if error.data is not None:
            self._show(orjson.dumps(error.data))
        if error.message.startswith("Filter failure: "):
            self._note(f"filter {error.message.removeprefix('Filter failure: ')}")

    def _rest(self, original: Any) -> Any:
        async def answer_rest(pipeline: Pipeline, route: Any, sent: Any, *more: Any) -> Any:
            answered = await original(pipeline, route, sent, *more)
            operation = route.operation
            if _is_ours(operation.handler):
                name = f"rest {operation.http_method} {operation.path}"
                self.accepted(name, operation, sent.values, answered[0])
            return answered

        return answer_rest

    def _ws(self, original: Any) -> Any:
        async def answer_ws(pipeline: Pipeline, route: Any, sent: Any, *more: Any, **named: Any) -> Any:
            outcome = await original(pipeline, route, sent, *more, **named)
            operation = route.operation
            if outcome.error is None and _is_ours(operation.handler):
                self.accepted(f"ws {operation.ws_method}", operation, sent.values, outcome.body)
            return outcome

        return answer_ws

    def _session_methods(self, original: Any) -> Any:
        def observed(name: str, method: Any, session: Any, sent: Any) -> Any:
            reply = method(session, sent)
            for noted in ("", *(f" {parameter}" for parameter in sent.values.keys() - _EDGE)):
                self._note(f"ws {name}{noted}")
            return reply

        def session_methods(*given: Any) -> Any:
            return {name: partial(observed, name, method) for name, method in original(*given).items()}

        return session_methods

    def _error(self, original: Any) -> Any:
        def body(error: ApiError) -> Any:
            self.refused(error)
            return original(error)

        return body

    # --- events

    def _stream(self, original: Any) -> Any:
        def send(topic: Topic, payload: bytes, plain: Any, combined: Any) -> None:
            if plain or combined:
                name = topic.name
                for pattern, replacement in _STREAM:
                    name = pattern.sub(replacement, name)
                event = _EVENT.search(payload, 0, 64)
                self._note(f"stream {name}{' ' + event[1].decode() if event else ''}")
            original(topic, payload, plain, combined)

        return send

    def _user_stream(self, original: Any) -> Any:
        def subscribe(streams: UserStreams, account: int, sink: Callable[[Burst], None], **named: Any) -> Any:
            def observed(burst: Burst) -> None:
                for event in burst.events:
                    self._user_event(orjson.loads(event))
                sink(burst)

            return original(streams, account, observed, **named)

        return subscribe

    def _user_event(self, event: dict[str, Any]) -> None:
        self._note(f"userEvent {event['e']}")
        for field, kind in {"executionReport": _REPORT, "listStatus": _LIST}.get(event["e"], {}).items():
            if field in event:
                self._note(f"{kind} {event[field]}")

    def _listen_key(self, original: Any) -> Any:
        def push_events(connection: StreamConnection, name: str, burst: Burst) -> None:
            for event in burst.events:
                kind = orjson.loads(event)["e"]
                self._note(f"stream <listenKey> {kind}")
                self._note(f"userEvent {kind}")
            original(connection, name, burst)

        return push_events

    def _ended(self, original: Any) -> Any:
        def end_subscriptions(session: Session, *given: Any) -> Any:
            events = original(session, *given)
            if events:
                self._note("userEvent eventStreamTerminated")
            return events

        return end_subscriptions

    def _shutdown(self, original: Any) -> Any:
        def announce_shutdown(sockets: Sockets) -> None:
            if len(sockets):
                self._note("stream !serverShutdown serverShutdown")
            original(sockets)

        return announce_shutdown

    def _control(self, original: Any) -> Any:
        def answer(text: str | bytes, connection: Any) -> bytes:
            told: bytes = original(text, connection)
            if told.startswith(b'{"result"'):
                self._note(f"streamControl {orjson.loads(text)['method']}")
            return told

        return answer


def _wrap(owner: Any, name: str, observed: Callable[[Any], Any]) -> None:
    setattr(owner, name, observed(getattr(owner, name)))


@cache
def _validator(method: str, path: str) -> Any:
    notation = ANSWERS.get((method, path))
    if notation is None:
        return None
    return jsonschema_rs.validator_for(schema_of(notation) | {"components": {"schemas": schemas()}})


def _is_ours(handler: Any) -> bool:
    """Tests of the edge have operations of their own, which prove nothing about the API."""
    while isinstance(handler, partial):
        handler = handler.func
    return str(getattr(handler, "__module__", "")).startswith("tandem.")


def _enum(operation: Operation, parameter: str) -> str:
    if operation.http_method == "GET":
        return {"type": "tickerType", "interval": "klineInterval"}.get(parameter, parameter)
    return next((name for ending, name in _ENUMS.items() if parameter.lower().endswith(ending)), parameter)


def template(error: ApiError) -> str:
    """The text of spec/errors.toml that the error's message was made of."""
    for text in ERRORS[error.name][2].values():
        if re.fullmatch(re.escape(text).replace("%s", ".*"), error.message, re.DOTALL):
            return text
    raise AssertionError(f"{error.message} is no text of {error.name}")
