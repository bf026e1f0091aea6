"""The API's questions about the past, asked of a running exchange while orders flow.

Open loop: each question has an intended time, from which its latency counts until the last byte of its answer.
"""

import hashlib
import hmac
import http.client
import json
import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

CONNECTIONS = 4
WARMUP_SECONDS = 5
DAY_MS, HOUR_MS, MINUTE_MS = 86_400_000, 3_600_000, 60_000
Parameters = dict[str, Any]


class Asker:
    """Draws questions about random accounts, markets, ids and times of a log."""

    def __init__(self, host: str, keys: list[tuple[str, str]], *, orders: int, days: int, seed: int = 1) -> None:
        self._host = host
        self._keys = keys
        self._orders = orders
        self._random = random.Random(seed)
        today_ms = int(time.time() * 1000) // DAY_MS * DAY_MS
        self._times = (today_ms - days * DAY_MS, today_ms - DAY_MS)
        connection = http.client.HTTPConnection(host)
        markets = _get(connection, "/api/v3/exchangeInfo", {})["symbols"]
        self._last = {}
        for market in (found["symbol"] for found in markets):
            newest = _get(connection, "/api/v3/aggTrades", {"symbol": market, "limit": 1})
            if newest and market != "XYZUSDT":
                self._last[market] = (newest[0]["a"], newest[0]["l"])
        connection.close()
        self.kinds: dict[str, Callable[[], tuple[str, Parameters]]] = {
            "limit: empty request (ping)": lambda: ("ping", {}),
            "allOrders, the latest": lambda: ("allOrders", self._market()),
            "allOrders, from an id on": lambda: ("allOrders", self._market() | self._order()),
            "allOrders, of a day": lambda: ("allOrders", self._market() | self._window(DAY_MS)),
            "myTrades, the latest": lambda: ("myTrades", self._market()),
            "myTrades, from an id on": lambda: ("myTrades", self._from_trade(1)),
            "myTrades, of a day": lambda: ("myTrades", self._market() | self._window(DAY_MS)),
            "myTrades, of an order": lambda: ("myTrades", self._market() | self._order()),
            "allOrderList, the latest": lambda: ("allOrderList", {}),
            "allOrderList, of a day": lambda: ("allOrderList", self._window(DAY_MS)),
            "klines 1m, from a time on": lambda: ("klines", self._candles("1m")),
            "klines 1h, the latest": lambda: ("klines", self._market() | {"interval": "1h"}),
            "aggTrades, from an id on": lambda: ("aggTrades", self._from_trade(0)),
            "aggTrades, of an hour": lambda: ("aggTrades", self._market() | self._window(HOUR_MS)),
            "historicalTrades, from an id on": lambda: ("historicalTrades", self._from_trade(1)),
        }

    def _market(self) -> Parameters:
        return {"symbol": self._random.choice(list(self._last))}

    def _order(self) -> Parameters:
        return {"orderId": self._random.randint(1, self._orders)}

    def _window(self, length_ms: int) -> Parameters:
        start = self._random.randint(*self._times)
        return {"startTime": start, "endTime": start + length_ms}

    def _candles(self, interval: str) -> Parameters:
        return self._market() | {"interval": interval, "startTime": self._random.randint(*self._times)}

    def _from_trade(self, which: int) -> Parameters:
        market = self._market()
        return market | {"fromId": self._random.randint(0, self._last[market["symbol"]][which])}

    def request(self, kind: str) -> tuple[str, dict[str, str]]:
        """(target, headers)"""
        name, parameters = self.kinds[kind]()
        query, headers = urlencode(parameters), {}
        if name.startswith("all") or name.startswith("my"):
            key, secret = self._random.choice(self._keys)
            query = urlencode(parameters | {"timestamp": int(time.time() * 1000), "recvWindow": 60_000})
            query += "&signature=" + hmac.new(secret.encode(), query.encode(), hashlib.sha256).hexdigest()
            headers = {"X-MBX-APIKEY": key}
        return f"/api/v3/{name}?{query}", headers


def _get(connection: http.client.HTTPConnection, path: str, parameters: Parameters) -> Any:
    connection.request("GET", f"{path}?{urlencode(parameters)}")
    response = connection.getresponse()
    body = response.read()
    if response.status != 200:
        raise SystemExit(f"{path} was refused: {body[:200]!r}")
    return json.loads(body)


class Questioning:
    """`run` asks in turn of all kinds, `rate` a second; `latencies` and `sizes` are by kind then."""

    def __init__(self, host: str, asker: Asker, rate: int, seconds: int) -> None:
        self._host = host
        self._asker = asker
        self._rate = rate
        self._warmup = rate * WARMUP_SECONDS
        """Questions that are not counted."""
        self._count = self._warmup + rate * seconds
        self._kinds = list(asker.kinds)
        self._lock = threading.Lock()
        self.latencies: dict[str, list[float]] = defaultdict(list)
        """Milliseconds."""
        self.sizes: dict[str, list[int]] = defaultdict(list)
        self.failures: list[str] = []

    def run(self) -> None:
        start = time.perf_counter() + 0.1
        workers = [threading.Thread(target=self._work, args=(start, number)) for number in range(CONNECTIONS)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        if self.failures:
            raise SystemExit(f"{len(self.failures)} questions failed: {self.failures[0]}")

    def _work(self, start: float, number: int) -> None:
        connection = http.client.HTTPConnection(self._host)
        for index in range(number, self._count, CONNECTIONS):
            kind = self._kinds[index % len(self._kinds)]
            with self._lock:
                target, headers = self._asker.request(kind)
            intended = start + index / self._rate
            time.sleep(max(0.0, intended - time.perf_counter()))
            connection.request("GET", target, headers=headers)
            response = connection.getresponse()
            body = response.read()
            if index >= self._warmup:
                self.latencies[kind].append((time.perf_counter() - intended) * 1000)
                self.sizes[kind].append(len(body))
            if response.status != 200:
                self.failures.append(f"{target}: {response.status} {body[:200]!r}")
        connection.close()


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]
