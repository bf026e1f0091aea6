"""What streams say of orders that are not plain, of lists, and of funds inside a trade group, field by field."""

from typing import Any

import pytest

from tandem.domain.trading import CloseReason, ListKind, OrderKind
from tandem.platform.engine import CancelReplaced, ListClosed, OrderExtra, Result, Terms, TrailingStarted
from tandem.trading.rejections import tell_rejected_list, tell_rejected_order
from tests.trading.rig import ALICE, BOB, BTC, BTCUSDT
from tests.trading.told import (
    BNB,
    BTCUSDC,
    HALF,
    PENDING,
    PRICE,
    WAITING,
    Told,
    accepted,
    allocated,
    amended,
    closed,
    listed,
    oco,
    prevented,
    released,
    stop,
    traded,
)

Report = dict[str, Any]
BALANCE_INSUFFICIENT, WOULD_TAKE, WOULD_TRIGGER, LIST_PRICES_INVALID, LOT_SIZE_FAILED = 15, 27, 58, 60, 21


def report(told: Told, order_id: int, *absent: str, **fields: Any) -> Report:
    """What a new plain order of Alice's says in the command told last, but for `fields` and without `absent`."""
    whole = {
        "e": "executionReport",
        "E": told.ms,
        "s": "BTCUSDT",
        "c": f"c{order_id}",
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
        "i": order_id,
        "l": "0.00000000",
        "z": "0.00000000",
        "L": "0.000000",
        "n": "0",
        "N": None,
        "T": told.ms,
        "t": -1,
        "I": told.execution(),
        "w": True,
        "m": False,
        "M": False,
        "O": told.ms,
        "W": told.ms,
        "Z": "0.000000",
        "Y": "0.000000",
        "Q": "0.000000",
        "V": "EXPIRE_TAKER",
    }
    return {key: value for key, value in (whole | fields).items() if key not in absent}


def list_status(told: Told, list_id: int, kind: str, statuses: tuple[str, str], *orders: tuple[int, str]) -> Report:
    return {
        "e": "listStatus",
        "E": told.ms,
        "s": "BTCUSDT",
        "g": list_id,
        "c": kind,
        "l": statuses[0],
        "L": statuses[1],
        "r": "NONE",
        "C": f"list{list_id}",
        "T": told.ms,
        "O": [{"s": "BTCUSDT", "i": order_id, "c": client_id} for order_id, client_id in orders],
    }


STARTED, UPDATED, DONE = ("EXEC_STARTED", "EXECUTING"), ("UPDATED", "EXECUTING"), ("ALL_DONE", "ALL_DONE")


def short(heard: list[Report]) -> list[tuple[Any, ...]]:
    return [
        (event["g"], event["l"]) if event["e"] == "listStatus" else (event["i"], event["x"], event["X"])
        for event in heard
    ]


# --- waiting and working


async def test_a_stop_order_is_new_twice_and_has_a_working_time_the_second_time(told: Told) -> None:
    heard, _ = told.hear(ALICE)
    told.tell(stop(1, stop_price=PRICE - 1_000_000, x_iceberg_qty=1_000_000))
    placed_ms = told.ms
    said = {"o": "STOP_LOSS_LIMIT", "P": "19999.000000", "F": "0.01000000"}
    assert heard == [report(told, 1, "W", **said, w=False)]
    heard.clear()
    told.tell(released(1))
    assert heard == [report(told, 1, **said, O=placed_ms)]
    assert list(heard[0]) == list(report(told, 1))


async def test_an_order_of_an_account_that_sent_nothing_is_reported_when_it_fires(told: Told) -> None:
    told.tell(stop(1))
    heard, _ = told.hear(ALICE)
    told.tell(
        accepted(2, account=BOB, side=1),
        released(1),
        traded(1, 2),
        balances=((ALICE, BTC, 50_000_000, 0), (BOB, BTC, 1, 0)),
    )
    assert [event.get("x", event["e"]) for event in heard] == ["NEW", "TRADE", "outboundAccountPosition"]


async def test_what_works_as_market_is_on_the_book_when_new_and_not_when_filled_in_part(told: Told) -> None:
    told.tell(stop(1, kind=int(OrderKind.STOP_LOSS), price=0), accepted(2, account=BOB, side=1))
    heard, _ = told.hear(ALICE)
    told.tell(
        released(1),
        traded(1, 2, qty=10_000_000, taker_left=40_000_000),
        closed(1, CloseReason.INSUFFICIENT_LIQUIDITY, left=40_000_000),
    )
    assert [(event["o"], event["x"], event["w"], event.get("eR")) for event in heard] == [
        ("STOP_LOSS", "NEW", True, None),
        ("STOP_LOSS", "TRADE", False, None),
        ("STOP_LOSS", "EXPIRED", False, "INSUFFICIENT_LIQUIDITY"),
    ]


async def test_a_trailing_order_tells_its_delta_and_since_when_it_follows(told: Told) -> None:
    heard, _ = told.hear(ALICE)
    told.tell(stop(1, x_trailing_delta=250))
    told.tell(TrailingStarted(order_id=1, account=ALICE, market=BTCUSDT))
    followed_ms = told.ms
    told.tell(released(1))
    assert [(event["d"], event["D"]) for event in heard] == [(250, -1), (250, followed_ms)]


async def test_a_pegged_order_tells_its_price_once_it_is_known(told: Told) -> None:
    heard, _ = told.hear(ALICE)
    told.tell(stop(1, price=0, x_peg_price=1))
    told.tell(released(1, pegged_price=PRICE))
    told.tell(accepted(2, OrderExtra(peg_price=0, peg_offset=3, pegged_price=PRICE), price=0, qty=1))
    letters = ("p", "gP", "gOT", "gOV", "gp")
    assert [tuple(event.get(letter) for letter in letters) for event in heard] == [
        ("0.000000", "MARKET_PEG", None, None, None),
        ("0.000000", "MARKET_PEG", None, None, "20000.000000"),
        ("0.000000", "PRIMARY_PEG", "PRICE_LEVEL", 3, "20000.000000"),
    ]


async def test_a_triggered_order_that_fails_a_check_expires_without_having_worked(told: Told) -> None:
    told.tell(stop(1))
    placed_ms = told.ms
    heard, _ = told.hear(ALICE)
    told.tell(closed(1, CloseReason.REJECTED))
    expired = {"o": "STOP_LOSS_LIMIT", "P": "20000.000000", "x": "EXPIRED", "X": "EXPIRED", "eR": "REJECTED"}
    assert heard == [report(told, 1, "W", **expired, w=False, O=placed_ms)]


async def test_a_trailing_stop_says_the_letters_of_both_times_in_micros(told: Told) -> None:
    micros, _ = told.hear(ALICE, micros=True)
    told.tell(stop(1, stop_price=0, x_trailing_delta=1), TrailingStarted(order_id=1, account=ALICE, market=BTCUSDT))
    told.tell(released(1))
    assert (micros[1]["D"], micros[1]["W"]) == (told.time_us - 1_000_000, told.time_us)


# --- routing, fees


async def test_an_allocation_has_its_own_id_and_no_trade(told: Told) -> None:
    heard, _ = told.hear(ALICE)
    told.tell(accepted(1, account=BOB, side=1, market=BTCUSDC))
    told.tell(
        accepted(2, OrderExtra(use_sor=True), stp=0, strategy_id=5),
        traded(2, 1, market=BTCUSDC, taker_account=3, taker_fee=0, is_routed=True),
        allocated(2, 7),
    )
    assert heard == [
        report(told, 2, V="NONE", j=5, k="EXCHANGE", uS=True),
        report(
            told,
            2,
            x="TRADE",
            X="FILLED",
            l="0.50000000",
            z="0.50000000",
            L="20000.000000",
            n="0.00100000",
            N="BTC",
            I=told.execution(1),
            w=False,
            M=True,
            Z="10000.000000",
            Y="10000.000000",
            V="NONE",
            j=5,
            k="SOR",
            uS=True,
            b="ONE_PARTY_TRADE_REPORT",
            a=7,
        ),
    ]


async def test_a_fee_is_shown_in_what_it_was_paid_in(told: Told) -> None:
    told.tell(accepted(1), accepted(2, account=BOB, side=1))
    heard, _ = told.hear(ALICE)
    told.tell(traded(1, 2, taker_fee=1_500, taker_fee_asset=BNB))
    assert [(event["n"], event["N"]) for event in heard] == [("0.001500", "BNB")]


# --- amends


async def test_an_amend_replaces_and_its_execution_id_is_the_amendments(told: Told) -> None:
    told.tell(accepted(1))
    placed_ms = told.ms
    heard, _ = told.hear(ALICE)
    told.tell(amended(1, 40_000_000, "second"))
    said = {"c": "second", "q": "0.40000000", "O": placed_ms, "W": placed_ms}
    assert heard == [report(told, 1, **said, C="c1", x="REPLACED")]
    assert heard[0]["I"] == told.order(1).extra.amends[0].execution_id  # type: ignore[union-attr, index]
    heard.clear()
    told.tell(amended(1, 10_000_000, "third", left=0, old_id="second"), closed(1, CloseReason.AMENDED, left=0))
    said = {"c": "third", "q": "0.10000000", "O": placed_ms, "W": placed_ms, "w": False}
    assert heard == [
        report(told, 1, **said, C="second", x="REPLACED"),
        report(told, 1, **said, x="EXPIRED", X="EXPIRED", I=told.execution(1)),
    ]


async def test_an_amend_of_a_waiting_order_is_not_on_the_book(told: Told) -> None:
    told.tell(stop(1))
    heard, _ = told.hear(ALICE)
    told.tell(amended(1, 40_000_000, "c1"))
    assert [(event["x"], event["w"], event["C"], "W" in event) for event in heard] == [("REPLACED", False, "c1", False)]


# --- lists


async def test_a_pair_starts_and_one_order_ends_the_other(told: Told) -> None:
    heard, _ = told.hear(ALICE)
    told.tell(*oco(0, 1))
    orders = ((1, "c1"), (2, "c2"))
    said = {"S": "SELL", "g": 0}
    assert heard == [
        list_status(told, 0, "OCO", STARTED, *orders),
        report(told, 1, "W", **said, o="STOP_LOSS_LIMIT", p="19999.980000", P="19999.990000", w=False),
        report(told, 2, **said, o="LIMIT_MAKER", p="20000.010000", I=told.execution(1)),
    ]
    heard.clear()
    told.tell(
        accepted(3, account=BOB),
        traded(3, 2, taker_account=BOB, maker_account=ALICE),
        closed(1, CloseReason.OCO_TRIGGER),
        ListClosed(list_id=0, account=ALICE, market=BTCUSDT),
    )
    assert short(heard) == [(2, "TRADE", "FILLED"), (1, "EXPIRED", "EXPIRED"), (0, "ALL_DONE")]
    assert heard[1]["eR"] == "OCO_TRIGGER"
    assert heard[2] == list_status(told, 0, "OCO", DONE, *orders)


async def test_pending_orders_are_new_when_the_working_order_is_filled(told: Told) -> None:
    heard, _ = told.hear(ALICE)
    working = accepted(1, OrderExtra(list_id=0))
    legs = [stop(order_id, state=PENDING, x_list_id=0, side=1, qty=0) for order_id in (2, 3)]
    told.tell(*listed(0, ListKind.OPOCO, working, *legs))
    assert short(heard) == [
        (0, "EXEC_STARTED"),
        (1, "NEW", "NEW"),
        (2, "NEW", "PENDING_NEW"),
        (3, "NEW", "PENDING_NEW"),
    ]
    assert (heard[0]["c"], heard[2]["q"], heard[2]["w"], "W" in heard[2]) == ("OTO", "0.00000000", False, False)
    heard.clear()
    told.tell(
        accepted(4, account=BOB, side=1),
        traded(4, 1, taker_account=BOB, maker_account=ALICE, taker_side=1),
        released(2, WAITING, cause=1, qty=49_900_000),
        released(3, WAITING, cause=1, qty=49_900_000),
    )
    assert short(heard) == [(1, "TRADE", "FILLED"), (2, "NEW", "NEW"), (3, "NEW", "NEW")]
    assert (heard[1]["q"], heard[1]["w"]) == ("0.49900000", False)


async def test_a_list_is_updated_when_an_amend_renames_an_order(told: Told) -> None:
    told.tell(*oco(0, 1))
    heard, _ = told.hear(ALICE)
    told.tell(amended(2, 40_000_000, "second"), amended(1, 40_000_000, "c1"))
    assert short(heard) == [(2, "REPLACED", "NEW"), (0, "UPDATED"), (1, "REPLACED", "NEW")]
    assert [event["I"] for event in heard if "I" in event] == [told.execution(0), told.execution(1)]
    assert heard[1] == list_status(told, 0, "OCO", UPDATED, (1, "c1"), (2, "second"))


async def test_a_canceled_list_ends_with_its_orders(told: Told) -> None:
    told.tell(*oco(0, 1))
    heard, _ = told.hear(ALICE)
    told.tell(
        closed(1, CloseReason.USER, cancel_id="stop"),
        closed(2, CloseReason.USER, cancel_id="stop"),
        ListClosed(list_id=0, account=ALICE, market=BTCUSDT),
    )
    assert short(heard) == [(1, "CANCELED", "CANCELED"), (2, "CANCELED", "CANCELED"), (0, "ALL_DONE")]
    assert [(event["c"], event["C"]) for event in heard[:2]] == [("stop", "c1"), ("stop", "c2")]
    assert heard[2]["O"] == [{"s": "BTCUSDT", "i": 1, "c": "c1"}, {"s": "BTCUSDT", "i": 2, "c": "c2"}]


# --- prevention between accounts


async def test_a_transfer_reports_both_orders_and_what_moved(told: Told) -> None:
    told.tell(accepted(1, account=BOB, side=1, stp=5))
    placed_ms = told.ms
    takers, _ = told.hear(ALICE)
    makers, _ = told.hear(BOB)
    told.tell(accepted(2, stp=5), prevented(2, 1, mode=5, transferred=PRICE // 2, trade_group=9))
    said = {
        "x": "TRADE_PREVENTION",
        "X": "EXPIRED_IN_MATCH",
        "w": False,
        "V": "TRANSFER",
        "v": 0,
        "A": "0.50000000",
        "B": "0.50000000",
        "u": 9,
        "Cs": "BTCUSDT",
        "pl": "0.50000000",
        "pL": "20000.000000",
        "pY": "10000.000000",
    }

    def moved(asset: str, delta: str) -> Report:
        return {"e": "balanceUpdate", "E": told.ms, "a": asset, "d": delta, "T": told.ms}

    assert takers == [
        report(told, 2, V="TRANSFER"),
        report(told, 2, **said, U=1, I=told.execution(1)),
        moved("BTC", "0.50000000"),
        moved("USDT", "-10000.000000"),
    ]
    assert makers == [
        report(told, 1, **said, U=2, S="SELL", I=told.execution(2), O=placed_ms, W=placed_ms),
        moved("BTC", "-0.50000000"),
        moved("USDT", "10000.000000"),
    ]


async def test_each_side_of_a_routed_prevention_names_the_others_market(told: Told) -> None:
    told.tell(accepted(1, account=BOB, side=1, market=BTCUSDC))
    takers, _ = told.hear(ALICE)
    makers, _ = told.hear(BOB)
    told.tell(accepted(2), prevented(2, 1, maker_market=BTCUSDC, taker_left=1, maker_left=7))
    assert [(event["s"], event["Cs"], event["pl"]) for event in (takers[1], makers[0])] == [
        ("BTCUSDT", "BTCUSDC", "0.50000000"),
        ("BTCUSDC", "BTCUSDT", "0.50000000"),
    ]
    assert "u" not in takers[1]


async def test_an_expired_taker_tells_what_would_have_been_traded(told: Told) -> None:
    told.tell(accepted(1, account=BOB, side=1))
    heard, _ = told.hear(ALICE)
    told.tell(accepted(2), prevented(2, 1, mode=1, maker_prevented=0, maker_left=10_000_000))
    assert (heard[1]["B"], heard[1]["pl"]) == ("0.50000000", "0.10000000")


# --- what is refused


def refused_half(told: Told, code: int, *, cancel: int = -1) -> Result:
    return told.tell(CancelReplaced(cancel=cancel, order=code), closed(1, CloseReason.USER, cancel_id="stop"))


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (BALANCE_INSUFFICIENT, "INSUFFICIENT_BALANCES"),
        (WOULD_TAKE, "WOULD_MATCH_IMMEDIATELY"),
        (WOULD_TRIGGER, "STOP_PRICE_WOULD_TRIGGER_IMMEDIATELY"),
        (LOT_SIZE_FAILED, "NONE"),
    ],
)
async def test_the_new_half_of_a_cancel_replace_is_rejected(told: Told, code: int, reason: str) -> None:
    told.tell(accepted(1))
    heard, _ = told.hear(ALICE)
    leg = (1, int(OrderKind.STOP_LOSS_LIMIT), 0, PRICE, HALF, 0, "new", -1, None, None, Terms(stop_price=PRICE))
    tell_rejected_order(told.view, ALICE, BTCUSDT, leg, refused_half(told, code))
    said = {"c": "new", "S": "SELL", "o": "STOP_LOSS_LIMIT", "P": "20000.000000", "x": "REJECTED", "X": "REJECTED"}
    assert [event["x"] for event in heard] == ["CANCELED", "REJECTED"]
    assert heard[1] == report(told, 1, "W", **said, r=reason, w=False, i=-1, I=told.execution(1))


@pytest.mark.parametrize(("cancel", "order"), [(29, BALANCE_INSUFFICIENT), (-1, -1), (29, -2)])
async def test_a_cancel_replace_without_a_new_half_that_failed_alone_rejects_nothing(
    told: Told, cancel: int, order: int
) -> None:
    told.tell(accepted(1))
    heard, _ = told.hear(ALICE)
    leg = (1, 0, 0, PRICE, HALF, 0, "new", 1, None, None, None)
    result = told.tell(CancelReplaced(cancel=cancel, order=order))
    tell_rejected_order(told.view, ALICE, BTCUSDT, leg, result)
    assert heard == []


async def test_a_list_that_failed_is_answered(told: Told) -> None:
    heard, _ = told.hear(ALICE)
    told.tell()
    result = Result(seq=told.seq, time_us=told.time_us, code=LIST_PRICES_INVALID)
    leg = (1, 1, 0, PRICE, HALF, 0, "leg", 1, None, None, None)
    tell_rejected_list(told.view, ALICE, BTCUSDT, int(ListKind.OCO), "list-1", [leg, leg], result)
    expected = list_status(told, -1, "OCO", ("RESPONSE", "REJECT"), (-1, "leg"), (-1, "leg"))
    assert heard == [expected | {"r": "OCO_BAD_PRICES"}]


async def test_who_does_not_listen_is_told_of_nothing_refused(told: Told) -> None:
    told.tell(accepted(1))
    heard, leave = told.hear(ALICE)
    leave()
    result = refused_half(told, BALANCE_INSUFFICIENT)
    tell_rejected_order(told.view, ALICE, BTCUSDT, (1, 0, 0, 1, 1, 0, "new", 1, None, None, None), result)
    tell_rejected_list(told.view, ALICE, BTCUSDT, 0, "list", [], result)
    assert heard == []
