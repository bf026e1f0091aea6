"""`tandem audit` finds nothing where nothing is wrong, and names whatever is."""

import hashlib
import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from tandem.apps.archiving import prune
from tandem.apps.cli import main
from tandem.archive.place import Place
from tandem.history.database import database_url
from tandem.history.export import Exporter
from tandem.history.prune import Pruner
from tests.archive.lived import archive_all, live, live_without_old_log, project
from tests.support.postgres import Server

Found = list[dict[str, Any]]


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


def audited(data: Path, *arguments: str) -> tuple[int, Found, str]:
    done = CliRunner().invoke(main, ["audit", str(data), *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def found_in(data: Path) -> Found:
    code, found, told = audited(data)
    assert code == 1, told
    return found


def run(data: Path, statement: str, *values: object) -> list[Any]:
    connection = sqlite3.connect(data / "history.db", isolation_level=None)
    rows = connection.execute(statement, values).fetchall()
    connection.close()
    return rows


def files_of(data: Path, table: str) -> list[Path]:
    return sorted((data / "archive" / table).rglob("*.parquet"))


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
    assert told.endswith("tandem: core and history agree; there is no archive\n")


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
    """With checksum and counts as if it had been written so."""
    path = files_of(data, "trades")[0]
    table = pq.ParquetFile(path).read().to_pylist()
    table[3]["price_units"] += 10_000
    removed = table.pop(5)
    _write_again(data, path, table)
    changed, missing = sorted(found_in(data), key=lambda one: one["found"] is None)
    assert changed["where"] == missing["where"] == "archive"
    assert changed["found"]["price_units"] - changed["expected"]["price_units"] == 10_000
    assert missing["key"]["trade_id"] == removed["trade_id"]


def test_a_row_twice_in_a_file(data: Path) -> None:
    path = files_of(data, "ledger")[0]
    table = pq.ParquetFile(path).read().to_pylist()
    _write_again(data, path, [*table, table[-1]])
    found = found_in(data)
    assert [(one["table"], one["where"], one["expected"], one["found"]) for one in found] == [
        ("ledger", "archive", 1, 2)
    ]


def _write_again(data: Path, path: Path, rows: list[dict[str, Any]]) -> None:
    pq.write_table(pa.Table.from_pylist(rows, schema=pq.ParquetFile(path).schema_arrow), path)
    name = str(path.relative_to(data / "archive"))
    for manifest in (data / "archive/manifests").iterdir():
        told = json.loads(manifest.read_text())
        for part in told["tables"].values():
            for file in part["files"]:
                if file["path"] == name:
                    content = path.read_bytes()
                    part["rows"] += len(rows) - file["rows"]
                    file |= {"rows": len(rows), "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        manifest.write_text(json.dumps(told))


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
    live_without_old_log(tmp_path)
    archive_all(tmp_path)
    code, found, told = audited(tmp_path)
    assert (code, found) == (0, []), told
    assert "what ended before is not compared" in told
    start = int(told.partition("the log begins after seq ")[2].partition(":")[0])
    ((seq,),) = run(tmp_path, "SELECT min(seq) FROM fills WHERE seq > ?", start)
    run(tmp_path, "UPDATE fills SET fee = fee + 1 WHERE seq = ? AND is_maker", seq)
    ((old,),) = run(tmp_path, "SELECT min(id) FROM orders WHERE status = 'NEW'")
    run(tmp_path, "UPDATE orders SET left_qty = left_qty + 1 WHERE id = ?", old)
    assert {(one["table"], one["where"]) for one in found_in(tmp_path)} == {("fills", "sql"), ("orders", "sql")}
