"""Bounded memory of what accounts did, shared fairly: who did little keeps all of it."""

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

COMPACT_ABOVE = 64
"""Forgotten rows that a history may carry before they are worth removing."""


class FairShare(Generic[T]):
    """Keeps about `limit` items over all accounts, and per account the newest.

    When the limit is passed, a cap is found that fits it, and only accounts above the cap lose their oldest items, so
    a busy account cannot push out a quiet one's. At least `floor` items of each account stay, even if the limit is
    passed by that.
    """

    def __init__(self, limit: int, drop: Callable[[int, T], None], *, floor: int = 256) -> None:
        self._limit = limit
        self._floor = floor
        self._slack = limit // 64
        """Room made at once, so that finding a new cap is rare."""
        self._drop = drop
        self._held: dict[int, deque[T]] = {}
        self._total = 0
        self._cap = max(limit, floor)
        self._level_above = limit

    def add(self, account: int, item: T) -> None:
        """`item` is the account's newest. Calls `drop` for what has to go."""
        held = self._held.get(account)
        if held is None:
            held = self._held[account] = deque()
        held.append(item)
        if len(held) > self._cap:
            self._drop(account, held.popleft())
            return
        self._total += 1
        if self._total > self._level_above:
            self._level()

    def __len__(self) -> int:
        return self._total

    def _level(self) -> None:
        self._cap = self._fitting_cap()
        for account, held in self._held.items():
            while len(held) > self._cap:
                self._drop(account, held.popleft())
                self._total -= 1
        # With so many accounts that the floor alone passes the limit, leveling again at once would be in vain.
        self._level_above = max(self._limit, self._total + self._slack)

    def _fitting_cap(self) -> int:
        room = self._limit - self._slack
        sizes = sorted(len(held) for held in self._held.values())
        for index, size in enumerate(sizes):
            sharing = len(sizes) - index
            if size * sharing > room:
                return max(self._floor, room // sharing)
            room -= size
        return max(self._limit, self._floor)
