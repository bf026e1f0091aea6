"""What trading remembers: orders, fills, prevented matches, amendments, and where one account's are kept.

The structs are without cycle collection, and their values are copied from events, which have it: hundreds of thousands
of these live long, and a full collection that walks them stops the process for a tenth of a second. None is in a cycle
once its blotter let it go.
"""

from operator import attrgetter

import msgspec

from tandem.domain.trading import OrderState
from tandem.platform.engine import SelfTradePrevented
from tandem.trading import names

EXECUTIONS_PER_COMMAND = 4096
"""Execution ids of a command start at seq times this. More reports than that reach into the next command's, whose
own then start later: ids rise all the same."""

WORKING = int(OrderState.WORKING)

by_own_id = attrgetter("id")
by_accepted_us = attrgetter("accepted_us")
by_time_us = attrgetter("time_us")
by_allocation_id = attrgetter("allocation_id")
by_execution_id = attrgetter("execution_id")


def execution_id(seq: int, index: int = 0) -> int:
    """Of the `index`th report that an account gets of the command `seq`."""
    return seq * EXECUTIONS_PER_COMMAND + index


def seq_of(execution_id: int) -> int:
    return execution_id // EXECUTIONS_PER_COMMAND


class Amendment(msgspec.Struct, eq=False, gc=False):
    """An order's quantity was lowered."""

    execution_id: int
    order_id: int
    time_us: int
    old_qty: int
    new_qty: int
    old_client_id: str
    new_client_id: str


class Extra(msgspec.Struct, gc=False):
    """What only some orders have. The defaults are what every plain order has."""

    stop_price: int = 0
    trailing_delta: int = 0
    """In basis points; 0: not trailing."""
    trailing_us: int = -1
    """When it began to follow the price; -1: it does not yet."""
    iceberg_qty: int = 0
    peg_price: int = -1
    """A PegPrice; -1: not pegged."""
    peg_offset: int = -1
    pegged_price: int = 0
    """0: not pegged, or not known yet."""
    used_sor: bool = False
    is_routed: bool = False
    """Its last fill was an allocation."""
    list_id: int = -1
    state: int = WORKING
    """An OrderState: where it is, or was when it ended."""
    working_us: int = -1
    """Since when it works; -1: it does not, or never did."""
    amends: list[Amendment] | None = None
    """Oldest first; those before the snapshot, and the oldest when there are many, are not here."""


class Order(msgspec.Struct, eq=False, gc=False):
    """An order and what became of it. Amounts in minor units, times in microseconds."""

    blotter: "Blotter"
    id: int
    account: int
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
    left: int
    accepted_us: int
    updated_us: int
    orig_client_id: str = ""
    """The id it had before it was canceled, once `client_id` is that of the cancel."""
    filled: int = 0
    filled_quote: int = 0
    prevented: int = 0
    prevented_match_id: int = -1
    """Of the latest; -1: none, or before the snapshot."""
    status: str = names.NEW
    expiry_reason: str = ""
    extra: Extra | None = None
    """None for most orders: plain ones that were never amended."""

    @property
    def list_id(self) -> int:
        """-1: in none."""
        return -1 if self.extra is None else self.extra.list_id

    @property
    def working_us(self) -> int:
        """Since when it works; -1: it does not, or never did."""
        return self.accepted_us if self.extra is None else self.extra.working_us


class Fill(msgspec.Struct, eq=False, gc=False):
    """One side of a trade."""

    id: int
    """Of the trade."""
    order_id: int
    market: int
    time_us: int
    side: int
    is_maker: bool
    price: int
    qty: int
    quote_amount: int
    fee: int
    fee_asset: int
    list_id: int
    """Of its order; -1: in none."""


class Allocation(Fill):
    """A fill of a routed order in another market's book: no trade of its owner (`id` is -1) but an allocation."""

    allocation_id: int


class PreventedMatch(msgspec.Struct, eq=False, gc=False):
    """A match inside one account or trade group that was prevented."""

    event: SelfTradePrevented
    market: int
    """In whose blotter it is: the taker's, or the maker's where that is another one."""
    time_us: int
    trade_group: int
    """-1: none."""
    seq: int


class Gone(msgspec.Struct, eq=False, gc=False):
    """What memory has let go of some rows. All that were placed later than `placed_us` are there."""

    placed_us: int = -1
    """-1: nothing."""
    changed_us: int = -1
    """When the last of them to change did."""

    def add(self, placed_us: int, changed_us: int) -> None:
        self.placed_us = max(self.placed_us, placed_us)
        self.changed_us = max(self.changed_us, changed_us)


class AccountOrders:
    """One account's blotters by market."""

    __slots__ = ("amendments_gone", "blotters", "updated_us")

    def __init__(self) -> None:
        self.amendments_gone = Gone()
        self.blotters: dict[int, Blotter] = {}
        self.updated_us = 0
        """When an event last touched the account; 0: not since the snapshot."""


class Blotter:
    """One account's record in one market. `rows` rise by order id and by time, `fills` by trade id and by time,
    `allocations` by allocation id and by time."""

    __slots__ = (
        "account",
        "allocations",
        "allocations_gone",
        "by_client_id",
        "fills",
        "fills_gone",
        "first_fill",
        "forgotten",
        "market",
        "open",
        "orders_gone",
        "prevented",
        "prevented_gone",
        "rows",
    )

    def __init__(self, account: AccountOrders, market: int) -> None:
        self.account = account
        self.market = market
        self.open: dict[int, Order] = {}
        self.by_client_id: dict[str, Order] = {}
        """Also by the id that an order had before its cancel. The open order, or else the latest."""
        self.rows: list[Order] = []
        """Open and closed; forgotten orders stay until `forgotten` makes removing them worth it."""
        self.forgotten = 0
        self.orders_gone = Gone()
        self.fills: list[Fill] = []
        self.first_fill = 0
        """Fills before this index are forgotten."""
        self.fills_gone = Gone()
        self.allocations: list[Allocation] = []
        self.allocations_gone = Gone()
        self.prevented: list[PreventedMatch] = []
        self.prevented_gone = Gone()
