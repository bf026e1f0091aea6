"""One trading story that every client tells in its own words, and what must be true afterwards to the last unit.

    1  alice buys 1.5 at 100.01, which rests
    2  bob sells 0.5 with a limit of 100.00: fills at 100.01
    3  bob sells 0.25 at the market: fills at 100.01
    4  alice cancels what is left of 1
    5  alice has two more bids, one of them post-only, and cancels all
    6  bob offers 1 at 110.00; alice buys for 33 of quote at the market: 0.3
    7  bob cancels the rest

The market's rates are 0.001 for both sides; a fee is taken from what is received, rounded up.
"""

from collections.abc import Iterable
from decimal import ROUND_CEILING, Decimal
from typing import Any

UNIT = Decimal("0.00000001")
RATE = Decimal("0.001")


def fee(received: Decimal) -> Decimal:
    return (received * RATE).quantize(UNIT, ROUND_CEILING)


FILLS = (
    # price, quantity, who buys, who makes
    (Decimal("100.01"), Decimal("0.5"), "alice", "alice"),
    (Decimal("100.01"), Decimal("0.25"), "alice", "alice"),
    (Decimal("110.00"), Decimal("0.3"), "alice", "bob"),
)
START_BASE, START_QUOTE = Decimal("10"), Decimal("100000")


def final_balances(who: str) -> dict[str, Decimal]:
    """Free base and quote of `who` at the end; nothing is locked then."""
    base, quote = START_BASE, START_QUOTE
    for price, qty, buyer, _ in FILLS:
        if who == buyer:
            base, quote = base + qty - fee(qty), quote - price * qty
        else:
            base, quote = base - qty, quote + price * qty - fee(price * qty)
    return {"base": base, "quote": quote}


def decimals(row: dict[str, Any], *names: str) -> tuple[Decimal, ...]:
    return tuple(Decimal(row[name]) for name in names)


def funds_of(rows: Iterable[dict[str, Any]], base: str, quote: str) -> dict[str, tuple[Decimal, Decimal]]:
    """Free and locked of the two assets out of the `balances` of an account."""
    found = {row["asset"]: decimals(row, "free", "locked") for row in rows}
    return {"base": found[base], "quote": found[quote]}


def check_resting(order: dict[str, Any], symbol: str) -> None:
    """Step 1 as POST /api/v3/order answers it."""
    assert {
        name: order[name] for name in ("symbol", "status", "type", "side", "timeInForce", "fills", "orderListId")
    } == {
        "symbol": symbol,
        "status": "NEW",
        "type": "LIMIT",
        "side": "BUY",
        "timeInForce": "GTC",
        "fills": [],
        "orderListId": -1,
    }
    assert order["price"] == "100.01000000"
    assert order["origQty"] == "1.50000000"
    assert order["executedQty"] == order["cummulativeQuoteQty"] == "0.00000000"


def check_crossing(order: dict[str, Any]) -> None:
    """Step 2: the fill is at the maker's price and carries the fee."""
    assert (order["status"], order["executedQty"], order["cummulativeQuoteQty"]) == (
        "FILLED",
        "0.50000000",
        "50.00500000",
    )
    (fill,) = order["fills"]
    assert {name: fill[name] for name in ("price", "qty", "commission", "commissionAsset")} == {
        "price": "100.01000000",
        "qty": "0.50000000",
        "commission": "0.05000500",
        "commissionAsset": "USDT",
    }


def check_maker_trades(rows: list[dict[str, Any]], base: str) -> None:
    """Alice's trades after step 3."""
    names = ("price", "qty", "quoteQty", "commission", "commissionAsset", "isBuyer", "isMaker")
    assert [tuple(row[name] for name in names) for row in rows] == [
        ("100.01000000", "0.50000000", "50.00500000", "0.00050000", base, True, True),
        ("100.01000000", "0.25000000", "25.00250000", "0.00025000", base, True, True),
    ]


def check_end(who: str, rows: Iterable[dict[str, Any]], base: str, quote: str) -> None:
    expected = final_balances(who)
    assert funds_of(rows, base, quote) == {asset: (amount, Decimal(0)) for asset, amount in expected.items()}


# What a client must be told, whatever it calls the error: HTTP status, code, text.
ERRORS = {
    "insufficient": (400, -2010, "Account has insufficient balance for requested action."),
    "unknown_query": (400, -2013, "Order does not exist."),
    "unknown_cancel": (400, -2011, "Unknown order sent."),
    "price_filter": (400, -1013, "Filter failure: PRICE_FILTER"),
    "notional": (400, -1013, "Filter failure: NOTIONAL"),
    "bad_symbol": (400, -1121, "Invalid symbol."),
    "precision": (400, -1111, "Parameter 'price' has too much precision."),
    "post_only": (400, -2010, "Order would immediately match and take."),
}
