"""python-binance's AsyncClient, stream sockets, user socket and WebSocket API at work on one small trade.

Input: JSON in argv[1]. Output: a JSON transcript of what each socket brought.
"""

import asyncio
import json
import os
import sys

from binance import AsyncClient, BinanceSocketManager
from binance.exceptions import BinanceAPIException


async def connect(given, account):
    AsyncClient.API_URL = given["url"] + "/api"
    AsyncClient.WS_API_URL = given["url"].replace("http", "ws", 1) + "/ws-api/v3"
    BinanceSocketManager.STREAM_URL = given["url"].replace("http", "ws", 1) + "/"
    return await AsyncClient.create(account["apiKey"], account["secretKey"])


arrived = asyncio.Condition()


async def collect(socket, into):
    while True:
        message = await socket.recv()
        async with arrived:
            into.append(message)
            arrived.notify_all()


async def reach(condition, timeout_s=15):
    async with asyncio.timeout(timeout_s), arrived:
        await arrived.wait_for(condition)


async def trade(alice, bob, symbol, out):
    out["time"] = (await alice.ws_get_time())["serverTime"]
    placed = await alice.ws_order_limit_buy(symbol=symbol, quantity="1", price="100.5")
    out["placed"] = placed
    out["status"] = await alice.ws_get_order(symbol=symbol, orderId=placed["orderId"])
    out["open"] = await alice.ws_get_open_orders(symbol=symbol)
    out["book"] = await alice.ws_get_order_book(symbol=symbol, limit=5)
    out["rest_book"] = await alice.get_order_book(symbol=symbol, limit=5)
    out["sold"] = await bob.order_market_sell(symbol=symbol, quantity="0.4")
    out["canceled"] = await alice.ws_cancel_order(symbol=symbol, orderId=placed["orderId"])
    out["account"] = (await alice.ws_get_account())["balances"]
    try:
        await alice.ws_cancel_order(symbol=symbol, orderId=placed["orderId"])
    except BinanceAPIException as error:
        out["cancel_again"] = [error.status_code, error.code, error.message]


async def main():
    given = json.loads(sys.argv[1])
    symbol = given["symbol"]
    alice, bob = await connect(given, given["alice"]), await connect(given, given["bob"])
    sockets = BinanceSocketManager(alice)
    lower = symbol.lower()
    opened = {
        "depth": sockets.depth_socket(symbol, interval=100),
        "trade": sockets.trade_socket(symbol),
        "kline": sockets.kline_socket(symbol, interval="1m"),
        "multiplex": sockets.multiplex_socket([f"{lower}@bookTicker", f"{lower}@aggTrade"]),
        "user": sockets.user_socket(),
    }
    out = {name: [] for name in opened}
    tasks = [asyncio.create_task(collect(await socket.__aenter__(), out[name])) for name, socket in opened.items()]
    await trade(alice, bob, symbol, out)
    await reach(lambda: out["trade"] and out["kline"] and len(out["user"]) >= 6)
    await reach(lambda: out["depth"] and not out["depth"][-1]["b"][-1][1].strip("0."))
    await reach(lambda: len({row["stream"] for row in out["multiplex"]}) == 2)
    for task in tasks:
        task.cancel()
    await opened["user"].__aexit__(None, None, None)  # unsubscribes
    json.dump(out, sys.stdout)
    sys.stdout.flush()
    os._exit(0)  # closing a market socket takes this client ten seconds


asyncio.run(main())
