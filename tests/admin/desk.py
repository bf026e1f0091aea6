"""What an operator has: an exchange's endpoint, and its key."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from tandem.admin.routes import KeyAdmin, OperatorApp
from tandem.admin.service import AdminService
from tandem.platform.engine import Engine, EngineClient

KEY = "operator-key"
RULES = {"tickSize": "0.01", "stepSize": "0.0001"}


class Keys:
    """Instead of identity: what the operator app asks of it."""

    def __init__(self) -> None:
        self.live: dict[str, dict[str, Any]] = {}
        self.error: Exception | None = None

    def create(
        self, account: int, label: str, permissions: tuple[str, ...], pem: str | None, networks: tuple[str, ...]
    ) -> dict[str, Any]:
        if pem is not None:
            raise ValueError("not a public key")
        id = f"key{len(self.live)}"
        self.live[id] = {"apiKey": id, "account": account, "label": label, "permissions": list(permissions)}
        self.live[id] |= {"networks": list(networks)}
        return {"apiKey": id, "secretKey": "secret"}

    def revoke(self, id: str) -> bool:
        if self.error is not None:
            raise self.error
        return self.live.pop(id, None) is not None

    def rows(self) -> list[dict[str, Any]]:
        return list(self.live.values())


class Desk:
    def __init__(self, directory: Path) -> None:
        self.engine = Engine.open(str(directory), segment_bytes=1 << 20)
        self.client = EngineClient(self.engine)
        self.service = AdminService(self.client)
        self.keys = Keys()
        keys = KeyAdmin(self.keys.create, self.keys.revoke, self.keys.rows)
        transport = httpx.ASGITransport(app=OperatorApp(self.service, keys, KEY), raise_app_exceptions=True)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://x")

    async def ask(self, method: str, path: str, body: Any = None, *, key: str = KEY) -> tuple[int, Any]:
        """Status and answer."""
        content = {"content": body} if isinstance(body, bytes) else {"json": body}
        response = await self.http.request(method, path, headers={"x-tandem-operator-key": key}, **content)
        return response.status_code, response.json()

    async def done(self, method: str, path: str, body: Any = None) -> Any:
        status, answer = await self.ask(method, path, body)
        assert status == 200, answer
        return answer

    async def refused(self, method: str, path: str, body: Any = None) -> str:
        status, answer = await self.ask(method, path, body)
        assert (status, list(answer)) == (400, ["error"]), answer
        return str(answer["error"])

    async def set_up(self) -> None:
        """Two assets, one market, one account."""
        for code in ("BTC", "USDT"):
            await self.done("POST", "/assets", {"asset": code})
        await self.done("POST", "/markets", {"symbol": "BTCUSDT", "base": "BTC", "quote": "USDT", "rules": RULES})
        await self.done("POST", "/accounts", {"name": "carol"})


@asynccontextmanager
async def running(directory: Path) -> AsyncIterator[Desk]:
    desk = Desk(directory)
    desk.client.start()
    try:
        await desk.set_up()
        yield desk
    finally:
        await desk.http.aclose()
        await desk.client.close()
