"""What the views know of orders and lists after a restart from a snapshot, and after one from the log alone."""

from pathlib import Path
from typing import Any

import pytest

from tests.trading.rig import ALICE, BOB, CAROL, Rig, running
from tests.trading.test_placing_lists import OCO, OPOCO

QUESTIONS: list[tuple[str, dict[str, Any]]] = [
    ("openOrders.status", {}),
    ("openOrderLists.status", {}),
    ("account.status", {}),
]
HISTORY: list[tuple[str, dict[str, Any]]] = [
    ("allOrders", {"symbol": "BTCUSDT"}),
    ("allOrderLists", {}),
    ("myTrades", {"symbol": "BTCUSDT"}),
    ("order.amendments", {"symbol": "BTCUSDT", "orderId": 3}),
]
STOP = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.5", "timeInForce": "GTC"}


async def trade(rig: Rig, price: str) -> None:
    await rig.limit(CAROL, "SELL", price, "0.001")
    await rig.limit(BOB, "BUY", price, "0.001")


async def live(rig: Rig) -> None:
    """Alice has an order of every state, and one that was amended and filled in part."""
    await trade(rig, "20000")
    await rig.limit(ALICE, "BUY", "19500", "0.5", newClientOrderId="first")
    await rig.limit(BOB, "SELL", "19500", "0.1")
    await rig.ask("order.amend.keepPriority", symbol="BTCUSDT", orderId=3, newQty="0.4", newClientOrderId="second")
    await rig.ask(
        "order.place", ALICE, type="STOP_LOSS_LIMIT", stopPrice="18000", price="17900", trailingDelta=100, **STOP
    )
    await rig.ask("order.place", ALICE, type="TAKE_PROFIT_LIMIT", price="20500", trailingDelta=200, **STOP)
    await rig.ask("orderList.place.oco", ALICE, **OCO, listClientOrderId="pair")


async def ask(rig: Rig, questions: list[tuple[str, dict[str, Any]]]) -> list[Any]:
    return [await rig.ask(name, ALICE, **params) for name, params in questions]


@pytest.fixture
async def lived(tmp_path: Path) -> Path:
    async with running(tmp_path) as rig:
        await rig.found()
        await live(rig)
        orders = await rig.ask("openOrders.status")
        shown = [(order["type"], order["isWorking"], order.get("trailingTime", 0) > 0) for order in orders]
        assert shown == [
            ("LIMIT", True, False),
            ("STOP_LOSS_LIMIT", False, False),
            ("TAKE_PROFIT_LIMIT", False, True),
            ("STOP_LOSS", False, False),
            ("LIMIT_MAKER", True, False),
        ]
    return tmp_path


async def test_a_restart_from_the_log_remembers_everything(lived: Path) -> None:
    async with running(lived) as rig:
        before = await ask(rig, QUESTIONS + HISTORY)
        assert len(before[-1]) == 1
    async with running(lived) as rig:
        assert rig.engine.recovery()["snapshot_seq"] == 0
        assert await ask(rig, QUESTIONS + HISTORY) == before


async def test_a_restart_from_a_snapshot_remembers_what_is_open(lived: Path) -> None:
    async with running(lived) as rig:
        before = await ask(rig, QUESTIONS)
        await rig.snapshot()
        await trade(rig, "20001")
    async with running(lived) as rig:
        assert rig.engine.recovery()["snapshot_seq"] > 0
        assert (await ask(rig, QUESTIONS))[:2] == before[:2]
        heard, _ = rig.hear(ALICE)
        await rig.limit(BOB, "BUY", "21000", "0.5")
        ends = [(event["i"], event["x"]) for event in heard if event["e"] == "executionReport"]
        assert ends == [(8, "TRADE"), (7, "EXPIRED")]
        (ended,) = await rig.ask("allOrderLists")
        assert (ended["listOrderStatus"], len(ended["orders"])) == ("ALL_DONE", 2)


async def test_an_order_of_a_list_that_ended_before_the_snapshot_has_no_name(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        await rig.found()
        await trade(rig, "20000")
        await rig.ask("orderList.place.opoco", ALICE, **OPOCO, workingClientOrderId="bought")
        await rig.limit(BOB, "SELL", "20000", "0.5")
        before = await ask(rig, QUESTIONS)
        assert before[1][0]["orders"][0]["clientOrderId"] == "bought"
        await rig.snapshot()
        await trade(rig, "20001")
    async with running(tmp_path) as rig:
        orders, lists, _account = await ask(rig, QUESTIONS)
        assert orders == before[0]
        before[1][0]["orders"][0]["clientOrderId"] = ""
        assert lists == before[1]
