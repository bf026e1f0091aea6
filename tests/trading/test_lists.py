"""Order lists as the view and the queries know them."""

from pathlib import Path

import pytest

from tandem.domain.errors import ApiError
from tandem.domain.trading import CloseReason, ListKind
from tandem.platform.engine import ListClosed
from tandem.trading import queries
from tandem.trading.queries import DAY_US
from tests.trading.rig import ALICE, BOB, BTCUSDT, running
from tests.trading.told import PENDING, Told, accepted, amended, closed, listed, oco, prepare, stop


def list_closed(list_id: int) -> ListClosed:
    return ListClosed(list_id=list_id, account=ALICE, market=BTCUSDT)


async def test_a_list_is_found_by_its_id_and_by_its_clients(told: Told) -> None:
    told.tell(*oco(3, 1, client_id="pair"))
    for args in ({"orderListId": 3}, {"origClientOrderId": "pair"}, {"orderListId": 3, "origClientOrderId": "pair"}):
        found = queries.find_list(told.view, ALICE, args)
        assert (found.id, found.order_ids, found.client_ids, found.is_open) == (3, [1, 2], ["c1", "c2"], True)
        assert (found.kind, found.market, found.accepted_us) == (int(ListKind.OCO), BTCUSDT, told.time_us)
    assert [told.order(order_id).list_id for order_id in (1, 2)] == [3, 3]


@pytest.mark.parametrize(
    ("account", "args", "code"),
    [
        (ALICE, {}, -1102),
        (ALICE, {"orderListId": 4}, -2013),
        (ALICE, {"origClientOrderId": "other"}, -2013),
        (BOB, {"orderListId": 3}, -2013),
        (BOB, {"origClientOrderId": "pair"}, -2013),
        (ALICE, {"orderListId": 3, "origClientOrderId": "other"}, -2039),
    ],
)
async def test_lists_that_are_not_found(told: Told, account: int, args: dict[str, object], code: int) -> None:
    told.tell(*oco(3, 1, client_id="pair"))
    with pytest.raises(ApiError) as refused:
        queries.find_list(told.view, account, args)
    assert refused.value.code == code


async def test_an_ended_list_is_not_open_and_keeps_its_orders_own_ids(told: Told) -> None:
    told.tell(*oco(0, 1), *oco(1, 3))
    told.tell(
        closed(1, CloseReason.USER, cancel_id="stop"), closed(2, CloseReason.USER, cancel_id="stop"), list_closed(0)
    )
    assert [found.id for found in queries.open_lists(told.view, ALICE)] == [1]
    ended = queries.find_list(told.view, ALICE, {"orderListId": 0})
    assert (ended.is_open, ended.client_ids) == (False, ["c1", "c2"])
    assert [found.id for found in queries.all_lists(told.view, ALICE, {}).rows] == [0, 1]


async def test_a_client_list_id_may_be_used_again(told: Told) -> None:
    told.tell(*oco(0, 1, client_id="pair"))
    told.tell(closed(1, CloseReason.USER), closed(2, CloseReason.USER), list_closed(0))
    told.tell(*oco(1, 3, client_id="pair"))
    assert queries.find_list(told.view, ALICE, {"origClientOrderId": "pair"}).id == 1


async def test_an_amend_that_renames_an_order_renames_it_in_its_list(told: Told) -> None:
    told.tell(*oco(0, 1))
    told.tell(amended(2, 1_000_000, "second"), amended(1, 1_000_000, "c1"))
    assert queries.find_list(told.view, ALICE, {"orderListId": 0}).client_ids == ["c1", "second"]


async def test_which_lists_are_asked_for(told: Told) -> None:
    starts = []
    for number in range(3):
        told.tell(*oco(number, 1 + 2 * number))
        starts.append(told.time_us)
    asked: list[tuple[dict[str, int], list[int]]] = [
        ({}, [0, 1, 2]),
        ({"limit": 2}, [1, 2]),
        ({"fromId": 1}, [1, 2]),
        ({"fromId": 0, "limit": 2}, [0, 1]),
        ({"startTime": starts[1]}, [1, 2]),
        ({"endTime": starts[1]}, [0, 1]),
        ({"startTime": starts[1], "endTime": starts[1]}, [1]),
    ]
    found = [[row.id for row in queries.all_lists(told.view, ALICE, args).rows] for args, _expected in asked]
    assert found == [expected for _args, expected in asked]
    assert (queries.all_lists(told.view, BOB, {}).rows, queries.open_lists(told.view, BOB)) == ([], [])


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ({"fromId": 0, "startTime": 0}, -1128),
        ({"fromId": 0, "endTime": 0}, -1128),
        ({"startTime": 0, "endTime": DAY_US + 1}, -1127),
    ],
)
async def test_what_does_not_go_together_about_lists(told: Told, args: dict[str, int], code: int) -> None:
    with pytest.raises(ApiError) as refused:
        queries.all_lists(told.view, ALICE, args)
    assert refused.value.code == code


async def test_a_list_of_three(told: Told) -> None:
    pending = [stop(order_id, state=PENDING, x_list_id=0, side=1) for order_id in (2, 3)]
    told.tell(*listed(0, ListKind.OTOCO, stop(1, x_list_id=0), *pending))
    assert [(told.order(order_id).status, told.order(order_id).list_id) for order_id in (1, 2, 3)] == [
        ("NEW", 0),
        ("PENDING_NEW", 0),
        ("PENDING_NEW", 0),
    ]


async def test_ended_lists_are_a_bounded_memory_and_open_ones_never_are(tmp_path: Path) -> None:
    async with running(tmp_path, rare_limit=4, floor=1) as rig:
        await rig.found()
        told = await prepare(rig)
        told.tell(*oco(0, 1, client_id="open"))
        for number in range(1, 200):
            first = 1 + 2 * number
            told.tell(*oco(number, first))
            told.tell(closed(first, CloseReason.USER), closed(first + 1, CloseReason.USER), list_closed(number))
        found = queries.all_lists(told.view, ALICE, {}).rows
        assert [row.id for row in found] == [0, 196, 197, 198, 199]
        holder = told.view.lists.accounts[ALICE]
        assert (len(holder.by_client_id), len(told.view.lists.by_id), len(holder.rows) < 150) == (5, 5, True)
        with pytest.raises(ApiError):
            queries.find_list(told.view, ALICE, {"origClientOrderId": "list1"})
        told.tell(accepted(1000))
        assert told.order(1000).list_id == -1
