"""Data directories with a log in them, made by an engine without a server."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tandem.identity.service import open_keys
from tandem.platform.clock import ManualClock
from tandem.platform.engine import Engine
from tests.engine.shard import BUYER, MARKET, SELLER, TICK, set_up, wait_for

SEGMENT_BYTES = 1 << 20
PER_SEGMENT = 8_000
"""A little more orders than a segment holds."""


@contextmanager
def opened(data: Path, *, keep_log: bool = True, hold_log: bool = False) -> Iterator[Engine]:
    engine = Engine.open(str(data), segment_bytes=SEGMENT_BYTES, reserve_bytes=0, keep_log=keep_log, hold_log=hold_log)
    while engine.poll():
        """What was replayed is nobody's answer."""
    try:
        yield engine
    finally:
        engine.close()


def trade(engine: Engine, count: int, name: str = "o") -> None:
    """Orders that rest and trade, half of each side."""
    for start in range(0, count, 5_000):
        numbers = range(start, min(start + 5_000, count))
        for number in numbers:
            side = number % 2
            price = TICK * (100 + (number * 7919) % 11 - 5 + 3 * side)
            account = (BUYER, SELLER)[side]
            engine.place_order(account, MARKET, side, 0, 0, price, 100 * (1 + number % 5), 0, f"{name}{number}", -1)
        wait_for(engine, len(numbers))


def snapshot(engine: Engine) -> None:
    before = engine.stats()["snapshot_seq"]
    engine.snapshot()
    while engine.stats()["snapshot_seq"] == before:
        pass


def make_directory(data: Path, orders: int = 100) -> str:
    """With a market, two accounts, a key of the seller, and orders. Returns the key's secret."""
    with opened(data) as engine:
        set_up(engine)
        trade(engine, orders)
    keys, database = open_keys(data, ManualClock())
    secret = keys.create(SELLER).secret
    database.close()
    assert secret is not None
    return secret
