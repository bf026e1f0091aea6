"""ccxt, unmodified, pointed at the exchange under test."""

from typing import Any

import ccxt
import ccxt.pro


def settings(url: str, account: dict[str, str] | None, **options: Any) -> dict[str, Any]:
    """Constructor arguments. ccxt's defaults but for the hosts, and for futures, which a spot exchange has not.
    With `fetchMarkets` None they are asked for as well, as ccxt does by itself."""
    ws = url.replace("http", "ws", 1)
    keys = {"apiKey": account["apiKey"], "secret": account["secretKey"]} if account else {}
    hosts = {
        "public": f"{url}/api/v3",
        "private": f"{url}/api/v3",
        "v1": f"{url}/api/v1",
        "fapiPublic": f"{url}/fapi/v1",
        "dapiPublic": f"{url}/dapi/v1",
        **{f"sapi{suffix}": f"{url}/sapi/v{number}" for suffix, number in (("", 1), ("V2", 2), ("V3", 3), ("V4", 4))},
        "ws": {"spot": f"{ws}/ws", "margin": f"{ws}/ws", "ws-api": {"spot": f"{ws}/ws-api/v3"}},
    }
    chosen = {"defaultType": "spot", "fetchMarkets": {"types": ["spot"]}, **options}
    return {
        **keys,
        "enableRateLimit": False,
        "urls": {"api": hosts},
        "options": {name: value for name, value in chosen.items() if value is not None},
    }


def rest(url: str, account: dict[str, str] | None = None, **options: Any) -> ccxt.binance:
    return ccxt.binance(settings(url, account, **options))


def pro(url: str, account: dict[str, str] | None = None, **options: Any) -> ccxt.pro.binance:
    return ccxt.pro.binance(settings(url, account, **options))
