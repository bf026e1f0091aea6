"""Book levels as the API prints them."""

from collections.abc import Iterable

from tandem.domain.catalog import Market
from tandem.domain.trading import ENGINE_MAX


def show_total(market: Market, qty: int) -> str:
    """The orders of a level may sum up to more than one order can have, and than clients can read."""
    return market.show_qty(min(qty, ENGINE_MAX))


def levels(market: Market, rows: Iterable[tuple[int, int]]) -> list[list[str]]:
    price = market.show_price
    return [[price(p), show_total(market, q)] for p, q in rows]
