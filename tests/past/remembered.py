"""A past that remembers everything it was told: a stand-in for SQL, told as far as a test wants."""

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from types import SimpleNamespace
from typing import Any, TypeVar, cast

from tandem.domain.history import Need
from tandem.platform.engine import Batch, EngineClient, Result
from tandem.trading.lists import OrderList
from tandem.trading.orders import OrderView
from tandem.trading.past import Asked
from tandem.trading.records import Allocation, Amendment, Fill, Order, PreventedMatch

T = TypeVar("T")
EVERYTHING = 10**9


class NoSnapshot:
    """What a view asks of an engine whose events begin at the beginning."""

    def recovery(self) -> dict[str, int]:
        return {"events_from_seq": 0}

    def snapshot_orders(self) -> list[Any]:
        return []

    snapshot_lists = snapshot_orders


def view_of_everything() -> OrderView:
    client = SimpleNamespace(engine=NoSnapshot(), add_listener=lambda _listener: None)
    limits = dict.fromkeys(("closed_limit", "trades_limit", "prevented_limit", "rare_limit"), EVERYTHING)
    return OrderView(cast(EngineClient, client), **limits)


def tell(view: OrderView, results: Sequence[Result]) -> None:
    view.on_batch(cast(Batch, SimpleNamespace(results=results)))


class Remembered:
    """`tandem.trading.past.Past`. `asked` counts the questions; `between` is called before each is answered."""

    def __init__(self) -> None:
        self.view = view_of_everything()
        self.told = 0
        """How many results."""
        self.time_us = 0
        self.asked = 0
        self.between: Callable[[], None] = lambda: None

    def tell(self, results: Sequence[Result]) -> None:
        """All that there are: those that it was told before are passed over."""
        tell(self.view, results[self.told :])
        self.told = len(results)
        self.time_us = results[-1].time_us

    def _answer(self, need: Need) -> None:
        self.asked += 1
        self.between()
        if not need.is_met_at(self.view.seq, self.time_us):
            raise TimeoutError

    def _page(self, asked: Asked, rows: Iterable[T], key: Callable[[T], int], time_us: Callable[[T], int]) -> list[T]:
        self._answer(asked.need)
        low, since, until = asked.first_id, asked.start_us, asked.end_us
        found = [copy(row) for row in rows]
        found = [row for row in found if low is None or key(row) >= low]
        found = [row for row in found if since is None or time_us(row) >= since]
        found = [row for row in found if until is None or time_us(row) <= until]
        return found[: asked.limit] if asked.from_start else found[-asked.limit :]

    async def orders(self, asked: Asked) -> list[Order]:
        blotter = self.view.blotter(asked.account, asked.market)
        return self._page(asked, blotter.rows if blotter else [], lambda o: o.id, lambda o: o.accepted_us)

    async def order(self, need: Need, account: int, market: int, id: int | None, client_id: str) -> Order | None:
        self._answer(need)
        blotter = self.view.blotter(account, market)
        found = self.view.by_id.get(id) if id is not None else blotter and blotter.by_client_id.get(client_id)
        return found if found and (found.account, found.blotter.market) == (account, market) else None

    async def orders_by_id(self, need: Need, ids: Sequence[int]) -> list[Order]:
        self._answer(need)
        return [copy(self.view.by_id[id]) for id in ids if id in self.view.by_id]

    async def amendments(self, asked: Asked) -> list[Amendment]:
        order = self.view.by_id.get(asked.order_id or 0)
        rows = order.extra.amends or [] if order and order.extra else []
        return self._page(asked, rows, lambda one: one.execution_id, lambda one: one.time_us)

    async def fills(self, asked: Asked) -> list[Fill]:
        blotter = self.view.blotter(asked.account, asked.market)
        rows = (row for row in (blotter.fills if blotter else ()) if asked.order_id in (None, row.order_id))
        return self._page(asked, rows, lambda fill: fill.id, lambda fill: fill.time_us)

    async def allocations(self, asked: Asked) -> list[Allocation]:
        blotter = self.view.blotter(asked.account, asked.market)
        rows = (row for row in (blotter.allocations if blotter else ()) if asked.order_id in (None, row.order_id))
        return self._page(asked, rows, lambda row: row.allocation_id, lambda row: row.time_us)

    async def prevented_matches(self, asked: Asked) -> list[PreventedMatch]:
        blotter = self.view.blotter(asked.account, asked.market)
        rows = (
            row
            for row in (blotter.prevented if blotter else ())
            if asked.match_id in (None, row.event.prevented_match_id)
            and asked.order_id in (None, row.event.taker_order, row.event.maker_order)
        )
        return self._page(asked, rows, lambda row: row.event.prevented_match_id, lambda row: row.time_us)

    async def order_lists(self, asked: Asked) -> list[OrderList]:
        holder = self.view.lists.accounts.get(asked.account)
        return self._page(asked, holder.rows if holder else [], lambda row: row.id, lambda row: row.accepted_us)

    async def order_lists_by_id(self, need: Need, ids: Sequence[int]) -> list[OrderList]:
        self._answer(need)
        return [copy(self.view.lists.by_id[id]) for id in ids if id in self.view.lists.by_id]

    async def order_list(self, need: Need, account: int, id: int | None, client_id: str) -> OrderList | None:
        self._answer(need)
        holder = self.view.lists.accounts.get(account)
        found = self.view.lists.by_id.get(id) if id is not None else holder and holder.by_client_id.get(client_id)
        return found if found and found.account == account else None
