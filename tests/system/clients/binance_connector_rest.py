"""Tells the story with binance-connector's Spot. Input: JSON in argv[1]. Output: a JSON transcript."""

import json
import sys
import time

from binance.error import ClientError
from binance.spot import Spot


def connect(given, account, **options):
    return Spot(account["apiKey"], account["secretKey"], base_url=given["url"], **options)


def refusal(call, *args, **params):
    try:
        return {"unexpected": call(*args, **params)}
    except ClientError as error:
        return [error.status_code, error.error_code, error.error_message]


def limit(client, symbol, side, quantity, price, **more):
    return client.new_order(symbol, side, "LIMIT", timeInForce="GTC", quantity=quantity, price=price, **more)


def errors(alice, bob, symbol):
    """Each of the refusals a bot has to tell apart."""
    bid = limit(bob, symbol, "BUY", 1, 95)
    found = {
        "insufficient": refusal(limit, alice, symbol, "BUY", 5000, 100),
        "unknown_query": refusal(alice.get_order, symbol, orderId=987654321),
        "unknown_cancel": refusal(alice.cancel_order, symbol, origClientOrderId="nothing-of-the-kind"),
        "price_filter": refusal(limit, alice, symbol, "BUY", 1, 100.001),
        "notional": refusal(limit, alice, symbol, "BUY", 0.01, 100),
        "bad_symbol": refusal(limit, alice, "NOSUCH", "BUY", 1, 100),
        "precision": refusal(limit, alice, symbol, "BUY", 1, "100.123456789"),
        "post_only": refusal(alice.new_order, symbol, "SELL", "LIMIT_MAKER", quantity=1, price=94),
    }
    bob.cancel_order(symbol, orderId=bid["orderId"])
    return found


def listen_keys(alice):
    """The life of a listen key."""
    key = alice.new_listen_key()["listenKey"]
    return {
        "key": key,
        "again": alice.new_listen_key()["listenKey"],
        "renewed": alice.renew_listen_key(key),
        "closed": alice.close_listen_key(key),
        "renew_closed": refusal(alice.renew_listen_key, key),
    }


def main():
    given = json.loads(sys.argv[1])
    symbol = given["symbol"]
    alice, bob = connect(given, given["alice"]), connect(given, given["bob"])
    out = {"ping": alice.ping(), "time_off_ms": alice.time()["serverTime"] - time.time_ns() // 1_000_000}
    out["symbol_info"] = alice.exchange_info(symbols=[symbol])["symbols"][0]
    out["test_order"] = alice.new_order_test(symbol, "BUY", "LIMIT", timeInForce="GTC", quantity=1, price=100)
    out["resting"] = limit(alice, symbol, "BUY", 1.5, 100.01)
    out["locked"] = alice.account()["balances"]
    out["crossing"] = limit(bob, symbol, "SELL", 0.5, 100.0)
    out["market_sell"] = bob.new_order(symbol, "SELL", "MARKET", quantity=0.25)
    out["partly"] = alice.get_order(symbol, orderId=out["resting"]["orderId"])
    out["open"] = alice.get_open_orders(symbol)
    out["trades"] = alice.my_trades(symbol)
    out["cancel"] = alice.cancel_order(symbol, orderId=out["resting"]["orderId"])
    limit(alice, symbol, "BUY", 1, 90)
    out["post_only_ack"] = alice.new_order(symbol, "BUY", "LIMIT_MAKER", quantity=1, price=91)
    out["cancel_all"] = alice.cancel_open_orders(symbol)
    out["open_after"] = alice.get_open_orders(symbol)
    ask = limit(bob, symbol, "SELL", 1, 110, newClientOrderId="bobs-ask")
    out["market_buy"] = alice.new_order(symbol, "BUY", "MARKET", quoteOrderQty=33)
    out["cancel_rest"] = bob.cancel_order(symbol, origClientOrderId=ask["clientOrderId"])
    out["all_orders"] = alice.get_orders(symbol)
    out["alice_end"] = alice.account()["balances"]
    out["bob_end"] = bob.account()["balances"]
    out["depth"] = alice.depth(symbol)
    out["recent"] = alice.trades(symbol)
    out["klines"] = alice.klines(symbol, "1m")
    out["ticker"] = alice.ticker_24hr(symbol)
    out["errors"] = errors(alice, bob, symbol)
    out["listen_keys"] = listen_keys(alice)
    json.dump(out, sys.stdout)


main()
