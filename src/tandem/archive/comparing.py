"""Holds what the log says against what is stored, row by row, in a DuckDB that keeps to its memory and uses the disk.

Rows are compared by key and in every column of SQL; what ids are called is compared apart from this.
"""

import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import quote

import duckdb
import msgspec
import pyarrow as pa

from tandem.archive.manifest import File, Manifest, damage_of
from tandem.archive.place import Place
from tandem.archive.query import dataset_of
from tandem.archive.tables import TABLES, UNITS, Row, Table
from tandem.domain.intervals import DAY, INTERVALS
from tandem.domain.trading import OPEN_STATUSES

MEMORY = "1GB"
SIDES = ("log", "sql", "archive")
_ROWS_AT_ONCE = 50_000
UNKNOWN = ("first_seq", "prevented_match_id", "is_routed")
"""Columns of `orders` that a log which begins in the middle does not tell of orders that were open there."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """`expected` is what the log or the core says, `found` what is stored; None: nothing."""

    table: str
    where: str
    """sql, archive, or core when the log's own rows do not fit it."""
    key: dict[str, Any]
    seq: int | None
    expected: Any
    found: Any


@dataclass(slots=True)
class Found:
    """The first differences of each kind, and how many there are."""

    limit: int
    listed: list[Difference] = field(default_factory=list)
    counts: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, difference: Difference) -> None:
        kind = (difference.where, difference.table)
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if self.counts[kind] <= self.limit:
            self.listed.append(difference)

    @property
    def total(self) -> int:
        return sum(self.counts.values())


class Workbench:
    """`add` rows to the sides, `load` the archive, then `compare`."""

    def __init__(self, found: Found) -> None:
        self._found = found
        self._rows: dict[tuple[str, str], list[Row]] = {}
        self._days: list[int] = []
        self.row_counts: dict[str, int] = dict.fromkeys(SIDES, 0)

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            scratch = opening.enter_context(tempfile.TemporaryDirectory(prefix="tandem-audit-"))
            database = opening.enter_context(duckdb.connect(f"{scratch}/audit.duckdb"))
            database.execute(f"SET memory_limit = '{MEMORY}'; SET preserve_insertion_order = false")
            for side in SIDES:
                database.execute(f"CREATE SCHEMA {side}")
                for table in TABLES.values():
                    database.register("empty", _stored_schema(table).empty_table())
                    database.execute(f"CREATE TABLE {side}.{table.name} AS SELECT * FROM empty")
            database.execute("CREATE TABLE missing (name VARCHAR, market_id INTEGER, day DATE)")
            for kind in ("opening", "core"):
                database.execute(f"CREATE TABLE {kind}_balances (account INTEGER, asset INTEGER, amount DECIMAL(38))")
            self._database = database
            self._closing = opening.pop_all()
        return self

    def __exit__(self, *_error: object) -> None:
        self._closing.close()

    # --- the sides

    def add(self, side: str, name: str, rows: Sequence[Row]) -> None:
        waiting = self._rows.setdefault((side, name), [])
        waiting += rows
        if len(waiting) >= _ROWS_AT_ONCE:
            self._flush(side, name)

    def flush(self) -> None:
        for side, name in list(self._rows):
            self._flush(side, name)

    def _flush(self, side: str, name: str) -> None:
        rows = self._rows.pop((side, name))
        if rows:
            table = TABLES[name]
            batch = table.bare_batch(rows)
            days: list[int | None] = table.days(rows) if side == "log" else [None] * len(rows)
            self._insert(side, table, batch, pa.array(days, pa.int32()).cast(pa.date32()))

    def _insert(self, side: str, table: Table, batch: pa.RecordBatch, days: pa.Array) -> None:
        incoming = pa.Table.from_arrays([*batch.columns, days], schema=_stored_schema(table))
        self._database.register("incoming", incoming)
        self._database.execute(f"INSERT INTO {side}.{table.name} SELECT * FROM incoming")
        self.row_counts[side] += batch.num_rows

    def load(self, place: Place, manifests: Iterable[Manifest]) -> None:
        """Where a file is damaged its table's day is told, and not asked for."""
        for manifest in manifests:
            self._days.append(manifest.start_us // DAY)
            for name, part in manifest.tables.items():
                folders: dict[str, list[File]] = {}
                for file in part.files:
                    folders.setdefault(file.path.rpartition("/")[0], []).append(file)
                for folder, files in folders.items():
                    damaged = [file for file in files if self._is_damaged(place, manifest, name, file)]
                    if damaged:
                        self._leave_out(manifest, name, folder)
                    else:
                        self._load(place, TABLES[name], files)

    def _is_damaged(self, place: Place, manifest: Manifest, name: str, file: File) -> bool:
        damage = damage_of(place, file)
        if damage:
            expected = {"rows": file.rows, "bytes": file.bytes, "sha256": file.sha256}
            self._tell(name, "archive", {"file": file.path}, manifest.last_seq, expected, damage)
        return bool(damage)

    def _leave_out(self, manifest: Manifest, name: str, folder: str) -> None:
        ids = [one.id for one in manifest.names.markets.values() if f"/market={quote(one.symbol, safe='')}/" in folder]
        self._database.execute(
            "INSERT INTO missing VALUES (?, ?, ?)", [name, ids[0] if ids else None, manifest.day.isoformat()]
        )

    def _load(self, place: Place, table: Table, files: Sequence[File]) -> None:
        columns = ", ".join(f'"{name}"' for name in _stored_schema(table).names)
        self._database.register("incoming", dataset_of(place, table, [file.path for file in files]))
        self._database.execute(f"INSERT INTO archive.{table.name} SELECT {columns} FROM incoming")
        self.row_counts["archive"] += sum(file.rows for file in files)

    def add_balances(self, kind: str, rows: Sequence[tuple[int, int, int]]) -> None:
        """Of the core, as (account, asset, amount): `opening`, where the log begins, or `core`, where it ends."""
        if rows:
            accounts, assets, amounts = zip(*rows, strict=True)
            columns = [pa.array(accounts, pa.int32()), pa.array(assets, pa.int32()), pa.array(amounts, UNITS)]
            self._database.register("incoming", pa.Table.from_arrays(columns, names=["account", "asset", "amount"]))
            self._database.execute(f"INSERT INTO {kind}_balances SELECT * FROM incoming")

    def forget(self, seq: int, time_us: int) -> None:
        """Compares nothing that a log which begins after `seq` does not tell: what ended before, and candles and days
        that it tells a part of."""
        self.flush()
        is_open = ", ".join(f"'{status}'" for status in OPEN_STATUSES)
        for side in SIDES:
            for name in TABLES:
                ended = f" AND status NOT IN ({is_open})" if name == "orders" else ""
                if side != "log":
                    self._database.execute(f"DELETE FROM {side}.{name} WHERE seq <= {seq}{ended}")
            self._database.execute(f"DELETE FROM {side}.candles WHERE open_us <= {time_us}")
            self._database.execute(f"DELETE FROM {side}.daily WHERE day_us <= {time_us}")

    def next_aggregate(self, market: int, seq: int) -> int:
        """The number of the first stored trade after `seq`; 0: there is none."""
        self.flush()
        trades = "(SELECT * FROM sql.trades UNION ALL SELECT * FROM archive.trades)"
        (number,) = self._database.execute(
            f"SELECT arg_min(aggregate_id, trade_id) FROM {trades} WHERE market_id = {market} AND seq > {seq}"
        ).fetchall()[0]
        return number or 0

    # --- comparing

    def compare(self, archived_us: int) -> None:
        """`archived_us`: rows of days before may be in the archive only."""
        self.flush()
        archived = ", ".join(map(str, self._days)) or "NULL"
        for table in TABLES.values():
            is_gone = f"l.day < DATE '1970-01-01' + {archived_us // DAY} AND {_number('l.day')} IN ({archived})"
            left_sql = f"({is_gone} AND {_prunable(table)})"
            self._compare(table, "sql", f"SELECT * FROM log.{table.name}", left_sql)
            is_expected = f"{_number('day')} IN ({archived}) AND {_archivable(table)}"
            self._compare(table, "archive", f"SELECT * FROM log.{table.name} l WHERE {is_expected}", "false")
            self._find_doubles(table)

    def _compare(self, table: Table, side: str, expected: str, excused: str) -> None:
        """`excused`: what may be missing where it is looked for."""
        key = [table.file_name(name) for name in table.key]
        names = table.bare_schema().names
        rest = [name for name in names if name not in key]
        join = " AND ".join(f'l."{name}" = s."{name}"' for name in key)
        changed = " OR ".join(_differs(table, name) for name in rest)
        self._database.execute(
            f"CREATE OR REPLACE TEMP TABLE differing AS SELECT l, s, l.{key[0]} IS NULL AS is_more,"
            f" s.{key[0]} IS NULL AS is_less, coalesce(l.seq, s.seq) AS seq FROM ({expected}) l"
            f" FULL JOIN {side}.{table.name} s ON {join}"
            f" WHERE (s.{key[0]} IS NULL AND NOT {excused}) OR l.{key[0]} IS NULL"
            f" OR (s.{key[0]} IS NOT NULL AND ({changed}))"
        )
        self._report(table, side, key, names)

    def _report(self, table: Table, side: str, key: Sequence[str], names: Sequence[str]) -> None:
        rows = self._database.execute("SELECT l, s, is_more, is_less, seq FROM differing ORDER BY seq")
        while chunk := rows.fetchmany(1000):
            for expected, stored, is_more, is_less, seq in chunk:
                known = stored if is_more else expected
                shown = [
                    name for name in names if is_more or is_less or (name not in key and expected[name] != stored[name])
                ]
                self._tell(
                    table.name,
                    side,
                    {name: known[name] for name in key},
                    seq,
                    None if is_more else {name: expected[name] for name in shown},
                    None if is_less else {name: stored[name] for name in shown},
                )

    def _find_doubles(self, table: Table) -> None:
        key = [table.file_name(name) for name in table.key]
        listed = ", ".join(f'"{name}"' for name in key)
        doubles = self._database.execute(
            f"SELECT {listed}, min(seq), count(*) FROM archive.{table.name} GROUP BY {listed} HAVING count(*) > 1"
        )
        for *values, seq, count in doubles.fetchall():
            self._tell(table.name, "archive", dict(zip(key, values, strict=True)), seq, 1, count)

    def compare_balances(self) -> None:
        """The core against the sums of the ledger, that of the log and that which is stored."""
        first = "coalesce((SELECT min(seq) FROM sql.ledger), 9223372036854775807)"
        stored = f"SELECT * FROM sql.ledger UNION ALL SELECT * FROM archive.ledger WHERE seq < {first}"
        for where, ledger in (("core", "SELECT * FROM log.ledger"), ("stored", stored)):
            differing = self._database.execute(_BALANCES.format(ledger=ledger))
            for account, asset, core, summed in differing.fetchall():
                self._tell("balances", where, {"account": account, "asset": asset}, None, int(core), int(summed))

    def _tell(self, table: str, where: str, key: dict[str, Any], seq: int | None, expected: Any, found: Any) -> None:
        self._found.add(Difference(table=table, where=where, key=key, seq=seq, expected=expected, found=found))


_BALANCES = """
WITH ledger AS ({ledger}),
moves AS (
  SELECT *, coalesce(amount_units::HUGEINT, json_extract_string(wide, '$.amount')::HUGEINT) AS amount FROM ledger
),
sums AS (
  SELECT account, asset, sum(amount) AS amount FROM (
    SELECT credit_account AS account, asset, amount FROM moves
    UNION ALL SELECT debit_account, asset, -amount FROM moves
    UNION ALL SELECT account, asset, amount::HUGEINT FROM opening_balances
  ) GROUP BY ALL
)
SELECT coalesce(c.account, s.account), coalesce(c.asset, s.asset), coalesce(c.amount, 0), coalesce(s.amount, 0)
FROM core_balances c FULL JOIN sums s ON c.account = s.account AND c.asset = s.asset
WHERE coalesce(c.amount, 0) <> coalesce(s.amount, 0) AND coalesce(s.account, 0) >= 0
ORDER BY ALL
"""


def _stored_schema(table: Table) -> pa.Schema:
    return table.bare_schema().append(pa.field("day", pa.date32()))


def _differs(table: Table, name: str) -> str:
    differs = f'l."{name}" IS DISTINCT FROM s."{name}"'
    if table.name == "orders" and name in UNKNOWN:
        return f"({differs} AND l.first_seq >= 0)"
    if table.name == "orders" and name == "seq":
        return f"({differs} AND l.seq >= 0)"
    return differs


def _number(day: str) -> str:
    return f"({day} - DATE '1970-01-01')"


def _prunable(table: Table) -> str:
    if table.name == "candles":
        return f"l.interval IN ({_listed(name for name, one in INTERVALS.items() if 0 < one.us < DAY)})"
    return "false" if table.name == "daily" else "true"


def _archivable(table: Table) -> str:
    market = "m.market_id = l.market_id" if table.has_market else "true"
    is_whole = f"NOT EXISTS (FROM missing m WHERE m.name = '{table.name}' AND m.day = l.day AND {market})"
    return f"{is_whole} AND l.interval <> '1s'" if table.name == "candles" else is_whole


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
