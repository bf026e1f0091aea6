"""What is in the archive is what SQL had; nothing leaves SQL that is not in it."""

import hashlib
import json
from collections.abc import Callable
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from sqlalchemy import select, text, update
from sqlalchemy.engine import URL

from tandem.apps.archiving import archive, prune
from tandem.archive.manifest import Manifest, read_manifests
from tandem.archive.place import ArchiveUnusable, Place
from tandem.archive.tables import TABLES
from tandem.domain.intervals import DAY, INTERVALS
from tandem.domain.trading import OPEN_STATUSES
from tandem.history import schema
from tandem.history.database import database_url, open_engine
from tandem.history.export import ARCHIVED, Exporter
from tandem.history.prune import Pruner
from tandem.history.store import drop_history
from tests.archive.past import DAYS, START_US, Past, live, tell

FIRST = date(2026, 11, 20)
ALL_DAYS = [date(2026, 11, 20 + number) for number in range(DAYS)]


def archived(url: URL, place: Path | str | Place, until: date | None = None) -> list[Manifest]:
    exporter = Exporter(url)
    try:
        return archive(exporter, _opened(place), until=until, note=lambda _line: None)
    finally:
        exporter.close()


def pruned(url: URL, place: Path | str, keep_days: int = 0) -> int:
    exporter, pruner = Exporter(url), Pruner(url)
    try:
        return prune(exporter, pruner, _opened(place), keep_days, note=lambda _line: None)
    finally:
        exporter.close()
        pruner.close()


def _opened(place: Path | str | Place) -> Place:
    return place if isinstance(place, Place) else Place(str(place))


def run(url: URL, statement: Any) -> list[Any]:
    engine = open_engine(url)
    with engine.begin() as connection:
        answer = connection.execute(statement)
        rows = list(answer.all()) if answer.returns_rows else []
    engine.dispose()
    return rows


def everything(url: URL) -> dict[str, list[Any]]:
    return {name: run(url, select(schema.metadata.tables[name])) for name in ARCHIVED}


def day_of(name: str, row: Any) -> int | None:
    """The number of the day that a row belongs to; None: it is still open, or not archived."""
    if name == "orders":
        time = None if row.status in OPEN_STATUSES else row.updated_us
    elif name == "order_lists":
        time = None if row.is_open else row.updated_us
    elif name == "candles":
        time = INTERVALS[row.interval].shift(row.open_us, 1) - 1 if row.interval != "1s" else None
    else:
        time = row.day_us if name == "daily" else row.time_us
    day = None if time is None else (time - START_US) // DAY
    return day if day is not None and day < DAYS else None


def files_of(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def rows_in(place: Place, manifest: Manifest, name: str) -> list[dict[str, Any]]:
    return [
        row
        for file in manifest.tables[name].files
        for row in pq.read_table(place.full(file.path), filesystem=place.files, partitioning=None).to_pylist()
    ]


def as_in_files(name: str, row: Any) -> dict[str, Any]:
    return {TABLES[name].file_name(column): getattr(row, column) for column in TABLES[name].columns}


def without_names(name: str, row: dict[str, Any]) -> dict[str, Any]:
    return {TABLES[name].file_name(column): row[TABLES[name].file_name(column)] for column in TABLES[name].columns}


def by_key(rows: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    key = [TABLES[name].file_name(column) for column in TABLES[name].key]
    return sorted(rows, key=lambda row: [row[column] for column in key])


def test_tables_have_the_columns_of_sql() -> None:
    assert set(TABLES) == set(ARCHIVED)
    for name, table in TABLES.items():
        source = schema.metadata.tables[name]
        assert list(table.columns) == list(source.columns.keys())
        keys = source.primary_key, *(index for index in source.indexes if index.unique)
        assert table.key in [tuple(key.columns.keys()) for key in keys]


def test_every_row_of_a_day_that_ended_is_in_its_files(told: URL, tmp_path: Path) -> None:
    manifests = archived(told, tmp_path / "archive")
    assert [manifest.day for manifest in manifests] == ALL_DAYS
    place = Place(str(tmp_path / "archive"))
    for name, rows in everything(told).items():
        for number, manifest in enumerate(manifests):
            expected = [as_in_files(name, row) for row in rows if day_of(name, row) == number]
            found = [without_names(name, row) for row in rows_in(place, manifest, name)]
            assert by_key(found, name) == by_key(expected, name), (name, number)
            assert manifest.tables[name].rows == len(expected)
        assert any(manifest.tables[name].rows for manifest in manifests), name
        assert any(day_of(name, row) is None for row in rows) or name not in ("orders", "order_lists", "candles")


def test_files_are_sorted_partitioned_and_named(sqlite: URL, tmp_path: Path) -> None:
    (first, *_rest) = archived(sqlite, tmp_path)
    place = Place(str(tmp_path))
    paths = [file.path for file in first.files()]
    assert "trades/market=BTCUSDT/day=2026-11-20/part-00000.parquet" in paths
    assert "ledger/day=2026-11-20/part-00000.parquet" in paths
    for file in first.tables["trades"].files:
        rows = pq.read_table(place.full(file.path), partitioning=None).to_pylist()
        symbol = file.path.split("market=")[1].split("/")[0]
        assert {(row["symbol"], row["base"] + row["quote"]) for row in rows} == {(symbol, symbol)}
        assert [row["trade_id"] for row in rows] == sorted(row["trade_id"] for row in rows)
        assert {(row["base_decimals"], row["quote_decimals"]) for row in rows} == {(8, 6)}
    codes = {(row["asset"], row["asset_code"]) for row in rows_in(place, first, "ledger")}
    assert codes == {(0, "BTC"), (1, "USDT"), (2, "USDC"), (3, "COIN")}
    written = pq.ParquetFile(tmp_path / paths[0]).metadata.row_group(0).column(0)
    assert written.compression == "ZSTD"


def test_a_manifest_says_what_is_there(sqlite: URL, tmp_path: Path) -> None:
    root = tmp_path / "archive"
    manifests = archived(sqlite, root)
    assert manifests[0].first_seq == 1
    for before, after in pairwise(manifests):
        assert after.first_seq == before.last_seq + 1
    for manifest in manifests:
        text_of = json.loads((root / f"manifests/{manifest.day}.json").read_text())
        assert text_of["cluster_id"] == "0123456789abcdef0123456789abcdef"
        for file in manifest.files():
            data = (root / file.path).read_bytes()
            assert (len(data), hashlib.sha256(data).hexdigest()) == (file.bytes, file.sha256)
    listed = {file.path for manifest in manifests for file in manifest.files()}
    assert listed | {f"manifests/{day}.json" for day in ALL_DAYS} == set(files_of(root))


def test_the_same_rows_make_the_same_bytes(sqlite: URL, tmp_path: Path) -> None:
    archived(sqlite, tmp_path / "one")
    for until in (FIRST, FIRST, None):
        archived(sqlite, tmp_path / "two", until)
    assert archived(sqlite, tmp_path / "two") == []
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")


class Failing(Place):
    """Its disk is full after some files."""

    def __init__(self, address: str, writes: int) -> None:
        super().__init__(address)
        self.writes = writes

    def write(self, path: str, data: bytes | memoryview) -> None:
        self.writes -= 1
        if self.writes < 0:
            raise ArchiveUnusable("no space left")
        super().write(path, data)


def test_an_interrupted_run_is_finished_by_the_next(sqlite: URL, tmp_path: Path) -> None:
    archived(sqlite, tmp_path / "one")
    whole = files_of(tmp_path / "one")
    for writes in (0, 5, 24, 40, 10):
        place = Failing(str(tmp_path / "two"), writes)
        with pytest.raises(ArchiveUnusable, match="no space left"):
            archived(sqlite, place)
        days = [manifest.day for manifest in read_manifests(place)]
        assert days == ALL_DAYS[: len(days)]
        for manifest in read_manifests(place):
            assert place.missing([file.path for file in manifest.files()]) == set()
    assert len(read_manifests(place)) in (1, 2)
    archived(sqlite, tmp_path / "two")
    assert files_of(tmp_path / "two") == whole


def test_a_day_that_was_taken_away_is_written_again(sqlite: URL, tmp_path: Path) -> None:
    archived(sqlite, tmp_path / "archive")
    whole = files_of(tmp_path / "archive")
    for day in (ALL_DAYS[0], ALL_DAYS[2]):
        (tmp_path / f"archive/manifests/{day}.json").unlink()
        assert [manifest.day for manifest in archived(sqlite, tmp_path / "archive")] == [day]
    assert files_of(tmp_path / "archive") == whole


def test_an_archive_of_another_exchange_is_left_alone(sqlite: URL, tmp_path: Path) -> None:
    archived(sqlite, tmp_path, FIRST)
    run(sqlite, update(schema.position).values(cluster_id="f" * 32))
    with pytest.raises(ArchiveUnusable, match="of another exchange"):
        archived(sqlite, tmp_path)
    with pytest.raises(ArchiveUnusable, match="of another exchange"):
        pruned(sqlite, tmp_path)


def test_days_of_another_past_are_not_gone_on_with(sqlite: URL, tmp_path: Path) -> None:
    """A restored exchange was given the archive of the original, which went on after the backup."""
    archived(sqlite, tmp_path / "archive")
    whole = files_of(tmp_path / "archive")
    other = database_url("", tmp_path)
    Path(other.database or "").unlink()
    tell(live(tmp_path / "other", seed=6), other)
    before = everything(other)
    with pytest.raises(ArchiveUnusable, match=r"2026-11-23 ends with seq .*, in SQL with seq .* restored"):
        archived(other, tmp_path / "archive")
    with pytest.raises(ArchiveUnusable, match=r"2026-11-20 has .*, SQL has"):
        pruned(other, tmp_path / "archive")
    assert (files_of(tmp_path / "archive"), everything(other)) == (whole, before)
    for day in ALL_DAYS:
        (tmp_path / f"archive/manifests/{day}.json").unlink()
    assert len(archived(other, tmp_path / "archive")) == DAYS


class Meanwhile(Place):
    """Something happens with each of the first files."""

    def __init__(self, address: str, *events: Callable[[], object]) -> None:
        super().__init__(address)
        self.events = list(events)

    def write(self, path: str, data: bytes | memoryview) -> None:
        if self.events:
            self.events.pop(0)()
        super().write(path, data)


@pytest.mark.parametrize("is_back", [True, False])
def test_a_history_that_is_told_again_meanwhile_is_not_archived(
    past: Past, sqlite: URL, tmp_path: Path, is_back: bool
) -> None:
    """Whether it has come to the same seq again in the end or not."""

    def rebuild(until_us: int | None) -> None:
        drop_history(sqlite)
        tell(past, sqlite, until_us=until_us)

    # The first three files are of orders, those that follow of another table.
    events = [lambda: rebuild(START_US + DAY // 2), *[lambda: None] * 3, lambda: rebuild(None)]
    if not is_back:
        events.pop()
    place = Meanwhile(str(tmp_path / "archive"), *events)
    with pytest.raises(ArchiveUnusable, match="changed while they were written"):
        archived(sqlite, place)
    assert place.events == read_manifests(place) == []


def test_an_amount_of_39_digits_is_kept_whole(sqlite: URL, tmp_path: Path) -> None:
    largest = 2**127 - 1
    run(sqlite, update(schema.ledger).where(schema.ledger.c.seq == _first_seq(sqlite)).values(amount=largest))
    (manifest,) = archived(sqlite, tmp_path, FIRST)
    rows = [row for row in rows_in(Place(str(tmp_path)), manifest, "ledger") if row["wide"] is not None]
    assert [(row["seq"], row["amount_units"], json.loads(row["wide"])) for row in rows] == [
        (_first_seq(sqlite), None, {"amount": str(largest)})
    ]


def _first_seq(url: URL) -> int:
    seq: int = run(url, text("SELECT min(seq) FROM ledger"))[0][0]
    return seq


# --- leaving SQL


def test_what_left_sql_is_in_the_archive_and_nothing_else_left(told: URL, tmp_path: Path) -> None:
    before = everything(told)
    archived(told, tmp_path)
    removed = pruned(told, tmp_path, keep_days=2)
    after = everything(told)
    for name, rows in before.items():
        stays = [row for row in rows if not _leaves(name, row)]
        assert sorted(after[name]) == sorted(stays), name
        assert len(stays) < len(rows) or name == "daily", name
    assert removed == sum(len(before[name]) - len(after[name]) for name in before)
    ((archived_us,),) = run(told, select(schema.position.c.archived_us))
    assert archived_us == START_US + 2 * DAY
    assert pruned(told, tmp_path, keep_days=2) == 0
    assert archived(told, tmp_path) == []


def _leaves(name: str, row: Any) -> bool:
    if name == "candles":
        interval = INTERVALS[row.interval]
        ends_us = interval.shift(row.open_us, 1)
        return 0 < interval.us < DAY and START_US < ends_us <= START_US + 2 * DAY
    day = day_of(name, row)
    return name != "daily" and day is not None and day < 2


def test_what_is_damaged_in_the_archive_stays_in_sql(sqlite: URL, tmp_path: Path) -> None:
    first, second, *_rest = archived(sqlite, tmp_path)
    path = tmp_path / second.tables["fills"].files[0].path
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    before = everything(sqlite)
    with pytest.raises(ArchiveUnusable, match=f"{second.tables['fills'].files[0].path} is damaged: .* with sha256"):
        pruned(sqlite, tmp_path)
    after = everything(sqlite)
    assert {row.seq for row in before["fills"]} - {row.seq for row in after["fills"]} <= set(
        range(first.first_seq, first.last_seq + 1)
    )
    path.unlink()
    with pytest.raises(ArchiveUnusable, match="is damaged: missing"):
        pruned(sqlite, tmp_path)
    assert everything(sqlite) == after


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("transfers", f"INSERT INTO transfers VALUES ({{first}} + 5, 1, 0, 5, {START_US + 5})"),
        ("fills", "DELETE FROM fills WHERE seq = (SELECT max(seq) FROM fills WHERE seq <= {last})"),
    ],
    ids=["sql has more", "sql has fewer"],
)
def test_nothing_leaves_sql_where_it_and_the_archive_differ(
    sqlite: URL, tmp_path: Path, table: str, change: str
) -> None:
    (first, *_rest) = archived(sqlite, tmp_path)
    run(sqlite, text(change.format(first=first.first_seq, last=first.last_seq)))
    before = everything(sqlite)
    with pytest.raises(ArchiveUnusable, match=rf"2026-11-20 has .* {table}, SQL has"):
        pruned(sqlite, tmp_path)
    assert everything(sqlite) == before


def test_what_was_cut_off_while_it_left_is_finished(sqlite: URL, tmp_path: Path) -> None:
    (first, *_rest) = archived(sqlite, tmp_path)
    run(sqlite, update(schema.position).values(archived_us=first.end_us))
    run(sqlite, text(f"DELETE FROM trades WHERE seq <= {first.last_seq}"))
    assert pruned(sqlite, tmp_path, keep_days=3) > 0
    assert all(day_of("fills", row) != 0 for row in everything(sqlite)["fills"])


def test_a_day_that_left_sql_cannot_be_written_again(sqlite: URL, tmp_path: Path) -> None:
    archived(sqlite, tmp_path)
    pruned(sqlite, tmp_path)
    (tmp_path / "manifests/2026-11-21.json").unlink()
    with pytest.raises(ArchiveUnusable, match="2026-11-21 is missing, and its rows have left SQL"):
        archived(sqlite, tmp_path)
    with pytest.raises(ArchiveUnusable, match="does not follow"):
        pruned(sqlite, tmp_path)


# --- S3


def test_on_s3_it_is_the_same(sqlite: URL, tmp_path: Path, s3: Callable[[str], str]) -> None:
    address = s3("exchange/archive")
    archived(sqlite, tmp_path / "archive")
    archived(sqlite, address, FIRST)
    archived(sqlite, address)
    place = Place(address)
    whole = files_of(tmp_path / "archive")
    paths = [path for folder in ("manifests", *ARCHIVED) for path in place.listed(folder, deep=True)]
    assert sorted(paths) == sorted(whole)
    assert dict(zip(paths, place.read_all(paths), strict=True)) == whole
    assert pruned(sqlite, address, keep_days=3) > 0


def test_s3_that_is_not_there_is_told(sqlite: URL, s3: Callable[[str], str]) -> None:
    address = s3("x").replace("s3://history/", "s3://nowhere/")
    with pytest.raises(ArchiveUnusable, match=r"^archive s3://nowhere/.*: .*bucket"):
        archived(sqlite, address)
