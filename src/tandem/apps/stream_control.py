"""Requests of a stream socket (SUBSCRIBE and so on) and their answers. Texts are the API's own to the letter."""

from collections.abc import Callable
from typing import Any, Protocol

import orjson

MAX_STREAMS = 1_024
MAX_NAME = 128
MAX_ID = 36

METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
_EXPECTED = ", ".join(f"`{method}`" for method in METHODS)


class Subscriptions(Protocol):
    """What the requests act on."""

    combined: bool

    @property
    def names(self) -> list[str]: ...
    def subscribe(self, names: list[str]) -> None: ...
    def unsubscribe(self, names: list[str]) -> None: ...


class ControlError(Exception):
    """`code` 0 to 3; the answer carries the request's id only with `with_id`."""

    def __init__(self, code: int, message: str, *, with_id: bool = False) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.with_id = with_id


def answer(text: str | bytes, connection: Subscriptions) -> bytes:
    """Does what one message asks for; the JSON to send back. Never raises on what a client sent."""
    request_id = None
    try:
        request = _parse(text)
        request_id = _request_id(request)
        result = _method(request, text)(connection, _params(request))
    except ControlError as error:
        body: dict[str, Any] = {"code": error.code, "msg": error.message}
        if error.with_id:
            body["id"] = request_id
        return orjson.dumps(body)
    return orjson.dumps({"result": result, "id": request_id})


def _parse(text: str | bytes) -> dict[str, Any]:
    try:
        request = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ControlError(3, f"Invalid JSON: expected value at line {error.lineno} column {error.colno}") from None
    if not isinstance(request, dict):
        raise _missing_method(text)
    return request


def _missing_method(text: str | bytes) -> ControlError:
    return ControlError(2, f"Invalid request: missing field `method` at line 1 column {len(text)}")


def _request_id(request: dict[str, Any]) -> int | str | None:
    value = request.get("id")
    if value is None or (type(value) is int and -(2**63) <= value < 2**63):
        return value
    if isinstance(value, str) and len(value) <= MAX_ID and value.isprintable():
        return value
    raise ControlError(2, "Invalid request: request ID must be an unsigned integer")


def _params(request: dict[str, Any]) -> list[Any]:
    params = request.get("params", [])
    if not isinstance(params, list):
        raise ControlError(2, "Invalid request: params must be an array")
    return params


def _method(request: dict[str, Any], text: str | bytes) -> Callable[[Subscriptions, list[Any]], Any]:
    if "method" not in request:
        raise _missing_method(text)
    method = request["method"]
    handler = _HANDLERS.get(method) if isinstance(method, str) else None
    if handler is None:
        shown = method if isinstance(method, str) else orjson.dumps(method).decode()
        raise ControlError(
            2,
            f"Invalid request: unknown variant `{shown[:64]}`, expected one of {_EXPECTED}"
            f" at line 1 column {_column_after(text, method)}",
        )
    return handler


def _column_after(text: str | bytes, method: Any) -> int:
    """The column where the method's value ends, as the API counts."""
    raw = text if isinstance(text, bytes) else text.encode()
    value = orjson.dumps(method)
    at = raw.find(value, raw.find(b'"method"') + 8)
    return at + len(value) if at >= 0 else len(raw)


def _names(params: list[Any]) -> list[str]:
    if len(params) > MAX_STREAMS:
        raise ControlError(2, "Invalid request: too many parameters")
    for name in params:
        if not isinstance(name, str):
            raise ControlError(2, "Invalid request: stream name must be a string")
        if not 0 < len(name) <= MAX_NAME:
            raise ControlError(2, "Invalid request: stream name is empty or too long")
    return params


def _subscribe(connection: Subscriptions, params: list[Any]) -> None:
    names = _names(params)
    if len({*connection.names, *names}) > MAX_STREAMS:
        raise ControlError(2, "Invalid request: too many parameters")
    connection.subscribe(names)


def _unsubscribe(connection: Subscriptions, params: list[Any]) -> None:
    connection.unsubscribe(_names(params))


def _list(connection: Subscriptions, params: list[Any]) -> list[str]:
    if params:
        raise ControlError(2, "Invalid request: too many parameters")
    return connection.names


def _property(params: list[Any], count: int) -> None:
    if len(params) > count:
        raise ControlError(2, "Invalid request: too many parameters")
    if not params or not isinstance(params[0], str):
        raise ControlError(2, "Invalid request: property name must be a string")
    if params[0] != "combined":
        raise ControlError(0, "Unknown property", with_id=True)


def _set_property(connection: Subscriptions, params: list[Any]) -> None:
    _property(params, 2)
    if len(params) < 2 or not isinstance(params[1], bool):
        raise ControlError(1, "Invalid value type: expected Boolean")
    connection.combined = params[1]


def _get_property(connection: Subscriptions, params: list[Any]) -> bool:
    _property(params, 1)
    return connection.combined


_HANDLERS: dict[str, Callable[[Subscriptions, list[Any]], Any]] = dict(
    zip(METHODS, (_subscribe, _unsubscribe, _list, _set_property, _get_property), strict=True)
)
