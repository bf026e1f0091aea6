"""When Python looks for reference cycles: often among young objects, rarely among the many that orders leave behind.

The defaults walk every live object each time a quarter more have been made: tens of milliseconds, in the middle of
trading, for nothing, since orders and trades form no cycles.
"""

import asyncio
import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tandem.platform.telemetry import log

YOUNG, MIDDLE = 5_000, 10
"""Allocations before the youngest are looked through, and how often that is before the next generation is."""
NEVER = 1_000_000
FULL_EVERY_SECONDS = 600.0


def settle() -> None:
    """Call it when the process is set up: what lives now lives for good."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, NEVER)


def keep_still() -> None:
    """For a process that makes batches of rows without cycles: nothing is looked through until it asks."""
    gc.collect()
    gc.freeze()
    gc.disable()


async def collect_rarely() -> None:
    """A full collection every ten minutes, for the cycles of connections that ended; until cancelled."""
    while True:
        await asyncio.sleep(FULL_EVERY_SECONDS)
        begin = time.perf_counter()
        found = gc.collect()
        log(__name__).debug("collected", objects=found, ms=round((time.perf_counter() - begin) * 1e3, 1))


@contextmanager
def without_collections() -> Iterator[None]:
    """For work that makes many rows and no cycles."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()
