"""Tells the story with python-binance's synchronous Client. Input: JSON in argv[1]. Output: a JSON transcript."""

import json
import sys
import time

from binance import Client
from binance.exceptions import BinanceAPIException


def connect(given, account):
    Client.API_URL = given["url"] + "/api"
    Client.MARGIN_API_URL = given["url"] + "/sapi"
    return Client(account["apiKey"], account["secretKey"])


def refusal(call, **params):
    try:
        return {"unexpected": call(**params)}
    except BinanceAPIException as error:
        return [error.status_code, error.code, error.message]


def errors(alice, bob, symbol):
    """Each of the refusals a bot has to tell apart."""
    gtc = {"symbol": symbol, "quantity": "1"}
    bid = bob.order_limit_buy(symbol=symbol, quantity="1", price="95")
    found = {
        "insufficient": refusal(alice.order_limit_buy, symbol=symbol, quantity="5000", price="100"),
        "unknown_query": refusal(alice.get_order, symbol=symbol, orderId=987654321),
        "unknown_cancel": refusal(alice.cancel_order, symbol=symbol, origClientOrderId="nothing-of-the-kind"),
        "price_filter": refusal(alice.order_limit_buy, **gtc, price="100.001"),
        "notional": refusal(alice.order_limit_buy, symbol=symbol, quantity="0.01", price="100"),
        "bad_symbol": refusal(alice.order_limit_buy, symbol="NOSUCH", quantity="1", price="100"),
        "precision": refusal(alice.order_limit_buy, **gtc, price="100.123456789"),
        "post_only": refusal(alice.create_order, **gtc, side="SELL", type="LIMIT_MAKER", price="94"),
    }
    bob.cancel_order(symbol=symbol, orderId=bid["orderId"])
    return found


def main():
    given = json.loads(sys.argv[1])
    symbol = given["symbol"]
    alice, bob = connect(given, given["alice"]), connect(given, given["bob"])
    out = {"time_off_ms": alice.get_server_time()["serverTime"] - time.time_ns() // 1_000_000}
    out["symbol_info"] = alice.get_symbol_info(symbol)
    out["test_order"] = alice.create_test_order(
        symbol=symbol, side="BUY", type="LIMIT", timeInForce="GTC", quantity="1", price="100"
    )
    out["resting"] = alice.order_limit_buy(symbol=symbol, quantity="1.5", price="100.01")
    out["locked"] = alice.get_account()["balances"]
    out["crossing"] = bob.order_limit_sell(symbol=symbol, quantity="0.5", price="100.00")
    out["market_sell"] = bob.order_market_sell(symbol=symbol, quantity="0.25")
    out["partly"] = alice.get_order(symbol=symbol, orderId=out["resting"]["orderId"])
    out["open"] = alice.get_open_orders(symbol=symbol)
    out["trades"] = alice.get_my_trades(symbol=symbol)
    out["cancel"] = alice.cancel_order(symbol=symbol, orderId=out["resting"]["orderId"])
    alice.order_limit_buy(symbol=symbol, quantity="1", price="90")
    out["post_only_ack"] = alice.create_order(symbol=symbol, side="BUY", type="LIMIT_MAKER", quantity="1", price="91")
    out["cancel_all"] = alice.cancel_all_open_orders(symbol=symbol)
    out["open_after"] = alice.get_open_orders(symbol=symbol)
    ask = bob.order_limit_sell(symbol=symbol, quantity="1", price="110")
    out["market_buy"] = alice.order_market_buy(symbol=symbol, quoteOrderQty="33")
    out["cancel_rest"] = bob.cancel_order(symbol=symbol, origClientOrderId=ask["clientOrderId"])
    out["all_orders"] = alice.get_all_orders(symbol=symbol)
    out["alice_end"] = alice.get_account()["balances"]
    out["bob_end"] = bob.get_account()["balances"]
    out["depth"] = alice.get_order_book(symbol=symbol)
    out["recent"] = alice.get_recent_trades(symbol=symbol)
    out["klines"] = alice.get_klines(symbol=symbol, interval="1m")
    out["ticker"] = alice.get_ticker(symbol=symbol)
    out["errors"] = errors(alice, bob, symbol)
    json.dump(out, sys.stdout)


main()
