"""Markets and accounts made for one test each, so that tests share a process without sharing anything else."""

import itertools
from dataclasses import dataclass

from tests.system.exchange import Exchange

START = {"base": "10", "quote": "100000"}
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Venue:
    """A market: prices in steps of 0.01, quantities of 0.00001, rates 0.001."""

    exchange: Exchange
    symbol: str
    base: str
    quote: str

    @property
    def unified(self) -> str:
        """As ccxt writes it."""
        return f"{self.base}/{self.quote}"


def make_venue(exchange: Exchange, base: str = "", *, least_notional: str = "") -> Venue:
    """A new asset and its market against USDT, which must exist.

    With a least notional a MARKET order by quantity is refused until the first trade has made a price.
    """
    quote = "USDT"
    base = base or f"B{next(_numbers):03}"
    exchange.operate("POST", "/assets", {"asset": base})
    rules = {"tickSize": "0.01", "stepSize": "0.00001", "minNotional": least_notional or "0"}
    exchange.operate("POST", "/markets", {"symbol": base + quote, "base": base, "quote": quote, "rules": rules})
    return Venue(exchange, base + quote, base, quote)


def make_account(name: str, where: Venue) -> dict[str, str]:
    """A new account with a key, 10 of the base and 100000 of the quote."""
    funds = {where.base: START["base"], where.quote: START["quote"]}
    return where.exchange.open_account(f"{name}-{next(_numbers)}", **funds)
