"""Lists, stops and replacements with python-binance, over REST and over the WebSocket API.

Input: JSON in argv[1]. Output: a JSON transcript, with the same names for both transports.
"""

import asyncio
import json
import os
import sys

from binance import AsyncClient, Client
from binance.exceptions import BinanceAPIException


def connect(given, account):
    Client.API_URL = given["url"] + "/api"
    Client.MARGIN_API_URL = given["url"] + "/sapi"
    return Client(account["apiKey"], account["secretKey"])


async def connect_async(given, account):
    AsyncClient.API_URL = given["url"] + "/api"
    AsyncClient.WS_API_URL = given["url"].replace("http", "ws", 1) + "/ws-api/v3"
    return await AsyncClient.create(account["apiKey"], account["secretKey"])


def told(error):
    return [error.status_code, error.code, error.message]


def by_rest(alice, bob, symbol, words):
    out = {"oco": alice.create_oco_order(symbol=symbol, **words["oco"])}
    list_id = out["oco"]["orderListId"]
    out["open_lists"] = alice.get_open_oco_orders()
    out["list"] = alice.v3_get_order_list(orderListId=list_id)
    out["canceled_list"] = alice.v3_delete_order_list(symbol=symbol, orderListId=list_id)
    out["oto"] = alice.v3_post_order_list_oto(symbol=symbol, **words["oto"])
    pending = out["oto"]["orders"][1]["orderId"]
    out["canceled_leg"] = alice.cancel_order(symbol=symbol, orderId=pending)
    out["otoco"] = alice.v3_post_order_list_otoco(symbol=symbol, **words["otoco"])
    bob.order_limit_sell(symbol=symbol, quantity="1", price="95")
    out["activated"] = alice.get_open_orders(symbol=symbol)
    out["canceled_all"] = alice.cancel_all_open_orders(symbol=symbol)
    out["all_lists"] = alice.v3_get_all_order_list()
    resting = alice.order_limit_buy(symbol=symbol, quantity="1", price="90")
    out["replaced"] = alice.cancel_replace_order(
        symbol=symbol, cancelReplaceMode="STOP_ON_FAILURE", cancelOrderId=resting["orderId"], **words["new"]
    )
    try:
        alice.cancel_replace_order(
            symbol=symbol, cancelReplaceMode="STOP_ON_FAILURE", cancelOrderId=resting["orderId"], **words["new"]
        )
    except BinanceAPIException as error:
        out["not_replaced"] = told(error)
    out["stop"] = alice.create_order(symbol=symbol, newOrderRespType="RESULT", **words["stop"])
    out["trailing"] = alice.create_order(symbol=symbol, newOrderRespType="RESULT", **words["trailing"])
    out["iceberg"] = alice.create_order(symbol=symbol, **words["iceberg"])
    try:
        alice.v3_post_sor_order_test(symbol=symbol, **words["new"])
    except BinanceAPIException as error:
        out["not_routed"] = told(error)
    alice.cancel_all_open_orders(symbol=symbol)
    return out


async def by_ws(alice, bob, symbol, words):
    out = {"oco": await alice.ws_create_oco_order(symbol=symbol, **words["oco"])}
    list_id = out["oco"]["orderListId"]
    out["open_lists"] = await alice.ws_get_oco_open_orders()
    out["list"] = await alice.ws_get_oco_order(orderListId=list_id)
    out["canceled_list"] = await alice.ws_cancel_oco_order(symbol=symbol, orderListId=list_id)
    out["oto"] = await alice.ws_create_oto_order(symbol=symbol, **words["oto"])
    pending = out["oto"]["orders"][1]["orderId"]
    out["canceled_leg"] = await alice.ws_cancel_order(symbol=symbol, orderId=pending)
    out["otoco"] = await alice.ws_create_otoco_order(symbol=symbol, **words["otoco"])
    bob.order_limit_sell(symbol=symbol, quantity="1", price="95")
    out["activated"] = await alice.ws_get_open_orders(symbol=symbol)
    out["canceled_all"] = await alice.ws_cancel_all_open_orders(symbol=symbol)
    resting = await alice.ws_create_order(
        symbol=symbol, side="BUY", type="LIMIT", timeInForce="GTC", quantity="1", price="90"
    )
    out["replaced"] = await alice.ws_cancel_and_replace_order(
        symbol=symbol, cancelReplaceMode="STOP_ON_FAILURE", cancelOrderId=resting["orderId"], **words["new"]
    )
    try:
        await alice.ws_cancel_and_replace_order(
            symbol=symbol, cancelReplaceMode="STOP_ON_FAILURE", cancelOrderId=resting["orderId"], **words["new"]
        )
    except BinanceAPIException as error:
        out["not_replaced"] = told(error)
    try:
        await alice.ws_create_sor_order(symbol=symbol, **words["new"])
    except BinanceAPIException as error:
        out["not_routed"] = told(error)
    await alice.ws_cancel_all_open_orders(symbol=symbol)
    return out


async def main():
    given = json.loads(sys.argv[1])
    symbol, words = given["symbol"], given["words"]
    alice, bob = connect(given, given["alice"]), connect(given, given["bob"])
    bob.order_limit_sell(symbol=symbol, quantity="1", price="100")
    alice.order_market_buy(symbol=symbol, quantity="1")
    out = {"rest": by_rest(alice, bob, symbol, words)}
    socket = await connect_async(given, given["alice"])
    out["ws"] = await by_ws(socket, bob, symbol, words)
    json.dump(out, sys.stdout)
    sys.stdout.flush()
    os._exit(0)  # closing takes this client ten seconds


asyncio.run(main())
