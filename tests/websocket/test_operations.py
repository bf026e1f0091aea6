"""Every public operation with each of its parameters, by REST and by the WebSocket API: both answer the same."""

import hashlib
import hmac
import json
import time
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from tandem.domain.intervals import INTERVALS
from tests.websocket.venue import UNIT, Venue, call

ONE = {"symbol": "BTCUSDT"}
SEVERAL = {"symbols": ["BTCUSDT"]}
TRADING = {"symbolStatus": "TRADING"}
LONG_AGO, FAR_AHEAD = 1_500_000_000_000, 4_000_000_000_000
BETWEEN = {"startTime": LONG_AGO, "endTime": FAR_AHEAD}
CANDLES = [
    *({**ONE, "interval": name, "limit": 3} for name in INTERVALS),
    {**ONE, **BETWEEN, "interval": "1d", "timeZone": "-3:00"},
    {**ONE, "interval": "1M", "timeZone": "05:45"},
]
OPERATIONS: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "ping": ("ping", [{}]),
    "executionRules": ("executionRules", [{}, ONE, SEVERAL, TRADING]),
    "depth": ("depth", [ONE, {**ONE, "limit": 1}, {**ONE, **TRADING}]),
    "trades": ("trades.recent", [ONE, {**ONE, "limit": 1}]),
    "historicalTrades": ("trades.historical", [ONE, {**ONE, "fromId": 1, "limit": 1}]),
    "historicalBlockTrades": ("blockTrades.historical", [{**ONE, "fromId": 0}, {**ONE, "fromId": 0, "limit": 5}]),
    "aggTrades": ("trades.aggregate", [ONE, {**ONE, "fromId": 1, "limit": 1}, {**ONE, **BETWEEN}]),
    "klines": ("klines", CANDLES),
    "uiKlines": ("uiKlines", CANDLES),
    "avgPrice": ("avgPrice", [ONE]),
    "ticker/24hr": ("ticker.24hr", [{}, ONE, SEVERAL, {**ONE, "type": "MINI"}, {"type": "FULL", **TRADING}]),
    "ticker/tradingDay": (
        "ticker.tradingDay",
        [ONE, SEVERAL, {**ONE, "timeZone": "8"}, {**SEVERAL, "type": "MINI", **TRADING}],
    ),
    "ticker/price": ("ticker.price", [{}, ONE, SEVERAL, {**ONE, **TRADING}]),
    "ticker/bookTicker": ("ticker.book", [{}, ONE, SEVERAL, {**ONE, **TRADING}]),
    "ticker": ("ticker", [ONE, SEVERAL, {**ONE, "windowSize": "7d"}, {**SEVERAL, "type": "MINI", **TRADING}]),
    "referencePrice": ("referencePrice", [ONE]),
    "referencePrice/calculation": ("referencePrice.calculation", [ONE, {**ONE, **TRADING}]),
}
MOVING = {"openTime", "closeTime"}
"""Of windows up to now."""
INFO = [{}, ONE, SEVERAL, {"permissions": ["SPOT", "MARGIN"]}, {"showPermissionSets": False}, TRADING]


def still(answer: Any) -> Any:
    if isinstance(answer, dict):
        return {key: value for key, value in answer.items() if key not in MOVING}
    return [still(row) for row in answer] if isinstance(answer, list) else answer


def query(params: dict[str, Any]) -> str:
    return urlencode({k: v if isinstance(v, str) else json.dumps(v) for k, v in params.items()})


async def test_rest_and_websocket_answer_the_same(venue: Venue) -> None:
    await venue.trade(100, 1)
    await venue.trade(101, 2)
    await venue.run(venue.engine.set_reference_price(0, 100 * UNIT))
    async with httpx.AsyncClient(base_url=f"http://{venue.address}/api/v3/") as http, venue.open("/ws-api/v3") as api:
        for path, (method, requests) in OPERATIONS.items():
            for params in requests:
                by_rest = await http.get(f"{path}?{query(params)}")
                by_socket = await call(api, method, params)
                assert (path, params, by_rest.status_code, by_socket["status"]) == (path, params, 200, 200)
                assert (path, params, still(by_rest.json())) == (path, params, still(by_socket["result"]))


async def test_exchange_info_differs_in_limits_only(venue: Venue) -> None:
    async with httpx.AsyncClient(base_url=f"http://{venue.address}/api/v3/") as http, venue.open("/ws-api/v3") as api:
        for params in INFO:
            by_rest = (await http.get(f"exchangeInfo?{query(params)}")).json()
            by_socket = (await call(api, "exchangeInfo", params))["result"]
            assert (params, by_rest["symbols"]) == (params, by_socket["symbols"])
            assert by_rest["rateLimits"][:3] == by_socket["rateLimits"][:3]
            assert [by_rest["rateLimits"][3]["limit"], by_socket["rateLimits"][3]["limit"]] == [300_000, 300]
        assert by_rest["symbols"] != []


REFUSALS: list[tuple[str, dict[str, Any], int]] = [
    ("ticker", {"symbols": [f"A{n}" for n in range(101)]}, -1101),
    ("klines", ONE, -1102),
    ("klines", {**ONE, "interval": "1x"}, -1120),
    ("depth", {"symbol": "NOPE"}, -1121),
    ("depth", {**ONE, "symbolStatus": "OPEN"}, -1122),
    ("ticker.price", {**ONE, **SEVERAL}, -1128),
    ("ticker", {**ONE, "windowSize": "8d"}, -1130),
    ("ticker.price", {"symbols": "["}, -1135),
    ("ticker.24hr", {"type": "BIG"}, -1139),
    ("ticker.price", {"symbols": ["BTCUSDT", "BTCUSDT"]}, -1151),
    ("depth", {**ONE, "symbolStatus": "HALT"}, -1220),
    ("referencePrice", ONE, -2043),
]


async def test_refusals_of_market_data(venue: Venue) -> None:
    async with venue.open("/ws-api/v3") as api:
        answers = [(m, p, (await call(api, m, p))["error"]["code"]) for m, p, _ in REFUSALS]
    assert answers == REFUSALS


# --- what clients ask under /sapi and the oldest paths


SAPI = [
    ("GET", "v1/capital/config/getall", {}),
    ("GET", "v1/margin/allPairs", {}),
    ("GET", "v1/margin/isolated/allPairs", {}),
    ("GET", "v1/asset/tradeFee", ONE),
    ("GET", "v1/account/status", {}),
    ("GET", "v1/account/apiTradingStatus", {}),
    ("GET", "v1/account/apiRestrictions", {}),
    ("GET", "v1/account/info", {}),
    ("GET", "v1/asset/wallet/balance", {}),
    ("POST", "v3/asset/getUserAsset", {"asset": "BTC", "needBtcValuation": "true"}),
    ("POST", "v1/asset/get-funding-asset", {}),
    ("GET", "v1/accountSnapshot", {"type": "SPOT", "limit": 7}),
    ("GET", "v1/capital/deposit/hisrec", {}),
    ("GET", "v1/capital/withdraw/history", {}),
    ("GET", "v1/asset/assetDetail", {}),
]


def signed(venue: Venue, name: str, params: dict[str, Any]) -> str:
    text = query({**params, "timestamp": time.time_ns() // 1_000_000})
    secret = venue.keys[name]["secretKey"].encode()
    return f"{text}&signature={hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()}"


@pytest.mark.parametrize(("method", "path", "params"), SAPI)
async def test_sapi_answers_who_has_a_key(venue: Venue, method: str, path: str, params: dict[str, Any]) -> None:
    headers = {"X-MBX-APIKEY": venue.keys["alice"]["apiKey"]}
    async with httpx.AsyncClient(base_url=f"http://{venue.address}/sapi/", headers=headers) as http:
        answer = await http.request(method, f"{path}?{signed(venue, 'alice', params)}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json;charset=UTF-8")
        unsigned = (await http.request(method, path)).json()
        assert unsigned == [] if path == "v1/margin/allPairs" else unsigned["code"] == -1102


async def test_listen_keys_have_three_paths(venue: Venue) -> None:
    headers = {"X-MBX-APIKEY": venue.keys["alice"]["apiKey"]}
    async with httpx.AsyncClient(base_url=f"http://{venue.address}", headers=headers) as http:
        for path in ("/api/v3/userDataStream", "/api/v1/userDataStream", "/sapi/v1/userDataStream"):
            key = (await http.post(path)).json()
            assert (await http.put(path, data=key)).json() == {}
            assert (await http.delete(path, params=key)).json() == {}
            assert (await http.put(path, data=key)).json()["code"] == -1125


async def test_a_listen_token_by_rest(venue: Venue) -> None:
    headers = {"X-MBX-APIKEY": venue.keys["alice"]["apiKey"]}
    url = f"http://{venue.address}/sapi/v1/userListenToken"
    async with httpx.AsyncClient(headers=headers) as http, venue.open("/ws-api/v3") as api:
        plain, with_signature = await http.post(url), await http.post(f"{url}?{signed(venue, 'alice', {})}")
        for answer in (plain, with_signature):
            token = answer.json()
            assert set(token) == {"token", "expirationTime"}
            told = await call(api, "userDataStream.subscribe.listenToken", {"listenToken": token["token"]})
            assert told["result"] == {"subscriptionId": 0, "expirationTime": token["expirationTime"]}


async def test_other_venues_and_oldest_paths(venue: Venue) -> None:
    async with httpx.AsyncClient(base_url=f"http://{venue.address}") as http:
        for path in ("/fapi/v1/exchangeInfo", "/dapi/v1/exchangeInfo"):
            assert (await http.get(path)).json()["symbols"] == []
        assert (await http.get("/api/v1/ping")).json() == {}
        assert (await http.get("/api/v1/time", headers={"X-MBX-TIME-UNIT": "MICROSECOND"})).json()[
            "serverTime"
        ] > 10**15
        assert (await http.get("/sapi/v1/system/status")).json() == {"status": 0, "msg": "normal"}
