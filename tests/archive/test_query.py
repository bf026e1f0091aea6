"""`tandem query` sees archive and recent rows as one, exactly, and can change nothing."""

import csv
import io
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text, update
from sqlalchemy.engine import URL

from tandem.apps.cli import main
from tandem.apps.questions import answer
from tandem.archive.place import ArchiveUnusable, Place
from tandem.archive.query import QuestionRefused
from tandem.archive.tables import TABLES
from tandem.domain.trading import OPEN_STATUSES, OrderKind, Side
from tandem.history import schema
from tandem.history.export import ARCHIVED, Exporter
from tests.archive.test_archiving import ALL_DAYS, FIRST, archived, everything, pruned, run

NOTES: list[str] = []


def asked(question: str, place: Path | str, url: URL | None) -> list[dict[str, Any]]:
    NOTES.clear()
    exporter = None if url is None else Exporter(url)
    try:
        with answer(question, Place(str(place)), exporter, NOTES.append) as reader:
            found: list[dict[str, Any]] = reader.read_all().to_pylist()
            return found
    finally:
        if exporter is not None:
            exporter.close()


def raw(name: str) -> str:
    """The columns that are as in SQL."""
    chosen = []
    for column, kind in TABLES[name].columns.items():
        if kind.of:
            chosen.append(f"{column}_units AS {column}")
        elif column in ("market", "maker_market", "asset", "fee_asset"):
            chosen.append(f"{column}_id AS {column}")
        elif column not in ("side", "taker_side", "kind", "tif", "stp", "mode", "state"):
            chosen.append(f'"{column}"')
    return ", ".join(chosen)


@pytest.mark.parametrize("until", [None, ALL_DAYS[1], ALL_DAYS[-1]])
def test_views_have_every_row_once(told: URL, tmp_path: Path, until: Any) -> None:
    before = everything(told)
    if until is not None:
        archived(told, tmp_path / "archive", until)
        pruned(told, tmp_path / "archive", keep_days=3)
    for name in ARCHIVED:
        found = asked(f"SELECT {raw(name)} FROM {name}", tmp_path / "archive", told)
        assert found, name
        expected = [row for row in before[name] if name != "candles" or row.interval != "1s"]
        columns = list(found[0])
        wanted = Counter(tuple(getattr(row, column) for column in columns) for row in expected)
        assert Counter(tuple(row.values()) for row in found) == wanted, name


def test_a_column_that_older_files_lack_is_null(sqlite: URL, tmp_path: Path) -> None:
    archived(sqlite, tmp_path, FIRST)
    for path in (tmp_path / "order_lists").rglob("*.parquet"):
        pq.write_table(pq.ParquetFile(path).read().drop_columns(["client_ids"]), path)
    found = asked("SELECT DISTINCT day IS NULL, client_ids IS NULL FROM order_lists", tmp_path, sqlite)
    assert sorted(tuple(row.values()) for row in found) == [(False, False), (False, True), (True, False)]


def test_amounts_are_decimals_and_numbers_have_names(sqlite: URL, tmp_path: Path) -> None:
    archived(sqlite, tmp_path / "archive", FIRST)
    rows = {row.id: row for row in everything(sqlite)["orders"]}
    found = asked("SELECT * FROM orders", tmp_path / "archive", sqlite)
    assert {row["day"] is None for row in found} == {True, False}
    for shown in found:
        row = rows[shown["id"]]
        assert (shown["price"], shown["qty"]) == (Decimal(row.price).scaleb(-6), Decimal(row.qty).scaleb(-8))
        assert shown["filled_quote"] == Decimal(row.filled_quote).scaleb(-6)
        assert (shown["side"], shown["kind"]) == (Side(row.side).name, OrderKind(row.kind).name)
        assert shown["market"] == ("BTCUSDT", "BTCUSDC", "COINUSDT")[row.market]
        assert shown["updated_time"].timestamp() == pytest.approx(row.updated_us / 1e6)
        assert (shown["day"] is None) == (row.status in OPEN_STATUSES)
    fees = asked("SELECT fee, fee_units, fee_asset FROM fills WHERE fee_units > 0", tmp_path / "archive", sqlite)
    places = {"BTC": 8, "COIN": 8, "USDT": 6, "USDC": 6}
    assert {row["fee_asset"] for row in fees} == set(places)
    assert all(row["fee"] == row["fee_units"].scaleb(-places[row["fee_asset"]]) for row in fees)


def test_a_days_volume_by_market(sqlite: URL, tmp_path: Path) -> None:
    archived(sqlite, tmp_path / "archive")
    summed = asked(
        "SELECT market, sum(qty) AS volume, sum(quote_amount) AS quote_volume FROM trades"
        " WHERE day = '2026-11-21' GROUP BY market ORDER BY market",
        tmp_path / "archive",
        sqlite,
    )
    assert [row["market"] for row in summed] == ["BTCUSDC", "BTCUSDT", "COINUSDT"]
    daily = "SELECT market, volume, quote_volume FROM daily WHERE day = '2026-11-21' ORDER BY market"
    assert summed == asked(daily, tmp_path / "archive", sqlite)


def test_an_amount_beyond_38_digits_is_not_shown_wrong(sqlite: URL, tmp_path: Path) -> None:
    run(sqlite, update(schema.ledger).where(schema.ledger.c.seq == 40).values(amount=10**37))
    with pytest.raises(QuestionRefused, match="Overflow"):
        asked("SELECT amount FROM ledger WHERE seq = 40", tmp_path, sqlite)
    assert asked("SELECT amount_units FROM ledger WHERE seq = 40 AND n = 0", tmp_path, sqlite) == [
        {"amount_units": Decimal(10) ** 37}
    ]


@pytest.mark.parametrize(
    "question",
    [
        "DROP VIEW fills",
        "SELECT 1; SELECT 2",
        "COPY trades TO 'x.csv'",
        "ATTACH 'x.db'",
        "INSTALL httpfs",
        "SET threads = 1",
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM '/etc/hostname.csv'",
        "SELECT nothing FROM fills",
        "SELECT * FROM nowhere",
        "SELEKT",
        "",
    ],
)
def test_what_is_no_question_is_refused(sqlite: URL, tmp_path: Path, question: str) -> None:
    with pytest.raises(QuestionRefused):
        asked(question, tmp_path, sqlite)


@pytest.mark.parametrize("name", ["query('FROM tra' || 'des')", "query_table('tra' || 'des')"])
def test_a_name_that_is_put_together_is_not_an_empty_table(sqlite: URL, tmp_path: Path, name: str) -> None:
    archived(sqlite, tmp_path, FIRST)
    (found,) = asked(f"SELECT count(*) AS rows FROM {name}", tmp_path, sqlite)
    assert found["rows"] == len(everything(sqlite)["trades"]) > 0


def test_an_archive_is_asked_without_a_database(sqlite: URL, tmp_path: Path) -> None:
    archived(sqlite, tmp_path / "archive")
    counted = "SELECT count(*) AS rows, max(seq) AS seq FROM fills WHERE day <= '2026-11-23'"
    assert asked(counted, tmp_path / "archive", None) == asked(counted, tmp_path / "archive", sqlite)
    assert asked("SELECT code, decimals FROM assets WHERE id = 1", tmp_path / "archive", None) == [
        {"code": "USDT", "decimals": 6}
    ]


def test_sql_that_is_behind_the_archive_is_not_asked(sqlite: URL, tmp_path: Path) -> None:
    archived(sqlite, tmp_path / "archive")
    counted = "SELECT count(*) AS rows FROM orders"
    alone = asked(counted, tmp_path / "archive", None)
    run(sqlite, text("UPDATE position SET seq = 50"))
    assert asked(counted, tmp_path / "archive", sqlite) == alone
    assert "only the archive is asked" in NOTES[0]


def test_days_that_are_nowhere_are_told(sqlite: URL, tmp_path: Path) -> None:
    archived(sqlite, tmp_path / "archive")
    pruned(sqlite, tmp_path / "archive")
    with pytest.raises(ArchiveUnusable, match="lacks days before 2026-11-24 whose rows have left SQL"):
        asked("FROM fills", tmp_path / "other", sqlite)


def test_a_symbol_that_is_no_file_name(sqlite: URL, tmp_path: Path) -> None:
    run(sqlite, text("UPDATE markets SET symbol = 'BTC/USDT=%2F' WHERE id = 0"))
    archived(sqlite, tmp_path / "archive")
    counted = "SELECT count(*) AS rows FROM trades WHERE market = 'BTC/USDT=%2F'"
    (found,) = asked(counted, tmp_path / "archive", sqlite)
    ((rows,),) = run(sqlite, text("SELECT count(*) FROM trades WHERE market = 0"))
    assert found == {"rows": rows}


def test_on_s3_it_answers_the_same(sqlite: URL, tmp_path: Path, s3: Callable[[str], str]) -> None:
    archived(sqlite, s3("archive"), FIRST)
    archived(sqlite, tmp_path / "archive", FIRST)
    question = "SELECT market, day, sum(qty) AS volume FROM trades GROUP BY ALL ORDER BY ALL"
    assert asked(question, s3("archive"), sqlite) == asked(question, tmp_path / "archive", sqlite)


# --- the command


def command(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.fixture
def directory(sqlite: URL, tmp_path: Path) -> Path:
    assert sqlite.database == str(tmp_path / "history.db")
    return tmp_path


def test_the_commands_write_and_ask(directory: Path) -> None:
    done = command("archive", str(directory), "--until", "2026-11-21")
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr.splitlines()[0].startswith("tandem: 2026-11-20: ")
    question = "SELECT market, trades, volume FROM daily WHERE day = '2026-11-20' ORDER BY market"
    shown = command("query", "--data", str(directory), question)
    assert shown.exit_code == 0, shown.stderr
    lines = shown.stdout.splitlines()
    assert lines[0] == "market    trades      volume"
    assert [line.split()[0] for line in lines[2:]] == ["BTCUSDC", "BTCUSDT", "COINUSDT"]
    as_csv = command("query", "--data", str(directory), question, "--format", "csv")
    assert [row["market"] for row in csv.DictReader(io.StringIO(as_csv.stdout))] == ["BTCUSDC", "BTCUSDT", "COINUSDT"]
    output = directory / "answer.parquet"
    assert command("query", "--data", str(directory), question, "--format", "parquet", "--output", str(output))
    rows = pq.read_table(output).to_pylist()
    assert [[row["market"], str(row["trades"]), str(row["volume"])] for row in rows] == [
        line.split() for line in lines[2:]
    ]


def test_the_commands_say_what_is_wrong(directory: Path) -> None:
    for arguments, told in (
        (("query", "--data", str(directory), "SELECT x FROM fills"), "tandem: Binder Error"),
        (("query", "--data", str(directory / "none"), "SELECT 1"), "there is no history at"),
        (("query", "--data", str(directory), "SELECT 1", "--format", "parquet"), "needs --output"),
        (("archive", str(directory), "--prune"), "--prune and --keep-days go together"),
        (("archive", str(directory), "--until", "yesterday"), "is no day like"),
        (("archive", str(directory), "--database", "mysql://x/y"), "sqlite:///<file> or postgresql://..."),
    ):
        done = command(*arguments)
        assert done.exit_code in (1, 2)
        assert told in done.stderr, done.stderr
        assert done.stdout == ""
    assert not (directory / "none").exists()


def test_pruning_by_command(directory: Path) -> None:
    done = command("archive", str(directory), "--prune", "--keep-days", "1")
    assert done.exit_code == 0, done.stderr
    assert "tandem: 2026-11-22: " in done.stderr
    assert "rows left SQL" in done.stderr


def test_long_answers_are_cut_and_say_so(directory: Path) -> None:
    done = command("query", "--data", str(directory), "SELECT seq FROM ledger")
    assert len(done.stdout.splitlines()) == 1002
    assert "only the first 1000 rows" in done.stderr
