"""The OpenAPI document of what is served, made from the operations themselves, and where clients find it.

`spec/openapi.json` is this document as a file (`scripts/generate_openapi.py`); the server answers it at /openapi.json
and shows it to people at /docs.
"""

import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from functools import cache
from typing import Any

import orjson

from tandem import __version__
from tandem.apps import openapi_events, openapi_orders, openapi_parameters
from tandem.apps.openapi_page import CONTENT_SECURITY_POLICY, page
from tandem.apps.openapi_schemas import ANSWERS, Schema, schema_of, schemas
from tandem.domain import money
from tandem.domain.operation import Kind, Operation, Param, Security
from tandem.domain.parameters import INT32_MAX, INT64_MAX, LEGAL_CLIENT_ID, LEGAL_SYMBOL, MAX_SYMBOLS, MAX_TEXT
from tandem.domain.signing import LEGAL_WINDOW

SYMBOL: Schema = {"type": "string", "pattern": LEGAL_SYMBOL}
_SIGNED = (Security.USER_DATA, Security.TRADE)
_EXAMPLES = {
    "interval": "1m",
    "orderId": "1",
    "origClientOrderId": "my-order-1",
    "listenKey": "KEY",
    "side": "BUY",
    "type": "LIMIT",
    "price": "100.00",
    "quantity": "0.5",
}
_LIMIT_ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.5&price=100.00"
_WORKING = (
    "symbol=BTCUSDT&workingType=LIMIT&workingSide=BUY&workingPrice=100.00&workingQuantity=0.5&workingTimeInForce=GTC"
    "&pendingSide=SELL"
)
_SINGLE = "pendingType=LIMIT_MAKER&pendingPrice=150.00"
_PAIR = "pendingAboveType=LIMIT_MAKER&pendingAbovePrice=150.00&pendingBelowType=STOP_LOSS&pendingBelowStopPrice=80.00"
_SAMPLE_QUERIES = {
    "post_order": _LIMIT_ORDER,
    "post_order_test": _LIMIT_ORDER,
    "post_sor_order": _LIMIT_ORDER,
    "post_sor_order_test": _LIMIT_ORDER,
    "post_order_cancelReplace": f"{_LIMIT_ORDER}&cancelReplaceMode=STOP_ON_FAILURE&cancelOrderId=1",
    "post_order_oco": "symbol=BTCUSDT&side=SELL&quantity=0.5&price=150.00&stopPrice=80.00",
    "post_orderList_oco": "symbol=BTCUSDT&side=SELL&quantity=0.5&aboveType=LIMIT_MAKER&abovePrice=150.00"
    "&belowType=STOP_LOSS&belowStopPrice=80.00",
    "post_orderList_oto": f"{_WORKING}&{_SINGLE}&pendingQuantity=0.5",
    "post_orderList_otoco": f"{_WORKING}&{_PAIR}&pendingQuantity=0.5",
    "post_orderList_opo": f"{_WORKING}&{_SINGLE}",
    "post_orderList_opoco": f"{_WORKING}&{_PAIR}",
    "put_order_amend_keepPriority": "symbol=BTCUSDT&orderId=1&newQty=0.4",
    "get_order": "symbol=BTCUSDT&orderId=1",
    "delete_order": "symbol=BTCUSDT&orderId=1",
    "get_orderList": "orderListId=0",
    "delete_orderList": "symbol=BTCUSDT&orderListId=0",
    "get_ticker": "symbol=BTCUSDT",
    "get_ticker_tradingDay": "symbol=BTCUSDT",
    "get_myPreventedMatches": "symbol=BTCUSDT&orderId=1",
}
"""By operation id: requests that need more than what is mandatory."""
_INTRODUCTION = (
    "Every operation under /api/v3 is also a method of the WebSocket API at /ws-api/v3, named under x-ws-method. "
    "Streams and sessions are in docs/reference/api.md of the source, an account's own events in "
    "docs/reference/user-data.md and, at /docs, below. Parameters of POST, PUT and DELETE may come in "
    "the query, in an application/x-www-form-urlencoded body, or in both. Signed operations take the API key in the "
    "header X-MBX-APIKEY and a signature over the query and the body as they are sent: HMAC-SHA256 as hex, or RSA or "
    "Ed25519 as percent-encoded base64. x-weight is what a request adds to the address's weight. The examples need "
    "HOST, the scheme and address of the exchange, and KEY and SECRET of an account, such as one in data/demo.json."
)


def document(operations: Iterable[Operation]) -> dict[str, Any]:
    """An operation whose answer nobody has described yet may answer anything; a test finds it."""
    paths: dict[str, dict[str, Any]] = {}
    served = sorted(operations, key=lambda o: (place(o.path), o.path, o.http_method))
    twins = {(o.summary, o.params): o.ws_method for o in served if not o.path}
    """Of operations that answer otherwise over the WebSocket API."""
    for operation in served:
        if operation.path:
            found = paths.setdefault(operation.path, {})[operation.http_method.lower()] = _operation(operation)
            if method := operation.ws_method or twins.get((operation.summary, operation.params)):
                found["x-ws-method"] = method
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tandem spot exchange",
            "version": __version__,
            "description": _INTRODUCTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in _TAGS],
        "paths": paths,
        "x-user-data-events": {
            "introduction": openapi_events.INTRODUCTION,
            "events": [
                {"name": name, "when": when, "fields": [field._asdict() for field in fields]}
                for name, when, fields in openapi_events.EVENTS
            ],
        },
        "components": {
            "schemas": {"Symbol": SYMBOL, **schemas()},
            "parameters": _EDGE_PARAMETERS,
            "responses": {
                status: {"description": what, "content": _json({"$ref": "#/components/schemas/Error"})}
                for status, what in (("Refused", "What the client did cannot be."), ("Failed", "The server could not."))
            },
            "securitySchemes": {"ApiKey": {"type": "apiKey", "in": "header", "name": "X-MBX-APIKEY"}},
        },
    }


_EDGE_PARAMETERS: dict[str, Schema] = {
    "timestamp": {
        "name": "timestamp",
        "in": "query",
        "required": True,
        "description": "When the request was made, in milliseconds or microseconds.",
        "schema": {"type": "integer", "minimum": 0, "maximum": INT64_MAX},
    },
    "recvWindow": {
        "name": "recvWindow",
        "in": "query",
        "required": False,
        "description": "For how many milliseconds the request is good, 60000 at most.",
        "schema": {"type": "string", "pattern": LEGAL_WINDOW, "default": "5000"},
    },
    "signature": {
        "name": "signature",
        "in": "query",
        "required": True,
        "description": "Over the query and the body as they are sent, without this.",
        "schema": {"type": "string", "minLength": 1},
    },
}

_OTHER_TAGS = {
    "/sapi/": "Wallet, margin (/sapi)",
    "/fapi/": "Futures (/fapi, /dapi)",
    "/dapi/": "Futures (/fapi, /dapi)",
}
_RETIRED = "Retired (/api/v1)"
_TAGS = (
    "General",
    "Market data",
    "Trading",
    "Account",
    "User data stream",
    *dict.fromkeys(_OTHER_TAGS.values()),
    _RETIRED,
)
_PLACES = ("/api/v3/", *_OTHER_TAGS, "/api/v1/")


def place(path: str) -> int:
    """For sorting: what is to be used first, what is only there for old clients last."""
    return next((index for index, place in enumerate(_PLACES) if path.startswith(place)), len(_PLACES))


def _tag(operation: Operation) -> str:
    for start, tag in _OTHER_TAGS.items():
        if operation.path.startswith(start):
            return tag
    if operation.path.startswith("/api/v1/"):
        return _RETIRED
    if operation.security is Security.KEY:
        return "User data stream"
    if operation.security is not Security.NONE:
        return "Trading" if operation.security is Security.TRADE else "Account"
    return "General" if operation.ws_method in ("ping", "time") or "exchangeInfo" in operation.path else "Market data"


def _operation(operation: Operation) -> dict[str, Any]:
    answer = ANSWERS.get((operation.http_method, operation.path))
    examples = dict(pair.split("=") for pair in _sample_query(operation).split("&") if pair)
    parameters = [_parameter(operation, param, examples.get(param.name)) for param in operation.params]
    if operation.security in _SIGNED:
        parameters += [{"$ref": f"#/components/parameters/{name}"} for name in _EDGE_PARAMETERS]
    found: dict[str, Any] = {
        "operationId": operation_id(operation),
        "summary": operation.summary,
        "tags": [_tag(operation)],
        "parameters": parameters,
        "responses": {
            "200": {"description": "Done.", "content": _json({} if answer is None else schema_of(answer))},
            "4XX": {"$ref": "#/components/responses/Refused"},
            "5XX": {"$ref": "#/components/responses/Failed"},
        },
        "security": [] if operation.security is Security.NONE else [{"ApiKey": []}],
        "x-security": operation.security.name,
        "x-weight": _weight(operation),
        "x-code-samples": [{"lang": "Shell", "source": _sample(operation)}],
    }
    if description := openapi_orders.describe(operation):
        found["description"] = description
    if operation.weight_on_success is not None:
        found["x-weight-on-success"] = operation.weight_on_success
    if operation.order_count:
        found["x-order-count"] = operation.order_count
    return found


def operation_id(operation: Operation) -> str:
    words = re.split("[/-]", operation.path.removeprefix("/api/v3").strip("/"))
    return "_".join([operation.http_method.lower(), *words])


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}


def _parameter(operation: Operation, param: Param, example: str | None) -> Schema:
    description = openapi_parameters.describe(operation, param.name)
    if param.clamp:
        description += " What is out of range is pulled to the bound."
    found: Schema = {"name": param.name, "in": "query", "required": param.mandatory, "description": description}
    schema = _SCHEMAS[param.kind](replace(param, choices=openapi_orders.choices(operation, param.name)))
    if example is not None:
        found["example"] = int(example) if schema.get("type") == "integer" else example
    return found | ({"content": _json(schema)} if param.kind is Kind.SYMBOLS else {"schema": schema})


def _integer(largest: int) -> Callable[[Param], Schema]:
    def schema(param: Param) -> Schema:
        low, high = param.minimum, param.maximum
        return {
            "type": "integer",
            "format": "int32" if largest == INT32_MAX else "int64",
            "minimum": 0 if low is None else low,
            "maximum": largest if high is None else high,
        }

    return schema


_SCHEMAS: dict[Kind, Callable[[Param], Schema]] = {
    Kind.STRING: lambda p: {"type": "string", "minLength": 1, "maxLength": p.maximum or MAX_TEXT},
    Kind.SYMBOL: lambda p: {"$ref": "#/components/schemas/Symbol"},
    Kind.SYMBOLS: lambda p: {
        "type": "array",
        "items": {"enum": list(p.choices)} if p.choices else {"$ref": "#/components/schemas/Symbol"},
        "minItems": 1,
        "maxItems": p.maximum or MAX_SYMBOLS,
        "uniqueItems": True,
    },
    Kind.CLIENT_ID: lambda p: {"type": "string", "pattern": LEGAL_CLIENT_ID},
    Kind.DECIMAL: lambda p: {"type": "string", "pattern": money.LEGAL_NUMBER},
    Kind.LONG: _integer(INT64_MAX),
    Kind.INT: _integer(INT32_MAX),
    Kind.ENUM: lambda p: {"type": "string", "enum": list(p.choices)},
    Kind.BOOL: lambda p: {"type": "boolean"},
    Kind.TIME: lambda p: {"type": "integer", "format": "int64", "minimum": 0, "maximum": INT64_MAX},
}


class _Asked(dict[str, Any]):
    """Parameters that note which of them a weight is made of."""

    def __init__(self, sent: dict[str, Any]) -> None:
        super().__init__(sent)
        self.names: dict[str, None] = {}

    def __contains__(self, name: object) -> bool:
        self.names[str(name)] = None
        return super().__contains__(name)

    def __getitem__(self, name: str) -> Any:
        self.names[name] = None
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.names[name] = None
        return super().get(name, default)


def _weight(operation: Operation) -> int | dict[str, Any]:
    """The number, or what it is without optional parameters and which parameters decide."""
    if isinstance(operation.weight, int):
        return operation.weight
    asked = _Asked({param.name: _EXAMPLES.get(param.name, "BTCUSDT") for param in operation.params if param.mandatory})
    return {"plain": operation.weight(asked), "decided_by": list(asked.names)}


def _sample(operation: Operation) -> str:
    """A request for the shell, which needs HOST and, for what is signed, KEY and SECRET."""
    query = _sample_query(operation)
    method = "" if operation.http_method == "GET" else f"-X {operation.http_method} "
    if operation.security not in _SIGNED:
        key = '-H "X-MBX-APIKEY: $KEY" ' if operation.security is Security.KEY else ""
        return f'curl {method}{key}"$HOST{operation.path}{"?" if query else ""}{query}"'
    return "\n".join(
        (
            f'query="{query}{"&" if query else ""}timestamp=$(date +%s000)"',
            'signature=$(printf %s "$query" | openssl dgst -sha256 -hmac "$SECRET" -r | cut -d" " -f1)',
            f'curl {method}-H "X-MBX-APIKEY: $KEY" "$HOST{operation.path}?$query&signature=$signature"',
        )
    )


def _sample_query(operation: Operation) -> str:
    needed = (f"{p.name}={_example(p)}" for p in operation.params if p.mandatory)
    return _SAMPLE_QUERIES.get(operation_id(operation)) or "&".join(needed)


def _example(param: Param) -> str:
    if param.kind is Kind.SYMBOL:
        return "BTCUSDT"
    default = {Kind.DECIMAL: "1", Kind.LONG: "1", Kind.INT: "1", Kind.BOOL: "true"}.get(param.kind, "x")
    return _EXAMPLES.get(param.name) or (param.choices[0] if param.choices else default)


def encode(found: dict[str, Any]) -> bytes:
    """As in spec/openapi.json."""
    return orjson.dumps(found, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Any, Any, Any], Awaitable[None]]


def document_apps(operations: list[Operation]) -> dict[str, App]:
    """ASGI applications by path; made when somebody asks first."""
    found = cache(lambda: document(operations))
    json_headers = [(b"content-type", b"application/json"), (b"access-control-allow-origin", b"*")]
    html_headers = [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    ]
    return {
        "/openapi.json": _static(cache(lambda: encode(found())), json_headers),
        "/docs": _static(cache(lambda: page(found()).encode()), html_headers),
    }


def _static(make: Callable[[], bytes], headers: list[tuple[bytes, bytes]]) -> App:
    async def app(scope: Any, _receive: Any, send: Send) -> None:
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
            return
        body = make()
        length = (b"content-length", b"%d" % len(body))
        await send({"type": "http.response.start", "status": 200, "headers": [*headers, length]})
        await send({"type": "http.response.body", "body": body})

    return app
