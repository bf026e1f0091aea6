"""What an account's stream says, event by event and field by field."""

from typing import Any

import msgspec

from tandem.trading.user_stream import Burst
from tests.trading.rig import ALICE, BOB, BTC, CAROL, USDT, Rig

Report = dict[str, Any]


def report(rig: Rig, **fields: Any) -> Report:
    """A report of the last command: what a new LIMIT BUY order of 0.5 at 20000 says, but for `fields`."""
    return {
        "e": "executionReport",
        "E": rig.ms,
        "s": "BTCUSDT",
        "c": "mine",
        "S": "BUY",
        "o": "LIMIT",
        "f": "GTC",
        "q": "0.50000000",
        "p": "20000.000000",
        "P": "0.000000",
        "F": "0.00000000",
        "g": -1,
        "C": "",
        "x": "NEW",
        "X": "NEW",
        "r": "NONE",
        "i": 1,
        "l": "0.00000000",
        "z": "0.00000000",
        "L": "0.000000",
        "n": "0",
        "N": None,
        "T": rig.ms,
        "t": -1,
        "I": rig.execution(),
        "w": False,
        "m": False,
        "M": False,
        "O": rig.ms,
        "W": rig.ms,
        "Z": "0.000000",
        "Y": "0.000000",
        "Q": "0.000000",
        "V": "EXPIRE_TAKER",
    } | fields


def position(rig: Rig, btc: tuple[str, str] | None, usdt: tuple[str, str] | None) -> Report:
    rows = [
        {"a": code, "f": free_locked[0], "l": free_locked[1]}
        for code, free_locked in (("BTC", btc), ("USDT", usdt))
        if free_locked is not None
    ]
    return {"e": "outboundAccountPosition", "E": rig.ms, "u": rig.ms, "B": rows}


FULL_BTC = ("100.00000000", "0.00000000")


async def test_a_limit_order_rests(rig: Rig) -> None:
    heard, _ = rig.hear(ALICE)
    await rig.limit(ALICE, "BUY", "20000", "0.5", newClientOrderId="mine")
    assert heard == [report(rig, w=True), position(rig, FULL_BTC, ("990000.000000", "10000.000000"))]


async def test_fields_come_in_the_apis_order(rig: Rig) -> None:
    heard, _ = rig.hear(ALICE)
    await rig.limit(ALICE, "BUY", "20000", "0.5", strategyId=1, strategyType=1_000_000)
    assert list(heard[0])[:34] == list(report(rig))
    assert (heard[0]["j"], heard[0]["J"]) == (1, 1_000_000)


async def test_a_taker_fills_two_makers(rig: Rig) -> None:
    await rig.limit(BOB, "SELL", "19000", "0.2", newClientOrderId="bobs")
    bobs_ms = rig.ms
    await rig.limit(CAROL, "SELL", "20000", "0.3")
    takers, _ = rig.hear(ALICE)
    makers, _ = rig.hear(BOB)
    await rig.limit(ALICE, "BUY", "20000", "0.5", newClientOrderId="mine")
    mine = {"i": 3, "N": "BTC", "M": True}
    first = {"x": "TRADE", "X": "PARTIALLY_FILLED", "l": "0.20000000", "z": "0.20000000", "L": "19000.000000"}
    second = {"x": "TRADE", "X": "FILLED", "l": "0.30000000", "z": "0.50000000", "L": "20000.000000"}
    assert takers == [
        report(rig, i=3, w=True),
        report(
            rig, **mine, **first, n="0.00040000", t=0, I=rig.execution(0, 1), w=True, Z="3800.000000", Y="3800.000000"
        ),
        report(rig, **mine, **second, n="0.00060000", t=1, I=rig.execution(0, 3), Z="9800.000000", Y="6000.000000"),
        position(rig, ("100.49900000", "0.00000000"), ("990200.000000", "0.000000")),
    ]
    assert makers == [
        report(
            rig,
            **{k: first[k] for k in ("x", "l", "z", "L")},
            c="bobs",
            S="SELL",
            q="0.20000000",
            p="19000.000000",
            X="FILLED",
            n="3.800000",
            N="USDT",
            t=0,
            I=rig.execution(0, 2),
            m=True,
            M=True,
            O=bobs_ms,
            W=bobs_ms,
            Z="3800.000000",
            Y="3800.000000",
        ),
        position(rig, ("99.80000000", "0.00000000"), ("1003796.200000", "0.000000")),
    ]


async def test_a_market_order_that_fills_in_part(rig: Rig) -> None:
    await rig.limit(BOB, "SELL", "20000", "0.2")
    heard, _ = rig.hear(ALICE)
    await rig.market(ALICE, "BUY", quantity="0.5", newClientOrderId="mine")
    order = {"i": 2, "o": "MARKET", "p": "0.000000"}
    filled = {"z": "0.20000000", "Z": "4000.000000"}
    assert heard == [
        report(rig, **order, w=True),
        report(
            rig,
            **order,
            **filled,
            x="TRADE",
            X="PARTIALLY_FILLED",
            l="0.20000000",
            L="20000.000000",
            n="0.00040000",
            N="BTC",
            t=0,
            I=rig.execution(0, 1),
            M=True,
            Y="4000.000000",
        ),
        report(rig, **order, **filled, x="EXPIRED", X="EXPIRED", I=rig.execution(0, 2), eR="INSUFFICIENT_LIQUIDITY"),
        position(rig, ("100.19960000", "0.00000000"), ("996000.000000", "0.000000")),
    ]


async def test_a_cancel_has_its_own_id_and_the_orders(rig: Rig) -> None:
    await rig.limit(ALICE, "BUY", "20000", "0.5", newClientOrderId="mine")
    placed_ms = rig.ms
    heard, _ = rig.hear(ALICE)
    await rig.ask("order.cancel", symbol="BTCUSDT", orderId=1, newClientOrderId="stop")
    assert heard == [
        report(rig, c="stop", C="mine", x="CANCELED", X="CANCELED", O=placed_ms, W=placed_ms),
        position(rig, FULL_BTC, ("1000000.000000", "0.000000")),
    ]


async def test_canceling_all_reports_each_order_and_the_balances_once(rig: Rig) -> None:
    await rig.limit(ALICE, "BUY", "20000", "0.5", newClientOrderId="a")
    await rig.limit(ALICE, "BUY", "19999", "0.5", newClientOrderId="b")
    heard, _ = rig.hear(ALICE)
    await rig.ask("openOrders.cancelAll", symbol="BTCUSDT")
    cancel_id = f"cancel{rig.results[-1].seq:016d}"
    assert [(e["e"], e.get("x"), e.get("i"), e.get("c"), e.get("C")) for e in heard] == [
        ("executionReport", "CANCELED", 1, cancel_id, "a"),
        ("executionReport", "CANCELED", 2, cancel_id, "b"),
        ("outboundAccountPosition", None, None, None, None),
    ]
    assert [heard[0]["I"], heard[1]["I"]] == [rig.execution(), rig.execution(0, 1)]


async def test_a_maker_that_prevention_ends(rig: Rig) -> None:
    await rig.limit(ALICE, "SELL", "19000", "0.2", newClientOrderId="maker")
    placed_ms = rig.ms
    heard, _ = rig.hear(ALICE)
    await rig.limit(ALICE, "BUY", "20000", "0.5", newClientOrderId="mine", selfTradePreventionMode="EXPIRE_MAKER")
    assert heard == [
        report(rig, i=2, w=True, V="EXPIRE_MAKER"),
        report(
            rig,
            c="maker",
            S="SELL",
            q="0.20000000",
            p="19000.000000",
            x="TRADE_PREVENTION",
            X="EXPIRED_IN_MATCH",
            I=rig.execution(0, 1),
            O=placed_ms,
            W=placed_ms,
            v=0,
            A="0.20000000",
            B="0.20000000",
            U=2,
            Cs="BTCUSDT",
            pl="0.20000000",
            pL="19000.000000",
            pY="3800.000000",
        ),
        position(rig, FULL_BTC, ("990000.000000", "10000.000000")),
    ]


async def test_a_decrement_reports_both_orders_maker_ended_taker_on(rig: Rig) -> None:
    await rig.limit(ALICE, "SELL", "19000", "0.2", newClientOrderId="maker")
    heard, _ = rig.hear(ALICE)
    await rig.limit(ALICE, "BUY", "20000", "0.5", newClientOrderId="mine", selfTradePreventionMode="DECREMENT")
    shown = ("x", "X", "i", "A", "B", "U", "pl", "w")
    assert [tuple(e.get(k) for k in shown) for e in heard[:-1]] == [
        ("NEW", "NEW", 2, None, None, None, None, True),
        ("TRADE_PREVENTION", "NEW", 2, "0.20000000", "0.20000000", 1, "0.20000000", True),
        ("TRADE_PREVENTION", "EXPIRED_IN_MATCH", 1, "0.20000000", "0.20000000", 2, "0.20000000", False),
    ]
    assert heard[-1] == position(rig, FULL_BTC, ("994000.000000", "6000.000000"))


async def test_both_orders_that_prevention_ends(rig: Rig) -> None:
    await rig.limit(ALICE, "SELL", "19000", "0.2")
    heard, _ = rig.hear(ALICE)
    await rig.limit(ALICE, "BUY", "20000", "0.5", selfTradePreventionMode="EXPIRE_BOTH")
    assert [(e["x"], e["X"], e["i"], e.get("B"), e.get("pl")) for e in heard[:-1]] == [
        ("NEW", "NEW", 2, None, None),
        ("TRADE_PREVENTION", "EXPIRED_IN_MATCH", 2, "0.50000000", "0.20000000"),
        ("TRADE_PREVENTION", "EXPIRED_IN_MATCH", 1, "0.20000000", "0.20000000"),
    ]


async def test_funds_come_and_go(rig: Rig) -> None:
    heard, _ = rig.hear(ALICE)
    await rig.done(rig.engine.credit(ALICE, BTC, 150_000_000))
    came = {"e": "balanceUpdate", "E": rig.ms, "a": "BTC", "d": "1.50000000", "T": rig.ms}
    assert heard == [came, position(rig, ("101.50000000", "0.00000000"), None)]
    heard.clear()
    await rig.done(rig.engine.debit(ALICE, USDT, 1))
    went = {"e": "balanceUpdate", "E": rig.ms, "a": "USDT", "d": "-0.000001", "T": rig.ms}
    assert heard == [went, position(rig, None, ("999999.999999", "0.000000"))]


async def test_each_account_hears_only_itself(rig: Rig) -> None:
    heard, _ = rig.hear(ALICE)
    await rig.limit(BOB, "BUY", "20000", "0.5")
    assert heard == []


async def test_every_connection_hears_the_same_bytes_in_its_own_time_unit(rig: Rig) -> None:
    raw: list[Burst] = []
    rig.streams.subscribe(ALICE, raw.append)
    rig.streams.subscribe(ALICE, raw.append)
    micros, _ = rig.hear(ALICE, micros=True)
    await rig.limit(ALICE, "BUY", "20000", "0.5")
    assert raw[0] is raw[1]
    assert micros[0]["E"] == rig.results[-1].time_us
    assert micros[1]["u"] == rig.results[-1].time_us


async def test_nothing_is_heard_after_leaving(rig: Rig) -> None:
    first, leave_first = rig.hear(ALICE)
    second, leave_second = rig.hear(ALICE)
    leave_first()
    leave_first()
    await rig.limit(ALICE, "BUY", "20000", "0.5")
    assert (len(first), len(second)) == (0, 2)
    leave_second()
    await rig.limit(ALICE, "BUY", "20000", "0.5")
    assert (len(second), rig.results[-1].balances, rig.view.watched) == (2, [], set())


async def test_all_reports_of_a_command_are_handed_over_at_once(rig: Rig) -> None:
    """However many makers it meets, a listener is called once."""
    told: list[Burst] = []
    for number in range(4):
        await rig.limit(BOB, "SELL", f"2000{number}", "0.1")
    rig.streams.subscribe(ALICE, told.append)
    await rig.market(ALICE, "BUY", quantity="0.4")
    kinds = [[msgspec.json.decode(event).get("x", "funds") for event in burst.events] for burst in told]
    assert kinds == [["NEW", "TRADE", "TRADE", "TRADE", "TRADE", "funds"]]


async def test_a_connection_may_leave_while_it_hears(rig: Rig) -> None:
    heard: list[Burst] = []

    def hear_once(burst: Burst) -> None:
        heard.append(burst)
        leave()

    leave = rig.streams.subscribe(ALICE, hear_once)
    await rig.limit(ALICE, "BUY", "20000", "0.5")
    assert len(heard) == 1


async def test_execution_ids_rise_over_commands(rig: Rig) -> None:
    heard, _ = rig.hear(ALICE)
    for _ in range(3):
        await rig.limit(ALICE, "BUY", "20000", "0.5")
    ids = [event["I"] for event in heard if event["e"] == "executionReport"]
    assert ids == sorted(set(ids))
