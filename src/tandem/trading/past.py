"""What trading asks of the past: rows that memory has let go, or that are older than the process.

`tandem.apps` gives something that answers from SQL. Every method waits a little until SQL was told as much as `Need`
says, and raises TimeoutError when it was not.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from tandem.domain.history import Need
from tandem.trading.lists import OrderList
from tandem.trading.records import Allocation, Amendment, Fill, Order, PreventedMatch


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A page: the first `limit` rows that meet all conditions, or the last, rising."""

    need: Need
    account: int
    market: int = -1
    """-1: of lists, which are asked for over all markets."""
    limit: int
    from_start: bool
    first_id: int | None = None
    """No row with a lower id: of an order, a trade, an allocation, a prevented match, an execution, a list."""
    start_us: int | None = None
    end_us: int | None = None
    """Both inclusive; an order's and a list's time is when it was accepted."""
    order_id: int | None = None
    match_id: int | None = None


class Past(Protocol):
    async def orders(self, asked: Asked) -> list[Order]: ...

    async def order(self, need: Need, account: int, market: int, id: int | None, client_id: str) -> Order | None:
        """Without an id the one that last had this client id, also as the id of its cancel."""

    async def orders_by_id(self, need: Need, ids: Sequence[int]) -> list[Order]:
        """Of any account."""

    async def amendments(self, asked: Asked) -> list[Amendment]:
        """Of `order_id`; by execution id."""

    async def fills(self, asked: Asked) -> list[Fill]:
        """Trades, by id; of a trade with oneself the taker's side first."""

    async def allocations(self, asked: Asked) -> list[Allocation]: ...

    async def prevented_matches(self, asked: Asked) -> list[PreventedMatch]:
        """As they happened: of orders of the account in the market. A taker that was routed there counts its matches
        in its own market."""

    async def order_lists(self, asked: Asked) -> list[OrderList]: ...

    async def order_lists_by_id(self, need: Need, ids: Sequence[int]) -> list[OrderList]:
        """Of any account."""

    async def order_list(self, need: Need, account: int, id: int | None, client_id: str) -> OrderList | None:
        """Without an id the latest with this client id."""
