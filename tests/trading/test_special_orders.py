"""Orders that wait, follow, are amended, routed or prevented, as the view and the queries know them."""

from pathlib import Path
from typing import Any

import pytest

from tandem.domain.errors import ApiError
from tandem.domain.operation import Args
from tandem.domain.trading import CloseReason
from tandem.platform.engine import OrderExtra, TrailingStarted
from tandem.trading import queries
from tandem.trading.records import Amendment, Extra, Order
from tests.trading.rig import ALICE, BOB, BTC, BTCUSDT, CAROL, running
from tests.trading.told import (
    BNB,
    BTCUSDC,
    HALF,
    PENDING,
    PRICE,
    WAITING,
    WORKING,
    Told,
    accepted,
    allocated,
    amended,
    closed,
    prepare,
    prevented,
    released,
    stop,
    traded,
)


def state(order: Order) -> tuple[Any, ...]:
    return order.status, order.extra and order.extra.state, order.working_us


def trailing(order_id: int) -> TrailingStarted:
    return TrailingStarted(order_id=order_id, account=ALICE, market=BTCUSDT)


# --- waiting, pending, following


def amendments(told: Told, args: Args, account: int = ALICE) -> list[Amendment]:
    order = queries.find_order(told.view, account, BTCUSDT, {"orderId": args["orderId"]})
    return queries.amendments(told.view, order, args, None).rows


async def test_a_plain_order_has_nothing_extra_and_works_from_the_start(told: Told) -> None:
    told.tell(accepted(1))
    order = told.order(1)
    assert (order.extra, order.list_id, order.working_us) == (None, -1, told.time_us)


async def test_a_stop_order_waits_fires_and_fills(told: Told) -> None:
    told.tell(stop(1))
    accepted_us, order = told.time_us, told.order(1)
    assert state(order) == ("NEW", WAITING, -1)
    told.tell(accepted(2, account=BOB, side=1), released(1), traded(1, 2))
    assert state(order) == ("FILLED", WORKING, told.time_us)
    assert (order.accepted_us, order.filled, order.left, told.view.blotter(ALICE, BTCUSDT).open) == (  # type: ignore[union-attr]
        accepted_us,
        HALF,
        0,
        {},
    )


async def test_a_pending_order_learns_its_quantity_and_its_pegs_price(told: Told) -> None:
    extra = OrderExtra(peg_price=0, peg_offset=2, list_id=4, state=PENDING)
    told.tell(accepted(1, extra, qty=0, price=0))
    order = told.order(1)
    assert state(order) == ("PENDING_NEW", PENDING, -1)
    told.tell(released(1, qty=HALF, pegged_price=PRICE, cause=1))
    assert state(order) == ("NEW", WORKING, told.time_us)
    assert (order.qty, order.left, order.extra) == (
        HALF,
        HALF,
        Extra(
            peg_price=0,
            peg_offset=2,
            pegged_price=PRICE,
            list_id=4,
            working_us=told.time_us,
        ),
    )


async def test_an_activated_contingent_order_waits_on(told: Told) -> None:
    told.tell(stop(1, state=PENDING, x_list_id=0))
    told.tell(released(1, WAITING, cause=1))
    assert state(told.order(1)) == ("NEW", WAITING, -1)


async def test_a_trailing_order_that_follows_at_once_says_so_when_it_is_told(told: Told) -> None:
    seen: list[int] = []
    heard, _ = told.hear(ALICE, micros=True)
    told.tell(stop(1, stop_price=0, x_trailing_delta=100), trailing(1))
    seen.append(heard[0]["D"])
    told.tell(stop(2, stop_price=0, x_trailing_delta=100, state=PENDING, x_list_id=0))
    seen.append(heard[1]["D"])
    told.tell(released(2, WAITING, cause=1), trailing(2))
    seen.append(heard[2]["D"])
    assert seen == [told.time_us - 2_000_000, -1, told.time_us]


async def test_what_a_command_brings_about_later_is_not_told_before(told: Told) -> None:
    """A pending order that is activated and follows in the command that placed it; one with a stop price that the
    command's own trades reach."""
    heard, _ = told.hear(ALICE, micros=True)
    pending = stop(1, stop_price=0, x_trailing_delta=100, state=PENDING, x_list_id=0)
    told.tell(pending, released(1, WAITING, cause=1), trailing(1), stop(2, x_trailing_delta=100), trailing(2))
    now = told.time_us
    assert [(event["i"], event["X"], event["D"]) for event in heard] == [
        (1, "PENDING_NEW", -1),
        (1, "NEW", now),
        (2, "NEW", -1),
    ]
    assert [told.order(i).extra.trailing_us for i in (1, 2)] == [now, now]  # type: ignore[union-attr]


async def test_a_trailing_order_follows_from_a_later_trade_on(told: Told) -> None:
    told.tell(stop(1, x_trailing_delta=100))
    order = told.order(1)
    assert order.extra is not None
    assert order.extra.trailing_us == -1
    told.tell(trailing(1))
    assert (order.extra.trailing_us, order.updated_us, order.working_us) == (told.time_us, told.time_us, -1)


async def test_queries_know_orders_of_every_state(told: Told) -> None:
    told.tell(accepted(1), stop(2), stop(3, state=PENDING, x_list_id=0))
    found = queries.open_orders(told.view, ALICE, BTCUSDT)
    assert [order.id for order in found] == [1, 2, 3]
    assert queries.find_order(told.view, ALICE, BTCUSDT, {"origClientOrderId": "c3"}).status == "PENDING_NEW"


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        (CloseReason.REJECTED, "REJECTED"),
        (CloseReason.OCO_TRIGGER, "OCO_TRIGGER"),
        (CloseReason.OTO_PHASE_ONE_EXPIRED, "OTO_PHASE_ONE_EXPIRED"),
        (CloseReason.EXECUTION_RULE_PRICE_RANGE_EXCEEDED, "EXECUTION_RULE_PRICE_RANGE_EXCEEDED"),
        (CloseReason.EXCHANGE_CANCELED, "EXCHANGE_CANCELED"),
        (CloseReason.AMENDED, ""),
    ],
)
async def test_why_an_order_expired(told: Told, reason: CloseReason, shown: str) -> None:
    told.tell(stop(1))
    told.tell(closed(1, reason))
    assert (told.order(1).status, told.order(1).expiry_reason) == ("EXPIRED", shown)


# --- amending


async def test_an_amended_order_has_less_another_id_and_a_history(told: Told) -> None:
    told.tell(accepted(1))
    told.tell(amended(1, 40_000_000, "second", left=30_000_000))
    first = told.execution()
    order = told.order(1)
    assert (order.qty, order.left, order.client_id, order.orig_client_id) == (40_000_000, 30_000_000, "second", "")
    assert (order.working_us, order.updated_us) == (order.accepted_us, told.time_us)
    told.tell(amended(1, 30_000_000, "second", old_qty=40_000_000, old_id="second"))
    found = amendments(told, {"orderId": 1})
    assert [(row.execution_id, row.old_qty, row.new_qty, row.old_client_id, row.new_client_id) for row in found] == [
        (first, HALF, 40_000_000, "c1", "second"),
        (told.execution(), 40_000_000, 30_000_000, "second", "second"),
    ]
    later = amendments(told, {"orderId": 1, "fromExecutionId": first + 1})
    assert later == found[1:]
    assert amendments(told, {"orderId": 1, "limit": 1}) == found[1:]


async def test_the_id_that_an_amend_freed_names_nothing(told: Told) -> None:
    told.tell(accepted(1))
    told.tell(amended(1, 40_000_000, "second"))
    assert queries.find_order(told.view, ALICE, BTCUSDT, {"origClientOrderId": "second"}).id == 1
    with pytest.raises(ApiError) as refused:
        queries.find_order(told.view, ALICE, BTCUSDT, {"origClientOrderId": "c1"})
    assert refused.value.code == -2013


async def test_the_other_order_of_a_pair_has_an_amendment_of_its_own(told: Told) -> None:
    told.tell(stop(1), accepted(2))
    told.tell(amended(2, 40_000_000, "second"), amended(1, 40_000_000, "c1"))
    found = [amendments(told, {"orderId": order_id}) for order_id in (1, 2)]
    assert [row.execution_id for rows in found for row in rows] == [told.execution(1), told.execution(0)]


async def test_amendments_of_anothers_order_are_unknown(told: Told) -> None:
    told.tell(accepted(1))
    with pytest.raises(ApiError) as refused:
        amendments(told, {"orderId": 1}, BOB)
    assert refused.value.code == -2013


async def test_an_amend_that_leaves_nothing_ends_the_order(told: Told) -> None:
    told.tell(accepted(1))
    told.tell(amended(1, 10_000_000, "second", left=0), closed(1, CloseReason.AMENDED, left=0))
    order = told.order(1)
    assert (order.status, order.qty, order.left, order.expiry_reason) == ("EXPIRED", 10_000_000, 0, "")
    assert queries.open_orders(told.view, ALICE, BTCUSDT) == []


# --- routing


async def test_a_routed_trade_is_the_makers_and_the_allocation_the_takers(told: Told) -> None:
    told.tell(accepted(1, account=BOB, side=1, market=BTCUSDC))
    told.tell(
        accepted(2, OrderExtra(use_sor=True)),
        traded(2, 1, market=BTCUSDC, taker_account=CAROL, taker_fee=0, taker_left=HALF, is_routed=True),
        allocated(2, 7),
    )
    order = told.order(2)
    assert (order.status, order.filled, order.filled_quote, order.left) == ("FILLED", HALF, PRICE // 2, 0)
    assert order.extra == Extra(used_sor=True, is_routed=True, working_us=told.time_us)
    (allocation,) = queries.allocations(told.view, ALICE, BTCUSDT, {}).rows
    assert (allocation.id, allocation.allocation_id, allocation.fee, allocation.fee_asset) == (-1, 7, 100_000, BTC)
    assert queries.my_trades(told.view, ALICE, BTCUSDT, {}).rows == []
    (fill,) = queries.my_trades(told.view, BOB, BTCUSDC, {}).rows
    assert (fill.order_id, fill.is_maker) == (1, True)
    assert told.view.blotter(CAROL, BTCUSDC) is None


async def test_a_trade_after_an_allocation_is_on_the_exchange_again(told: Told) -> None:
    told.tell(accepted(1, OrderExtra(use_sor=True)), accepted(2, account=BOB, side=1))
    told.tell(allocated(1, left=HALF, qty=10_000), traded(1, 2))
    assert told.order(1).extra == Extra(used_sor=True, is_routed=False, working_us=told.order(1).accepted_us)


async def test_the_first_allocation_counts_as_the_first_fill(told: Told) -> None:
    limiter = told.rig.limiter
    limiter.charge_orders(ALICE, 50, told.time_us)
    told.tell(accepted(1, OrderExtra(use_sor=True)))
    told.tell(allocated(1, 0, left=HALF, qty=10_000), allocated(1, 1, qty=10_000))
    assert limiter.orders(ALICE, told.time_us).in_day == 49


async def test_which_allocations_are_asked_for(told: Told) -> None:
    told.tell(accepted(1, OrderExtra(use_sor=True)), accepted(2, OrderExtra(use_sor=True)))
    starts = []
    for allocation_id, order_id in enumerate((1, 2, 1)):
        told.tell(allocated(order_id, allocation_id, left=HALF, qty=10_000))
        starts.append(told.time_us)
    asked: list[tuple[dict[str, int], list[int]]] = [
        ({}, [0, 1, 2]),
        ({"limit": 2}, [1, 2]),
        ({"orderId": 1}, [0, 2]),
        ({"fromAllocationId": 1}, [1, 2]),
        ({"orderId": 1, "fromAllocationId": 1}, [2]),
        ({"startTime": starts[1]}, [1, 2]),
        ({"endTime": starts[1]}, [0, 1]),
        ({"startTime": starts[1], "endTime": starts[1]}, [1]),
        ({"fromAllocationId": 0, "limit": 2}, [0, 1]),
    ]
    found = [
        [row.allocation_id for row in queries.allocations(told.view, ALICE, BTCUSDT, args).rows]
        for args, _expected in asked
    ]
    assert found == [expected for _args, expected in asked]


@pytest.mark.parametrize("other", ["orderId", "fromAllocationId"])
async def test_allocations_by_time_and_by_id_do_not_go_together(told: Told, other: str) -> None:
    with pytest.raises(ApiError) as refused:
        queries.allocations(told.view, ALICE, BTCUSDT, {"startTime": 0, other: 1})
    assert refused.value.code == -1128


# --- prevention between accounts, fees


async def test_both_accounts_of_a_group_see_a_prevented_match(told: Told) -> None:
    told.tell(accepted(1, account=BOB, side=1, market=BTCUSDC))
    told.tell(accepted(2), prevented(2, 1, maker_market=BTCUSDC, prevented_match_id=5, trade_group=9))
    for account, market, order_id in ((ALICE, BTCUSDT, 2), (BOB, BTCUSDC, 1)):
        for args in ({"preventedMatchId": 5}, {"orderId": order_id}):
            (match,) = queries.prevented_matches(told.view, account, market, args).rows
            assert (match.trade_group, match.event.maker_market, match.time_us) == (9, BTCUSDC, told.time_us)
    assert (told.order(1).prevented, told.order(1).prevented_match_id) == (HALF, 5)


async def test_a_match_inside_one_account_and_market_is_seen_once_and_has_no_group(told: Told) -> None:
    told.tell(accepted(1, side=1), accepted(2), prevented(2, 1, maker_account=ALICE))
    (match,) = queries.prevented_matches(told.view, ALICE, BTCUSDT, {"preventedMatchId": 0}).rows
    assert match.trade_group == -1


async def test_a_fill_remembers_what_its_fee_was_paid_in(told: Told) -> None:
    told.tell(accepted(1), accepted(2, account=BOB, side=1), traded(1, 2, taker_fee_asset=BNB))
    fills = [fill for account in (ALICE, BOB) for fill in queries.my_trades(told.view, account, BTCUSDT, {}).rows]
    assert [fill.fee_asset for fill in fills] == [BNB, 1]


# --- forgetting


async def test_amendments_and_allocations_are_a_bounded_memory(tmp_path: Path) -> None:
    async with running(tmp_path, rare_limit=4, floor=1) as rig:
        await rig.found()
        told = await prepare(rig)
        told.tell(accepted(1, OrderExtra(use_sor=True)))
        for step in range(8):
            told.tell(amended(1, HALF - step - 1, f"a{step}", old_qty=HALF - step))
            told.tell(allocated(1, step, qty=1, left=HALF))
        amends = amendments(told, {"orderId": 1})
        assert [row.new_client_id for row in amends] == ["a4", "a5", "a6", "a7"]
        found = queries.allocations(told.view, ALICE, BTCUSDT, {}).rows
        assert [row.allocation_id for row in found] == [4, 5, 6, 7]
