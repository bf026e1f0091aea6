"""The operator endpoint: JSON over HTTP on a loopback port of its own, behind the key in the data directory."""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
import orjson

from tandem.admin.service import AdminService, NotFound, Refused, explain
from tandem.domain.errors import ApiError, Fault
from tandem.domain.trading import MarketStatus
from tandem.platform.engine import DiskFull, EngineClosed, Overloaded

KEY_HEADER = b"x-tandem-operator-key"
MAX_BODY = 64 * 1024

REFUSED = (msgspec.DecodeError, NotFound, Refused, ValueError, OverflowError, ApiError, KeyError)
"""The operator's mistakes; ValueError is what numbers and public keys are refused with, OverflowError what the engine
has no room for."""

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class _Body(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What a request carries; a field that is not named here is refused."""


class CreateAsset(_Body):
    asset: str
    name: str = ""
    decimals: int = 8


class CreateAccount(_Body):
    name: str


class UpdateAccount(_Body):
    """What is not given stays as it is."""

    account: str
    canTrade: bool | None = None  # noqa: N815
    makerRate: str | None = None  # noqa: N815
    takerRate: str | None = None  # noqa: N815
    marketRates: bool = False  # noqa: N815


class Movement(_Body):
    account: str
    asset: str
    amount: str


class CreateMarket(_Body):
    symbol: str
    base: str
    quote: str
    rules: dict[str, str]


class MarketName(_Body):
    symbol: str


class CreateKey(_Body):
    account: str
    label: str = ""
    permissions: tuple[str, ...] = ("USER_DATA", "TRADE")
    publicKey: str | None = None  # noqa: N815
    networks: tuple[str, ...] = ()


class KeyName(_Body):
    apiKey: str  # noqa: N815


class KeyAdmin:
    """The three things an operator does with API keys, given as functions by whoever wires the process."""

    def __init__(
        self,
        create: Callable[[int, str, tuple[str, ...], str | None, tuple[str, ...]], dict[str, Any]],
        revoke: Callable[[str], bool],
        rows: Callable[[], list[dict[str, Any]]],
    ) -> None:
        self.create = create
        self.revoke = revoke
        self.rows = rows


class OperatorApp:
    """ASGI application. 401 without the key, 400 with `{"error": text}` for what cannot be done."""

    def __init__(self, service: AdminService, keys: KeyAdmin, key: str) -> None:
        self._service = service
        self._keys = keys
        self._key = key.encode()
        self._routes: dict[tuple[str, str], tuple[type[_Body] | None, Callable[[Any], Any]]] = {
            ("GET", "/assets"): (None, lambda _: service.assets()),
            ("GET", "/markets"): (None, lambda _: service.markets()),
            ("GET", "/accounts"): (None, lambda _: service.accounts()),
            ("GET", "/keys"): (None, lambda _: self._list_keys()),
            ("POST", "/assets"): (CreateAsset, lambda b: service.create_asset(b.asset, b.name, b.decimals)),
            ("POST", "/accounts"): (CreateAccount, lambda b: service.create_account(b.name)),
            ("PUT", "/accounts"): (UpdateAccount, self._update_account),
            ("POST", "/accounts/credit"): (
                Movement,
                lambda b: service.move("credit", b.account, b.asset, b.amount),
            ),
            ("POST", "/accounts/debit"): (Movement, lambda b: service.move("debit", b.account, b.asset, b.amount)),
            ("POST", "/markets"): (
                CreateMarket,
                lambda b: service.create_market(b.symbol, b.base, b.quote, b.rules),
            ),
            ("POST", "/markets/halt"): (
                MarketName,
                lambda b: service.set_market_status(b.symbol, MarketStatus.HALT),
            ),
            ("POST", "/markets/resume"): (
                MarketName,
                lambda b: service.set_market_status(b.symbol, MarketStatus.TRADING),
            ),
            ("POST", "/keys"): (CreateKey, self._create_key),
            ("DELETE", "/keys"): (KeyName, self._revoke_key),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        status, answer = await self._answer(scope, receive)
        body = orjson.dumps(answer)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, Any]:
        given = next((value for name, value in scope["headers"] if name == KEY_HEADER), b"")
        if not hmac.compare_digest(given, self._key):
            return 401, {"error": "the operator key is missing or wrong; it is in operator.json of the data directory"}
        route = self._routes.get((scope["method"], scope["path"]))
        if route is None:
            return 404, {"error": f"no such operation: {scope['method']} {scope['path']}"}
        shape, handler = route
        try:
            body = await _read(receive)
            answer = handler(msgspec.json.decode(body, type=shape) if shape else None)
            return 200, await answer if isinstance(answer, Awaitable) else answer
        except REFUSED as error:
            return 400, {"error": explain(error)}
        except Overloaded:
            return 503, {"error": "too many commands are waiting; try again"}
        except DiskFull:
            return 503, {"error": "the disk is full; nothing was done"}
        except EngineClosed:
            return 503, {"error": "the exchange is stopping; nothing was done"}
        except TimeoutError:
            return 504, {"error": "no answer in time; the outcome is unknown: look before you try again"}
        except Fault as error:
            return 503, {"error": str(error)}

    def _update_account(self, body: UpdateAccount) -> Awaitable[dict[str, Any]]:
        rates: tuple[str, str] | bool = body.marketRates
        if body.makerRate is not None or body.takerRate is not None:
            if body.makerRate is None or body.takerRate is None or body.marketRates:
                raise ValueError("makerRate and takerRate go together, and without marketRates")
            rates = body.makerRate, body.takerRate
        return self._service.update_account(body.account, can_trade=body.canTrade, rates=rates)

    def _create_key(self, body: CreateKey) -> dict[str, Any]:
        account = self._service.account_id(body.account)
        made = self._keys.create(account, body.label, body.permissions, body.publicKey, body.networks)
        return made | {"account": body.account}

    def _revoke_key(self, body: KeyName) -> dict[str, Any]:
        if not self._keys.revoke(body.apiKey):
            raise NotFound("no such live API key; `tandem keys list` shows them")
        return {"apiKey": body.apiKey, "revoked": True}

    def _list_keys(self) -> list[dict[str, Any]]:
        names = {account["id"]: account["name"] for account in self._service.accounts()}
        return [row | {"account": names.get(row["account"], row["account"])} for row in self._keys.rows()]


async def _read(receive: Receive) -> bytes:
    chunks, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise msgspec.DecodeError("the request was not finished")
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > MAX_BODY:
            raise msgspec.DecodeError("the request is too large")
        if not message.get("more_body"):
            return b"".join(chunks)
