"""`tandem audit` finds nothing where nothing is wrong, and names whatever is."""

import shutil
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner

from tandem.apps.archiving import prune
from tandem.apps.cli import main
from tandem.archive.place import Place
from tandem.archive.tables import TABLES, TEXT
from tandem.history.database import database_url
from tandem.history.export import Exporter
from tandem.history.prune import Pruner
from tandem.history.store import listed
from tests.archive.auditing import audited, files_of, found_in, rows_of, run, write_again
from tests.archive.lived import archive_all, live, live_without_old_log, project
from tests.support.postgres import Server


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("lived") / "data"
    data.mkdir()
    live(data)
    archive_all(data)
    return data


@pytest.fixture
def data(lived: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(lived, tmp_path / "data"))


def test_where_nothing_is_wrong_nothing_is_found(data: Path) -> None:
    code, found, told = audited(data)
    assert (code, found) == (0, []), told
    assert told.endswith("tandem: core, history and archive agree\n")
    for table in ("orders", "fills", "trades", "ledger", "order_lists", "prevented_matches", "order_changes"):
        assert files_of(data, table), table


def test_without_an_archive(data: Path) -> None:
    shutil.rmtree(data / "archive")
    code, _found, told = audited(data)
    assert code == 0, told
    assert told.endswith(f"tandem: core and history agree; there is no archive at {data / 'archive'}\n")
    code, _found, told = audited(data, "--archive", str(data / "nowhere"))
    assert code == 1
    assert told.startswith(f"tandem: there is no archive at {data / 'nowhere'}: ")


def test_what_left_sql_is_compared_in_the_archive(data: Path) -> None:
    url = database_url("", data)
    exporter, pruner = Exporter(url), Pruner(url)
    assert prune(exporter, pruner, Place(str(data / "archive")), -1, note=lambda _line: None) > 1000
    exporter.close()
    pruner.close()
    code, found, told = audited(data)
    assert (code, found) == (0, []), told
    files_of(data, "ledger")[0].unlink()
    found = found_in(data)
    assert {(one["table"], one["where"]) for one in found} == {("ledger", "archive"), ("balances", "stored")}
    shutil.rmtree(data / "archive")
    code, _found, told = audited(data)
    assert code == 1
    assert "tandem: the archive lacks days before " in told


def test_a_history_in_postgresql(data: Path, postgres: Server) -> None:
    url = postgres.new_database()
    project(data, url)
    code, found, told = audited(data, "--database", url)
    assert (code, found) == (0, []), told
    with psycopg.connect(url) as connection:
        (seq,) = connection.execute("SELECT max(seq) FROM ledger").fetchone() or ()
        connection.execute("UPDATE ledger SET reference = 7 WHERE seq = %s", (seq,))
    code, found, _told = audited(data, "--database", url)
    assert code == 1
    assert {(one["table"], one["where"], one["seq"]) for one in found} == {("ledger", "sql", seq)}


# --- in SQL


def test_a_changed_row_of_sql(data: Path) -> None:
    ((seq, n, qty),) = run(data, "SELECT seq, n, qty FROM fills WHERE is_maker LIMIT 1 OFFSET 50")
    run(data, "UPDATE fills SET qty = qty + 1 WHERE seq = ? AND n = ? AND is_maker", seq, n)
    (found,) = found_in(data)
    assert (found["table"], found["where"], found["seq"]) == ("fills", "sql", seq)
    assert (found["key"]["seq"], found["key"]["n"]) == (seq, n)
    assert (found["expected"], found["found"]) == ({"qty_units": qty}, {"qty_units": qty + 1})


def test_a_fill_that_sql_lacks(data: Path) -> None:
    ((seq, n, side),) = run(data, "SELECT seq, n, side FROM fills LIMIT 1 OFFSET 77")
    run(data, "DELETE FROM fills WHERE seq = ? AND n = ? AND side = ?", seq, n, side)
    (found,) = found_in(data)
    assert (found["table"], found["where"], found["seq"]) == ("fills", "sql", seq)
    assert (found["expected"]["n"], found["expected"]["side"], found["found"]) == (n, side, None)


def test_an_order_that_never_was(data: Path) -> None:
    ((id_,),) = run(data, "SELECT max(id) FROM orders")
    columns = ", ".join(row[1] for row in run(data, "PRAGMA table_info(orders)"))
    changed = columns.replace("id,", f"{id_ + 1000},", 1)
    run(data, f"INSERT INTO orders ({columns}) SELECT {changed} FROM orders WHERE id = ?", id_)
    (found,) = found_in(data)
    assert (found["table"], found["expected"], found["found"]["id"]) == ("orders", None, id_ + 1000)


@pytest.mark.parametrize("where", ["status IN ('NEW', 'PENDING_NEW')", "status = 'FILLED'"])
def test_an_order_of_which_something_else_is_told(data: Path, where: str) -> None:
    ((id_, seq),) = run(data, f"SELECT id, seq FROM orders WHERE {where} LIMIT 1 OFFSET 5")
    run(data, "UPDATE orders SET client_id = 'other' WHERE id = ?", id_)
    (found,) = found_in(data)
    assert (found["table"], found["key"]["id"], found["seq"]) == ("orders", id_, seq)
    assert found["found"] == {"client_id": "other"}


def test_money_that_sql_moves_elsewhere(data: Path) -> None:
    ((seq, n, amount, asset),) = run(data, "SELECT seq, n, amount, asset FROM ledger WHERE cause = 'FEE' LIMIT 1")
    run(data, "UPDATE ledger SET credit_account = 3 WHERE seq = ? AND n = ?", seq, n)
    row, *balances = sorted(found_in(data), key=lambda one: one["table"] != "ledger")
    assert (row["expected"], row["found"]) == ({"credit_account": 0}, {"credit_account": 3})
    wrong = {(one["key"]["account"], one["key"]["asset"]): one["found"] - one["expected"] for one in balances}
    assert wrong == {(0, asset): -amount, (3, asset): amount}
    assert {(one["table"], one["where"]) for one in balances} == {("balances", "stored")}


CHANGES = {
    "trades": "UPDATE trades SET time_us = time_us + 1 WHERE trade_id = 20 AND market = 0",
    "transfers": "UPDATE transfers SET amount = -amount WHERE seq = (SELECT min(seq) FROM transfers)",
    "order_lists": "UPDATE order_lists SET is_open = 1 - is_open WHERE id = (SELECT min(id) FROM order_lists)",
    "prevented_matches": "DELETE FROM prevented_matches WHERE id = 3 AND market = 0",
    "order_changes": "UPDATE order_changes SET detail = 9 WHERE seq = (SELECT min(seq) FROM order_changes)",
    "candles": "UPDATE candles SET high = high + 1 WHERE interval = '1s' AND market = 1",
    "daily": "UPDATE daily SET next_aggregate = 0 WHERE market = 0",
    "accounts": "UPDATE accounts SET name = 'mallory' WHERE id = 2",
    "assets": "UPDATE assets SET decimals = 7 WHERE id = 3",
    "markets": "UPDATE markets SET quote = 2 WHERE id = 0",
    "position": "UPDATE position SET digest = '0123456789abcdef'",
}


def test_each_table_is_compared(data: Path) -> None:
    for change in CHANGES.values():
        run(data, change)
    found = found_in(data)
    assert {(one["table"], one["where"]) for one in found} == {(table, "sql") for table in CHANGES}


def test_a_row_with_another_key_is_missing_and_too_many(data: Path) -> None:
    run(data, "UPDATE trades SET trade_id = 1000000 WHERE market = 0 AND trade_id = 5")
    found = found_in(data)
    assert sorted((one["key"]["trade_id"], one["found"] is None) for one in found) == [(5, True), (1000000, False)]


EVERYWHERE = ("orders", "order_changes", "fills", "trades", "ledger", "transfers", "order_lists", "candles")
FLAGS = ("used_sor", "is_routed", "is_maker", "is_open")


def test_each_column_of_each_table_is_compared(data: Path) -> None:
    """A row for each: -1 becomes -2, whose hashes Python itself takes for equal."""
    expected = set()
    for name in EVERYWHERE:
        table = TABLES[name]
        columns = [column for column in table.columns if column not in table.key]
        at = " AND ".join(f'"{column}" = ?' for column in table.key)
        keys = run(data, f"SELECT {listed(table.key)} FROM {name} LIMIT {len(columns)}")
        for key, column in zip(keys, columns, strict=True):
            text, number = f"\"{column}\" || 'x'", f'coalesce("{column}", 0) - 1'
            value = text if table.columns[column] == TEXT else f"1 - {column}" if column in FLAGS else number
            run(data, f'UPDATE {name} SET "{column}" = {value} WHERE {at}', *key)
            expected.add((name, table.file_name(column)))
    found = found_in(data, "--limit", "1000")
    assert all(one["where"] in ("sql", "stored") for one in found)
    rows = [one for one in found if one["where"] == "sql"]
    assert {(one["table"], column) for one in rows for column in one["found"]} == expected
    assert len(rows) == len(expected)


@pytest.mark.parametrize("table", ["orders", "order_lists"])
def test_what_is_open_and_missing_in_sql_is_found_beside_an_archive(data: Path, table: str) -> None:
    is_open = "is_open" if table == "order_lists" else "status = 'NEW'"
    ((id_, seq),) = run(data, f"SELECT id, seq FROM {table} WHERE {is_open} LIMIT 1")
    run(data, f"DELETE FROM {table} WHERE id = ?", id_)
    (found,) = found_in(data)
    assert (found["table"], found["where"], found["seq"], found["found"]) == (table, "sql", seq, None)


@pytest.mark.parametrize(
    "value", ["is_maker = 2", "market = 'x'", "fee_asset = 5000000000", "fee = 0.5", "fee = 'some'", "price = 9e30"]
)
def test_a_value_that_no_column_holds(data: Path, value: str) -> None:
    ((seq, n, side),) = run(data, "SELECT seq, n, side FROM fills WHERE is_maker LIMIT 1 OFFSET 30")
    run(data, f"UPDATE fills SET {value} WHERE seq = ? AND n = ? AND side = ?", seq, n, side)
    found = found_in(data)
    assert {(one["table"], one["where"], one["seq"]) for one in found} == {("fills", "sql", seq)}


# --- in the archive


def test_a_flipped_byte_in_a_file(data: Path) -> None:
    for path in (files_of(data, "fills")[0], files_of(data, "transfers")[0]):
        content = bytearray(path.read_bytes())
        content[len(content) // 3] ^= 4
        path.write_bytes(content)
    found = found_in(data)
    assert {(one["table"], one["where"], one["key"]["file"]) for one in found} == {
        (table, "archive", str(files_of(data, table)[0].relative_to(data / "archive")))
        for table in ("fills", "transfers")
    }
    assert all("with sha256" in one["found"] for one in found)


def test_a_missing_file(data: Path) -> None:
    path = files_of(data, "orders")[0]
    path.unlink()
    (found,) = found_in(data)
    assert found["key"] == {"file": str(path.relative_to(data / "archive"))}
    assert (found["table"], found["where"], found["found"]) == ("orders", "archive", "missing")


def test_a_row_of_a_file_that_the_log_does_not_tell(data: Path) -> None:
    path = files_of(data, "trades")[0]
    table = rows_of(path)
    table[3]["price_units"] += 10_000
    removed = table.pop(5)
    write_again(data, path, table)
    changed, missing = sorted(found_in(data), key=lambda one: one["found"] is None)
    assert changed["where"] == missing["where"] == "archive"
    assert changed["found"]["price_units"] - changed["expected"]["price_units"] == 10_000
    assert missing["key"]["trade_id"] == removed["trade_id"]


def test_a_row_twice_in_a_file(data: Path) -> None:
    path = files_of(data, "ledger")[0]
    table = rows_of(path)
    write_again(data, path, [*table, table[-1]])
    found = found_in(data)
    assert [(one["table"], one["where"], one["expected"], one["found"]) for one in found] == [
        ("ledger", "archive", 1, 2)
    ]


def test_files_of_an_older_archive_that_do_not_name_the_orders_of_lists(data: Path) -> None:
    for path in files_of(data, "order_lists"):
        write_again(data, path, [_without(row, "client_ids") for row in rows_of(path)])
    code, found, told = audited(data)
    assert (code, found) == (0, []), told
    path = files_of(data, "order_lists")[0]
    lists = [_without(row, "client_ids") for row in rows_of(path)]
    lists[0]["updated_us"] += 1
    write_again(data, path, lists)
    (changed,) = found_in(data)
    assert changed["key"] == {"id": lists[0]["id"]}


def _without(row: dict[str, Any], name: str) -> dict[str, Any]:
    return {column: value for column, value in row.items() if column != name}


# --- how it is told


def test_many_differences_are_counted_and_some_listed(data: Path) -> None:
    ((fills,),) = run(data, "SELECT count(*) FROM fills")
    run(data, "UPDATE fills SET price = price + 1")
    code, found, told = audited(data, "--limit", "7")
    assert (code, len(found)) == (1, 7)
    assert f"tandem: {fills} differences of fills (sql)" in told


def test_a_history_that_is_not_there(tmp_path: Path) -> None:
    code, found, told = audited(tmp_path)
    assert (code, found) == (1, [])
    assert "there is no history at" in told


def test_a_log_that_begins_with_a_snapshot(tmp_path: Path) -> None:
    live_without_old_log(tmp_path, seed=12)
    archive_all(tmp_path)
    code, found, told = audited(tmp_path)
    assert (code, found) == (0, []), told
    assert "what ended before is not compared" in told
    assert "row by row" not in told
    start = int(told.partition("the log begins after seq ")[2].partition(":")[0])
    ended_before = f"o.seq <= {start} AND o.status NOT IN ('NEW', 'PENDING_NEW', 'PARTIALLY_FILLED')"
    of_list = f"o.list_id = l.id AND l.seq > {start} AND {ended_before}"
    ((unknown,),) = run(tmp_path, f"SELECT count(*) FROM order_lists l JOIN orders o ON {of_list}")
    assert unknown > 0
    ((seq,),) = run(tmp_path, "SELECT min(seq) FROM fills WHERE seq > ?", start)
    run(tmp_path, "UPDATE fills SET fee = fee + 1 WHERE seq = ? AND is_maker", seq)
    ((old,),) = run(tmp_path, "SELECT min(id) FROM orders WHERE status = 'NEW'")
    run(tmp_path, "UPDATE orders SET left_qty = left_qty + 1 WHERE id = ?", old)
    ((newest,),) = run(tmp_path, "SELECT max(id) FROM order_lists")
    run(tmp_path, "UPDATE order_lists SET client_ids = client_ids || 'x' WHERE id = ?", newest)
    found = found_in(tmp_path)
    assert {(one["table"], one["where"]) for one in found} == {
        ("fills", "sql"),
        ("orders", "sql"),
        ("order_lists", "sql"),
    }
    assert [one["key"]["id"] for one in found if one["table"] == "order_lists"] == [newest]
    # What the log has no more, is not dropped.
    count = run(tmp_path, "SELECT count(*) FROM fills")
    told_again = CliRunner().invoke(main, ["project", str(tmp_path), "--rebuild", "--once"])
    assert told_again.exit_code == 1
    assert "cannot be told again, so nothing is dropped" in told_again.stderr
    assert run(tmp_path, "SELECT count(*) FROM fills") == count
