"""A gateway over small operations that say what they were given."""

import asyncio
import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from tandem._engine import Overloaded
from tandem.apps.gateway import Gateway
from tandem.domain.errors import engine_reject
from tandem.domain.operation import Args, Call, Kind, Operation, Param, Security
from tandem.identity.service import CreatedKey, open_keys
from tandem.platform.clock import ManualClock
from tandem.platform.engine import DiskFull, EngineClosed
from tandem.platform.rate_limits import RateLimiter
from tandem.platform.settings import Limits

NOW_MS = 1_700_000_000_000
SYMBOL = Param("symbol", Kind.SYMBOL, True)


def say(call: Call, args: Args) -> dict[str, Any]:
    return {"account": call.account, "args": args, "time": call.show_time(call.received_us), "key": call.api_key}


async def say_later(call: Call, args: Args) -> dict[str, Any]:
    await asyncio.sleep(0)
    return say(call, args)


async def place(call: Call, args: Args) -> bytes:
    """An order that the symbol decides about."""
    symbol = args["symbol"]
    if symbol == "BROKEN":
        raise ZeroDivisionError("canary-in-the-message")
    if symbol in FAULTS:
        raise FAULTS[symbol]
    if symbol == "POOR":
        raise engine_reject(15)
    call.ensure_fresh()
    return b'{"orderId":1}'


FAULTS: dict[str, Exception] = {
    "SLOW": TimeoutError(),
    "BUSY": Overloaded(),
    "FULL": DiskFull(),
    "CLOSED": EngineClosed(),
}

OPERATIONS = [
    Operation("GET", "/api/v3/ping", "ping", Security.NONE, 1, (), lambda call, args: {}, cors=True),
    Operation("GET", "/api/v3/depth", "depth", Security.NONE, lambda args: 5 * args.get("limit", 1), (
        SYMBOL, Param("limit", Kind.INT, minimum=1, maximum=100, clamp=True)), say),
    Operation("GET", "/api/v3/account", "account.status", Security.USER_DATA, 20, (), say_later),
    Operation("POST", "/api/v3/order", "order.place", Security.TRADE, 1, (SYMBOL,), place, 1, weight_on_success=0),
    Operation("DELETE", "/api/v3/order", "order.cancel", Security.TRADE, 1, (SYMBOL,), say),
    Operation("POST", "/api/v3/userDataStream", "userDataStream.start", Security.KEY, 2, (), say),
]  # fmt: skip


class Edge:
    def __init__(self, directory: Path, limits: Limits | None = None, **settings: Any) -> None:
        self.clock = ManualClock(NOW_MS * 1000)
        self.keys, self._database = open_keys(directory, self.clock)
        self.limiter = RateLimiter(limits or Limits())
        self.app = Gateway(OPERATIONS, self.keys, self.limiter, self.clock, **settings)
        self.pipeline = self.app.pipeline
        self.key = self.keys.create(7)
        transport = httpx.ASGITransport(app=self.app, client=("10.0.0.1", 5))
        self.http = httpx.AsyncClient(transport=transport, base_url="http://x")

    async def close(self) -> None:
        await self.http.aclose()
        self._database.close()

    async def send(
        self, method: str, path: str, query: str = "", body: str = "", headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """The bytes as they are written here."""
        content = {"content-type": "application/x-www-form-urlencoded"} if body else {}
        url = httpx.URL("http://x" + path, query=query.encode())
        return await self.http.request(method, url, content=body.encode(), headers={**content, **(headers or {})})

    async def signed(
        self, method: str, path: str, query: str = "", key: CreatedKey | None = None, **settings: Any
    ) -> httpx.Response:
        """With a timestamp unless there is one, and a genuine signature."""
        key = key or self.key
        if "timestamp=" not in query:
            query = "&".join(filter(None, [query, f"timestamp={NOW_MS}"]))
        signature = sign(key, query + settings.get("body", ""))
        headers = {"x-mbx-apikey": key.key.id, **settings.pop("headers", {})}
        return await self.send(method, path, f"{query}&signature={signature}", headers=headers, **settings)


def sign(key: CreatedKey, text: str) -> str:
    assert key.secret is not None
    return hmac.new(key.secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def told(response: httpx.Response) -> tuple[int, int]:
    """Status and error number."""
    assert response.headers["content-type"] == "application/json;charset=UTF-8"
    body = response.json()
    assert set(body) == {"code", "msg"}
    return response.status_code, body["code"]
