"""binance-connector's stream client, listen key stream and WebSocket API client at work on one small trade.

Input: JSON in argv[1]. Output: a JSON transcript of what each socket brought.
"""

import json
import os
import sys
import threading
import time
import traceback

from binance.spot import Spot
from binance.websocket.spot.websocket_api import SpotWebsocketAPIClient
from binance.websocket.spot.websocket_stream import SpotWebsocketStreamClient


class Collector:
    """What one socket brought, as decoded messages."""

    def __init__(self):
        self.messages = []
        self._arrived = threading.Condition()

    def __call__(self, _, text):
        with self._arrived:
            self.messages.append(json.loads(text))
            self._arrived.notify_all()

    def wait(self, condition, timeout_s=15):
        with self._arrived:
            if not self._arrived.wait_for(lambda: condition(self.messages), timeout_s):
                raise TimeoutError(f"not within {timeout_s} s: {self.messages}")


class Asking:
    """The WebSocket API client, with its answers waited for."""

    def __init__(self, url, account):
        self.answers = Collector()
        self._client = SpotWebsocketAPIClient(
            stream_url=url + "/ws-api/v3",
            api_key=account["apiKey"],
            api_secret=account["secretKey"],
            on_message=self.answers,
        )
        self._count = 0

    def __call__(self, method, *args, **params):
        self._count += 1
        asked = f"ask-{self._count}"
        getattr(self._client, method)(*args, id=asked, **params)
        self.answers.wait(lambda messages: any(m.get("id") == asked for m in messages))
        return next(m for m in self.answers.messages if m.get("id") == asked)

    def stop(self):
        self._client.stop()


def trade(ask, bob, symbol, out):
    out["time"] = ask("server_time")
    limit = {"timeInForce": "GTC", "price": 100.5, "quantity": 1, "newClientOrderId": "by-ws"}
    out["placed"] = ask("new_order", symbol, "BUY", "LIMIT", newOrderRespType="RESULT", **limit)
    out["tested"] = ask("new_order_test", symbol, "BUY", "LIMIT", timeInForce="GTC", price=100.5, quantity=1)
    out["status"] = ask("get_order", symbol, origClientOrderId="by-ws")
    out["book"] = ask("order_book", symbol, limit=5)
    out["sold"] = bob.new_order(symbol, "SELL", "MARKET", quantity=0.4)
    out["canceled"] = ask("cancel_order", symbol, origClientOrderId="by-ws")
    out["cancel_again"] = ask("cancel_order", symbol, origClientOrderId="by-ws")
    out["my_trades"] = ask("my_trades", symbol=symbol)
    out["account"] = ask("account")
    out["listen_key"] = ask("user_data_start")
    out["listen_ping"] = ask("user_data_ping", out["listen_key"]["result"]["listenKey"])
    out["listen_stop"] = ask("user_data_stop", out["listen_key"]["result"]["listenKey"])


def main():
    given = json.loads(sys.argv[1])
    symbol, url = given["symbol"], given["url"].replace("http", "ws", 1)
    alice = Spot(given["alice"]["apiKey"], given["alice"]["secretKey"], base_url=given["url"])
    bob = Spot(given["bob"]["apiKey"], given["bob"]["secretKey"], base_url=given["url"])
    plain, combined, user = Collector(), Collector(), Collector()
    streams = SpotWebsocketStreamClient(stream_url=url, on_message=plain)
    streams.diff_book_depth(symbol, speed=100, id=1)
    streams.trade(symbol, id=2)
    both = SpotWebsocketStreamClient(stream_url=url, on_message=combined, is_combined=True)
    both.subscribe([f"{symbol.lower()}@bookTicker", f"{symbol.lower()}@kline_1m"], id=3)
    private = SpotWebsocketStreamClient(stream_url=url, on_message=user)
    private.user_data(alice.new_listen_key()["listenKey"], id=4)
    plain.wait(lambda messages: {1, 2} <= {m.get("id") for m in messages})
    combined.wait(lambda messages: any(m.get("id") == 3 for m in messages))
    user.wait(lambda messages: any(m.get("id") == 4 for m in messages))
    out = {}
    ask = Asking(url, given["alice"])
    trade(ask, bob, symbol, out)
    plain.wait(lambda ms: {"trade", "depthUpdate"} <= {m.get("e") for m in ms})
    combined.wait(lambda ms: len({m["stream"] for m in ms if "stream" in m}) == 2)
    user.wait(lambda ms: [m.get("x") for m in ms if m.get("e") == "executionReport"][-1:] == ["CANCELED"])
    user.wait(lambda ms: sum(m.get("e") == "outboundAccountPosition" for m in ms) >= 3)
    streams.ping()
    time.sleep(0.1)
    for client in (streams, both, private, ask):
        client.stop()
    json.dump(out | {"plain": plain.messages, "combined": combined.messages, "user": user.messages}, sys.stdout)


try:
    main()
except BaseException:  # noqa: BLE001
    traceback.print_exc()
    sys.stderr.flush()
    os._exit(1)  # the client's threads would keep the process
