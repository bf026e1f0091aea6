"""Lists, stops and replacements with binance-connector, over REST and over the WebSocket API.

Input: JSON in argv[1]. Output: a JSON transcript, with the same names for both transports.
"""

import json
import os
import sys
import threading
import traceback

from binance.error import ClientError
from binance.spot import Spot
from binance.websocket.spot.websocket_api import SpotWebsocketAPIClient

STOP = "STOP_ON_FAILURE"


class Asking:
    """The WebSocket API client, with its answers waited for."""

    def __init__(self, url, account):
        self._answers = {}
        self._arrived = threading.Condition()
        self._client = SpotWebsocketAPIClient(
            stream_url=url + "/ws-api/v3",
            api_key=account["apiKey"],
            api_secret=account["secretKey"],
            on_message=self._take,
        )
        self._count = 0

    def _take(self, _, text):
        message = json.loads(text)
        with self._arrived:
            self._answers[message.get("id")] = message
            self._arrived.notify_all()

    def __call__(self, method, **params):
        self._count += 1
        asked = f"ask-{self._count}"
        getattr(self._client, method)(id=asked, **params)
        with self._arrived:
            if not self._arrived.wait_for(lambda: asked in self._answers, 15):
                raise TimeoutError(method)
            answer = self._answers[asked]
        if "error" in answer:
            return [answer["status"], answer["error"]["code"], answer["error"]["msg"]]
        return answer["result"]

    def stop(self):
        self._client.stop()


def by_rest(alice, bob, symbol, words):
    out = {"oco": alice.new_oco_order(symbol=symbol, **words["oco"])}
    list_id = out["oco"]["orderListId"]
    out["open_lists"] = alice.get_oco_open_orders()
    out["list"] = alice.get_oco_order(orderListId=list_id)
    out["canceled_list"] = alice.cancel_oco_order(symbol, orderListId=list_id)
    out["oto"] = alice.new_oto_order(symbol=symbol, **words["oto"])
    out["canceled_leg"] = alice.cancel_order(symbol, orderId=out["oto"]["orders"][1]["orderId"])
    out["otoco"] = alice.new_otoco_order(symbol=symbol, **words["otoco"])
    bob.new_order(symbol, "SELL", "LIMIT", timeInForce="GTC", quantity=1, price=95)
    out["activated"] = alice.get_open_orders(symbol)
    out["canceled_all"] = alice.cancel_open_orders(symbol)
    out["all_lists"] = alice.get_oco_orders()
    resting = alice.new_order(symbol, "BUY", "LIMIT", timeInForce="GTC", quantity=1, price=90)
    replace = {"symbol": symbol, "cancelReplaceMode": STOP, "cancelOrderId": resting["orderId"]} | words["new"]
    out["replaced"] = alice.cancel_and_replace(**replace)
    try:
        alice.cancel_and_replace(**replace)
    except ClientError as error:
        out["not_replaced"] = [error.status_code, error.error_code, error.error_message]
    out["stop"] = alice.new_order(symbol=symbol, newOrderRespType="RESULT", **words["stop"])
    out["trailing"] = alice.new_order(symbol=symbol, newOrderRespType="RESULT", **words["trailing"])
    out["iceberg"] = alice.new_order(symbol=symbol, **words["iceberg"])
    out["allocations"] = alice.query_allocations(symbol)
    alice.cancel_open_orders(symbol)
    return out


def by_ws(ask, bob, symbol, words):
    out = {"oco": ask("new_oco_order", symbol=symbol, **words["oco"])}
    list_id = out["oco"]["orderListId"]
    out["open_lists"] = ask("get_open_oco_orders")
    out["list"] = ask("get_oco_order", orderListId=list_id)
    out["canceled_list"] = ask("cancel_oco_order", symbol=symbol, orderListId=list_id)
    out["oto"] = ask("new_oto_order", symbol=symbol, **words["oto"])
    out["canceled_leg"] = ask("cancel_order", symbol=symbol, orderId=out["oto"]["orders"][1]["orderId"])
    out["otoco"] = ask("new_otoco_order", symbol=symbol, **words["otoco"])
    bob.new_order(symbol, "SELL", "LIMIT", timeInForce="GTC", quantity=1, price=95)
    out["activated"] = ask("get_open_orders", symbol=symbol)
    out["canceled_all"] = ask("cancel_open_orders", symbol=symbol)
    limit = {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": 1, "price": 90}
    resting = ask("new_order", symbol=symbol, **limit)
    replace = {"symbol": symbol, "cancelReplaceMode": STOP, "cancelOrderId": resting["orderId"]} | words["new"]
    out["replaced"] = ask("cancel_replace_order", **replace)
    out["not_replaced"] = ask("cancel_replace_order", **replace)
    ask("cancel_open_orders", symbol=symbol)
    return out


def main():
    given = json.loads(sys.argv[1])
    symbol, words = given["symbol"], given["words"]
    alice = Spot(given["alice"]["apiKey"], given["alice"]["secretKey"], base_url=given["url"])
    bob = Spot(given["bob"]["apiKey"], given["bob"]["secretKey"], base_url=given["url"])
    bob.new_order(symbol, "SELL", "LIMIT", timeInForce="GTC", quantity=1, price=100)
    alice.new_order(symbol, "BUY", "MARKET", quantity=1)
    out = {"rest": by_rest(alice, bob, symbol, words)}
    ask = Asking(given["url"].replace("http", "ws", 1), given["alice"])
    out["ws"] = by_ws(ask, bob, symbol, words)
    ask.stop()
    json.dump(out, sys.stdout)


try:
    main()
except BaseException:  # noqa: BLE001
    traceback.print_exc()
    sys.stderr.flush()
    os._exit(1)  # the client's threads would keep the process
