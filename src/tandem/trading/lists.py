"""Order lists of every account, as the engine's events tell them: open ones all, ended ones as a bounded memory."""

import msgspec

from tandem.platform.engine import ListAccepted, ListClosed, OpenOrderList, OrderAccepted, Result
from tandem.trading.records import Gone
from tandem.trading.retention import COMPACT_ABOVE, FairShare


class OrderList(msgspec.Struct, eq=False, gc=False):
    """Two or three orders that depend on each other."""

    id: int
    account: int
    market: int
    kind: int
    client_id: str
    accepted_us: int
    order_ids: list[int]
    client_ids: list[str]
    """Of its orders, as amended but not as canceled; empty for one that ended before the snapshot, until `recall`."""
    is_open: bool = True
    closed_us: int = -1
    """-1: open, or not asked for from SQL."""


class AccountLists:
    """One account's lists. `rows` rise by id and by time."""

    __slots__ = ("by_client_id", "forgotten", "gone", "open", "rows")

    def __init__(self) -> None:
        self.rows: list[OrderList] = []
        """Open and ended; forgotten ones stay until `forgotten` makes removing them worth it."""
        self.forgotten = 0
        self.gone = Gone()
        self.open: dict[int, OrderList] = {}
        self.by_client_id: dict[str, OrderList] = {}
        """The open list with that id, or else the latest."""


class OrderLists:
    """All lists by id, and by account."""

    def __init__(self, limit: int, *, floor: int) -> None:
        self.by_id: dict[int, OrderList] = {}
        self.accounts: dict[int, AccountLists] = {}
        self._ended = FairShare(limit, self._forget, floor=floor)

    def seed(self, opened: OpenOrderList, client_ids: list[str]) -> None:
        self._file(
            OrderList(
                opened.list_id,
                opened.account,
                opened.market,
                opened.kind,
                opened.client_list_id,
                opened.accepted_us,
                list(opened.orders),
                client_ids,
            )
        )

    def accept(self, event: ListAccepted, result: Result) -> OrderList:
        """Its orders come later in the same result."""
        order_ids = list(event.orders)
        client_ids = {e.order_id: e.client_order_id for e in result.events if type(e) is OrderAccepted}
        accepted = OrderList(
            event.list_id,
            event.account,
            event.market,
            event.kind,
            event.client_list_id,
            result.time_us,
            order_ids,
            [client_ids[order_id] for order_id in order_ids],
        )
        self._file(accepted)
        return accepted

    def rename(self, list_id: int, order_id: int, client_id: str) -> OrderList:
        """One of its orders has another client order id."""
        renamed = self.by_id[list_id]
        renamed.client_ids[renamed.order_ids.index(order_id)] = client_id
        return renamed

    def close(self, event: ListClosed, time_us: int) -> OrderList:
        closed = self.by_id[event.list_id]
        closed.is_open = False
        closed.closed_us = time_us
        del self.accounts[closed.account].open[closed.id]
        self._ended.add(closed.account, closed)
        return closed

    def _file(self, order_list: OrderList) -> None:
        self.by_id[order_list.id] = order_list
        holder = self.accounts.get(order_list.account)
        if holder is None:
            holder = self.accounts[order_list.account] = AccountLists()
        holder.rows.append(order_list)
        holder.open[order_list.id] = order_list
        if order_list.client_id:
            holder.by_client_id[order_list.client_id] = order_list

    def _forget(self, account: int, order_list: OrderList) -> None:
        del self.by_id[order_list.id]
        holder = self.accounts[account]
        if holder.by_client_id.get(order_list.client_id) is order_list:
            del holder.by_client_id[order_list.client_id]
        holder.gone.add(order_list.accepted_us, order_list.closed_us)
        holder.forgotten += 1
        if holder.forgotten > COMPACT_ABOVE and holder.forgotten * 2 > len(holder.rows):
            holder.rows = [row for row in holder.rows if row.id in self.by_id]
            holder.forgotten = 0
