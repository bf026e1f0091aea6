"""What market data ask of the past: trades and candles that memory has let go, or never had.

`tandem.apps` gives something that answers from SQL. The coroutines wait a little until SQL was told as much as `Need`
says, and raise TimeoutError when it was not.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from tandem.domain.history import Need
from tandem.marketdata.candles import Row
from tandem.marketdata.trades import Aggregate, Trade


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """The first `limit` rows of a market within all bounds, or the last ones; rising."""

    need: Need
    market: int
    limit: int
    is_last: bool = False
    first_id: int | None = None
    end_id: int | None = None
    """Exclusive: what memory has begins here."""
    start_us: int | None = None
    end_us: int | None = None
    """Inclusive."""


class Past(Protocol):
    async def trades(self, wanted: Wanted) -> list[Trade]: ...

    async def aggregates(self, wanted: Wanted) -> list[Aggregate]: ...

    async def candles(self, wanted: Wanted, interval: str) -> list[Row]:
        """Only those with trades, in UTC; their time is when they open. Trade ids are -1: nobody asks for them."""

    async def candle_pieces(
        self, need: Need, market: int, pieces: Mapping[str, Sequence[int]], start_us: int, end_us: int
    ) -> list[Row]:
        """Those of several intervals that open at these times of a UTC day, by when they open."""

    def next_aggregate(self, market: int, next_trade: int) -> int | None:
        """The id of the aggregate that begins with this trade, at which a command began; None: not known. May block:
        for the start of the process."""
