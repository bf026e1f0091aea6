"""Projecting results that are at hand, as the process does with those of a log."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import URL

from tandem.history import schema
from tandem.history.fold import Fold
from tandem.history.store import Store, open_store
from tandem.platform.engine import Engine, Result

CLUSTER = "0123456789abcdef0123456789abcdef"
OPEN = ("NEW", "PENDING_NEW", "PARTIALLY_FILLED")
Assets = dict[int, tuple[int, int]]


def assets_of(engine: Engine) -> Assets:
    return {market.id: (market.base, market.quote) for market in engine.markets()}


def rows_of(store: Store, query: Any) -> list[Any]:
    with store._connection.begin():
        return list(store._connection.execute(query).all())


def open_in(store: Store) -> tuple[list[int], list[int]]:
    """Ids of orders and lists that SQL says are open."""
    orders, lists = schema.orders, schema.order_lists
    queries = select(orders.c.id).where(orders.c.status.in_(OPEN)), select(lists.c.id).where(lists.c.is_open)
    opened, listed = ([row.id for row in rows_of(store, query)] for query in queries)
    return opened, listed


def project(url: URL, results: Sequence[Result], assets: Assets, *, step: int = 1000, lives: int = 1) -> Store:
    """In batches of `step` results, by `lives` processes one after the other; returns the open store of the last."""
    store = open_store(url)
    per_life = -(-len(results) // lives)
    for start in range(0, len(results), per_life):
        store.close()
        store = open_store(url)
        store.claim(CLUSTER)
        fold = Fold(store, assets.__getitem__, *open_in(store))
        life = results[start : start + per_life]
        for at in range(0, len(life), step):
            for result in life[at : at + step]:
                fold.tell(result)
            rows = fold.take()
            store.write(rows, {}, "")
    return store
