"""The compiled engine: log, core and replica in one object. Only `tandem.platform.engine` imports it.

Numbers are integers in minor units (see `spec/rules.md`); enums are their numbers from `engine/core/src/types.rs`
(`tandem.domain.trading` names them). Every method may be called from any thread; none of `Engine` blocks on the disk.
Queries read a replica, which never shows what is not durable.
"""

from typing import Any, final

Fees = tuple[int, int, int, int]
"""Rates in 10^-8: (maker, taker, buyer, seller). A fill pays the first or the second, plus the third or the fourth."""

Leg = tuple[int, int, int, int, int, int, str, int, int | None, int | None, Terms | None]
"""An order without account and market: (side, kind, tif, price, qty, quote_qty, client_order_id, stp, strategy_id,
strategy_type, terms), as `place_order` takes them."""

class EngineError(Exception):
    """The engine cannot be opened: the message names the file, the offset and what to do."""

class Overloaded(Exception):
    """The queue of commands is full; nothing was taken. Try again later."""

class Replica:
    """What can be asked of a state: `Engine` and `Follower` are some. There are no others."""

    def check_order(
        self,
        account: int,
        market: int,
        side: int,
        kind: int,
        tif: int,
        price: int,
        qty: int,
        quote_qty: int,
        client_order_id: str,
        stp: int,
        strategy_id: int | None = None,
        strategy_type: int | None = None,
        terms: Terms | None = None,
    ) -> int:
        """The reject code a PlaceOrder would get now, or -1."""

    def assets(self) -> list[Asset]: ...
    def markets(self) -> list[Market]: ...
    def accounts(self) -> list[Account]: ...
    def account(self, account: int) -> Account | None: ...
    def balances(self, account: int) -> list[tuple[int, int, int]]:
        """(asset, free, locked) by asset id; only assets the account ever held."""

    def depth(self, market: int, limit: int) -> tuple[int, list[tuple[int, int]], list[tuple[int, int]]]:
        """(book version, bids, asks), best first, (price, quantity)."""

    def best(self, market: int) -> tuple[int, int, int, int, int]:
        """(book version, bid price, bid quantity, ask price, ask quantity); an empty side is 0, 0."""

    def average_price(self, market: int) -> int | None: ...
    def reference_price(self, market: int) -> tuple[int, int, int] | None:
        """(0 set from outside or 1 computed, price or -1 for null, microseconds of the last change or trade); None:
        there never was one."""

    def exchange_rules(self) -> ExchangeRules: ...
    def asset_limits(self, account: int) -> list[tuple[int, int]]:
        """(asset, MAX_ASSET) by asset id; only those that have one."""

    def sors(self) -> list[tuple[int, list[int], int]]:
        """Smart order routing groups: (base asset, markets, the account between the books)."""

    def funds(self) -> list[tuple[int, int, int, int, int]]:
        """(asset, credited, debited, sum of free, sum of locked)."""

    def digest(self) -> tuple[int, int]:
        """(seq, digest)."""

@final
class Engine(Replica):
    """One shard: `open` recovers it, the submit methods feed it, `poll` hands out what happened."""

    @staticmethod
    def open(
        path: str,
        *,
        segment_bytes: int = ...,
        snapshot_every: int = ...,
        reserve_bytes: int = ...,
        queue_limit: int = ...,
        replay_from: int | None = ...,
        keep_log: bool = ...,
        hold_log: bool = ...,
        clock_us: int | None = ...,
    ) -> Engine:
        """Recovers (newest valid snapshot + tail) or creates the data directory. Events of the replayed tail come
        first from `poll`, in batches with `replayed` set; `snapshot_orders` are the open orders at the snapshot they
        start from.

        `replay_from`: the last seq whose events the caller has (its slowest projection). The events then start at
        the newest snapshot that is not after it, which may be older than the one the state comes from. None: at the
        newest snapshot.

        `keep_log` (the default): no segment of the log is ever deleted. Otherwise those go that two verified snapshots
        cover; with `hold_log` only up to what `release_log` names, nothing before its first call.

        `clock_us`: what the clock shows until `set_clock`, for a log of other days than today. None: the system's."""

    def set_clock(self, now_us: int) -> None:
        """For commands that are appended from now on. Raises EngineError when it was opened with the system's."""

    # --- what recovery found
    def recovery(self) -> dict[str, Any]:
        """snapshot_seq, last_seq, replayed, torn_bytes_cut, damaged_snapshots (list of str), seconds, cluster_id
        (hex), findings (list of str: whatever else the journal noticed), events_from_seq (`poll` reports every command
        after it; later than `replay_from` only when older snapshots and log are gone)."""

    def snapshot_orders(self) -> list[OpenOrder]:
        """Open orders at the point from which `poll` reports events (empty for a new directory). Read it before the
        first `poll` that returns something: it is dropped then, and reading it raises EngineError."""

    def snapshot_lists(self) -> list[OpenOrderList]:
        """Open lists at the same point."""

    def snapshot_markets(self) -> list[tuple[int, int, int | None, int]]:
        """At the same point: (market, next trade id, last price or None, book version)."""

    # --- results
    def notify_fd(self) -> int:
        """A descriptor that is readable when `poll` has something; `poll` clears it."""

    def poll(self, max_results: int = ...) -> list[Batch]:
        """Whole batches, until they have `max_results` results or more. Empty: nothing has happened, and everything
        that recovery replayed has been handed out (until then it waits for the next batch, without the GIL)."""

    # --- commands: each returns its number; the Result with that number comes from `poll`. Raise Overloaded, and
    # ValueError for what is longer than any command may be (4096 bytes): nothing was taken then.
    def place_order(
        self,
        account: int,
        market: int,
        side: int,
        kind: int,
        tif: int,
        price: int,
        qty: int,
        quote_qty: int,
        client_order_id: str,
        stp: int,
        strategy_id: int | None = None,
        strategy_type: int | None = None,
        terms: Terms | None = None,
    ) -> int:
        """`stp` -1: the market's default. `terms`: what only some orders have."""

    def place_list(self, account: int, market: int, kind: int, client_list_id: str, orders: list[Leg]) -> int:
        """Two or three orders that depend on each other, in the order that `kind` says; `client_list_id` "": none."""

    def cancel_order(
        self,
        account: int,
        market: int,
        order_id: int,
        client_order_id: str,
        new_client_order_id: str,
        restriction: int = -1,
    ) -> int:
        """`order_id` -1 and `client_order_id` "": not given. `restriction`: a CancelRestriction, -1: none."""

    def cancel_list(
        self, account: int, market: int, list_id: int, client_list_id: str, new_client_order_id: str
    ) -> int:
        """`list_id` -1 and `client_list_id` "": not given."""

    def cancel_all(self, account: int, market: int, by_exchange: bool = False) -> int: ...
    def amend_order(
        self,
        account: int,
        market: int,
        order_id: int,
        client_order_id: str,
        new_qty: int,
        new_client_order_id: str,
    ) -> int:
        """`new_qty`: its whole quantity from now on, with what is filled. `new_client_order_id` "": its own."""

    def cancel_replace(
        self,
        account: int,
        market: int,
        order_id: int,
        client_order_id: str,
        new_client_order_id: str,
        restriction: int,
        mode: int,
        order: Leg,
    ) -> int:
        """A cancel and a new order in one step; `mode`: a ReplaceMode."""

    def create_asset(self, code: str, name: str, decimals: int) -> int: ...
    def update_asset(self, asset: int, name: str) -> int: ...
    def create_market(self, symbol: str, base: int, quote: int, rules: MarketRules) -> int: ...
    def update_market(self, market: int, rules: MarketRules) -> int: ...
    def set_market_status(self, market: int, status: int) -> int: ...
    def create_account(self, name: str) -> int: ...
    def update_account(
        self,
        account: int,
        can_trade: bool,
        fees: Fees | None,
        trade_group: int | None,
        permissions: int,
        discount: bool,
    ) -> int:
        """Replaces all of it. `fees` None: each market's."""

    def update_exchange(self, rules: ExchangeRules) -> int: ...
    def set_asset_limit(self, account: int, asset: int, limit: int) -> int:
        """MAX_ASSET; 0: none."""

    def set_reference_price(self, market: int, price: int | None) -> int: ...
    def set_sor(self, base: int, markets: list[int], account: int) -> int:
        """The smart order routing group of a base asset; no markets: none."""

    def credit(self, account: int, asset: int, amount: int) -> int: ...
    def debit(self, account: int, asset: int, amount: int) -> int: ...

    # --- the node
    def stats(self) -> dict[str, int]:
        """Counters and gauges for /metrics: commands, batches, syncs, sync_ns_total, queue, last_seq, snapshot_seq,
        log_bytes, disk_full (0/1), findings (doubts that kept the journal from dropping old files), log_ahead_s (by how
        much the log's time is ahead of the clock), and so on."""

    def is_accepting(self) -> bool:
        """False while the disk is too full to take orders, and after `close`."""

    def watch(self, account: int, on: bool) -> None:
        """Results that touch a watched account carry its balances (for its user data stream)."""

    def snapshot(self) -> None:
        """Asks for a snapshot soon; it is written in the background."""

    def release_log(self, seq: int) -> None:
        """Whoever `hold_log` was for has everything up to this seq; a lower one than before changes nothing. What can
        go then goes with the next snapshot."""

    def close(self) -> None:
        """Takes no more commands, finishes and syncs what was taken, stops the threads. Idempotent."""

    # --- offline tools (no Engine is opened, no lock is taken, nothing is changed)
    @staticmethod
    def verify(path: str) -> dict[str, Any]:
        """Reads every record and snapshot, replays from zero or the oldest snapshot, compares the digest at each
        snapshot, checks all invariants. Keys: ok, seq, digest (16 hex), funds (list of dict asset, credited, debited,
        free, locked, fees), records, segments, snapshots, findings (list of {file, offset, seq, problem})."""

    @staticmethod
    def inspect(path: str, from_seq: int = 1, limit: int = 1000) -> list[dict[str, Any]]:
        """Records readably: seq, time_us, offset, file, origin, command (name), fields."""

@final
class Follower(Replica):
    """A replica of its own over a directory that an `Engine` may be writing to. It locks nothing and changes nothing.

    It never shows what is not durable, so nothing that it has shown is taken back, whatever becomes of the writer: its
    crash, its recovery and its restart are pauses. For one thread; queries may come from others and see the state
    after a record, in the middle of a `poll` too."""

    @staticmethod
    def open(path: str, *, after_seq: int = ..., until_seq: int | None = ..., until_us: int | None = ...) -> Follower:
        """The state exactly at `after_seq`, made of the newest usable snapshot not after it and the log; the caller
        vouches that `after_seq` was durable. `until_seq`: the last record that `poll` returns. `until_us`: it returns
        none that is later. Takes as long as the replay, without the GIL.

        Raises EngineError when there is no log, when log and snapshots no longer reach back to `after_seq`, when it
        lies beyond the log's end, and for damage."""

    def poll(self, max_results: int = ..., timeout_ms: int = ...) -> list[Batch]:
        """The results that follow, in log order, at most `max_results`; the state is then that after the last of them.
        `number` is always 0, `balances` and `refused` are empty. Waits up to `timeout_ms`, without the GIL, for the
        first. Empty: nothing new became durable, or `until_seq` or `until_us` is reached (then it does not wait).

        Raises EngineError when the log is damaged (with file and offset), was deleted up to beyond this point, or is
        another one now. What was read before is returned first. The text says what to do; polling again tries again."""

    def durable_seq(self) -> int:
        """The last seq that the writer has made known to be durable. Of a directory in which no exchange has run that
        does so: `seq`."""

    def open_orders(self) -> list[OpenOrder]: ...
    def open_orders_of(self, account: int, market: int, limit: int) -> list[OpenOrder]:
        """The oldest ones, oldest first."""

    def open_order(self, market: int, order: int) -> OpenOrder | None:
        """Whose id this is."""

    def open_lists(self) -> list[OpenOrderList]: ...

    cluster_id: str
    """32 hexadecimal digits: whose log it is."""
    seq: int
    """Of the last command in the state."""
    time_us: int
    """Of the last command in the state; 0: there was none."""

@final
class Batch:
    """What one step of the replica brought: results in log order, then the levels that changed."""

    seq: int
    """Of the last command in it."""
    replayed: bool
    """From recovery: the caller was answered in an earlier life."""
    results: list[Result]
    depth: list[BookChange]
    refused: list[tuple[int, str]]
    """(number, "disk_full" | "closed"): commands that never reached the log."""
    reference_changed: bool
    """One of the results has a `ReferenceChanged`."""

@final
class Result:
    """One command's outcome."""

    seq: int
    time_us: int
    number: int
    """As returned by the submit method; 0 when another session sent it, or the engine itself (what is left of a
    cascade of triggered orders)."""
    code: int
    """Reject code, or -1."""
    events: list[Event]
    """Empty when rejected."""
    balances: list[tuple[int, int, int, int]]
    """(account, asset, free, locked) right after the command, for watched accounts that it touched."""
    def __init__(
        self,
        *,
        seq: int,
        time_us: int,
        number: int = 0,
        code: int = -1,
        events: list[Event] = ...,
        balances: list[tuple[int, int, int, int]] = ...,
    ) -> None: ...

@final
class BookChange:
    """Levels of one market whose total changed in a batch, with the totals after it."""

    market: int
    first_version: int
    last_version: int
    """The batch moved the book from version `first_version - 1` to `last_version`."""
    time_us: int
    bids: list[tuple[int, int]]
    """(price, total quantity now; 0: the level is gone), best first."""
    asks: list[tuple[int, int]]
    best: tuple[int, int, int, int]
    """(bid price, bid quantity, ask price, ask quantity) after the batch."""

@final
class MarketRules:
    """See `MarketRules` in engine/core/src/types.rs; `None` for a filter that the market does not have."""

    tick_size: int
    price_min: int
    price_max: int
    lot_size: int
    qty_min: int
    qty_max: int
    market_lot_size: int
    market_qty_min: int
    market_qty_max: int
    min_notional: tuple[int, bool] | None
    """(min, apply_to_market)"""
    notional: tuple[int, bool, int, bool] | None
    """(min, apply_min_to_market, max, apply_max_to_market)"""
    avg_price_mins: int
    max_num_orders: int
    percent_price: tuple[int, int, int, int, bool] | None
    """(bid_up, bid_down, ask_up, ask_down, by_side), multiples in 10^-8; not `by_side`: PERCENT_PRICE"""
    iceberg_parts: int
    max_num_algo_orders: int
    max_num_iceberg_orders: int
    max_num_order_lists: int
    max_num_order_amends: int
    max_position: int
    trailing_delta: tuple[int, int, int, int] | None
    """(above_min, above_max, below_min, below_max) in basis points"""
    price_range: tuple[int, int, int, int] | None
    """(bid_up, bid_down, ask_up, ask_down), multiples in 10^-8; 0: no such bound"""
    reference: tuple[int, int] | None
    """(count, width_ms) of the buckets that the reference price is computed from; None: set from outside, if at all"""
    kinds: int
    """Bit `1 << OrderKind` for each that the market takes."""
    features: int
    """Bit `1 << Feature` for each that the market has."""
    permissions: int
    """An account needs one of these bits to place orders; bit 0 is SPOT."""
    fees: Fees
    special_fees: Fees
    tax_fees: Fees
    discount: bool
    stp_default: int
    stp_allowed: int
    def __init__(
        self,
        *,
        tick_size: int,
        lot_size: int,
        price_min: int = 0,
        price_max: int = 0,
        qty_min: int = 0,
        qty_max: int = 0,
        market_lot_size: int = 0,
        market_qty_min: int = 0,
        market_qty_max: int = 0,
        min_notional: tuple[int, bool] | None = None,
        notional: tuple[int, bool, int, bool] | None = None,
        avg_price_mins: int = 5,
        max_num_orders: int = 200,
        percent_price: tuple[int, int, int, int, bool] | None = None,
        iceberg_parts: int = 100,
        max_num_algo_orders: int = 5,
        max_num_iceberg_orders: int = 0,
        max_num_order_lists: int = 20,
        max_num_order_amends: int = 10,
        max_position: int = 0,
        trailing_delta: tuple[int, int, int, int] | None = None,
        price_range: tuple[int, int, int, int] | None = None,
        reference: tuple[int, int] | None = None,
        kinds: int = 127,
        features: int = 511,
        permissions: int = 1,
        fees: Fees = (0, 0, 0, 0),
        special_fees: Fees = (0, 0, 0, 0),
        tax_fees: Fees = (0, 0, 0, 0),
        discount: bool = False,
        stp_default: int = 0,
        stp_allowed: int = 63,
    ) -> None: ...

@final
class ExchangeRules:
    """What holds for the whole exchange; a bound of 0 is off."""

    max_num_orders: int
    max_num_algo_orders: int
    max_num_iceberg_orders: int
    max_num_order_lists: int
    discount: tuple[int, int] | None
    """(asset in which commissions may be paid, what is then left of the standard rate in 10^-8)"""
    def __init__(
        self,
        *,
        max_num_orders: int = 0,
        max_num_algo_orders: int = 0,
        max_num_iceberg_orders: int = 0,
        max_num_order_lists: int = 0,
        discount: tuple[int, int] | None = None,
    ) -> None: ...

@final
class Terms:
    """What only some orders have. Terms that say nothing are the same as None."""

    stop_price: int
    trailing_delta: int
    iceberg_qty: int
    peg_price: int
    """A PegPrice; -1: not pegged."""
    peg_offset: int
    """Levels deeper into the book; -1: not given."""
    use_sor: bool
    def __init__(
        self,
        *,
        stop_price: int = 0,
        trailing_delta: int = 0,
        iceberg_qty: int = 0,
        peg_price: int = -1,
        peg_offset: int = -1,
        use_sor: bool = False,
    ) -> None: ...

@final
class Asset:
    id: int
    code: str
    name: str
    decimals: int

@final
class Market:
    id: int
    symbol: str
    base: int
    quote: int
    rules: MarketRules
    status: int
    last_price: int | None
    book_version: int
    open_orders: int

@final
class Account:
    id: int
    name: str
    can_trade: bool
    fees: Fees | None
    trade_group: int | None
    """Accounts of one group do not trade with each other."""
    permissions: int
    discount: bool
    """Pays commissions in the discount asset where it can."""

@final
class OpenOrder:
    """An open order of any state and what became of it so far."""

    accepted: OrderAccepted
    """As accepted, but with quantity and client order id as amended, and in `extra` its state and pegged price now."""
    left: int
    prevented: int
    filled: int
    filled_quote: int
    accepted_us: int
    working_us: int
    """-1: it does not work yet."""
    trailing_us: int
    """When it began to follow the price; -1: it does not."""
    updated_us: int
    amends: int
    def __init__(
        self,
        *,
        accepted: OrderAccepted,
        left: int,
        prevented: int = 0,
        filled: int = 0,
        filled_quote: int = 0,
        accepted_us: int,
        working_us: int = -1,
        trailing_us: int = -1,
        updated_us: int,
        amends: int = 0,
    ) -> None: ...

@final
class OpenOrderList:
    list_id: int
    account: int
    market: int
    kind: int
    client_list_id: str
    orders: list[int]
    """All its order ids, rising, ended ones too."""
    accepted_us: int
    def __init__(
        self,
        *,
        list_id: int,
        account: int,
        market: int,
        kind: int,
        client_list_id: str,
        orders: list[int],
        accepted_us: int,
    ) -> None: ...

# --- events: one class per variant of engine/core/src/event.rs, same fields, keyword-only constructors (for tests)

@final
class OrderAccepted:
    order_id: int
    account: int
    market: int
    side: int
    kind: int
    tif: int
    price: int
    qty: int
    quote_qty: int
    client_order_id: str
    stp: int
    strategy_id: int | None
    strategy_type: int | None
    extra: OrderExtra | None
    """None for a plain order: no terms, no list, working."""
    def __init__(
        self,
        *,
        order_id: int,
        account: int,
        market: int,
        side: int,
        kind: int,
        tif: int,
        price: int,
        qty: int,
        quote_qty: int,
        client_order_id: str,
        stp: int,
        strategy_id: int | None = None,
        strategy_type: int | None = None,
        extra: OrderExtra | None = None,
    ) -> None: ...

@final
class OrderExtra:
    """What an accepted order has beyond the plain ones: its `Terms`, its list, its state."""

    stop_price: int
    trailing_delta: int
    iceberg_qty: int
    peg_price: int
    peg_offset: int
    use_sor: bool
    list_id: int
    """-1: none."""
    pegged_price: int
    """What its peg came to; 0: no peg, or not known before it works."""
    state: int
    def __init__(
        self,
        *,
        stop_price: int = 0,
        trailing_delta: int = 0,
        iceberg_qty: int = 0,
        peg_price: int = -1,
        peg_offset: int = -1,
        use_sor: bool = False,
        list_id: int = -1,
        pegged_price: int = 0,
        state: int = 0,
    ) -> None: ...

@final
class Traded:
    market: int
    trade_id: int
    price: int
    qty: int
    quote_amount: int
    taker_side: int
    taker_order: int
    taker_account: int
    taker_fee: int
    """0 when `is_routed`: the `Allocated` that follows says it."""
    taker_fee_asset: int
    taker_left: int
    maker_order: int
    maker_account: int
    maker_fee: int
    maker_fee_asset: int
    maker_left: int
    is_routed: bool
    """The taker is an order of another market, and its account the one between the books."""
    def __init__(
        self,
        *,
        market: int,
        trade_id: int,
        price: int,
        qty: int,
        quote_amount: int,
        taker_side: int,
        taker_order: int,
        taker_account: int,
        taker_fee: int,
        taker_fee_asset: int,
        taker_left: int,
        maker_order: int,
        maker_account: int,
        maker_fee: int,
        maker_fee_asset: int,
        maker_left: int,
        is_routed: bool = False,
    ) -> None: ...

@final
class SelfTradePrevented:
    market: int
    prevented_match_id: int
    maker_market: int
    """Another one only when the taker is routed."""
    taker_account: int
    maker_account: int
    """The same, or one of the same trade group."""
    mode: int
    price: int
    taker_order: int
    maker_order: int
    taker_prevented: int
    maker_prevented: int
    taker_left: int
    maker_left: int
    transferred: int
    """What moved from the buyer to the seller, while the quantity moved the other way; 0: nothing was transferred."""
    trade_group: int | None
    """Of the taker's owner, as it was then."""
    def __init__(
        self,
        *,
        market: int,
        prevented_match_id: int,
        maker_market: int,
        taker_account: int,
        maker_account: int,
        mode: int,
        price: int,
        taker_order: int,
        maker_order: int,
        taker_prevented: int,
        maker_prevented: int,
        taker_left: int,
        maker_left: int,
        transferred: int = 0,
        trade_group: int | None = None,
    ) -> None: ...

@final
class OrderClosed:
    order_id: int
    account: int
    market: int
    status: int
    reason: int
    left: int
    client_order_id: str
    cancel_id: str
    def __init__(
        self,
        *,
        order_id: int,
        account: int,
        market: int,
        status: int,
        reason: int,
        left: int,
        client_order_id: str,
        cancel_id: str,
    ) -> None: ...

@final
class ListAccepted:
    """A list passed every check; the `OrderAccepted` of its orders follow."""

    list_id: int
    account: int
    market: int
    kind: int
    client_list_id: str
    orders: list[int]
    """Its orders' ids, rising, in the order of the kind."""
    def __init__(
        self, *, list_id: int, account: int, market: int, kind: int, client_list_id: str, orders: list[int]
    ) -> None: ...

@final
class ListClosed:
    """All orders of a list have ended."""

    list_id: int
    account: int
    market: int
    def __init__(self, *, list_id: int, account: int, market: int) -> None: ...

@final
class OrderReleased:
    """An order that waited goes on."""

    order_id: int
    account: int
    market: int
    cause: int
    """A ReleaseCause."""
    state: int
    """Working, or Waiting when it was activated and is contingent."""
    qty: int
    """For pending orders of OPO and OPOCO known from now on."""
    pegged_price: int
    def __init__(
        self, *, order_id: int, account: int, market: int, cause: int, state: int, qty: int, pegged_price: int = 0
    ) -> None: ...

@final
class TrailingStarted:
    """A trailing order has begun to follow the price."""

    order_id: int
    account: int
    market: int
    def __init__(self, *, order_id: int, account: int, market: int) -> None: ...

@final
class OrderAmended:
    """An order has a lower quantity."""

    order_id: int
    account: int
    market: int
    old_qty: int
    qty: int
    left: int
    """0: an `OrderClosed` follows."""
    old_client_order_id: str
    client_order_id: str
    def __init__(
        self,
        *,
        order_id: int,
        account: int,
        market: int,
        old_qty: int,
        qty: int,
        left: int,
        old_client_order_id: str,
        client_order_id: str,
    ) -> None: ...

@final
class CancelReplaced:
    """The first event of a cancel-replace: what became of its halves. Each is -1: done, -2: not tried, or the reject
    code that it failed with."""

    cancel: int
    order: int
    def __init__(self, *, cancel: int, order: int) -> None: ...

@final
class Allocated:
    """A fill of a routed order in another market's book, right after its `Traded`."""

    market: int
    """The order's."""
    allocation_id: int
    order_id: int
    account: int
    side: int
    price: int
    qty: int
    quote_amount: int
    """In the order's own quote asset."""
    fee: int
    fee_asset: int
    left: int
    maker_market: int
    """Whose book it came from."""
    trade_id: int
    """Of the trade there."""
    def __init__(
        self,
        *,
        market: int,
        allocation_id: int,
        order_id: int,
        account: int,
        side: int,
        price: int,
        qty: int,
        quote_amount: int,
        fee: int,
        fee_asset: int,
        left: int,
        maker_market: int,
        trade_id: int,
    ) -> None: ...

@final
class Credited:
    account: int
    asset: int
    amount: int
    def __init__(self, *, account: int, asset: int, amount: int) -> None: ...

@final
class Debited:
    account: int
    asset: int
    amount: int
    def __init__(self, *, account: int, asset: int, amount: int) -> None: ...

@final
class ReferenceChanged:
    """Something that queries tell was made or changed: read it again. `kind` is the event's name, `id` what it is
    about: the asset ("AssetCreated", "AssetUpdated", "SorSet": the base asset), the market ("MarketCreated",
    "MarketUpdated", "MarketStatusChanged", "ReferencePriceSet"), the account ("AccountCreated", "AccountUpdated",
    "AssetLimitSet"), or 0 ("ExchangeUpdated")."""

    kind: str
    id: int
    def __init__(self, *, kind: str, id: int) -> None: ...

Event = (
    OrderAccepted
    | Traded
    | SelfTradePrevented
    | OrderClosed
    | ListAccepted
    | ListClosed
    | OrderReleased
    | TrailingStarted
    | OrderAmended
    | CancelReplaced
    | Allocated
    | Credited
    | Debited
    | ReferenceChanged
)
