"""Streams of special orders on the real engine: what comes, and in which order."""

from typing import Any

import pytest

from tandem.domain.errors import ApiError
from tandem.domain.trading import SelfTradePrevention
from tandem.platform.engine import MarketRules
from tests.trading.rig import ALICE, BOB, BTC, BTCUSDT, CAROL, RULES, Rig
from tests.trading.test_placing_lists import OCO, OPO, OTOCO

ROUTER, USDC, BTCUSDC = 4, 2, 1
STOP = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.5", "timeInForce": "GTC"}


def short(heard: list[Any]) -> list[tuple[Any, ...]]:
    told: list[tuple[Any, ...]] = []
    for event in heard:
        match event["e"]:
            case "listStatus":
                told.append((event["g"], event["l"]))
            case "executionReport":
                told.append((event["i"], event["x"], event["X"], event["w"]))
            case kind:
                told.append((kind,))
    heard.clear()
    return told


POSITION = ("outboundAccountPosition",)


async def trade(rig: Rig, price: str) -> None:
    await rig.limit(CAROL, "SELL", price, "0.001")
    await rig.limit(BOB, "BUY", price, "0.001")


async def test_a_stop_order_fires_because_of_others(rig: Rig) -> None:
    await trade(rig, "20000")
    heard, _ = rig.hear(ALICE)
    await rig.ask("order.place", ALICE, type="STOP_LOSS_LIMIT", stopPrice="19000", price="18000", **STOP)
    assert short(heard) == [(3, "NEW", "NEW", False), POSITION]
    await rig.limit(BOB, "BUY", "18500", "0.1")
    await trade(rig, "19000")
    assert short(heard) == [
        (3, "NEW", "NEW", True),
        (3, "TRADE", "PARTIALLY_FILLED", True),
        POSITION,
    ]


async def test_a_stop_leg_fires_and_ends_the_limit_leg_first(rig: Rig) -> None:
    await trade(rig, "20000")
    await rig.limit(BOB, "BUY", "18500", "0.5")
    heard, _ = rig.hear(ALICE)
    await rig.ask("orderList.place.oco", ALICE, **OCO)
    assert short(heard) == [(0, "EXEC_STARTED"), (4, "NEW", "NEW", False), (5, "NEW", "NEW", True), POSITION]
    await trade(rig, "19000")
    assert short(heard) == [
        (5, "EXPIRED", "EXPIRED", False),
        (4, "NEW", "NEW", True),
        (4, "TRADE", "FILLED", False),
        (0, "ALL_DONE"),
        POSITION,
    ]


async def test_a_pending_pair_starts_when_the_working_order_is_filled_and_ends_by_a_cancel(rig: Rig) -> None:
    await trade(rig, "20000")
    heard, _ = rig.hear(ALICE)
    await rig.ask("orderList.place.otoco", ALICE, **OTOCO)
    assert short(heard) == [
        (0, "EXEC_STARTED"),
        (3, "NEW", "NEW", True),
        (4, "NEW", "PENDING_NEW", False),
        (5, "NEW", "PENDING_NEW", False),
        POSITION,
    ]
    await rig.limit(BOB, "SELL", "20000", "0.5")
    assert short(heard) == [
        (3, "TRADE", "FILLED", False),
        (4, "NEW", "NEW", False),
        (5, "NEW", "NEW", True),
        POSITION,
    ]
    await rig.ask("order.cancel", ALICE, symbol="BTCUSDT", orderId=5)
    assert short(heard) == [
        (5, "CANCELED", "CANCELED", False),
        (4, "CANCELED", "CANCELED", False),
        (0, "ALL_DONE"),
        POSITION,
    ]


async def test_an_opo_sells_what_was_bought_less_the_fee(rig: Rig) -> None:
    await rig.done(rig.engine.debit(ALICE, BTC, 100 * 10**8))
    heard, _ = rig.hear(ALICE)
    await rig.ask("orderList.place.opo", ALICE, **OPO)
    pending = heard[2]
    assert (pending["q"], pending["X"]) == ("0.00000000", "PENDING_NEW")
    heard.clear()
    await rig.limit(BOB, "SELL", "20000", "0.5")
    assert [event["q"] for event in heard if event.get("i") == pending["i"]] == ["0.49950000"]
    assert heard[-1]["B"][0] == {"a": "BTC", "f": "0.00000000", "l": "0.49950000"}


async def test_amending_a_list_member(rig: Rig) -> None:
    await trade(rig, "20000")
    await rig.ask("orderList.place.oco", ALICE, **OCO)
    heard, _ = rig.hear(ALICE)
    await rig.ask("order.amend.keepPriority", ALICE, symbol="BTCUSDT", orderId=4, newQty="0.4")
    assert short(heard) == [
        (4, "REPLACED", "NEW", True),
        (0, "UPDATED"),
        (3, "REPLACED", "NEW", False),
        POSITION,
    ]


async def test_a_routed_order_meets_both_books(rig: Rig) -> None:
    engine = rig.engine
    await rig.done(engine.create_asset("USDC", "Circle", 6))
    await rig.done(engine.create_market("BTCUSDC", BTC, USDC, MarketRules(**RULES)))
    await rig.done(engine.create_account("router"))
    await rig.done(engine.credit(ROUTER, USDC, 10**12))
    await rig.done(engine.set_sor(BTC, [BTCUSDT, BTCUSDC], ROUTER))
    await rig.limit(BOB, "SELL", "19900", "0.2", symbol="BTCUSDC")
    await rig.limit(CAROL, "SELL", "20000", "0.1")
    taker, _ = rig.hear(ALICE)
    maker, _ = rig.hear(BOB)
    sent = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    await rig.ask("/api/v3/sor/order", ALICE, quantity="0.5", price="20000", **sent)
    letters = ("x", "k", "uS", "t", "a", "b")
    assert [tuple(event.get(letter) for letter in letters) for event in taker[:-1]] == [
        ("NEW", "EXCHANGE", True, -1, None, None),
        ("TRADE", "SOR", True, -1, 0, "ONE_PARTY_TRADE_REPORT"),
        ("TRADE", "EXCHANGE", True, 0, None, None),
    ]
    assert [(event["s"], event["x"], event["m"], event["N"]) for event in maker[:-1]] == [
        ("BTCUSDC", "TRADE", True, "USDC")
    ]


async def test_a_transfer_between_accounts_of_a_group(rig: Rig) -> None:
    engine = rig.engine
    modes = 2 ** len(SelfTradePrevention) - 1
    await rig.done(engine.update_market(BTCUSDT, rig.rules(stp_allowed=modes)))
    for account in (ALICE, BOB):
        await rig.done(engine.update_account(account, True, None, 7, 1, False))
    await rig.limit(BOB, "SELL", "20000", "0.5", selfTradePreventionMode="TRANSFER")
    heard, _ = rig.hear(ALICE)
    await rig.limit(ALICE, "BUY", "20000", "0.5", selfTradePreventionMode="TRANSFER")
    assert [event["u"] for event in heard if "v" in event] == [7]
    assert [(event["a"], event["d"]) for event in heard if event["e"] == "balanceUpdate"] == [
        ("BTC", "0.50000000"),
        ("USDT", "-10000.000000"),
    ]
    assert heard[-1]["B"] == [
        {"a": "BTC", "f": "100.50000000", "l": "0.00000000"},
        {"a": "USDT", "f": "990000.000000", "l": "0.000000"},
    ]
    for account in (ALICE, BOB):
        (match,) = await rig.ask("myPreventedMatches", account, symbol="BTCUSDT", preventedMatchId=0)
        assert (match["tradeGroupId"], match["makerSymbol"]) == (7, "BTCUSDT")


@pytest.mark.parametrize("kind", ["STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"])
async def test_a_trailing_order_follows_and_fires(rig: Rig, kind: str) -> None:
    await trade(rig, "20000")
    followed_us = rig.results[-1].time_us
    heard, _ = rig.hear(ALICE, micros=True)
    await rig.ask("order.place", ALICE, type=kind, price="18000", trailingDelta=100, **STOP)
    assert followed_us < heard[0]["D"] == heard[0]["E"]
    assert "W" not in heard[0]
    placed_us = heard[0]["E"]
    heard.clear()
    await trade(rig, "21000")
    assert heard == []
    await trade(rig, "20790")
    assert (heard[0]["D"], heard[0]["W"], heard[0]["w"]) == (placed_us, rig.results[-1].time_us, True)


async def test_a_list_that_is_refused(rig: Rig) -> None:
    await trade(rig, "25000")
    heard, _ = rig.hear(ALICE)
    with pytest.raises(ApiError):
        await rig.ask("orderList.place.oco", ALICE, **OCO)
    assert [(event["l"], event["L"], event["r"]) for event in heard] == [("RESPONSE", "REJECT", "OCO_BAD_PRICES")]
