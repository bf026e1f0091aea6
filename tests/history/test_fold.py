"""What the fold makes of random traffic is what the core says, however often it begins anew."""

import dataclasses
from collections import Counter
from collections.abc import Iterator
from operator import attrgetter
from typing import Any

import pytest
from sqlalchemy import select

from tandem.domain.intervals import INTERVALS
from tandem.history import schema
from tandem.history.store import Store
from tandem.platform.engine import OpenOrder, OrderExtra, Result, Traded
from tests.history.project import OPEN, Assets, assets_of, project, rows_of
from tests.history.traffic import Traffic, open_exchange, replayed, stretched, take_snapshot
from tests.history.twins import Twins

EVENTS = {
    *("OrderAccepted", "OrderClosed", "OrderReleased", "OrderAmended", "CancelReplaced", "TrailingStarted"),
    *("Traded", "Allocated", "SelfTradePrevented", "ListAccepted", "ListClosed", "Credited", "Debited"),
    "ReferenceChanged",
}


@dataclasses.dataclass
class Lived:
    """An exchange after traffic, and what its core says at the end."""

    results: list[Result]
    assets: Assets
    balances: dict[tuple[int, int], int]
    orders: list[OpenOrder]
    lists: list[int]


@pytest.fixture(scope="module", params=[1, 2])
def lived(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Lived:
    path = tmp_path_factory.mktemp("lived")
    engine = open_exchange(path)
    traffic = Traffic(engine, request.param)
    results = traffic.found() + traffic.send(4_000)
    assert traffic.told.keys() >= EVENTS
    take_snapshot(engine)
    results += replayed(engine)  # the rest of a cascade
    balances = {
        (account.id, asset): free + locked
        for account in engine.accounts()
        for asset, free, locked in engine.balances(account.id)
        if free + locked
    }
    assets = assets_of(engine)
    engine.close()
    engine = open_exchange(path)
    assert engine.recovery()["events_from_seq"] == results[-1].seq
    orders, lists = engine.snapshot_orders(), engine.snapshot_lists()
    engine.close()
    return Lived(results, assets, balances, orders, sorted(opened.list_id for opened in lists))


@pytest.fixture
def told(lived: Lived, sqlite_twins: Twins) -> Iterator[Store]:
    store = project(sqlite_twins.first, lived.results, lived.assets)
    yield store
    store.close()


def test_open_orders_are_the_cores(lived: Lived, told: Store) -> None:
    orders = schema.orders
    found = rows_of(told, select(orders).where(orders.c.status.in_(OPEN)).order_by(orders.c.id))
    assert len(found) > 20
    assert [_shown(row) for row in found] == [
        _said(order) for order in sorted(lived.orders, key=attrgetter("accepted.order_id"))
    ]
    for order in lived.orders:
        (row,) = (row for row in found if row.id == order.accepted.order_id)
        assert row.status == ("PARTIALLY_FILLED" if order.filled else "PENDING_NEW" if row.state == 2 else "NEW")


FIELDS = {
    "order_id": "id",
    "client_order_id": "client_id",
    **{name: name for name in ("account", "market", "side", "kind", "tif", "price", "qty", "quote_qty", "stp")},
    **{name: name for name in ("strategy_id", "strategy_type")},
}
EXTRAS = {
    "use_sor": "used_sor",
    **{name: name for name in ("stop_price", "trailing_delta", "iceberg_qty", "peg_price", "peg_offset", "list_id")},
    **{name: name for name in ("pegged_price", "state")},
}
LIVE = {
    "left": "left_qty",
    **{name: name for name in ("prevented", "filled", "filled_quote", "accepted_us", "working_us", "trailing_us")},
    **{name: name for name in ("updated_us", "amends")},
}


def _shown(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for names in (FIELDS, EXTRAS, LIVE) for name in names.values()}


def _said(order: OpenOrder) -> dict[str, Any]:
    accepted, extra = order.accepted, order.accepted.extra or OrderExtra()
    parts = ((accepted, FIELDS), (extra, EXTRAS), (order, LIVE))
    return {name: getattr(part, field) for part, names in parts for field, name in names.items()}


def test_open_lists_are_the_cores(lived: Lived, told: Store) -> None:
    lists = schema.order_lists
    found = rows_of(told, select(lists.c.id).where(lists.c.is_open).order_by(lists.c.id))
    assert lived.lists
    assert [row.id for row in found] == lived.lists


def test_lists_have_the_client_ids_of_their_orders(told: Store) -> None:
    orders, renamed = {row.id: row for row in rows_of(told, select(schema.orders))}, 0
    for row in rows_of(told, select(schema.order_lists)):
        members = [orders[int(id)] for id in row.orders.split(",")]
        assert row.client_ids.split(",") == [order.client_id for order in members]
        renamed += any(order.amends for order in members)
    assert renamed > 20


def test_the_ledger_adds_up_to_every_balance(lived: Lived, told: Store) -> None:
    held: Counter[tuple[int, int]] = Counter()
    for row in rows_of(told, select(schema.ledger)):
        assert row.amount > 0
        held[row.debit_account, row.asset] -= row.amount
        held[row.credit_account, row.asset] += row.amount
    outside = {key: amount for key, amount in held.items() if key[0] == -1}
    assert {key: amount for key, amount in held.items() if amount and key not in outside} == lived.balances
    came_in: Counter[tuple[int, int]] = Counter()
    for row in rows_of(told, select(schema.transfers)):
        came_in[-1, row.asset] -= row.amount
    assert outside == came_in
    causes = {row.cause for row in rows_of(told, select(schema.ledger.c.cause).distinct())}
    assert causes == {"CREDIT", "DEBIT", "TRADE", "FEE", "TRANSFER", "ALLOCATION"}


def test_fills_add_up_to_every_order(told: Store) -> None:
    filled: Counter[int] = Counter()
    amounts: Counter[int] = Counter()
    for row in rows_of(told, select(schema.fills)):
        filled[row.order_id] += row.qty
        amounts[row.order_id] += row.quote_amount
    orders = rows_of(told, select(schema.orders))
    assert filled == Counter({row.id: row.filled for row in orders if row.filled})
    assert amounts == Counter({row.id: row.filled_quote for row in orders if row.filled})
    for row in orders:
        if row.status == "FILLED":
            assert (row.left_qty, row.filled + row.prevented) == (0, row.qty)
        elif row.amends and row.status == "EXPIRED" and not row.left_qty:  # amended to less than it had
            assert row.filled + row.prevented >= row.qty
        elif row.status != "PENDING_NEW":
            assert row.filled + row.left_qty + row.prevented == row.qty, row


def test_trades_candles_and_days_are_the_trades_of_the_log(lived: Lived, told: Store) -> None:
    told_trades = [
        (event.market, event.trade_id, event.price, event.qty, result.time_us)
        for result in lived.results
        for event in result.events
        if type(event) is Traded
    ]
    found = rows_of(told, select(schema.trades).order_by(schema.trades.c.seq, schema.trades.c.trade_id))
    assert sorted((row.market, row.trade_id, row.price, row.qty, row.time_us) for row in found) == sorted(told_trades)
    expected: dict[tuple[int, str, int], list[Any]] = {}
    for row in sorted(found, key=lambda row: (row.market, row.trade_id)):
        for name, interval in INTERVALS.items():
            prices = expected.setdefault((row.market, name, interval.open_of(row.time_us)), [])
            prices.append((row.price, row.qty, row.quote_amount, row.taker_side))
    candles = rows_of(told, select(schema.candles))
    assert {(row.market, row.interval, row.open_us): tuple(row)[3:12] for row in candles} == {
        key: _candle(trades) for key, trades in expected.items()
    }
    days = {row.market: row for row in rows_of(told, select(schema.daily))}
    for market, row in days.items():  # one each
        of_market = [trade for trade in found if trade.market == market]
        assert (row.trades, row.volume) == (len(of_market), sum(trade.qty for trade in of_market))
        assert row.next_aggregate == len({trade.aggregate_id for trade in of_market})
        assert sorted({trade.aggregate_id for trade in of_market}) == list(range(row.next_aggregate))
    assert sum(row.orders for row in days.values()) == len(rows_of(told, select(schema.orders.c.id)))


def _candle(trades: list[tuple[int, int, int, int]]) -> tuple[int, ...]:
    prices = [price for price, *_ in trades]
    bought = [(qty, amount) for _, qty, amount, side in trades if side == 0]
    return (
        prices[0],
        max(prices),
        min(prices),
        prices[-1],
        sum(qty for _, qty, _, _ in trades),
        sum(amount for *_, amount, _ in trades),
        len(trades),
        sum(qty for qty, _ in bought),
        sum(amount for _, amount in bought),
    )


@pytest.mark.parametrize(("step", "lives"), [(7, 1), (1000, 3), (50, 8)])
def test_how_the_log_was_cut_does_not_matter(lived: Lived, twins: Twins, step: int, lives: int) -> None:
    results = stretched(lived.results)
    for url, how in ((twins.first, {}), (twins.second, {"step": step, "lives": lives})):
        project(url, results, lived.assets, **how).close()
    assert twins.differences(but=("assets", "markets", "accounts")) == {}
