"""Lives of orders as queries show them, and what is remembered of them."""

from pathlib import Path

import pytest

from tandem.domain.errors import ApiError
from tests.trading.rig import ALICE, BOB, BTCUSDT, Rig, running

QUERY_FIELDS = [
    "symbol",
    "orderId",
    "orderListId",
    "clientOrderId",
    "price",
    "origQty",
    "executedQty",
    "origQuoteOrderQty",
    "cummulativeQuoteQty",
    "status",
    "timeInForce",
    "type",
    "side",
    "stopPrice",
    "icebergQty",
    "time",
    "updateTime",
    "isWorking",
    "workingTime",
    "selfTradePreventionMode",
]
CANCEL_FIELDS = [
    "symbol",
    "origClientOrderId",
    "orderId",
    "orderListId",
    "clientOrderId",
    "transactTime",
    "price",
    "origQty",
    "executedQty",
    "origQuoteOrderQty",
    "cummulativeQuoteQty",
    "status",
    "timeInForce",
    "type",
    "side",
    "selfTradePreventionMode",
]


async def test_an_open_order_in_full(rig: Rig) -> None:
    await rig.limit(ALICE, "BUY", "20000.5", "0.5", newClientOrderId="mine")
    expected = {
        "symbol": "BTCUSDT",
        "orderId": 1,
        "orderListId": -1,
        "clientOrderId": "mine",
        "price": "20000.500000",
        "origQty": "0.50000000",
        "executedQty": "0.00000000",
        "origQuoteOrderQty": "0.000000",
        "cummulativeQuoteQty": "0.000000",
        "status": "NEW",
        "timeInForce": "GTC",
        "type": "LIMIT",
        "side": "BUY",
        "stopPrice": "0.000000",
        "icebergQty": "0.00000000",
        "time": rig.ms,
        "updateTime": rig.ms,
        "isWorking": True,
        "workingTime": rig.ms,
        "selfTradePreventionMode": "EXPIRE_TAKER",
    }
    for params in ({"orderId": 1}, {"origClientOrderId": "mine"}, {"orderId": 1, "origClientOrderId": "mine"}):
        answer = await rig.ask("order.status", symbol="BTCUSDT", **params)
        assert answer == expected
        assert list(answer) == QUERY_FIELDS
    assert await rig.ask("openOrders.status", symbol="BTCUSDT") == [expected]
    assert await rig.ask("openOrders.status") == [expected]
    assert await rig.ask("allOrders", symbol="BTCUSDT") == [expected]


async def test_an_order_fills_in_two_steps(rig: Rig) -> None:
    await rig.limit(ALICE, "BUY", "20000", "0.5")
    placed_at = rig.ms
    states = []
    for quantity in ("0.2", "0.3"):
        await rig.limit(BOB, "SELL", "20000", quantity)
        order = await rig.ask("order.status", symbol="BTCUSDT", orderId=1)
        states.append((order["status"], order["executedQty"], order["cummulativeQuoteQty"]))
        assert (order["time"], order["updateTime"]) == (placed_at, rig.ms)
    assert states == [("PARTIALLY_FILLED", "0.20000000", "4000.000000"), ("FILLED", "0.50000000", "10000.000000")]
    assert await rig.ask("openOrders.status") == []


async def test_a_cancel_in_full_and_the_id_it_leaves(rig: Rig) -> None:
    await rig.limit(ALICE, "BUY", "20000", "0.5", newClientOrderId="mine")
    await rig.limit(BOB, "SELL", "20000", "0.2")
    answer = await rig.ask("order.cancel", symbol="BTCUSDT", origClientOrderId="mine", newClientOrderId="stop")
    assert answer == {
        "symbol": "BTCUSDT",
        "origClientOrderId": "mine",
        "orderId": 1,
        "orderListId": -1,
        "clientOrderId": "stop",
        "transactTime": rig.ms,
        "price": "20000.000000",
        "origQty": "0.50000000",
        "executedQty": "0.20000000",
        "origQuoteOrderQty": "0.000000",
        "cummulativeQuoteQty": "4000.000000",
        "status": "CANCELED",
        "timeInForce": "GTC",
        "type": "LIMIT",
        "side": "BUY",
        "selfTradePreventionMode": "EXPIRE_TAKER",
    }
    assert list(answer) == CANCEL_FIELDS
    for client_id in ("mine", "stop"):
        order = await rig.ask("order.status", symbol="BTCUSDT", origClientOrderId=client_id)
        assert (order["orderId"], order["clientOrderId"], order["status"]) == (1, "stop", "CANCELED")
    again = await rig.limit(ALICE, "BUY", "20000", "0.5", newClientOrderId="mine")
    order = await rig.ask("order.status", symbol="BTCUSDT", origClientOrderId="mine")
    assert order["orderId"] == again["orderId"]


async def test_a_cancel_without_an_id_gets_one(rig: Rig) -> None:
    await rig.limit(ALICE, "BUY", "20000", "0.5", newClientOrderId="mine")
    answer = await rig.ask("order.cancel", symbol="BTCUSDT", orderId=1)
    assert (answer["origClientOrderId"], answer["clientOrderId"]) == ("mine", "generated0000000000001")


async def test_the_id_of_a_cancel_does_not_hide_an_open_order(rig: Rig) -> None:
    await rig.limit(ALICE, "BUY", "20000", "0.5")
    await rig.limit(ALICE, "BUY", "20001", "0.5", newClientOrderId="open")
    await rig.ask("order.cancel", symbol="BTCUSDT", orderId=1, newClientOrderId="open")
    assert (await rig.ask("order.status", symbol="BTCUSDT", origClientOrderId="open"))["orderId"] == 2


async def test_canceling_all_answers_by_rising_id_with_one_cancel_id(rig: Rig) -> None:
    for client_id, price in (("a", "20000"), ("b", "20001")):
        await rig.limit(ALICE, "BUY", price, "0.5", newClientOrderId=client_id)
    await rig.limit(BOB, "BUY", "19000", "0.5")
    answer = await rig.ask("openOrders.cancelAll", symbol="BTCUSDT")
    cancel_id = f"cancel{rig.results[-1].seq:016d}"
    shown = ("orderId", "origClientOrderId", "clientOrderId", "status", "price")
    assert [tuple(row[k] for k in shown) for row in answer] == [
        (1, "a", cancel_id, "CANCELED", "20000.000000"),
        (2, "b", cancel_id, "CANCELED", "20001.000000"),
    ]
    assert list(answer[0]) == CANCEL_FIELDS
    assert len(await rig.ask("openOrders.status", BOB)) == 1


async def test_prevention_shows_in_queries_of_both_orders(rig: Rig) -> None:
    await rig.limit(ALICE, "SELL", "20000", "0.3")
    await rig.limit(ALICE, "BUY", "20000", "0.5", selfTradePreventionMode="DECREMENT")
    shown = ("orderId", "status", "executedQty", "preventedMatchId", "preventedQuantity")
    orders = await rig.ask("allOrders", symbol="BTCUSDT")
    assert [tuple(order[k] for k in shown) for order in orders] == [
        (1, "EXPIRED_IN_MATCH", "0.00000000", 0, "0.30000000"),
        (2, "NEW", "0.00000000", 0, "0.30000000"),
    ]
    assert list(orders[0]) == [*QUERY_FIELDS, "preventedMatchId", "preventedQuantity"]


async def test_a_decremented_order_whose_rest_fills_is_filled(rig: Rig) -> None:
    await rig.limit(ALICE, "SELL", "20000", "0.3")
    await rig.limit(ALICE, "BUY", "20000", "0.5", selfTradePreventionMode="DECREMENT")
    await rig.limit(BOB, "SELL", "20000", "0.2")
    order = await rig.ask("order.status", symbol="BTCUSDT", orderId=2)
    assert (order["status"], order["executedQty"], order["preventedQuantity"]) == ("FILLED", "0.20000000", "0.30000000")


async def test_an_untouched_maker_shows_no_prevention(rig: Rig) -> None:
    await rig.limit(ALICE, "SELL", "20000", "0.3")
    await rig.limit(ALICE, "BUY", "20000", "0.5", selfTradePreventionMode="EXPIRE_TAKER")
    maker, taker = await rig.ask("allOrders", symbol="BTCUSDT")
    assert ("preventedMatchId" in maker, maker["status"]) == (False, "NEW")
    assert (taker["status"], taker["preventedQuantity"]) == ("EXPIRED_IN_MATCH", "0.50000000")


async def test_an_expired_order_shows_its_reason(rig: Rig) -> None:
    await rig.limit(ALICE, "BUY", "20000", "0.5", timeInForce="IOC", strategyId=1, strategyType=2_000_000)
    order = await rig.ask("order.status", symbol="BTCUSDT", orderId=1)
    assert list(order) == [*QUERY_FIELDS, "strategyId", "strategyType", "expiryReason"]
    assert (order["status"], order["expiryReason"]) == ("EXPIRED", "UNFILLED_IOC_QUANTITY_EXPIRED")


async def test_the_first_fill_of_an_order_is_told_to_the_limiter(rig: Rig) -> None:
    now_us = rig.results[-1].time_us
    rig.limiter.charge_orders(ALICE, 50, now_us)
    await rig.limit(ALICE, "BUY", "20000", "0.5")
    for quantity in ("0.1", "0.1"):
        await rig.limit(BOB, "SELL", "20000", quantity)
    use = rig.limiter.orders(ALICE, rig.results[-1].time_us)
    assert use.in_day == 45


# --- recovery and forgetting


async def test_a_restart_from_the_log_remembers_everything(tmp_path: Path) -> None:
    questions = [
        ("openOrders.status", {}),
        ("allOrders", {"symbol": "BTCUSDT"}),
        ("myTrades", {"symbol": "BTCUSDT"}),
        ("account.status", {}),
    ]
    async with running(tmp_path) as rig:
        await rig.found()
        await rig.limit(ALICE, "BUY", "20000", "0.5", newClientOrderId="a")
        await rig.limit(BOB, "SELL", "20000", "0.2")
        await rig.limit(ALICE, "BUY", "19000", "1", newClientOrderId="b")
        await rig.limit(ALICE, "BUY", "18000", "1", newClientOrderId="c")
        await rig.ask("order.cancel", symbol="BTCUSDT", orderId=3, newClientOrderId="gone")
        before = [await rig.ask(name, **params) for name, params in questions]
    async with running(tmp_path) as rig:
        assert [await rig.ask(name, **params) for name, params in questions] == before


async def test_a_forgotten_order_is_unknown_and_open_ones_never_are(tmp_path: Path) -> None:
    async with running(tmp_path, closed_limit=4, trades_limit=4, prevented_limit=4, floor=1) as rig:
        await rig.found()
        await rig.limit(ALICE, "BUY", "10000", "0.5", newClientOrderId="rests")
        for number in range(200):
            await rig.limit(ALICE, "BUY", "20000", "0.001", newClientOrderId=f"a{number}")
            await rig.limit(BOB, "SELL", "20000", "0.001")
        orders = await rig.ask("allOrders", symbol="BTCUSDT")
        assert [order["clientOrderId"] for order in orders] == ["rests", "a198", "a199"]
        assert len(await rig.ask("myTrades", symbol="BTCUSDT")) == 2
        with pytest.raises(ApiError):
            await rig.ask("order.status", symbol="BTCUSDT", origClientOrderId="a1")
        blotter = rig.view.blotter(ALICE, BTCUSDT)
        assert blotter is not None
        assert max(len(blotter.rows), len(blotter.fills)) < 150
        assert len(blotter.by_client_id) == 3


async def test_a_restart_from_a_snapshot_remembers_open_orders(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        await rig.found()
        await rig.limit(ALICE, "SELL", "21000", "0.3", newClientOrderId="a")
        await rig.limit(ALICE, "BUY", "21000", "0.1", selfTradePreventionMode="DECREMENT")
        await rig.limit(BOB, "BUY", "21000", "0.1")
        await rig.snapshot()
        await rig.limit(ALICE, "BUY", "19000", "1", newClientOrderId="b")
        before = await rig.ask("openOrders.status")
    async with running(tmp_path) as rig:
        assert rig.engine.recovery()["snapshot_seq"] > 0
        assert before[0].pop("preventedMatchId") == 0  # the snapshot has no history of matches
        assert await rig.ask("openOrders.status") == before
        await rig.limit(BOB, "BUY", "21000", "0.1")
        order = await rig.ask("order.status", symbol="BTCUSDT", origClientOrderId="a")
        assert (order["status"], order["executedQty"], order["preventedQuantity"]) == (
            "FILLED",
            "0.20000000",
            "0.10000000",
        )
