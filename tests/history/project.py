"""Projecting results that are at hand, as the process does with those of a log."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import URL

from tandem.history import schema
from tandem.history.fold import Fold
from tandem.history.store import Store, open_store
from tandem.platform.engine import Engine, OpenOrderList, Result

CLUSTER = "0123456789abcdef0123456789abcdef"
OPEN = ("NEW", "PENDING_NEW", "PARTIALLY_FILLED")
Assets = dict[int, tuple[int, int]]


def assets_of(engine: Engine) -> Assets:
    return {market.id: (market.base, market.quote) for market in engine.markets()}


def rows_of(store: Store, query: Any) -> list[Any]:
    with store._connection.begin():
        return list(store._connection.execute(query).all())


def open_in(store: Store) -> tuple[list[int], list[OpenOrderList]]:
    """What SQL says is open."""
    orders, lists = schema.orders, schema.order_lists
    ids = [row.id for row in rows_of(store, select(orders.c.id).where(orders.c.status.in_(OPEN)))]
    opened = [
        OpenOrderList(
            list_id=row.id,
            account=row.account,
            market=row.market,
            kind=row.kind,
            client_list_id=row.client_id,
            orders=[int(order) for order in row.orders.split(",")],
            accepted_us=row.accepted_us,
        )
        for row in rows_of(store, select(lists).where(lists.c.is_open))
    ]
    return ids, opened


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
