"""Time as an input: whoever needs it is given a Clock; tests give one that stands still."""

import time
from typing import Protocol


class Clock(Protocol):
    """Wall time for clients and records, monotonic time for deadlines."""

    def wall_us(self) -> int:
        """Microseconds since 1970 UTC; may jump when the machine's clock is set."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        ...


class SystemClock:
    """The machine's clock."""

    def wall_us(self) -> int:
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        return time.monotonic()


class ManualClock:
    """A clock that moves when told to, for tests and replays."""

    def __init__(self, now_us: int = 1_700_000_000_000_000) -> None:
        self.now_us = now_us

    def wall_us(self) -> int:
        return self.now_us

    def monotonic(self) -> float:
        return self.now_us / 1_000_000

    def advance(self, seconds: float) -> None:
        self.now_us += round(seconds * 1_000_000)
