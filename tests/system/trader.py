"""A signed REST client of ours: nothing but what the API's documentation says, so no kindness hides anything."""

import hashlib
import hmac
import time
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import httpx


def sign(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def signed_query(secret: str, **params: Any) -> str:
    """A query with timestamp and signature, ready to be sent."""
    query = urlencode({"recvWindow": 10_000, "timestamp": time.time_ns() // 1_000_000, **params})
    return f"{query}&signature={sign(secret, query)}"


def signed_params(key: str, secret: str, **params: Any) -> dict[str, Any]:
    """Parameters of a signed WebSocket API request."""
    given = {"apiKey": key, "timestamp": time.time_ns() // 1_000_000, **params}
    text = "&".join(f"{name}={given[name]}" for name in sorted(given))
    return given | {"signature": sign(secret, text)}


class Refused(Exception):
    """The exchange answered with an error."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"HTTP {status}: {body}")
        self.status = status
        self.body = body
        self.error = (status, body.get("code"), body.get("msg"))


class Trader:
    """One account. Methods return the decoded answer or raise Refused."""

    def __init__(self, url: str, account: dict[str, str]) -> None:
        self.url = url
        self.name, self.key, self.secret = account["name"], account["apiKey"], account["secretKey"]
        self.account = account
        self._http = httpx.Client(base_url=url, timeout=10)

    def close(self) -> None:
        self._http.close()

    def public(self, path: str, **params: Any) -> Any:
        return self._answer(self._http.get(path, params=params))

    def keyed(self, method: str, path: str, **params: Any) -> Any:
        return self._answer(self._http.request(method, path, params=params, headers={"X-MBX-APIKEY": self.key}))

    def try_signed(self, method: str, path: str, appended: str = "", **params: Any) -> httpx.Response:
        """The raw answer; `appended` is not covered by the signature."""
        query = signed_query(self.secret, **params) + appended
        return self._http.request(method, f"{path}?{query}", headers={"X-MBX-APIKEY": self.key})

    def signed(self, method: str, path: str, **params: Any) -> Any:
        return self._answer(self.try_signed(method, path, **params))

    @staticmethod
    def _answer(response: httpx.Response) -> Any:
        body = response.json()
        if response.status_code != 200:
            raise Refused(response.status_code, body)
        return body

    def place(self, symbol: str, side: str, kind: str = "LIMIT", **params: Any) -> dict[str, Any]:
        if kind == "LIMIT":
            params = {"timeInForce": "GTC"} | params
        answer: dict[str, Any] = self.signed("POST", "/api/v3/order", symbol=symbol, side=side, type=kind, **params)
        return answer

    def cancel(self, symbol: str, **params: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.signed("DELETE", "/api/v3/order", symbol=symbol, **params)
        return answer

    def order(self, symbol: str, **params: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.signed("GET", "/api/v3/order", symbol=symbol, **params)
        return answer

    def open_orders(self, symbol: str) -> list[dict[str, Any]]:
        answer: list[dict[str, Any]] = self.signed("GET", "/api/v3/openOrders", symbol=symbol)
        return answer

    def trades(self, symbol: str, **params: Any) -> list[dict[str, Any]]:
        answer: list[dict[str, Any]] = self.signed("GET", "/api/v3/myTrades", symbol=symbol, **params)
        return answer

    def balances(self) -> dict[str, tuple[Decimal, Decimal]]:
        """Free and locked by asset."""
        rows = self.signed("GET", "/api/v3/account", omitZeroBalances="true")["balances"]
        return {row["asset"]: (Decimal(row["free"]), Decimal(row["locked"])) for row in rows}
