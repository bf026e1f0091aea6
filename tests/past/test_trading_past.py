"""Which ended order a client id finds in SQL: the one that memory would have found, had it let go of nothing.

An order that is open is always found in memory.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from tandem.apps import market_past, trading_past
from tandem.apps.trading_past import TradingPast
from tandem.domain.history import Need, merged
from tandem.domain.trading import CloseReason, ListKind
from tandem.history import schema
from tandem.history.database import database_url
from tandem.platform.engine import Event, ListClosed, OrderExtra, Result
from tandem.trading.past import Asked
from tandem.trading.records import by_execution_id, execution_id
from tests.past.remembered import tell, view_of_everything
from tests.past.sql import Sql
from tests.trading.rig import ALICE, BOB, BTCUSDT
from tests.trading.told import HALF, accepted, amended, closed, listed, traded

ANY = Need(0, -1, 0)


@pytest.fixture
def sql(tmp_path: Path) -> Iterator[Sql]:
    sql = Sql(database_url("", tmp_path))
    yield sql
    sql.close()


def named(id: int, client_id: str) -> Event:
    return accepted(id, client_order_id=client_id)


def canceled(id: int, cancel_id: str) -> Event:
    return closed(id, CloseReason.USER, cancel_id=cancel_id)


STORIES: dict[str, tuple[tuple[Event, ...], ...]] = {
    "used again": ((named(1, "x"),), (canceled(1, "y"),), (named(2, "x"),), (canceled(2, "z"),)),
    "a cancel by the name of a later order": (
        (accepted(9, account=BOB, side=1),),
        (named(1, "a"),),
        (named(2, "x"), traded(2, 9)),
        (canceled(1, "x"),),
    ),
    "a cancel by the name of an open order": (
        (named(1, "a"),),
        (named(2, "x"),),
        (canceled(1, "x"),),
        (canceled(2, "b"),),
    ),
    "replaced under the name of the cancel": ((named(1, "a"),), (canceled(1, "x"), named(2, "x"))),
    "an order by the name of a cancel": ((named(1, "a"),), (canceled(1, "x"),), (named(2, "x"),), (canceled(2, "b"),)),
}


@pytest.mark.parametrize("story", STORIES)
async def test_the_order_that_last_had_the_name(sql: Sql, story: str) -> None:
    results = [Result(seq=seq, time_us=seq * 1000, events=list(events)) for seq, events in enumerate(STORIES[story], 1)]
    view = view_of_everything()
    tell(view, results)
    sql.tell(results)
    blotter = view.blotter(ALICE, BTCUSDT)
    assert blotter is not None
    found = await TradingPast(sql.questions).order(ANY, ALICE, BTCUSDT, None, "x")
    assert found is not None
    assert found.id == blotter.by_client_id["x"].id


async def test_amendments_from_an_execution_on(sql: Sql) -> None:
    """Execution ids are finer than commands: of the first command that may be meant the order's own may be too low."""
    events = [named(1, "a"), *(amended(1, HALF - n, f"a{n}") for n in (1, 2, 3, 4))]
    sql.tell([Result(seq=seq, time_us=seq * 1000, events=[event]) for seq, event in enumerate(events, 1)])
    found = {}
    for first_id in (execution_id(3), execution_id(3, 1)):
        asked = Asked(need=ANY, account=ALICE, limit=2, from_start=True, first_id=first_id, order_id=1)
        rows = merged([], await TradingPast(sql.questions).amendments(asked), by_execution_id, 2, from_start=True)
        found[first_id] = [row.execution_id for row in rows]
    assert found == {
        execution_id(3): [execution_id(3), execution_id(4)],
        execution_id(3, 1): [execution_id(4), execution_id(5)],
    }


async def test_a_list_knows_what_its_orders_are_called_whatever_became_of_them(tmp_path: Path) -> None:
    """In the first life one is renamed and one ends, whose row then leaves SQL; in the second another is renamed."""
    orders = [accepted(id, OrderExtra(list_id=5)) for id in (1, 2, 3)]
    first_life = [
        (*listed(5, ListKind.OTOCO, *orders), amended(3, HALF // 2, "now")),
        (amended(1, HALF // 2, "first"),),
        (closed(1, CloseReason.OCO_TRIGGER),),
    ]
    second_life = [(amended(2, HALF // 2, "second"),), (closed(2, CloseReason.OCO_TRIGGER), canceled(3, "cancel"), END)]
    assert await _list_after(tmp_path, 1, first_life) == (["first", "c2", "now"], True, 2)
    with closing(sqlite3.connect(tmp_path / "history.db")) as database, database:
        assert database.execute("DELETE FROM orders WHERE status = 'EXPIRED'").rowcount == 1
    assert await _list_after(tmp_path, 4, second_life[:1]) == (["first", "second", "now"], True, 4)
    assert await _list_after(tmp_path, 5, second_life[1:]) == (["first", "second", "now"], False, 5)


END = ListClosed(list_id=5, account=ALICE, market=BTCUSDT)


async def _list_after(path: Path, seq: int, told: Sequence[Sequence[Event]]) -> tuple[list[str], bool, int]:
    """As a projection leaves it that begins with what SQL has: its orders' names, whether it is open, and its seq."""
    sql = Sql(database_url("", path))
    sql.tell([Result(seq=at, time_us=at * 1000, events=list(events)) for at, events in enumerate(told, seq)])
    past = TradingPast(sql.questions)
    (found,) = await past.order_lists(Asked(need=ANY, account=ALICE, limit=2, from_start=True))
    by_id = await past.order_list(ANY, ALICE, 5, "")
    (row,) = sql.questions.reader.order_lists_by_id([5]).rows
    sql.close()
    assert by_id is not None
    assert (by_id.order_ids, by_id.client_ids) == (found.order_ids, found.client_ids) == ([1, 2, 3], found.client_ids)
    assert row.updated_us == row.seq * 1000
    return found.client_ids, found.is_open, row.seq


def test_columns_are_where_they_are_read() -> None:
    assert tuple(schema.orders.c.keys()) == trading_past._ORDER_COLUMNS
    assert tuple(schema.fills.c.keys()) == trading_past._FILL_COLUMNS
    assert tuple(schema.candles.c.keys()) == market_past._CANDLE_COLUMNS
