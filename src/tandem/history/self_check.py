"""A light audit that never ends, in the projecting process: samples of what SQL holds now against the core.

For a short window every few seconds: some accounts' balances moved by what the ledger in SQL says, the rows of the
window are as many as were written, some orders of these accounts are in SQL what they are in the core, and no asset's
funds came from nowhere. Only index ranges are read, and of orders a few rows.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Select, func, select

from tandem.domain.trading import OPEN_STATUSES
from tandem.history import schema
from tandem.history.retelling import status_of
from tandem.history.rows import ORDER, Rows
from tandem.history.schema import ledger, orders, trades
from tandem.history.store import Store
from tandem.platform.engine import Follower, OpenOrder
from tandem.platform.telemetry import log

PAUSE_SECONDS = 10.0
"""Between two windows."""
WINDOW_SECONDS = 2.0
WINDOW_MOVES = 20_000
"""Rows of the ledger after which a window is closed before its time."""
ACCOUNTS = 16
MARKETS, BOOKS = 2, 2
"""Whose trades are counted; an account's orders in a market, which are looked at."""
ORDERS = 32
"""Of a book: that many of the newest in SQL, and of the oldest that are open in the core."""
COUNTED = ("order_changes", "fills", "ledger", "transfers")
_GIVER, _RECEIVER = 5, 6
"""Of a row of the ledger."""
_TRADED_IN, _TRADE_ID, _TRADED_US = (trades.columns.keys().index(name) for name in ("market", "trade_id", "time_us"))
_ACCOUNT, _MARKET, _ACCEPTED_US = (ORDER.index(name) for name in ("account", "market", "accepted_us"))
_MOVES = [ledger.c[name] for name in ("asset", "amount", "debit_account", "credit_account")]
_LOOK = ("status", "qty", "left_qty", "filled", "filled_quote")
_ORDER = [orders.c[name] for name in ("id", *_LOOK)]
_T = TypeVar("_T", int, tuple[int, int])
Book = tuple[int, int]
"""(account, market)"""
Differences = Iterator[dict[str, Any]]


@dataclass(slots=True)
class _Trades:
    """Of a market: its first trade of the window, and how many there are."""

    first: int
    time_us: int
    count: int = 0


@dataclass(slots=True)
class _Window:
    seq: int
    time_us: int
    ends: float
    balances: dict[int, Counter[int]]
    """Of the sampled accounts, by asset, when it began."""
    counts: Counter[str] = field(default_factory=Counter)
    trades: dict[int, _Trades] = field(default_factory=dict)
    """By market."""
    orders: Counter[Book] = field(default_factory=Counter)
    """Of the sampled accounts, accepted after `time_us`."""

    def add(self, rows: Rows) -> None:
        self.counts.update({table: len(rows.appended[table]) for table in COUNTED})
        row: Any
        for row in rows.appended["trades"]:
            of_market = self.trades.get(row[_TRADED_IN])
            if of_market is None:
                of_market = self.trades[row[_TRADED_IN]] = _Trades(row[_TRADE_ID], row[_TRADED_US])
            of_market.count += 1
        for row in rows.orders:
            if row[_ACCOUNT] in self.balances and row[_ACCEPTED_US] > self.time_us:
                self.orders[row[_ACCOUNT], row[_MARKET]] += 1


class SelfCheck:
    def __init__(self, *, now: Callable[[], float] = time.monotonic, seed: int | None = None) -> None:
        self._now = now
        self._random = random.Random(seed)
        self._window: _Window | None = None
        self._next = now()

    def after_write(self, rows: Rows, follower: Follower, store: Store) -> int:
        """Right after `rows` were committed, the follower standing at their seq. Returns how many differences were
        found, each of which was logged. Raises HistoryUnusable."""
        window, now = self._window, self._now()
        if window is None:
            if now >= self._next:
                self._window = self._open(rows, follower, now)
            return 0
        window.add(rows)
        if now < window.ends and window.counts["ledger"] < WINDOW_MOVES:
            return 0
        self._window, self._next = None, now + PAUSE_SECONDS
        found = [
            *_compare_counts(window, rows.seq, store),
            *self._compare_trades(window, store),
            *_compare_balances(window, rows.seq, follower, store),
            *self._compare_orders(window, follower, store),
            *_compare_funds(follower),
        ]
        for difference in found:
            log(__name__).error("the history differs from the core", after_seq=window.seq, seq=rows.seq, **difference)
        return len(found)

    def _open(self, rows: Rows, follower: Follower, now: float) -> _Window | None:
        """With accounts that were just busy: they will be again."""
        busy = {int(str(row[at])) for row in rows.appended["ledger"] for at in (_GIVER, _RECEIVER)} - {-1}
        if not busy:
            return None
        balances = {account: _balances(follower, account) for account in self._some(busy, ACCOUNTS)}
        return _Window(rows.seq, rows.time_us, now + WINDOW_SECONDS, balances)

    def _some(self, of: Collection[_T], count: int) -> list[_T]:
        return self._random.sample(sorted(of), min(count, len(of)))

    def _compare_trades(self, window: _Window, store: Store) -> Differences:
        of = trades.c
        for market in self._some(window.trades, MARKETS):
            told = window.trades[market]
            since = (of.market == market, of.trade_id >= told.first, of.time_us >= told.time_us)
            ((count,),) = store.ask(select(func.count()).where(*since))
            if count != told.count:
                yield {"table": "trades", "market": market, "written": told.count, "stored": count}

    def _compare_orders(self, window: _Window, follower: Follower, store: Store) -> Differences:
        """In the books that the sampled accounts were busy in."""
        for book in self._some(window.orders, BOOKS):
            accepted = _of_book(select(func.count()), book).where(orders.c.accepted_us > window.time_us)
            ((count,),) = store.ask(accepted)
            if count != window.orders[book]:
                yield {"table": "orders", "book": book, "written": window.orders[book], "stored": count}
            yield from _compare_book(book, follower, store)


def _balances(follower: Follower, account: int) -> Counter[int]:
    return Counter({asset: free + locked for asset, free, locked in follower.balances(account)})


def _compare_counts(window: _Window, seq: int, store: Store) -> Differences:
    for table in COUNTED:
        column = schema.metadata.tables[table].c.seq
        ((count,),) = store.ask(select(func.count()).where(column > window.seq, column <= seq))
        if count != window.counts[table]:
            yield {"table": table, "written": window.counts[table], "stored": count}


def _compare_balances(window: _Window, seq: int, follower: Follower, store: Store) -> Differences:
    of = ledger.c
    for asset, amount, giver, receiver in store.ask(select(*_MOVES).where(of.seq > window.seq, of.seq <= seq)):
        for account, moved in ((giver, -amount), (receiver, amount)):
            if account in window.balances:
                window.balances[account][asset] += moved
    for account, summed in window.balances.items():
        held = _balances(follower, account)
        for asset in sorted(held.keys() | summed.keys()):
            if held[asset] != summed[asset]:
                core, stored = held[asset], summed[asset]
                yield {"table": "balances", "account": account, "asset": asset, "core": core, "stored": stored}


def _compare_book(book: Book, follower: Follower, store: Store) -> Differences:
    """What is open in the core is so in SQL, and the other way round; of ended orders the core knows nothing."""
    account, market = book
    newest = _of_book(select(*_ORDER), book).order_by(orders.c.accepted_us.desc(), orders.c.id.desc()).limit(ORDERS)
    stored = {row[0]: tuple(row[1:]) for row in store.ask(newest)}
    oldest = [one for one in follower.open_orders_of(account, market, ORDERS) if one.accepted.order_id not in stored]
    if oldest:
        ids, times = zip(*((one.accepted.order_id, one.accepted_us) for one in oldest), strict=True)
        of = orders.c
        wanted = select(*_ORDER).where(of.id.in_(ids), of.accepted_us.between(min(times), max(times)))
        stored |= {row[0]: tuple(row[1:]) for row in store.ask(wanted)}
    for id_ in sorted(stored.keys() | {one.accepted.order_id for one in oldest}):
        core, row = _shown(follower.open_order(market, id_)), stored.get(id_)
        is_open = row is not None and row[0] in OPEN_STATUSES
        if core != (row if is_open else None):
            yield {"table": "orders", "id": id_, "core": core, "stored": row}


def _shown(order: OpenOrder | None) -> tuple[Any, ...] | None:
    """As `_LOOK`; None: it is not open."""
    if order is None:
        return None
    return (status_of(order), order.accepted.qty, order.left, order.filled, order.filled_quote)


def _of_book(query: Select[Any], book: Book) -> Select[Any]:
    account, market = book
    return query.where(orders.c.account == account, orders.c.market == market)


def _compare_funds(follower: Follower) -> Differences:
    for asset, credited, debited, free, locked in follower.funds():
        if credited - debited != free + locked:
            yield {"table": "funds", "asset": asset, "came_in": credited - debited, "held": free + locked}
