"""What the engine's snapshot does not say of open orders and lists, brought back from the past once."""

import asyncio
from collections.abc import Iterable, Sequence

from tandem.domain.history import Need
from tandem.trading.orders import OrderView
from tandem.trading.past import Past
from tandem.trading.records import Order

AT_ONCE = 500
PAUSE_SECONDS = 1.0


async def recall_when_told(view: OrderView, past: Past) -> None:
    """As soon as the past can answer."""
    while True:
        try:
            return await recall(view, past)
        except TimeoutError:
            await asyncio.sleep(PAUSE_SECONDS)


async def recall(view: OrderView, past: Past) -> None:
    """Fills in the latest prevented match of orders, whether a routed order's last fill was an allocation, and the
    client ids of list members that have ended. Raises TimeoutError; then it may be called again."""
    need = Need(view.start_seq, -1, view.start_seq)
    for ids in _chunks(sorted(view.unsure)):
        for order in await past.orders_by_id(need, ids):
            _complete(view, order)
    for ids in _chunks([found.id for found in view.lists.by_id.values() if "" in found.client_ids]):
        for told in await past.order_lists_by_id(need, ids):
            found = view.lists.by_id.get(told.id)
            if found is not None:
                found.client_ids[:] = [own or its for own, its in zip(found.client_ids, told.client_ids, strict=True)]


def _chunks(ids: Sequence[int]) -> Iterable[Sequence[int]]:
    return (ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE))


def _complete(view: OrderView, told: Order) -> None:
    """What events have said since is newer."""
    filled_then, order = view.unsure.pop(told.id, -1), view.by_id.get(told.id)
    if order is None or filled_then < 0:
        return
    if order.prevented_match_id < 0:
        order.prevented_match_id = told.prevented_match_id
    if order.extra is not None and told.extra is not None and order.filled == filled_then:
        order.extra.is_routed = told.extra.is_routed
