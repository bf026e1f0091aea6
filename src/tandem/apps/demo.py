"""The demo exchange: four markets, the funded accounts alice and bob, and the funds of the liquidity bots.

Everything is made by commands in the log, and only what is missing, so that a restart at any instant ends in the
same place.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tandem.admin.service import AdminService

DEMO_FILE = "demo.json"
MAKER = "demo-maker"
TAKER = "demo-taker"


class DemoRefused(Exception):
    """The directory holds an exchange that the demo does not fit; the message says what to do."""


DECIMALS = 8
ASSETS = {"BTC": "Bitcoin", "ETH": "Ethereum", "SOL": "Solana", "USDT": "Tether"}


@dataclass(frozen=True, slots=True)
class DemoMarket:
    """A market with what its bots need. `grid` is the distance of two levels, `size` what the first one holds."""

    symbol: str
    base: str
    quote: str
    tick: str
    step: str
    price: float
    grid: float
    size: float


MARKETS = (
    DemoMarket("BTCUSDT", "BTC", "USDT", "0.01", "0.00001", 65_000.0, 4.0, 0.15),
    DemoMarket("ETHUSDT", "ETH", "USDT", "0.01", "0.0001", 3_500.0, 0.25, 2.5),
    DemoMarket("SOLUSDT", "SOL", "USDT", "0.01", "0.001", 150.0, 0.02, 60.0),
    DemoMarket("ETHBTC", "ETH", "BTC", "0.00001", "0.001", 0.05385, 0.00001, 2.5),
)

PEOPLE = {"BTC": "10", "ETH": "150", "SOL": "3000", "USDT": "1000000"}
BOTS = {"BTC": "1000000", "ETH": "20000000", "SOL": "500000000", "USDT": "100000000000"}
FUNDS = {"alice": PEOPLE, "bob": PEOPLE, MAKER: BOTS, TAKER: BOTS}

CreateKey = Callable[[int, str], dict[str, Any]]
"""(account, label) -> {"apiKey", "secretKey"}."""


async def prepare(admin: AdminService, data: Path, create_key: CreateKey) -> None:
    """Makes what is missing. `data/demo.json` is written last: it says that the demo is complete."""
    decimals = {row["asset"]: row["decimals"] for row in admin.assets()}
    for code, name in ASSETS.items():
        if code not in decimals:
            await admin.create_asset(code, name, DECIMALS)
        elif decimals[code] != DECIMALS:
            raise DemoRefused(
                f"the demo needs {code} with {DECIMALS} decimals and this exchange has it with {decimals[code]}; "
                "start with --no-demo, or use another data directory"
            )
    existing = {row["symbol"] for row in admin.markets()}
    for market in MARKETS:
        if market.symbol not in existing:
            rules = {"tickSize": market.tick, "stepSize": market.step, "minNotional": _least(market)}
            await admin.create_market(market.symbol, market.base, market.quote, rules)
    if not (data / DEMO_FILE).exists():
        await _fund(admin)
        _write_keys(admin, data, create_key)


def _least(market: DemoMarket) -> str:
    return "5" if market.quote == "USDT" else "0.0001"


async def _fund(admin: AdminService) -> None:
    balances = {row["name"]: row["balances"] for row in admin.accounts()}
    for name, funds in FUNDS.items():
        if name not in balances:
            await admin.create_account(name)
        for asset, amount in funds.items():
            if asset not in balances.get(name, {}):
                await admin.move("credit", name, asset, amount)


def _write_keys(admin: AdminService, data: Path, create_key: CreateKey) -> None:
    accounts = []
    for name in ("alice", "bob"):
        key = create_key(admin.account_id(name), "demo")
        accounts.append({"name": name, "apiKey": key["apiKey"], "secretKey": key["secretKey"]})
    write_private(data / DEMO_FILE, {"accounts": accounts})


def write_private(path: Path, content: Any) -> None:
    """Writes JSON that only the owner may read; the file is whole or not there."""
    aside = path.with_suffix(".tmp")
    aside.unlink(missing_ok=True)
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")
        file.flush()
        os.fsync(descriptor)
    aside.replace(path)
