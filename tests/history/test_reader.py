"""Every question gives what a look at all rows gives, from the snapshot of its position, and by an index."""

import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import event, select
from sqlalchemy.engine import URL

from tandem.history import schema
from tandem.history.database import HistoryUnusable, database_url
from tandem.history.fetch import SUBQUERY
from tandem.history.reader import Range, Reader
from tests.history.project import assets_of, project, rows_of
from tests.history.traffic import ALICE, BTCUSDC, BTCUSDT, TRADERS, Traffic, open_exchange, stretched

Question = Callable[[Reader], Any]


class Told:
    """A database, all of its rows, and a reader."""

    def __init__(self, url: URL, rows: dict[str, list[Any]]) -> None:
        self.url = url
        self.rows = rows
        self.reader = Reader(url)

    def where(self, table: str, **values: Any) -> list[Any]:
        return [row for row in self.rows[table] if all(getattr(row, name) == value for name, value in values.items())]


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Any:
    engine = open_exchange(tmp_path_factory.mktemp("lived"))
    traffic = Traffic(engine, 5)
    results = traffic.found() + traffic.send(6_000)
    assets = assets_of(engine)
    engine.close()
    return stretched(results), assets


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def told(request: pytest.FixtureRequest, lived: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    is_file = request.param == "sqlite"
    database = "" if is_file else request.getfixturevalue("postgres").new_database()
    url = database_url(database, tmp_path_factory.mktemp("history"))
    store = project(url, *lived)
    rows = {name: rows_of(store, select(table)) for name, table in schema.metadata.tables.items()}
    store.close()
    if not is_file:
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("ANALYZE")
    found = Told(url, rows)
    yield found
    found.reader.close()


def naive(rows: list[Any], key: str, time: str | None, wanted: Range) -> list[Any]:
    def is_inside(row: Any) -> bool:
        at = getattr(row, key)
        if (wanted.from_id is not None and at < wanted.from_id) or (
            wanted.before_id is not None and at >= wanted.before_id
        ):
            return False
        at_us = getattr(row, time) if time else 0
        return not (
            (wanted.from_us is not None and at_us < wanted.from_us)
            or (wanted.to_us is not None and at_us > wanted.to_us)
        )

    inside = sorted(filter(is_inside, rows), key=lambda row: (getattr(row, key), getattr(row, "is_maker", 0)))
    return inside[-wanted.limit :] if wanted.is_last else inside[: wanted.limit]


def ranges(rows: list[Any], key: str, time: str | None, seed: int, count: int = 40) -> Iterator[Range]:
    """Around what is there: bounds by id, by time, by both, by none, from either end."""
    roll = random.Random(seed)
    for _ in range(count):
        some, other = sorted((roll.choice(rows), roll.choice(rows)), key=lambda row: getattr(row, key))
        bounds: dict[str, int] = {}
        if roll.random() < 0.4:
            bounds["from_id"] = getattr(some, key) + roll.randint(-1, 1)
        if roll.random() < 0.3:
            bounds["before_id"] = getattr(other, key) + roll.randint(-1, 1)
        if time and roll.random() < 0.4:
            bounds["from_us"] = getattr(some, time) + roll.randint(-1, 1)
        if time and roll.random() < 0.4:
            bounds["to_us"] = getattr(other, time) + roll.randint(-1, 1)
        yield Range(limit=roll.choice((1, 5, 500)), is_last=roll.random() < 0.5, **bounds)


def compare(rows: list[Any], key: str, time: str | None, ask: Callable[[Range], Any], seed: int = 1) -> None:
    assert len(rows) > 1
    sizes = set()
    for wanted in ranges(rows, key, time, seed):
        found = ask(wanted)
        assert [tuple(row) for row in found.rows] == [tuple(row) for row in naive(rows, key, time, wanted)], wanted
        sizes.add(len(found.rows))
    assert len(sizes) > 1


@pytest.mark.parametrize("market", [BTCUSDT, BTCUSDC])
@pytest.mark.parametrize("account", TRADERS)
def test_orders(told: Told, account: int, market: int) -> None:
    rows = told.where("orders", account=account, market=market)
    compare(rows, "id", "accepted_us", lambda wanted: told.reader.orders(account, market, wanted), account)


@pytest.mark.parametrize("account", TRADERS)
def test_fills(told: Told, account: int) -> None:
    rows = [row for row in told.where("fills", account=account, market=BTCUSDT) if row.trade_id >= 0]
    compare(rows, "trade_id", "time_us", lambda wanted: told.reader.fills(account, BTCUSDT, wanted), account)


def test_fills_of_an_order(told: Told) -> None:
    orders = [row.order_id for row in told.rows["fills"] if row.trade_id >= 0]
    busiest = max(set(orders), key=orders.count)
    rows = [row for row in told.where("fills", order_id=busiest) if row.trade_id >= 0]
    compare(rows, "trade_id", None, lambda wanted: told.reader.fills_of_order(busiest, wanted))


def test_allocations(told: Told) -> None:
    owners = [row.account for row in told.rows["fills"] if row.allocation_id >= 0]
    account = max(set(owners), key=owners.count)
    rows = [row for row in told.where("fills", account=account, market=BTCUSDT) if row.allocation_id >= 0]
    compare(rows, "allocation_id", "time_us", lambda wanted: told.reader.allocations(account, BTCUSDT, wanted))
    orders = [row.order_id for row in told.rows["fills"] if row.allocation_id >= 0]
    busiest = max(set(orders), key=orders.count)
    rows = [row for row in told.where("fills", order_id=busiest) if row.allocation_id >= 0]
    compare(rows, "allocation_id", None, lambda wanted: told.reader.allocations_of_order(busiest, wanted))


def test_amendments(told: Told) -> None:
    amended = [row.order_id for row in told.rows["order_changes"] if row.change == "AMENDED"]
    busiest = max(set(amended), key=amended.count)
    rows = told.where("order_changes", order_id=busiest, change="AMENDED")
    compare(rows, "seq", None, lambda wanted: told.reader.amendments(busiest, wanted))


def test_order_lists(told: Told) -> None:
    rows = told.where("order_lists", account=ALICE)
    compare(rows, "id", "accepted_us", lambda wanted: told.reader.order_lists(ALICE, wanted))
    some = rows[3:5]
    assert told.reader.order_lists_by_id([row.id for row in some]).rows == some
    named = next(row for row in rows if row.client_id)
    assert told.reader.order_list_by_client_id(ALICE, named.client_id).rows == [named]
    assert told.reader.order_list_by_client_id(ALICE, "none").rows == []


def test_orders_by_name(told: Told) -> None:
    rows = told.where("orders", account=ALICE, market=BTCUSDT)
    assert told.reader.orders_by_id([row.id for row in rows[5:8]]).rows == rows[5:8]
    canceled = [row for row in rows if row.cancel_id]
    for row in rows[:50] + canceled[:10]:
        for name in (row.client_id, row.cancel_id):
            same = [other for other in rows if name and name in (other.client_id, other.cancel_id)]
            assert told.reader.order_by_client_id(ALICE, BTCUSDT, name or "none").rows == same[-1:]
    assert len(canceled) > 10


def test_prevented_matches(told: Told) -> None:
    reader, rows = told.reader, told.rows["prevented_matches"]
    routed = next(row for row in rows if row.maker_market != row.market)
    grouped = next(row for row in rows if row.maker_account != row.taker_account)
    for row in (*rows[:20], routed, grouped):
        assert row in reader.prevented_match(row.taker_account, row.market, row.id).rows
        assert row in reader.prevented_match(row.maker_account, row.maker_market, row.id).rows
    assert reader.prevented_match(999, routed.market, routed.id).rows == []
    takers = [row.taker_order for row in rows]
    busiest = max(set(takers), key=takers.count)
    of_order = [row for row in rows if busiest in (row.taker_order, row.maker_order)]
    account = of_order[0].taker_account
    found = reader.prevented_matches_of(account, busiest, Range(limit=500)).rows
    assert sorted(found) == sorted(of_order)
    assert len(of_order) > 1
    after = reader.prevented_matches_of(account, busiest, Range(limit=1, from_id=found[1].id)).rows
    assert after == found[1:2]


def test_trades_and_aggregates(told: Told) -> None:
    rows = told.where("trades", market=BTCUSDT)
    compare(rows, "trade_id", None, lambda wanted: told.reader.trades(BTCUSDT, wanted))
    aggregates = told.reader.aggregates(BTCUSDT, Range(limit=10**6)).rows
    for one in aggregates:
        of_one = [row for row in rows if row.aggregate_id == one.aggregate_id]
        assert tuple(one) == (
            one.aggregate_id,
            of_one[0].price,
            sum(row.qty for row in of_one),
            min(row.trade_id for row in of_one),
            max(row.trade_id for row in of_one),
            of_one[0].time_us,
            of_one[0].taker_side,
            of_one[0].seq,
        )
        assert len({(row.price, row.taker_order, row.time_us) for row in of_one}) == 1
    assert len(aggregates) < len(rows)
    compare(aggregates, "aggregate_id", "time_us", lambda wanted: told.reader.aggregates(BTCUSDT, wanted))


def test_candles(told: Told) -> None:
    rows = [row for row in told.rows["candles"] if row.interval == "1s" and row.market == BTCUSDT]
    assert len(rows) > 1
    for limit, is_last in ((1, False), (1, True), (500, False)):
        for row in rows[:: len(rows) // 10]:
            wanted = Range(limit=limit, is_last=is_last, from_us=row.open_us, to_us=rows[-1].open_us)
            assert told.reader.candles(BTCUSDT, "1s", wanted).rows == naive(rows, "open_us", "open_us", wanted)


def test_answers_say_their_position(told: Told, lived: Any) -> None:
    last = lived[0][-1]
    for found in (told.reader.position(), told.reader.trades(BTCUSDT, Range(limit=1))):
        assert (found.seq, found.time_us) == (last.seq, last.time_us)


def test_before_there_is_a_history(tmp_path: Path) -> None:
    reader = Reader(database_url("", tmp_path))
    with pytest.raises(HistoryUnusable):
        reader.position()
    assert not (tmp_path / "history.db").exists()
    reader.close()


BY_BOTH = Range(limit=10, from_id=5, before_id=900, from_us=1, to_us=2**62)
LAST = Range(limit=10, is_last=True)
IDS = Range(limit=10, from_id=5, before_id=900)
TIMES = Range(limit=10, from_us=1, to_us=2**62)
QUESTIONS: dict[str, Question] = {
    **{f"orders {n}": lambda r, w=w: r.orders(1, 0, w) for n, w in enumerate((BY_BOTH, LAST, IDS, TIMES))},
    **{f"fills {n}": lambda r, w=w: r.fills(1, 0, w) for n, w in enumerate((BY_BOTH, LAST, IDS, TIMES))},
    **{f"allocations {n}": lambda r, w=w: r.allocations(1, 0, w) for n, w in enumerate((LAST, IDS, TIMES))},
    **{f"lists {n}": lambda r, w=w: r.order_lists(1, w) for n, w in enumerate((BY_BOTH, LAST, IDS, TIMES))},
    **{f"aggregates {n}": lambda r, w=w: r.aggregates(0, w) for n, w in enumerate((BY_BOTH, LAST, IDS, TIMES))},
    **{f"trades {n}": lambda r, w=w: r.trades(0, w) for n, w in enumerate((LAST, IDS))},
    **{f"candles {n}": lambda r, w=w: r.candles(0, "1m", w) for n, w in enumerate((LAST, TIMES))},
    "candle pieces": lambda r: r.candle_pieces(0, {"1h": [0, 3_600_000_000], "15m": [900_000_000]}, 1, 2**62),
    "orders by id": lambda r: r.orders_by_id([1, 2, 3]),
    "order by client id": lambda r: r.order_by_client_id(1, 0, "id17"),
    "amendments": lambda r: r.amendments(3, IDS),
    "lists by id": lambda r: r.order_lists_by_id([1, 2]),
    "list by client id": lambda r: r.order_list_by_client_id(1, "id17"),
    "fills of an order": lambda r: r.fills_of_order(3, IDS),
    "allocations of an order": lambda r: r.allocations_of_order(3, IDS),
    "prevented match": lambda r: r.prevented_match(1, 0, 3),
    "prevented matches of an order": lambda r: r.prevented_matches_of(1, 3, IDS),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_goes_by_an_index(told: Told, name: str) -> None:
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        asked.append((statement, parameters))

    engine = told.reader._engine
    event.listen(engine, "before_cursor_execute", note)
    QUESTIONS[name](told.reader)
    event.remove(engine, "before_cursor_execute", note)
    is_file = told.url.get_backend_name() == "sqlite"
    explained = 0
    with engine.begin() as connection:
        for way in () if is_file else ("seqscan", "bitmapscan", "sort"):  # right for tables as small as these
            connection.exec_driver_sql(f"SET LOCAL enable_{way} = off")
        for statement, parameters in asked:
            if statement.startswith("SELECT") and "FROM position" not in statement:
                prefix = "EXPLAIN QUERY PLAN " if is_file else "EXPLAIN "
                plan = [str(row[-1]) for row in connection.exec_driver_sql(prefix + statement, parameters)]
                check(plan, statement)
                explained += 1
    assert explained


def check(plan: list[str], statement: str) -> None:
    shown = "\n".join([statement, *plan])
    for step in (step for step in plan if step != f"SCAN {SUBQUERY}"):
        assert not any(word in step for word in ("SCAN", "TEMP B-TREE", "Seq Scan", "Bitmap Heap")), shown
        assert not re.search(r"\bSort +\(", step), shown
    assert any(word in step for step in plan for word in ("SEARCH", "Index Scan", "Index Only Scan")), shown
