"""The operator endpoint: JSON over HTTP on a loopback port of its own, behind the key in the data directory."""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

import msgspec
import orjson

from tandem.admin.rules import PERMISSION_BITS, bits_of, read_rate
from tandem.admin.service import AccountChange, AdminService, NotFound, Refused, explain
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


class RenameAsset(_Body):
    asset: str
    name: str


class UpdateAccount(_Body):
    """What is not given stays as it is."""

    account: str
    canTrade: bool | None = None  # noqa: N815
    makerRate: str | None = None  # noqa: N815
    takerRate: str | None = None  # noqa: N815
    buyerRate: str = "0"  # noqa: N815
    sellerRate: str = "0"  # noqa: N815
    marketRates: bool = False  # noqa: N815
    tradeGroup: int | None = None  # noqa: N815
    """-1: none."""
    permissions: str | None = None
    """Names with commas."""
    discount: bool | None = None
    """Pays commissions in the discount asset where it can."""


class AssetLimit(_Body):
    """MAX_ASSET; 0: no bound."""

    account: str
    asset: str
    limit: str


class AccountInMarket(_Body):
    account: str
    symbol: str


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


class UpdateMarket(_Body):
    """What is not given stays as it is."""

    symbol: str
    rules: dict[str, str]


class StatusOfMarket(_Body):
    symbol: str
    status: Literal["TRADING", "HALT", "BREAK", "CANCEL_ONLY", "END_OF_DAY"]


class ReferencePrice(_Body):
    symbol: str
    price: str | None


class UpdateExchange(_Body):
    """What is not given stays as it is."""

    rules: dict[str, str]


class Sor(_Body):
    """No symbols: no routing."""

    base: str
    symbols: tuple[str, ...] = ()
    account: str = ""


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
            ("POST", "/markets/status"): (
                StatusOfMarket,
                lambda b: service.set_market_status(b.symbol, MarketStatus[b.status]),
            ),
            ("PUT", "/markets"): (UpdateMarket, lambda b: service.update_market(b.symbol, b.rules)),
            ("POST", "/markets/rules"): (MarketName, lambda b: service.rules(b.symbol)),
            ("PUT", "/markets/reference-price"): (
                ReferencePrice,
                lambda b: service.set_reference_price(b.symbol, b.price),
            ),
            ("PUT", "/assets"): (RenameAsset, lambda b: service.rename_asset(b.asset, b.name)),
            ("PUT", "/accounts/limits"): (AssetLimit, lambda b: service.limit_asset(b.account, b.asset, b.limit)),
            ("POST", "/accounts/expire"): (AccountInMarket, lambda b: service.expire_orders(b.account, b.symbol)),
            ("GET", "/exchange"): (None, lambda _: service.exchange()),
            ("PUT", "/exchange"): (UpdateExchange, lambda b: service.update_exchange(b.rules)),
            ("GET", "/sors"): (None, lambda _: service.sors()),
            ("PUT", "/sors"): (Sor, lambda b: service.set_sor(b.base, b.symbols, b.account)),
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
        rates: tuple[()] | tuple[int, int, int, int] | None = () if body.marketRates else None
        if body.makerRate is not None or body.takerRate is not None:
            if body.makerRate is None or body.takerRate is None or body.marketRates:
                raise ValueError("makerRate and takerRate go together, and without marketRates")
            maker, taker, buyer, seller = body.makerRate, body.takerRate, body.buyerRate, body.sellerRate
            rates = read_rate(maker), read_rate(taker), read_rate(buyer), read_rate(seller)
        change = AccountChange(
            can_trade=body.canTrade,
            rates=rates,
            trade_group=body.tradeGroup,
            permissions=None if body.permissions is None else bits_of(body.permissions, PERMISSION_BITS),
            discount=body.discount,
        )
        return self._service.update_account(body.account, change)

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
