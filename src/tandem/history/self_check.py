"""A light audit that never ends, in the projecting process: samples of what SQL holds now against the core.

For a short window every few seconds: some accounts' balances moved by what the ledger in SQL says, the rows of the
window are as many as were written, and no asset's funds came from nowhere. Only index ranges are read.
"""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from tandem.history import schema
from tandem.history.rows import Rows
from tandem.history.store import Store
from tandem.platform.engine import Follower
from tandem.platform.telemetry import log

PAUSE_SECONDS = 10.0
"""Between two windows."""
WINDOW_SECONDS = 2.0
WINDOW_MOVES = 20_000
"""Rows of the ledger after which a window is closed before its time."""
ACCOUNTS = 16
COUNTED = ("order_changes", "fills", "ledger", "transfers")
_GIVER, _RECEIVER = 5, 6
"""Of a row of the ledger."""
_MOVES = [schema.ledger.c[name] for name in ("asset", "amount", "debit_account", "credit_account")]


@dataclass(slots=True)
class _Window:
    seq: int
    ends: float
    balances: dict[int, Counter[int]]
    """Of the sampled accounts, by asset, when it began."""
    counts: Counter[str]


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
        window.counts.update({table: len(rows.appended[table]) for table in COUNTED})
        if now < window.ends and window.counts["ledger"] < WINDOW_MOVES:
            return 0
        self._window, self._next = None, now + PAUSE_SECONDS
        found = [*_compare(window, rows.seq, follower, store), *_compare_funds(follower)]
        for difference in found:
            log(__name__).error("the history differs from the core", after_seq=window.seq, seq=rows.seq, **difference)
        return len(found)

    def _open(self, rows: Rows, follower: Follower, now: float) -> _Window | None:
        """With accounts that were just busy: they will be again."""
        busy = sorted({int(str(row[at])) for row in rows.appended["ledger"] for at in (_GIVER, _RECEIVER)} - {-1})
        if not busy:
            return None
        chosen = self._random.sample(busy, min(ACCOUNTS, len(busy)))
        balances = {account: _balances(follower, account) for account in chosen}
        return _Window(rows.seq, now + WINDOW_SECONDS, balances, Counter())


def _balances(follower: Follower, account: int) -> Counter[int]:
    return Counter({asset: free + locked for asset, free, locked in follower.balances(account)})


def _compare(window: _Window, seq: int, follower: Follower, store: Store) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for table in COUNTED:
        column = schema.metadata.tables[table].c.seq
        ((count,),) = store.ask(select(func.count()).where(column > window.seq, column <= seq))
        if count != window.counts[table]:
            found.append({"table": table, "written": window.counts[table], "stored": count})
    of = schema.ledger.c
    for asset, amount, giver, receiver in store.ask(select(*_MOVES).where(of.seq > window.seq, of.seq <= seq)):
        for account, moved in ((giver, -amount), (receiver, amount)):
            if account in window.balances:
                window.balances[account][asset] += moved
    for account, summed in window.balances.items():
        held = _balances(follower, account)
        found += [
            {"table": "balances", "account": account, "asset": asset, "core": held[asset], "stored": summed[asset]}
            for asset in sorted(held.keys() | summed.keys())
            if held[asset] != summed[asset]
        ]
    return found


def _compare_funds(follower: Follower) -> list[dict[str, Any]]:
    return [
        {"table": "funds", "asset": asset, "came_in": credited - debited, "held": free + locked}
        for asset, credited, debited, free, locked in follower.funds()
        if credited - debited != free + locked
    ]
