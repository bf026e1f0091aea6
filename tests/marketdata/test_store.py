"""Views across restarts: nothing lost, nothing counted twice, whatever the engine's snapshot and the saved view say."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tandem.marketdata.store import VERSION, SavedView, ViewStore, is_usable, saved_through
from tandem.marketdata.tasks import keep_views
from tests.marketdata.exchange import BUY, Exchange

PATHS = ("trades", "aggTrades", "klines", "ticker/24hr", "ticker/price", "avgPrice")


def answers(exchange: Exchange, now_us: int) -> list[Any]:
    interval = {"klines": "&interval=1s"}
    return [exchange.ask(path, "symbol=BTCUSDT" + interval.get(path, ""), now_us=now_us) for path in PATHS]


async def trade_some(exchange: Exchange, count: int = 5) -> None:
    for number in range(count):
        await exchange.trade(100 + number, 1 + number, taker=number % 2)
    await asyncio.gather(*(exchange.place(exchange.alice, 1 - BUY, 90, 1) for _ in range(3)))
    await exchange.place(exchange.bob, BUY, 90, 3)


async def snapshot(exchange: Exchange) -> None:
    """Waits for a snapshot of everything so far."""
    before = exchange.engine.stats()["snapshot_seq"]
    exchange.engine.snapshot()
    for _ in range(5_000):
        if exchange.engine.stats()["snapshot_seq"] != before:
            return
        await asyncio.sleep(0.001)
    raise AssertionError("no snapshot came")


def again(exchange: Exchange, directory: Path) -> Exchange:
    reopened = Exchange(directory)
    reopened.alice, reopened.bob, reopened.market = exchange.alice, exchange.bob, exchange.market
    reopened.client.start()
    return reopened


ORDERS = [
    "trade",
    "save",
    "save trade",
    "save snapshot",
    "snapshot save",
    "snapshot trade save",
    "save trade snapshot trade",
]


@pytest.mark.parametrize("order", ORDERS)
async def test_a_restart_changes_no_answer(exchange: Exchange, tmp_path: Path, order: str) -> None:
    await trade_some(exchange)
    for step in order.split():
        if step == "save":
            exchange.data.save()
        elif step == "snapshot":
            await snapshot(exchange)
        else:
            await trade_some(exchange)
    now = time.time_ns() // 1000
    before = answers(exchange, now)
    await exchange.client.close()
    reopened = again(exchange, tmp_path / "data")
    try:
        assert answers(reopened, now) == before
        await trade_some(reopened)
        after = reopened.ask("klines", "symbol=BTCUSDT&interval=1M")
        assert sum(row[8] for row in after) == reopened.ask("trades", "symbol=BTCUSDT&limit=1")[0]["id"] + 1
        reopened.data.save()
        now = time.time_ns() // 1000
        before = answers(reopened, now)
    finally:
        await reopened.client.close()
    third = again(exchange, tmp_path / "data")
    try:
        assert answers(third, now) == before
    finally:
        await third.client.close()


@pytest.mark.parametrize("damage", ["missing", "cut", "flipped", "foreign", "empty"])
async def test_a_view_that_cannot_be_used_is_passed_over(exchange: Exchange, tmp_path: Path, damage: str) -> None:
    await trade_some(exchange)
    exchange.data.save()
    await snapshot(exchange)
    await trade_some(exchange)
    path = tmp_path / "data" / "marketdata" / f"{exchange.market}.view"
    assert is_usable(path.parent, exchange.engine.recovery()["cluster_id"])
    raw = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "foreign":
        store = exchange.data._store
        assert store is not None
        store.cluster_id = "another"
        exchange.data.save()
    else:
        path.write_bytes({"cut": raw[:-5], "flipped": raw[:50] + bytes([raw[50] ^ 1]) + raw[51:], "empty": b""}[damage])
    cluster_id = exchange.engine.recovery()["cluster_id"]
    assert is_usable(path.parent, cluster_id) == (damage == "missing")
    tail = exchange.ask("trades", "symbol=BTCUSDT&limit=8")
    await exchange.client.close()
    reopened = again(exchange, tmp_path / "data")
    try:
        assert reopened.ask("trades", "symbol=BTCUSDT") == tail
        assert reopened.ask("ticker/price", "symbol=BTCUSDT")["price"] == "90.00000000"
    finally:
        await reopened.client.close()


async def test_trades_lost_between_a_saved_view_and_a_snapshot_leave_the_rest(
    exchange: Exchange, tmp_path: Path
) -> None:
    await trade_some(exchange)
    exchange.data.save()
    await trade_some(exchange)
    await snapshot(exchange)
    last = exchange.ask("ticker/price", "symbol=BTCUSDT")
    end = exchange.engine.stats()["last_seq"]
    await exchange.client.close()
    (tmp_path / "data" / "marketdata" / "cursor").write_text(str(end))
    reopened = again(exchange, tmp_path / "data")
    try:
        assert reopened.ask("ticker/price", "symbol=BTCUSDT") == last
        assert reopened.ask("trades", "symbol=BTCUSDT") == []
        assert sum(row[8] for row in reopened.ask("klines", "symbol=BTCUSDT&interval=1M")) == 8
        await reopened.trade(100, 1)
        assert [trade["id"] for trade in reopened.ask("trades", "symbol=BTCUSDT")] == [16]
        # Six aggregates were saved, and the eight lost trades may have been as many.
        assert [row["a"] for row in reopened.ask("aggTrades", "symbol=BTCUSDT")] == [14]
    finally:
        await reopened.client.close()


async def test_views_that_were_never_saved_are_made_from_the_whole_log(exchange: Exchange, tmp_path: Path) -> None:
    await trade_some(exchange)
    await snapshot(exchange)
    before = exchange.ask("trades", "symbol=BTCUSDT")
    await exchange.client.close()
    reopened = again(exchange, tmp_path / "data")
    try:
        assert reopened.ask("trades", "symbol=BTCUSDT") == before != []
    finally:
        await reopened.client.close()


async def test_views_are_saved_now_and_then(
    exchange: Exchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tandem.marketdata.tasks.SECONDS", 0.0)
    task = asyncio.create_task(keep_views(exchange.data))
    await exchange.trade(100, 1)
    seq = exchange.engine.stats()["last_seq"]
    for _ in range(5_000):
        if saved_through(tmp_path / "data" / "marketdata") == seq:
            break
        await asyncio.sleep(0.001)
    task.cancel()
    assert exchange.data.unsaved() == []
    assert saved_through(tmp_path / "data" / "marketdata") == seq


async def test_only_markets_that_traded_are_saved_again(exchange: Exchange) -> None:
    assert exchange.data.unsaved() == []
    await exchange.trade(100, 1)
    assert exchange.data.unsaved() == [exchange.market]
    exchange.data.save()
    assert exchange.data.unsaved() == []
    assert exchange.data.saved_seq(exchange.market) == exchange.engine.stats()["last_seq"]


def test_writes_of_one_view_take_turns(tmp_path: Path) -> None:
    """At the end of the process a thread may still be writing what the loop writes again."""
    store = ViewStore(tmp_path, cluster_id="c", last_seq=10**9)
    views = [SavedView(VERSION, "c", seq, None, 0, 0, 0, 0, 0, b"x" * 200_000, {}) for seq in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda saved: store.save(0, saved), views))
    assert store.load(0) in views
    assert [path.name for path in tmp_path.iterdir()] == ["0.view"]
