"""Where exactly memory alone is enough, and how far exactly the past has to be told."""

import asyncio
import sqlite3
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tandem.apps.history import Questions, open_questions
from tandem.apps.trading_past import TradingPast
from tandem.domain.history import Need, merged
from tandem.domain.trading import CloseReason
from tandem.history.database import database_url
from tandem.history.reader import Reader
from tandem.platform.engine import EngineClient, Event, Result
from tandem.trading import queries
from tandem.trading.orders import OrderView
from tandem.trading.pages import Page
from tests.history.project import CLUSTER
from tests.past.remembered import NoSnapshot, tell
from tests.past.sql import Sql
from tests.trading.rig import ALICE, BOB, BTCUSDT
from tests.trading.told import accepted, closed, traded


class Later(NoSnapshot):
    """Events begin behind command 10."""

    def recovery(self) -> dict[str, int]:
        return {"events_from_seq": 10}


class Story:
    """One command a `tell`; `later` is how much later than the one before, in microseconds."""

    def __init__(self, engine: NoSnapshot, **limits: int) -> None:
        client = SimpleNamespace(engine=engine, add_listener=lambda _listener: None)
        self.view = OrderView(cast(EngineClient, client), **limits)
        self.seq, self.time_us = self.view.start_seq, 1_000_000

    def tell(self, *events: Event, later: int = 1000) -> int:
        self.seq += 1
        self.time_us += later
        tell(self.view, [Result(seq=self.seq, time_us=self.time_us, events=list(events))])
        return self.time_us

    def orders(self, **args: int) -> Page[Any]:
        return queries.all_orders(self.view, ALICE, BTCUSDT, args)

    def trades(self, **args: int) -> Page[Any]:
        return queries.my_trades(self.view, ALICE, BTCUSDT, args)


def is_whole(page: Page[Any]) -> bool:
    return page.asked is None


@pytest.mark.parametrize(
    ("seq", "time_us", "is_met"),
    [(20, 500, True), (19, 500, False), (19, 501, True), (10, 501, True), (9, 501, False), (9, 900, False)],
)
def test_a_position_is_past_a_time_or_at_the_newest_command(seq: int, time_us: int, is_met: bool) -> None:
    assert Need(10, 500, 20).is_met_at(seq, time_us) is is_met


def test_what_memory_knows_is_right_and_rows_rise() -> None:
    known, past = [(3, "new"), (5, "new")], [(1, "old"), (3, "old"), (4, "old")]
    first = merged(known, past, lambda row: row[0], 3, from_start=True)
    last = merged(known, past, lambda row: row[0], 2, from_start=False)
    assert first == [(1, "old"), (3, "new"), (4, "old")]
    assert last == [(4, "old"), (5, "new")]


def test_with_all_events_and_nothing_let_go_there_is_nothing_to_ask() -> None:
    story = Story(NoSnapshot())
    assert is_whole(story.orders())
    story.tell(accepted(1))
    assert all(map(is_whole, (story.orders(), story.orders(orderId=0), story.orders(startTime=0), story.trades())))
    assert queries.need_of_order(story.view, ALICE, BTCUSDT, {"orderId": 7}) is None
    assert queries.need_of_order(story.view, BOB, BTCUSDT, {"origClientOrderId": "x"}) is None


def test_what_may_have_been_before_the_first_event_is_asked_for() -> None:
    """The first command told may share its time with commands before it."""
    story = Story(Later())
    assert story.orders().asked
    first_us = story.tell(accepted(7))
    second_us = story.tell(accepted(8), later=1)
    need = story.orders().asked and story.orders().asked.need  # type: ignore[union-attr]
    assert need == Need(10, -1, 12)
    assert [is_whole(story.orders(startTime=at)) for at in (first_us, second_us)] == [False, True]
    assert [is_whole(story.orders(orderId=id)) for id in (7, 8, 9)] == [False, True, True]
    assert [is_whole(story.orders(limit=n)) for n in (1, 2)] == [True, False]
    assert [queries.need_of_order(story.view, ALICE, BTCUSDT, {"orderId": id}) for id in (6, 9)] == [need, None]
    assert queries.need_of_order(story.view, ALICE, BTCUSDT, {"origClientOrderId": "x"}) == need


def test_orders_let_go_are_asked_for_up_to_when_they_ended() -> None:
    """Order 2 outlives 1 and 3, which are let go; 3 shares its time with 4."""
    story = Story(NoSnapshot(), closed_limit=1, floor=1)
    for id, later in ((1, 10), (2, 10), (3, 10), (4, 0), (5, 10)):
        story.tell(accepted(id), later=later)
    accepted_us = {row.id: row.accepted_us for row in story.orders().rows}
    story.tell(closed(1, CloseReason.USER))
    ended_us = story.tell(closed(3, CloseReason.USER))
    story.tell(closed(4, CloseReason.USER))
    page = story.orders()
    assert [row.id for row in page.rows] == [2, 4, 5]
    assert page.asked is not None
    assert page.asked.need == Need(0, ended_us, story.seq)
    assert [is_whole(story.orders(orderId=id)) for id in (3, 4, 5, 6)] == [False, False, True, True]
    assert [is_whole(story.orders(startTime=accepted_us[id])) for id in (2, 3, 4, 5)] == [False, False, False, True]
    assert [is_whole(story.orders(limit=n)) for n in (1, 2)] == [True, False]
    assert is_whole(story.orders(limit=1, endTime=accepted_us[4])) is False


def test_trades_let_go_are_asked_for_up_to_their_time() -> None:
    story = Story(NoSnapshot(), trades_limit=2, floor=1)
    times = []
    for number in range(4):
        maker, taker = 2 * number + 1, 2 * number + 2
        story.tell(accepted(maker, account=BOB, side=1))
        times.append(story.tell(accepted(taker), traded(taker, maker, trade_id=number)))
    page = story.trades()
    assert [fill.id for fill in page.rows] == [3]
    assert page.asked is not None
    assert page.asked.need == Need(0, times[2], story.seq)
    assert [is_whole(story.trades(fromId=id)) for id in (2, 3, 4)] == [False, True, True]
    assert [is_whole(story.trades(startTime=at)) for at in (times[2], times[2] + 1)] == [False, True]
    assert [is_whole(story.trades(orderId=id)) for id in (6, 8)] == [False, True]
    assert [is_whole(story.trades(limit=n)) for n in (1, 2)] == [True, False]


async def test_the_history_of_another_exchange_answers_nothing(tmp_path: Path) -> None:
    sql = Sql(database_url("", tmp_path))
    for cluster_id, answers in ((CLUSTER, True), ("f" * 32, False)):
        questions = Questions(Reader(database_url("", tmp_path), cluster_id=cluster_id), wait_seconds=0)
        asked = TradingPast(questions).orders_by_id(Need(0, -1, 0), [1])
        if answers:
            assert await asked == []
        else:
            with pytest.raises(TimeoutError, match="another exchange"):
                await asked
        questions.close()
    sql.close()


async def test_a_database_that_is_not_there_yet_answers_nothing(tmp_path: Path) -> None:
    questions = open_questions("", tmp_path, CLUSTER, lambda _seq: True)
    with pytest.raises(TimeoutError):
        await questions.ask(Need(0, -1, 0), questions.reader.position, str)
    questions.close()


@pytest.mark.parametrize("damage", ["left_qty = 'much'", "client_id = CAST(x'ff' AS TEXT)"])
async def test_a_row_that_cannot_be_read_is_a_history_that_cannot_answer(tmp_path: Path, damage: str) -> None:
    """What the exchange needs of it at its start is asked for again: it must not end for it."""
    sql = Sql(database_url("", tmp_path))
    sql.tell([Result(seq=1, time_us=1000, events=[accepted(1)])])
    with sqlite3.connect(tmp_path / "history.db") as other:
        other.execute(f"UPDATE orders SET {damage}")
    other.close()
    with pytest.raises(TimeoutError, match="could not answer"):
        await TradingPast(sql.questions).orders_by_id(Need(1, -1, 1), [1])
    sql.close()


async def test_an_answer_waits_for_the_projection(tmp_path: Path) -> None:
    sql = Sql(database_url("", tmp_path), wait_seconds=10)
    asked = asyncio.create_task(TradingPast(sql.questions).orders_by_id(Need(1, -1, 1), [1]))
    await asyncio.sleep(0.05)
    assert not asked.done()
    sql.tell([Result(seq=1, time_us=1000, events=[accepted(1)])])
    assert [order.id for order in await asked] == [1]
    sql.close()
