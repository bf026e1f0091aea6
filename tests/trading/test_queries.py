"""Which rows a query of history gives."""

from typing import Any

import pytest

from tandem.domain.errors import ApiError
from tandem.trading.pages import DAY_US, window
from tests.trading.rig import ALICE, BOB, CAROL, Rig


async def trades(rig: Rig, count: int) -> None:
    for number in range(count):
        await rig.limit(BOB, "SELL", f"{20000 + number}", "0.1")
        await rig.limit(ALICE, "BUY", f"{20000 + number}", "0.1")


async def ids(rig: Rig, name: str, key: str, **params: Any) -> list[int]:
    return [row[key] for row in await rig.ask(name, symbol="BTCUSDT", **params)]


async def test_a_trade_in_full_from_both_sides(rig: Rig) -> None:
    await trades(rig, 1)
    common = {
        "symbol": "BTCUSDT",
        "id": 0,
        "orderListId": -1,
        "price": "20000.000000",
        "qty": "0.10000000",
        "quoteQty": "2000.000000",
        "time": rig.ms,
        "isBestMatch": True,
    }
    buyer, seller = [await rig.ask("myTrades", who, symbol="BTCUSDT") for who in (ALICE, BOB)]
    bought = {"orderId": 2, "commission": "0.00020000", "commissionAsset": "BTC", "isBuyer": True, "isMaker": False}
    sold = {"orderId": 1, "commission": "2.000000", "commissionAsset": "USDT", "isBuyer": False, "isMaker": True}
    assert buyer == [common | bought]
    assert seller == [common | sold]


async def test_a_trade_with_oneself_gives_two_rows(rig: Rig) -> None:
    await rig.limit(ALICE, "SELL", "20000", "0.1")
    await rig.limit(ALICE, "BUY", "20000", "0.1", selfTradePreventionMode="NONE")
    rows = await rig.ask("myTrades", symbol="BTCUSDT")
    assert [(row["id"], row["orderId"], row["isBuyer"], row["isMaker"]) for row in rows] == [
        (0, 2, True, False),
        (0, 1, False, True),
    ]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, [0, 1, 2, 3]),
        ({"limit": 2}, [2, 3]),
        ({"limit": 0}, [3]),
        ({"limit": 5000}, [0, 1, 2, 3]),
        ({"fromId": 1}, [1, 2, 3]),
        ({"fromId": 1, "limit": 2}, [1, 2]),
        ({"fromId": 9}, []),
        ({"orderId": 4}, [1]),
        ({"orderId": 4, "fromId": 1}, [1]),
        ({"orderId": 4, "fromId": 2}, []),
        ({"orderId": 77}, []),
    ],
)
async def test_trades_by_id(rig: Rig, params: dict[str, int], expected: list[int]) -> None:
    await trades(rig, 4)
    assert await ids(rig, "myTrades", "id", **params) == expected


async def test_trades_by_time(rig: Rig) -> None:
    await trades(rig, 2)
    middle = rig.ms
    while rig.ms == middle:
        await rig.done(rig.engine.credit(CAROL, 0, 1))
    await trades(rig, 2)
    first_half = {"endTime": middle}
    assert await ids(rig, "myTrades", "id", **first_half) == [0, 1]
    assert await ids(rig, "myTrades", "id", **first_half, limit=1) == [1]
    second_half = {"startTime": middle + 1}
    assert await ids(rig, "myTrades", "id", **second_half) == [2, 3]
    assert await ids(rig, "myTrades", "id", **second_half, limit=1) == [2]
    assert await ids(rig, "myTrades", "id", startTime=middle, endTime=middle) == [
        row["id"] for row in await rig.ask("myTrades", symbol="BTCUSDT") if row["time"] == middle
    ]
    assert await ids(rig, "allOrders", "orderId", **second_half) == [6, 8]
    assert await ids(rig, "allOrders", "orderId", **first_half) == [2, 4]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, [2, 4, 6]),
        ({"limit": 2}, [4, 6]),
        ({"orderId": 3}, [4, 6]),
        ({"orderId": 2, "limit": 2}, [2, 4]),
        ({"orderId": 7}, []),
    ],
)
async def test_orders_by_id(rig: Rig, params: dict[str, int], expected: list[int]) -> None:
    await trades(rig, 3)
    assert await ids(rig, "allOrders", "orderId", **params) == expected


async def test_an_account_that_did_nothing_has_no_rows(rig: Rig) -> None:
    for name, params in (
        ("openOrders.status", {}),
        ("openOrders.status", {"symbol": "BTCUSDT"}),
        ("allOrders", {"symbol": "BTCUSDT"}),
        ("myTrades", {"symbol": "BTCUSDT"}),
        ("myPreventedMatches", {"symbol": "BTCUSDT", "orderId": 1}),
    ):
        assert await rig.ask(name, CAROL, **params) == []


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ({}, (None, None)),
        ({"startTime": 5_000}, (5_000, 5_000 + DAY_US)),
        ({"endTime": 5_000}, (None, 5_999)),
        ({"endTime": 5_001}, (None, 5_001)),
        ({"startTime": 5_000, "endTime": 5_000}, (5_000, 5_999)),
        ({"startTime": 0, "endTime": DAY_US}, (0, DAY_US + 999)),
    ],
)
def test_a_window_includes_the_whole_last_millisecond(
    args: dict[str, int], expected: tuple[int | None, int | None]
) -> None:
    assert window(args) == expected


@pytest.mark.parametrize(
    ("mode", "lost"),
    [
        ("EXPIRE_TAKER", {"takerPreventedQuantity": "0.50000000"}),
        ("EXPIRE_MAKER", {"makerPreventedQuantity": "0.30000000"}),
    ],
)
async def test_a_prevented_match_in_full(rig: Rig, mode: str, lost: dict[str, str]) -> None:
    await rig.limit(ALICE, "SELL", "20000", "0.3")
    await rig.limit(ALICE, "BUY", "20001", "0.5", selfTradePreventionMode=mode)
    expected = [
        {
            "symbol": "BTCUSDT",
            "preventedMatchId": 0,
            "takerOrderId": 2,
            "makerSymbol": "BTCUSDT",
            "makerOrderId": 1,
            "tradeGroupId": -1,
            "selfTradePreventionMode": mode,
            "price": "20000.000000",
            **lost,
            "transactTime": rig.ms,
        }
    ]
    for params in ({"preventedMatchId": 0}, {"orderId": 1}, {"orderId": 2, "fromPreventedMatchId": 0}):
        assert await rig.ask("myPreventedMatches", symbol="BTCUSDT", **params) == expected
    assert await rig.ask("myPreventedMatches", symbol="BTCUSDT", orderId=2, fromPreventedMatchId=1) == []
    assert await rig.ask("myPreventedMatches", BOB, symbol="BTCUSDT", preventedMatchId=0) == []


async def test_order_counts_come_from_the_limiter(rig: Rig) -> None:
    rig.limiter.charge_orders(ALICE, 3, 1_700_000_000_000_000)
    row = {"rateLimitType": "ORDERS", "intervalNum": 10, "interval": "SECOND", "limit": 100, "count": 3}
    day = row | {"intervalNum": 1, "interval": "DAY", "limit": 200_000}
    assert await rig.ask("account.rateLimits.orders") == [row, day]


async def test_weights_depend_on_what_is_asked(rig: Rig) -> None:
    weights = {}
    for name, args in (
        ("openOrders.status", {}),
        ("openOrders.status", {"symbol": "BTCUSDT"}),
        ("myTrades", {}),
        ("myTrades", {"orderId": 1}),
        ("myPreventedMatches", {"preventedMatchId": 1}),
        ("myPreventedMatches", {"orderId": 1}),
    ):
        weight = rig.operations[name].weight
        assert callable(weight)
        weights[name, *args] = weight(args)
    assert list(weights.values()) == [80, 6, 20, 5, 2, 20]


async def test_an_order_that_ended_unfilled_90_days_ago_is_archived(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await rig.limit(BOB, "SELL", "20000", "0.1")
    filled, canceled, resting = [
        (await rig.limit(ALICE, "BUY", price, quantity))["orderId"]
        for price, quantity in (("20000", "0.1"), ("19000", "0.1"), ("18000", "0.1"))
    ]
    await rig.limit(BOB, "SELL", "20000", "0.1")
    partly = (await rig.limit(ALICE, "BUY", "20000", "0.2"))["orderId"]
    for order_id in (canceled, partly):
        await rig.ask("order.cancel", symbol="BTCUSDT", orderId=order_id, newClientOrderId=f"end{order_id}")

    async def ask(**names: Any) -> Any:
        try:
            return (await rig.ask("order.status", symbol="BTCUSDT", **names))["status"]
        except ApiError as error:
            return error.code

    age_us = 90 * DAY_US
    ended_us = rig.view.by_id[canceled].updated_us
    monkeypatch.setattr("tests.trading.rig.NOW_US", ended_us + age_us)
    assert await ask(orderId=canceled) == "CANCELED"
    monkeypatch.setattr("tests.trading.rig.NOW_US", rig.results[-1].time_us + age_us + 1)
    assert await ask(orderId=canceled) == await ask(origClientOrderId=f"end{canceled}") == -2026
    assert [await ask(orderId=id) for id in (filled, resting, partly)] == ["FILLED", "NEW", "CANCELED"]
    assert canceled in await ids(rig, "allOrders", "orderId")
