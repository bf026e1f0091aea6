"""The life of a listen key with python-binance. Input: JSON in argv[1]. Output: a JSON transcript."""

import json
import sys

from binance import Client
from binance.exceptions import BinanceAPIException


def main():
    given = json.loads(sys.argv[1])
    Client.API_URL = given["url"] + "/api"
    alice = Client(given["alice"]["apiKey"], given["alice"]["secretKey"])
    key = alice.stream_get_listen_key()
    out = {
        "key": key,
        "again": alice.stream_get_listen_key(),
        "renewed": alice.stream_keepalive(key),
        "closed": alice.stream_close(key),
    }
    try:
        out["renew_closed"] = alice.stream_keepalive(key)
    except BinanceAPIException as error:
        out["renew_closed"] = [error.status_code, error.code, error.message]
    json.dump(out, sys.stdout)


main()
