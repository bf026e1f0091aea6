"""The compiled engine: log, core and replica in one object. Only `tandem.platform.engine` imports it.

Numbers are integers in minor units (see `spec/rules.md`); enums are their numbers from `engine/core/src/types.rs`
(`tandem.domain.trading` names them). Every method may be called from any thread; none blocks on the disk. Queries
read the replica, which never shows what is not durable.
"""

from typing import Any, final

class EngineError(Exception):
    """The engine cannot be opened: the message names the file, the offset and what to do."""

class Overloaded(Exception):
    """The queue of commands is full; nothing was taken. Try again later."""

@final
class Engine:
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
    ) -> Engine:
        """Recovers (newest valid snapshot + tail) or creates the data directory. Events of the replayed tail come
        first from `poll`, in batches with `replayed` set; `snapshot_orders` are the open orders at the snapshot they
        start from.

        `replay_from`: the last seq whose events the caller has (its slowest projection). The events then start at
        the newest snapshot that is not after it, which may be older than the one the state comes from. None: at the
        newest snapshot."""

    # --- what recovery found
    def recovery(self) -> dict[str, Any]:
        """snapshot_seq, last_seq, replayed, torn_bytes_cut, damaged_snapshots (list of str), seconds, cluster_id
        (hex), findings (list of str: whatever else the journal noticed), events_from_seq (`poll` reports every command
        after it; later than `replay_from` only when older snapshots and log are gone)."""

    def snapshot_orders(self) -> list[OpenOrder]:
        """Open orders at the point from which `poll` reports events (empty for a new directory). Read it before the
        first `poll` that returns something: it is dropped then, and reading it raises EngineError."""

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
    ) -> int:
        """`stp` -1: the market's default."""

    def cancel_order(
        self, account: int, market: int, order_id: int, client_order_id: str, new_client_order_id: str
    ) -> int:
        """`order_id` -1 and `client_order_id` "": not given."""

    def cancel_all(self, account: int, market: int) -> int: ...
    def create_asset(self, code: str, name: str, decimals: int) -> int: ...
    def update_asset(self, asset: int, name: str) -> int: ...
    def create_market(self, symbol: str, base: int, quote: int, rules: MarketRules) -> int: ...
    def update_market(self, market: int, rules: MarketRules) -> int: ...
    def set_market_status(self, market: int, status: int) -> int: ...
    def create_account(self, name: str) -> int: ...
    def update_account(self, account: int, can_trade: bool, fees: tuple[int, int] | None) -> int: ...
    def credit(self, account: int, asset: int, amount: int) -> int: ...
    def debit(self, account: int, asset: int, amount: int) -> int: ...

    # --- queries
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
    def funds(self) -> list[tuple[int, int, int, int, int]]:
        """(asset, credited, debited, sum of free, sum of locked)."""

    def digest(self) -> tuple[int, int]:
        """(seq, digest)."""

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

@final
class Result:
    """One command's outcome."""

    seq: int
    time_us: int
    number: int
    """As returned by the submit method; 0 when another session sent it."""
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
    maker_rate_e8: int
    taker_rate_e8: int
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
        maker_rate_e8: int = 0,
        taker_rate_e8: int = 0,
        stp_default: int = 0,
        stp_allowed: int = 31,
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
    fees: tuple[int, int] | None

@final
class OpenOrder:
    """`OrderAccepted` plus what became of it so far."""

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
    left: int
    prevented: int
    filled: int
    filled_quote: int
    accepted_us: int
    updated_us: int

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
    taker_left: int
    maker_order: int
    maker_account: int
    maker_fee: int
    maker_left: int
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
        taker_left: int,
        maker_order: int,
        maker_account: int,
        maker_fee: int,
        maker_left: int,
    ) -> None: ...

@final
class SelfTradePrevented:
    market: int
    prevented_match_id: int
    account: int
    mode: int
    price: int
    taker_order: int
    maker_order: int
    taker_prevented: int
    maker_prevented: int
    taker_left: int
    maker_left: int
    def __init__(
        self,
        *,
        market: int,
        prevented_match_id: int,
        account: int,
        mode: int,
        price: int,
        taker_order: int,
        maker_order: int,
        taker_prevented: int,
        maker_prevented: int,
        taker_left: int,
        maker_left: int,
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
    """An asset, market or account was made or changed: read it again. `kind` is the event's name ("AssetCreated",
    "AssetUpdated", "MarketCreated", "MarketUpdated", "MarketStatusChanged", "AccountCreated", "AccountUpdated"), `id`
    its id."""

    kind: str
    id: int
    def __init__(self, *, kind: str, id: int) -> None: ...

Event = OrderAccepted | Traded | SelfTradePrevented | OrderClosed | Credited | Debited | ReferenceChanged
