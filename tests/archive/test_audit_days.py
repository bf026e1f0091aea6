"""`tandem audit` of an exchange whose days ended one after the other, with and without what has left SQL."""

import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tandem.apps.archiving import archive, prune
from tandem.archive.manifest import start_of
from tandem.archive.place import Place
from tandem.archive.tables import TABLES
from tandem.domain.intervals import DAY
from tandem.history.database import database_url
from tandem.history.export import Exporter
from tandem.history.prune import Pruner
from tests.archive.auditing import audited, files_of, found_in, rows_of, run, write_again
from tests.archive.lived import LIVED_DAYS, live_for_days

KEPT_DAYS = 1
GONE, KEPT = LIVED_DAYS[:-KEPT_DAYS], LIVED_DAYS[-KEPT_DAYS:]
CHANGED = {
    "orders": "left_qty_units",
    "order_changes": "detail",
    "fills": "price_units",
    "trades": "taker_order",
    "ledger": "reference",
    "prevented_matches": "trade_group",
    "candles": "trades",
}
IS_CLOSED = {"orders": "status NOT IN ('NEW', 'PENDING_NEW', 'PARTIALLY_FILLED')", "order_lists": "NOT is_open"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All days are in SQL and, but for the last, in the archive."""
    data = tmp_path_factory.mktemp("days") / "data"
    data.mkdir()
    live_for_days(data)
    exporter = Exporter(database_url("", data))
    written = archive(exporter, Place(str(data / "archive")), note=lambda _line: None)
    exporter.close()
    assert [str(one.day) for one in written] == LIVED_DAYS
    return data


@pytest.fixture(scope="module")
def pruned(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = Path(shutil.copytree(whole, tmp_path_factory.mktemp("pruned") / "data"))
    url = database_url("", data)
    exporter, pruner = Exporter(url), Pruner(url)
    assert prune(exporter, pruner, Place(str(data / "archive")), KEPT_DAYS, note=lambda _line: None) > 1_000
    exporter.close()
    pruner.close()
    return data


@pytest.fixture(params=["whole", "pruned"])
def data(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return Path(shutil.copytree(request.getfixturevalue(request.param), tmp_path / "data"))


@pytest.fixture
def pruned_data(pruned: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pruned, tmp_path / "data"))


def test_orders_and_lists_close_on_other_days_than_they_open(whole: Path) -> None:
    crosses = f"accepted_us / {DAY} < updated_us / {DAY}"
    for table, is_closed in IS_CLOSED.items():
        ((crossing,),) = run(whole, f"SELECT count(*) FROM {table} WHERE {is_closed} AND {crosses}")
        assert crossing > 5, table
    assert {day[:7] for day in LIVED_DAYS} == {"2026-12", "2027-01"}


def test_where_nothing_is_wrong_nothing_is_found(data: Path) -> None:
    code, found, told = audited(data)
    assert (code, found) == (0, []), told
    assert "row by row" not in told


def test_what_left_sql_is_not_there(pruned: Path) -> None:
    (counted,) = run(pruned, "SELECT (SELECT count(*) FROM trades), (SELECT min(seq) FROM ledger) > 1")
    assert counted[0] > 0
    assert counted[1]


@pytest.mark.parametrize("day", [GONE[0], GONE[-1], *KEPT])
def test_a_changed_and_a_missing_and_a_doubled_row_of_each_table_of_a_day(data: Path, day: str) -> None:
    planted = {}
    for name, column in CHANGED.items():
        path = max(files_of(data, name, day), key=lambda file: file.stat().st_size)
        changed, missing, *rest = rows_of(path)
        expected = {column: changed[column]}
        changed[column] += 1
        write_again(data, path, [changed, *rest, rest[-1]])
        planted[_place(name, changed)] = (expected, {column: changed[column]})
        planted[_place(name, missing)] = (missing["seq"], None)
        planted[_place(name, rest[-1])] = (1, 2)
    found = [one for one in found_in(data) if one["table"] != "balances"]
    assert {one["where"] for one in found} == {"archive"}
    assert all(one["seq"] > 0 for one in found)
    told = {
        (one["table"], *one["key"].values()): (
            (one["expected"]["seq"], None) if one["found"] is None else (one["expected"], one["found"])
        )
        for one in found
    }
    assert told == planted
    assert len(found) == len(planted)


def test_a_row_in_the_file_of_another_day(data: Path) -> None:
    first, second = (files_of(data, "transfers", day)[0] for day in GONE[:2])
    moved, *rest = rows_of(first)
    write_again(data, first, rest)
    write_again(data, second, [*rows_of(second), moved])
    (found,) = [one for one in found_in(data) if one["table"] == "transfers"]
    assert (found["where"], found["key"]["seq"], found["seq"]) == ("archive", moved["seq"], moved["seq"])
    assert (found["expected"], found["found"]) == ({"day": GONE[0]}, {"day": GONE[1]})


def test_a_damaged_file_of_a_day(data: Path) -> None:
    path = files_of(data, "fills", GONE[1])[0]
    path.write_bytes(path.read_bytes()[:-1])
    (found,) = found_in(data)
    assert (found["table"], found["where"]) == ("fills", "archive")
    assert found["key"] == {"file": str(path.relative_to(data / "archive"))}


def _place(name: str, row: dict[str, Any]) -> tuple[Any, ...]:
    return (name, *(row[TABLES[name].file_name(column)] for column in TABLES[name].key))


def test_a_row_that_came_back_to_sql_as_another(pruned_data: Path) -> None:
    """Rows that left need not be there; those that are must be right."""
    (path,) = files_of(pruned_data, "ledger", GONE[0])
    right, wrong = rows_of(path)[5:7]
    for row in (right, wrong | {"cause": "OTHER"}):
        columns = TABLES["ledger"].columns
        values = [row[TABLES["ledger"].file_name(name)] for name in columns]
        values = [int(value) if isinstance(value, Decimal) else value for value in values]
        run(pruned_data, f"INSERT INTO ledger VALUES ({', '.join('?' * len(columns))})", *values)
    found = [one for one in found_in(pruned_data) if one["table"] == "ledger"]
    assert [(one["where"], one["seq"], one["found"]) for one in found] == [("sql", wrong["seq"], {"cause": "OTHER"})]


@pytest.mark.parametrize("rows", ["daily WHERE day_us", "candles WHERE interval = '1d' AND open_us"])
def test_what_never_leaves_sql_is_missed_even_if_all_of_a_day_is_gone(pruned_data: Path, rows: str) -> None:
    gone = f"{rows} / {DAY} = {start_of(date.fromisoformat(GONE[1])) // DAY}"
    ((count,),) = run(pruned_data, f"SELECT count(*) FROM {gone}")
    run(pruned_data, f"DELETE FROM {gone}")
    found = found_in(pruned_data)
    assert [(one["table"], one["where"], one["found"]) for one in found] == [(rows.split()[0], "sql", None)] * count
    assert count > 1


def test_a_prune_that_was_cut_off(data: Path) -> None:
    """Of the newest day that is leaving, some rows are in SQL and some are not."""
    start_us = start_of(date.fromisoformat(KEPT[0]))
    run(data, "UPDATE position SET archived_us = ?", start_us + DAY)
    ((first, last),) = run(data, f"SELECT min(seq), max(seq) FROM fills WHERE time_us / {DAY} = {start_us // DAY}")
    middle = (first + last) // 2
    run(data, "DELETE FROM fills WHERE seq <= ?", middle)
    run(data, f"DELETE FROM orders WHERE {IS_CLOSED['orders']} AND seq <= ?", middle)
    code, found, told = audited(data)
    assert (code, found) == (0, []), told
    run(data, "DELETE FROM fills WHERE (seq, n, side) = (SELECT seq, n, side FROM fills ORDER BY seq DESC LIMIT 1)")
    (lost,) = found_in(data)
    assert (lost["table"], lost["where"], lost["found"]) == ("fills", "sql", None)


@pytest.mark.parametrize("table", ["orders", "order_lists"])
def test_what_closed_on_another_day_than_it_opened_is_compared_in_that(data: Path, table: str) -> None:
    rows = [(path, number, row) for path in files_of(data, table) for number, row in enumerate(rows_of(path))]
    path, number, row = next(one for one in rows if one[2]["accepted_us"] // DAY < one[2]["updated_us"] // DAY)
    changed = rows_of(path)
    changed[number]["account"] += 1
    write_again(data, path, changed)
    (found,) = found_in(data)
    assert (found["table"], found["where"], found["key"]["id"], found["seq"]) == (
        table,
        "archive",
        row["id"],
        row["seq"],
    )
    assert found["found"] == {"account": row["account"] + 1}
