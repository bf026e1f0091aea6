"""The last trades of one market, packed in a ring; aggregates are read off the same ring.

Ids of a market are dense, those of trades and those of aggregates. An aggregate is what one taker order took at one
price. Its id is counted here and kept with the views; should they be lost, counting goes on so far above that no id
comes twice.
"""

from collections.abc import Iterator
from itertools import chain
from struct import Struct
from typing import NamedTuple

CAPACITY = 100_000

_PACKED = Struct("<QQQQ")
"""price, quantity, time * 4 + starts an aggregate * 2 + buyer is maker, the aggregate's id. The quote amount follows
from the first two."""
_SIZE = _PACKED.size
_FIRST_CHUNK = 1_024


class Trade(NamedTuple):
    id: int
    price: int
    qty: int
    time_us: int
    starts_aggregate: bool
    buyer_is_maker: bool


class Aggregate(NamedTuple):
    id: int
    price: int
    qty: int
    first_id: int
    last_id: int
    time_us: int
    buyer_is_maker: bool


class TradeRing:
    """Grows up to `capacity` trades, then the oldest goes."""

    __slots__ = ("_bytes", "_capacity", "_full", "_pack", "first_id", "next_aggregate", "next_id")

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._full = capacity
        self._capacity = min(capacity, _FIRST_CHUNK)
        self._bytes = bytearray(self._capacity * _SIZE)
        self._pack = _PACKED.pack_into
        self.first_id = 0
        self.next_id = 0
        self.next_aggregate = 0

    def __len__(self) -> int:
        return self.next_id - self.first_id

    def add(self, trade_id: int, price: int, qty: int, flagged_time: int) -> None:
        """`flagged_time` as in `_PACKED`; the first trade of all starts an aggregate.

        An id that does not follow on the last one starts the ring anew."""
        if trade_id != self.next_id:
            self.first_id = self.next_id = trade_id
        elif trade_id - self.first_id == self._capacity:
            if self._capacity < self._full:
                self._grow()
            else:
                self.first_id += 1
        if flagged_time & 2:
            self.next_aggregate += 1
        at = trade_id % self._capacity * _SIZE
        self._pack(self._bytes, at, price, qty, flagged_time, self.next_aggregate - 1)
        self.next_id = trade_id + 1

    def start_at(self, next_id: int, next_aggregate: int) -> None:
        """Holds nothing; the next trade and its aggregate have these ids."""
        self.first_id = self.next_id = next_id
        self.next_aggregate = next_aggregate

    def packed(self) -> bytes:
        """All trades, oldest first."""
        first, end = self.first_id % self._capacity * _SIZE, self.next_id % self._capacity * _SIZE
        if not len(self):
            return b""
        if first < end:
            return bytes(self._bytes[first:end])
        return bytes(self._bytes[first:] + self._bytes[:end])

    def unpack(self, first_id: int, next_aggregate: int, packed: bytes) -> None:
        """The inverse of `packed`; `next_aggregate` as it was."""
        rows = _PACKED.iter_unpack(packed)
        for trade_id, (price, qty, flagged, aggregate) in enumerate(rows, first_id):
            if trade_id == first_id:
                self.start_at(first_id, aggregate + 1 - bool(flagged & 2))
            self.add(trade_id, price, qty, flagged)
        self.next_aggregate = next_aggregate

    def _grow(self) -> None:
        old, old_capacity = self._bytes, self._capacity
        self._capacity = min(old_capacity * 4, self._full)
        self._bytes = bytearray(self._capacity * _SIZE)
        for trade_id in range(self.first_id, self.next_id):
            at, to = trade_id % old_capacity * _SIZE, trade_id % self._capacity * _SIZE
            self._bytes[to : to + _SIZE] = old[at : at + _SIZE]

    def trades(self, first_id: int, end_id: int) -> Iterator[Trade]:
        """Ids in [first, end) that are still held."""
        first_id = max(first_id, self.first_id)
        rows = self._rows(first_id, min(end_id, self.next_id))
        for trade_id, (price, qty, flagged, _aggregate) in enumerate(rows, first_id):
            yield Trade(trade_id, price, qty, flagged >> 2, bool(flagged & 2), bool(flagged & 1))

    def _rows(self, first_id: int, end_id: int) -> Iterator[tuple[int, ...]]:
        """What is packed for the ids in [first, end), all held. Fast, since a query may walk the whole ring."""
        low, count = first_id % self._capacity, end_id - first_id
        if count <= 0:
            return iter(())
        view, high = memoryview(self._bytes), low + count
        if high <= self._capacity:
            return _PACKED.iter_unpack(view[low * _SIZE : high * _SIZE])
        behind = view[: (high - self._capacity) * _SIZE]
        return chain(_PACKED.iter_unpack(view[low * _SIZE :]), _PACKED.iter_unpack(behind))

    def latest(self, limit: int) -> Iterator[Trade]:
        return self.trades(self.next_id - limit, self.next_id)

    def _field(self, trade_id: int, field: int) -> int:
        value: int = _PACKED.unpack_from(self._bytes, trade_id % self._capacity * _SIZE)[field]
        return value

    def aggregate_of(self, trade_id: int) -> int | None:
        """The id of the aggregate that the trade belongs to; None when it is not held."""
        return self._field(trade_id, 3) if self.first_id <= trade_id < self.next_id else None

    def first_of(self, aggregate_id: int) -> int:
        """The id of the first trade of this aggregate or a later one; `next_id` when there is none."""
        return self._first(aggregate_id, 3, 0)

    def first_at(self, time_us: int) -> int:
        """The id of the first trade at or after `time_us`; `next_id` when there is none."""
        return self._first(time_us, 2, 2)

    def first_whole_aggregate(self) -> int:
        """Aggregates from this id on are held with all their trades, if there are any."""
        if not len(self):
            return self.next_aggregate
        return self._field(self.first_id, 3) + 1 - (self._field(self.first_id, 2) >> 1 & 1)

    @property
    def first_us(self) -> int:
        """When the oldest trade held was; there is one."""
        return self._field(self.first_id, 2) >> 2

    def holds_from(self, time_us: int) -> bool:
        """Whether no trade at or after `time_us` is missing."""
        return self.first_id == 0 or (len(self) > 0 and self._field(self.first_id, 2) >> 2 < time_us)

    def _first(self, wanted: int, field: int, shift: int) -> int:
        low, high = self.first_id, self.next_id
        while low < high:
            middle = (low + high) // 2
            if self._field(middle, field) >> shift < wanted:
                low = middle + 1
            else:
                high = middle
        return low

    def aggregates(self, first_id: int, end_id: int, limit: int) -> list[Aggregate]:
        """The oldest `limit` aggregates that start in [first, end)."""
        found: list[Aggregate] = []
        id = price = qty = first = last = time_us = 0
        maker = False
        open_one = False
        first_id = max(first_id, self.first_id)
        rows = self._rows(first_id, self.next_id)
        for trade_id, (trade_price, trade_qty, flagged, aggregate) in enumerate(rows, first_id):
            if flagged & 2:
                if open_one:
                    found.append(Aggregate(id, price, qty, first, last, time_us, maker))
                    open_one = False
                if trade_id >= end_id or len(found) == limit:
                    return found
                id, first, price, qty = aggregate, trade_id, trade_price, 0
                time_us, maker = flagged >> 2, bool(flagged & 1)
                open_one = True
            if open_one:
                qty += trade_qty
                last = trade_id
        if open_one and len(found) < limit:
            found.append(Aggregate(id, price, qty, first, last, time_us, maker))
        return found

    def latest_aggregates(self, limit: int, end_id: int) -> list[Aggregate]:
        """The newest `limit` aggregates that start before `end_id`."""
        trade_id = min(end_id, self.next_id)
        left = limit
        while trade_id > self.first_id and left:
            rows = list(self._rows(max(self.first_id, trade_id - _FIRST_CHUNK), trade_id))
            for _price, _qty, flagged, _aggregate in reversed(rows):
                trade_id -= 1
                if flagged & 2:
                    left -= 1
                    if not left:
                        break
        return self.aggregates(trade_id, end_id, limit)
