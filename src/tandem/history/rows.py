"""The rows that the fold keeps and changes, each with its table's columns in their order."""

import msgspec


class OrderRow(msgspec.Struct, gc=False):
    """`schema.orders`."""

    id: int
    account: int
    market: int
    side: int
    kind: int
    tif: int
    price: int
    qty: int
    quote_qty: int
    stp: int
    strategy_id: int | None
    strategy_type: int | None
    client_id: str
    orig_client_id: str
    list_id: int
    stop_price: int
    trailing_delta: int
    trailing_us: int
    iceberg_qty: int
    peg_price: int
    peg_offset: int
    pegged_price: int
    used_sor: bool
    is_routed: bool
    state: int
    status: str
    expiry_reason: str
    left_qty: int
    filled: int
    filled_quote: int
    prevented: int
    prevented_match_id: int
    amends: int
    accepted_us: int
    working_us: int
    updated_us: int
    first_seq: int
    seq: int


class ListRow(msgspec.Struct, gc=False):
    """`schema.order_lists`."""

    id: int
    account: int
    market: int
    kind: int
    client_id: str
    orders: str
    is_open: bool
    accepted_us: int
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
    seq: int


class Rows:
    """What a number of commands came to: rows to add, and rows to replace by their key."""

    __slots__ = ("appended", "candles", "changed_orders", "days", "lists", "new_orders")

    APPENDED = ("order_changes", "fills", "trades", "ledger", "transfers", "prevented_matches")

    def __init__(self) -> None:
        self.new_orders: dict[int, OrderRow] = {}
        self.changed_orders: dict[int, OrderRow] = {}
        """Written before."""
        self.lists: dict[int, ListRow] = {}
        self.candles: dict[tuple[int, str, int], CandleRow] = {}
        self.days: dict[tuple[int, int], DayRow] = {}
        self.appended: dict[str, list[tuple[object, ...]]] = {name: [] for name in self.APPENDED}

    def count(self) -> int:
        keyed = (self.new_orders, self.changed_orders, self.lists, self.candles, self.days)
        return sum(len(rows) for rows in keyed) + sum(len(rows) for rows in self.appended.values())
