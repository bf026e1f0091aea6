"""Every operation of an account with each of its parameters, by REST and by the WebSocket API: all are taken."""

import hashlib
import hmac
import itertools
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from tandem.platform.engine import MarketRules
from tests.websocket.venue import UNIT, Venue, call, running

ROOT = Path(__file__).parents[2]
ONE = {"symbol": "BTCUSDT"}
BID = {**ONE, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "50.00"}
OFFER = {**BID, "side": "SELL", "price": "150.00"}
POST_ONLY = {**ONE, "side": "SELL", "type": "LIMIT_MAKER", "quantity": "1", "price": "150.00"}
AT_MARKET = {**ONE, "side": "BUY", "type": "MARKET"}
NAMED = {"newClientOrderId": "{new}", "strategyId": 7, "strategyType": 1_000_000}
DAY = {"startTime": "{midnight}", "endTime": "{now}"}
MODES = ("NONE", "EXPIRE_MAKER", "EXPIRE_TAKER", "EXPIRE_BOTH", "DECREMENT")

TERMS = {"newOrderRespType": "RESULT", "selfTradePreventionMode": "NONE"}
PEGGED = {"pegPriceType": "PRIMARY_PEG", "pegOffsetType": "PRICE_LEVEL", "pegOffsetValue": 1}
SELL = {**ONE, "side": "SELL", "quantity": "1"}

ORDERS = [
    BID,
    {**OFFER, **NAMED},
    {**BID, "timeInForce": "IOC", "newOrderRespType": "FULL"},
    {**BID, "timeInForce": "FOK", "newOrderRespType": "RESULT"},
    {**POST_ONLY, "newOrderRespType": "ACK"},
    {**AT_MARKET, "quantity": "0.5"},
    {**AT_MARKET, "quoteOrderQty": "60"},
    *({**BID, "selfTradePreventionMode": mode} for mode in MODES),
    {**BID, "icebergQty": "0.5"},
    {**SELL, "type": "STOP_LOSS", "stopPrice": "80.00"},
    {**SELL, "type": "STOP_LOSS_LIMIT", "stopPrice": "80.00", "price": "79.00", "timeInForce": "GTC"},
    {**SELL, "type": "TAKE_PROFIT", "trailingDelta": 100},
    {**SELL, "type": "TAKE_PROFIT_LIMIT", "stopPrice": "150.00", "price": "149.00", "timeInForce": "GTC"},
    {**ONE, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", **PEGGED},
    {**ONE, "side": "BUY", "type": "LIMIT", "timeInForce": "IOC", "quantity": "1", "pegPriceType": "MARKET_PEG"},
]
REPLACING = {"cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrderId": "{order}"}
ROUTED = {**ONE, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "50.00"}
ROUTED_ORDERS = [ROUTED, {**ROUTED, **NAMED, **TERMS, "icebergQty": "0.5"}, {**AT_MARKET, "quantity": "0.5"}]


def leg(prefix: str, **fields: Any) -> dict[str, Any]:
    """The fields of one order of a list under their names there."""
    return {f"{prefix}{name[0].upper()}{name[1:]}" if prefix else name: value for name, value in fields.items()}


LEG = {"clientOrderId": "{new}", "strategyId": 7, "strategyType": 1_000_000}


def pairs(above: str, below: str) -> list[dict[str, Any]]:
    """Legs of a sale that between them have every parameter that a leg can have."""
    limit, stop = {**LEG, "timeInForce": "GTC", "icebergQty": "0.5"}, {"stopPrice": "80.00", "price": "79.00"}
    profit = {"type": "TAKE_PROFIT_LIMIT", "stopPrice": "150.00", "price": "149.00", "trailingDelta": 100}
    return [
        {
            **leg(above, type="LIMIT_MAKER", price="150.00", icebergQty="0.5", **LEG),
            **leg(below, type="STOP_LOSS_LIMIT", **stop, **limit),
        },
        {**leg(above, **profit, **limit), **leg(below, type="STOP_LOSS", trailingDelta=100)},
        {
            **leg(above, type="LIMIT_MAKER", **PEGGED),
            **leg(below, type="STOP_LOSS_LIMIT", stopPrice="80.00", timeInForce="GTC", **PEGGED),
        },
    ]


WORKING = [
    leg("working", type="LIMIT", side="BUY", price="50.00", quantity="1", timeInForce="GTC", icebergQty="0.5", **LEG),
    leg("working", type="LIMIT", side="BUY", quantity="1", timeInForce="GTC", **PEGGED),
    leg("working", type="LIMIT_MAKER", side="BUY", price="50.00", quantity="1"),
]
"""One order each for three lists; the orders after it sell."""
LIST = {**ONE, **TERMS, "listClientOrderId": "{new}"}
SINGLES = [
    leg("pending", side="SELL", type="LIMIT", price="150.00", timeInForce="GTC", icebergQty="0.5", **LEG),
    leg("pending", side="SELL", type="STOP_LOSS", stopPrice="80.00", trailingDelta=100),
    leg("pending", side="SELL", type="LIMIT_MAKER", **PEGGED),
]
PENDING_PAIRS = [{"pendingSide": "SELL", **pair} for pair in pairs("pendingAbove", "pendingBelow")]
QUANTITY = {"pendingQuantity": "1"}
OLD_OCO = {**SELL, "price": "150.00", "stopPrice": "80.00"}
OLD_LEGS = {
    **leg("limit", **LEG, icebergQty="0.5"),
    **leg("stop", **LEG, icebergQty="0.5", limitPrice="79.00", limitTimeInForce="GTC"),
}

OPERATIONS: dict[str, list[dict[str, Any]]] = {
    "order.place": ORDERS,
    "order.test": [*ORDERS, {**BID, "computeCommissionRates": True}],
    "order.cancel": [
        {**ONE, "orderId": "{order}", "cancelRestrictions": "ONLY_NEW"},
        {**ONE, "origClientOrderId": "{client}", "newClientOrderId": "{new}"},
    ],
    "order.cancelReplace": [
        *({**order, **REPLACING} for order in ORDERS),
        {**BID, **REPLACING, "cancelNewClientOrderId": "{new}", "orderRateLimitExceededMode": "DO_NOTHING"},
        {
            **BID,
            "cancelReplaceMode": "ALLOW_FAILURE",
            "cancelOrigClientOrderId": "{client}",
            "cancelRestrictions": "ONLY_NEW",
            "orderRateLimitExceededMode": "CANCEL_ONLY",
        },
    ],
    "order.amend.keepPriority": [
        {**ONE, "orderId": "{order}", "newQty": "0.5", "newClientOrderId": "{new}"},
        {**ONE, "origClientOrderId": "{client}", "newQty": "0.4"},
    ],
    "openOrders.cancelAll": [ONE],
    "orderList.place": [
        {**OLD_OCO, **OLD_LEGS, **TERMS, "listClientOrderId": "{new}"},
        {**OLD_OCO, "trailingDelta": 100},
    ],
    "orderList.place.oco": [{**LIST, "side": "SELL", "quantity": "1", **pair} for pair in pairs("above", "below")],
    "orderList.place.oto": [{**LIST, **w, **p, **QUANTITY} for w, p in zip(WORKING, SINGLES, strict=True)],
    "orderList.place.otoco": [{**LIST, **w, **p, **QUANTITY} for w, p in zip(WORKING, PENDING_PAIRS, strict=True)],
    "orderList.place.opo": [{**LIST, **w, **p} for w, p in zip(WORKING, SINGLES, strict=True)],
    "orderList.place.opoco": [{**LIST, **w, **p} for w, p in zip(WORKING, PENDING_PAIRS, strict=True)],
    "orderList.cancel": [
        {**ONE, "orderListId": "{list}"},
        {**ONE, "listClientOrderId": "{list client}", "newClientOrderId": "{new}"},
    ],
    "sor.order.place": ROUTED_ORDERS,
    "sor.order.test": [*ROUTED_ORDERS, {**ROUTED, "computeCommissionRates": True}],
    "order.status": [{**ONE, "orderId": "{order}"}, {**ONE, "origClientOrderId": "{client}"}],
    "openOrders.status": [{}, ONE],
    "allOrders": [ONE, {**ONE, "orderId": 1, "limit": 5}, {**ONE, **DAY}],
    "orderList.status": [{"orderListId": "{list}"}, {"origClientOrderId": "{list client}"}],
    "openOrderLists.status": [{}],
    "allOrderLists": [{}, {"fromId": 0, "limit": 5}, DAY],
    "order.amendments": [
        {**ONE, "orderId": "{order}"},
        {**ONE, "orderId": "{order}", "fromExecutionId": 1, "limit": 5},
    ],
    "myTrades": [ONE, {**ONE, "orderId": 1, "fromId": 1}, {**ONE, **DAY}, {**ONE, "fromId": 0, "limit": 5}],
    "myAllocations": [ONE, {**ONE, **DAY, "limit": 5}, {**ONE, "orderId": 1, "fromAllocationId": 0}],
    "myPreventedMatches": [
        {**ONE, "preventedMatchId": 0},
        {**ONE, "orderId": "{taker}", "fromPreventedMatchId": 0, "limit": 5},
    ],
    "account.rateLimits.orders": [{}],
    "account.status": [{}, {"omitZeroBalances": True}],
    "account.commission": [ONE],
    "myFilters": [ONE],
}
IN_A_LIST = {"sor.order.place"}
"""Whose answer is a list of one over the WebSocket API."""


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
        await self._add_routing()
        for side, price, qty in ((0, 90, 1000), (1, 120, 1000), (1, 110, 1000), (1, 105, 3)):
            await self._venue.place("bob", side, price, qty)
        await self._venue.place("alice", 0, 105, 3)
        await self.by_socket("order.place", {**BID, "price": "100.00"})
        crossing = {**OFFER, "price": "100.00", "selfTradePreventionMode": "EXPIRE_TAKER"}
        self.taker = (await self.by_socket("order.place", crossing))["orderId"]

    async def _add_routing(self) -> None:
        """A second market of BTC, and an account that stands between the two."""
        run, engine, catalog = self._venue.run, self._venue.engine, self._venue.exchange.client.catalog
        await run(engine.create_asset("USDC", "Dollar", 8))
        await run(engine.create_account("router"))
        rules = MarketRules(tick_size=UNIT // 100, lot_size=UNIT // 10_000)
        await run(engine.create_market("BTCUSDC", catalog.by_code["BTC"].id, catalog.by_code["USDC"].id, rules))
        router = next(account.id for account in engine.accounts() if account.name == "router")
        markets = [catalog.by_symbol[symbol].id for symbol in ("BTCUSDT", "BTCUSDC")]
        await run(engine.set_sor(catalog.by_code["BTC"].id, markets, router))

    def _now(self) -> int:
        return self._venue.exchange.gateway.pipeline.clock.wall_us() // 1000

    async def _fill(self, params: dict[str, Any]) -> dict[str, Any]:
        filled = {}
        for name, value in params.items():
            if value in ("{order}", "{client}"):
                order = await self.by_socket("order.place", {**BID, "newClientOrderId": "{new}"})
                assert isinstance(order, dict), order
                value = order["orderId" if value == "{order}" else "clientOrderId"]
            elif value in ("{list}", "{list client}"):
                (oco, *_) = OPERATIONS["orderList.place.oco"]
                made = await self.by_socket("orderList.place.oco", oco)
                value = made["orderListId" if value == "{list}" else "listClientOrderId"]
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


@pytest.fixture
async def venue(tmp_path: Path) -> AsyncIterator[Venue]:
    async with running(tmp_path / "data", orders_per_10_seconds=0, weight_per_minute=0) as one:
        yield one


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
            await desk.by_socket("order.place", BID)
            by_rest = await desk.by_rest(method, path, params)
            await desk.by_socket("order.place", BID)
            by_socket = await desk.by_socket(ws_method, params)
            refused = [answer for answer in (by_rest, by_socket) if isinstance(answer, tuple)]
            assert refused == [], params
            assert shape(by_rest) == shape(by_socket[0] if ws_method in IN_A_LIST else by_socket)
            await desk.by_socket("openOrders.cancelAll", ONE)


def shape(answer: Any) -> Any:
    """Names of the fields; of a list, of its first row."""
    if isinstance(answer, list):
        return [shape(row) for row in answer[:1]]
    return sorted(answer) if isinstance(answer, dict) else type(answer)
