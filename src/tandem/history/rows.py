"""What the fold keeps of open orders, lists, candles and days, and what it hands to the writer."""

import msgspec

Values = tuple[object, ...]


class LiveOrder(msgspec.Struct, gc=False):
    """An open order: by what it is found, then the columns of `schema.orders` that change."""

    id: int
    accepted_us: int
    account: int
    market: int
    side: int
    list_id: int
    qty: int
    client_id: str
    cancel_id: str
    state: int
    status: str
    expiry_reason: str
    left_qty: int
    filled: int
    filled_quote: int
    is_routed: bool
    prevented: int
    prevented_match_id: int
    amends: int
    pegged_price: int
    trailing_us: int
    working_us: int
    updated_us: int
    seq: int


CONSTANT = LiveOrder.__struct_fields__[:6]
CHANGING = LiveOrder.__struct_fields__[6:]
FIXED = (
    *("kind", "tif", "price", "quote_qty", "stp", "strategy_id", "strategy_type", "stop_price", "trailing_delta"),
    *("iceberg_qty", "peg_price", "peg_offset", "used_sor", "first_seq"),
)
"""Columns of `schema.orders` that are written once and never asked for again."""
ORDER = FIXED + LiveOrder.__struct_fields__
"""All of them, in the order of `Rows.orders`."""


class ListRow(msgspec.Struct, gc=False):
    """`schema.order_lists`."""

    id: int
    account: int
    market: int
    kind: int
    client_id: str
    orders: str
    client_ids: str
    accepted_us: int
    is_open: bool
    updated_us: int
    seq: int


class CandleRow(msgspec.Struct, gc=False):
    """`schema.candles`."""

    market: int
    interval: str
    open_us: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    quote_volume: int
    trades: int
    taker_buy_volume: int
    taker_buy_quote_volume: int
    seq: int


class DayRow(msgspec.Struct, gc=False):
    """`schema.daily`."""

    market: int
    day_us: int
    orders: int
    trades: int
    volume: int
    quote_volume: int
    next_aggregate: int
    seq: int


class Rows(msgspec.Struct, frozen=True):
    """What the commands up to `seq` came to since the rows before: nothing in it changes any more."""

    from_us: int
    """Of the first of them."""
    seq: int
    time_us: int
    orders: list[Values]
    """To add, as `ORDER`."""
    changed_orders: list[Values]
    """To change, as the fields of `LiveOrder`."""
    appended: dict[str, list[Values]]
    """To add, by table, in the order of its columns."""
    replaced: dict[str, list[Values]]
    """To add, or to put in the place of what has the same key, by table."""
    references: set[tuple[str, int]]
    """(kind of `ReferenceChanged`, id): what has to be looked up in the engine."""

    def count(self) -> int:
        return (
            len(self.orders)
            + len(self.changed_orders)
            + sum(map(len, self.appended.values()))
            + sum(map(len, self.replaced.values()))
        )
