"""Every operation of an account with each of its parameters, by REST and by the WebSocket API: all are taken."""

import hashlib
import hmac
import itertools
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from tests.websocket.venue import Venue, call

ROOT = Path(__file__).parents[2]
ONE = {"symbol": "BTCUSDT"}
BID = {**ONE, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "50.00"}
OFFER = {**BID, "side": "SELL", "price": "150.00"}
POST_ONLY = {**ONE, "side": "SELL", "type": "LIMIT_MAKER", "quantity": "1", "price": "150.00"}
AT_MARKET = {**ONE, "side": "BUY", "type": "MARKET"}
NAMED = {"newClientOrderId": "{new}", "strategyId": 7, "strategyType": 1_000_000}
DAY = {"startTime": "{midnight}", "endTime": "{now}"}
MODES = ("NONE", "EXPIRE_MAKER", "EXPIRE_TAKER", "EXPIRE_BOTH", "DECREMENT")

ORDERS = [
    BID,
    {**OFFER, **NAMED},
    {**BID, "timeInForce": "IOC", "newOrderRespType": "FULL"},
    {**BID, "timeInForce": "FOK", "newOrderRespType": "RESULT"},
    {**POST_ONLY, "newOrderRespType": "ACK"},
    {**AT_MARKET, "quantity": "0.5"},
    {**AT_MARKET, "quoteOrderQty": "60"},
    *({**BID, "selfTradePreventionMode": mode} for mode in MODES),
]
OPERATIONS: dict[str, list[dict[str, Any]]] = {
    "order.place": ORDERS,
    "order.test": [*ORDERS, {**BID, "computeCommissionRates": True}],
    "order.cancel": [
        {**ONE, "orderId": "{order}"},
        {**ONE, "origClientOrderId": "{client}", "newClientOrderId": "{new}"},
    ],
    "openOrders.cancelAll": [ONE],
    "order.status": [{**ONE, "orderId": "{order}"}, {**ONE, "origClientOrderId": "{client}"}],
    "openOrders.status": [{}, ONE],
    "allOrders": [ONE, {**ONE, "orderId": 1, "limit": 5}, {**ONE, **DAY}],
    "myTrades": [ONE, {**ONE, "orderId": 1, "fromId": 1}, {**ONE, **DAY}, {**ONE, "fromId": 0, "limit": 5}],
    "myPreventedMatches": [
        {**ONE, "preventedMatchId": 0},
        {**ONE, "orderId": "{taker}", "fromPreventedMatchId": 0, "limit": 5},
    ],
    "account.rateLimits.orders": [{}],
    "account.status": [{}, {"omitZeroBalances": True}],
    "account.commission": [ONE],
}


class Desk:
    """Alice, by either transport. `{order}` and so on in a parameter become what the moment needs."""

    def __init__(self, venue: Venue, http: httpx.AsyncClient, api: Any) -> None:
        self._venue = venue
        self._http = http
        self._api = api
        self._numbers = itertools.count(1)
        self.taker = 0

    async def by_rest(self, method: str, path: str, params: dict[str, Any]) -> Any:
        key = self._venue.keys["alice"]
        filled = await self._fill(params) | {"timestamp": self._now()}
        query = urlencode({k: v if isinstance(v, str) else json.dumps(v) for k, v in filled.items()})
        signature = hmac.new(key["secretKey"].encode(), query.encode(), hashlib.sha256).hexdigest()
        headers = {"X-MBX-APIKEY": key["apiKey"]}
        answer = await self._http.request(method, f"{path}?{query}&signature={signature}", headers=headers)
        return answer.json() if answer.status_code == 200 else (answer.status_code, answer.text, filled)

    async def by_socket(self, method: str, params: dict[str, Any]) -> Any:
        filled = await self._fill(params)
        answer = await call(self._api, method, self._venue.signed("alice", **filled))
        return answer["result"] if answer["status"] == 200 else (answer["status"], answer["error"], filled)

    async def prepare(self) -> None:
        """Liquidity of Bob's on both sides, trades, and a match with herself that is prevented."""
        for side, price in ((0, 90), (1, 110)):
            await self._venue.place("bob", side, price, 1000)
        await self._venue.place("alice", 0, 110, 3)
        await self.by_socket("order.place", {**BID, "price": "100.00"})
        crossing = {**OFFER, "price": "100.00", "selfTradePreventionMode": "EXPIRE_TAKER"}
        self.taker = (await self.by_socket("order.place", crossing))["orderId"]

    def _now(self) -> int:
        return self._venue.exchange.gateway.pipeline.clock.wall_us() // 1000

    async def _fill(self, params: dict[str, Any]) -> dict[str, Any]:
        filled = {}
        for name, value in params.items():
            if value in ("{order}", "{client}"):
                order = await self.by_socket("order.place", {**BID, "newClientOrderId": "{new}"})
                value = order["orderId" if value == "{order}" else "clientOrderId"]
            elif value == "{new}":
                value = f"mine-{next(self._numbers)}"
            elif value == "{now}":
                value = self._now()
            elif value == "{midnight}":
                value = self._now() - 60_000
            elif value == "{taker}":
                value = self.taker
            filled[name] = value
        return filled


def paths() -> dict[str, tuple[str, str]]:
    """REST method and path by WebSocket API method, of what takes a signature."""
    served = json.loads((ROOT / "spec" / "openapi.json").read_text())["paths"]
    return {
        operation["x-ws-method"]: (method.upper(), path)
        for path, methods in served.items()
        for method, operation in methods.items()
        if operation["x-security"] in ("TRADE", "USER_DATA") and "x-ws-method" in operation
    }


def test_no_operation_is_left_out() -> None:
    assert OPERATIONS.keys() == paths().keys()


@pytest.mark.parametrize("ws_method", OPERATIONS)
async def test_every_request_is_taken_by_both_transports(venue: Venue, ws_method: str) -> None:
    method, path = paths()[ws_method]
    async with httpx.AsyncClient(base_url=f"http://{venue.address}") as http, venue.open("/ws-api/v3") as api:
        desk = Desk(venue, http, api)
        await desk.prepare()
        for params in OPERATIONS[ws_method]:
            by_rest = await desk.by_rest(method, path, params)
            if ws_method == "openOrders.cancelAll":
                await desk.by_socket("order.place", BID)
            by_socket = await desk.by_socket(ws_method, params)
            refused = [answer for answer in (by_rest, by_socket) if isinstance(answer, tuple)]
            assert refused == [], params
            assert shape(by_rest) == shape(by_socket)


def shape(answer: Any) -> Any:
    """Names of the fields; of a list, of its first row."""
    if isinstance(answer, list):
        return [shape(row) for row in answer[:1]]
    return sorted(answer) if isinstance(answer, dict) else type(answer)
