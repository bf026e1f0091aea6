"""Holds what the log says against what is stored, row by row, for the groups whose sums differ.

Rows are compared by key and in every column of SQL; what ids are called is compared apart from this.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from tandem.archive.intake import (
    SIDES,
    UNKNOWN,
    Difference,
    Found,
    Intake,
    damaged,
    listed,
    stored_schema,
)
from tandem.archive.manifest import File, Manifest
from tandem.archive.place import Place
from tandem.archive.sums import Suspects
from tandem.archive.tables import TABLES, Row, Table
from tandem.domain.intervals import DAY, INTERVALS


class Workbench(Intake):
    """`add` rows to the sides, `load` the archive, then `compare`. What is no suspect is let go."""

    def __init__(self, found: Found, suspects: Suspects) -> None:
        super().__init__(found)
        self.tables = [TABLES[name] for name in suspects]
        self._suspects = suspects
        self._first_stored = "NULL"
        """Seq of the oldest row of the ledger in SQL."""

    def _prepare(self) -> None:
        run = self._database.execute
        for side in SIDES:
            run(f"CREATE SCHEMA {side}")
            for table in TABLES.values():
                self._database.register("empty", stored_schema(table).empty_table())
                run(f"CREATE TABLE {side}.{table.name} AS SELECT * FROM empty")
        run("CREATE TABLE missing (name VARCHAR, market_id INTEGER, day DATE)")
        run("CREATE TABLE suspects (name VARCHAR, day INTEGER, part TINYINT, range BIGINT)")
        rows = [{"name": name, **group._asdict()} for name, groups in self._suspects.items() for group in groups]
        self._database.register("incoming", pa.Table.from_pylist(rows, _SUSPECT))
        run("INSERT INTO suspects SELECT * FROM incoming")

    # --- the sides

    def _take(self, side: str, table: Table) -> None:
        if side == "sql" and table.name == "ledger":
            self._note_first()
        day, part, range_ = self._group(table)
        columns = ", ".join(f'"{name}"' for name in stored_schema(table).names)
        self._database.execute(
            f"INSERT INTO {side}.{table.name} SELECT {columns} FROM"
            f" (SELECT *, {day} AS its_day, {part} AS its_part, {range_} AS its_range FROM incoming"
            f" WHERE {self._is_told(side, table)})"
            f" SEMI JOIN (FROM suspects WHERE name = '{table.name}') s ON its_part = s.part"
            " AND its_day IS NOT DISTINCT FROM s.day AND its_range IS NOT DISTINCT FROM s.range"
        )

    def _note_first(self) -> None:
        ((seq,),) = self._database.execute(f"SELECT least(min(seq), {self._first_stored}) FROM incoming").fetchall()
        self._first_stored = str(seq)

    def _refuse(self, table: Table, rows: Sequence[Row]) -> None:
        """The sums have told of them."""

    def load(self, place: Place, manifest: Manifest, table: Table) -> None:
        """Where a file is damaged its table's day is told, and not asked for."""
        day = manifest.start_us // DAY
        if all(group.day != day for group in self._suspects[table.name]):
            return
        folders: dict[str, list[File]] = {}
        for file in manifest.tables[table.name].files:
            folders.setdefault(file.path.rpartition("/")[0], []).append(file)
        for folder, files in folders.items():
            harm = list(damaged(place, files))
            for file, damage in harm:
                expected = {"rows": file.rows, "bytes": file.bytes, "sha256": file.sha256}
                self._tell(table.name, "archive", {"file": file.path}, manifest.last_seq, expected, damage)
            if harm:
                self._leave_out(manifest, table.name, folder)
            else:
                self._load(place, table, files)

    def _leave_out(self, manifest: Manifest, name: str, folder: str) -> None:
        ids = [one.id for one in manifest.names.markets.values() if f"/market={quote(one.symbol, safe='')}/" in folder]
        self._database.execute(
            "INSERT INTO missing VALUES (?, ?, ?)", [name, ids[0] if ids else None, manifest.day.isoformat()]
        )

    # --- comparing

    def compare(self, archived_us: int) -> None:
        """`archived_us`: rows of days before may be in the archive only."""
        archived = ", ".join(map(str, self.days)) or "NULL"
        for table in self.tables:
            is_gone = f"l.day < DATE '1970-01-01' + {archived_us // DAY} AND {_number('l.day')} IN ({archived})"
            left_sql = f"coalesce({is_gone} AND {_prunable(table)}, false)"
            self._compare(table, "sql", f"SELECT * FROM log.{table.name}", left_sql)
            is_expected = f"{_number('day')} IN ({archived}) AND {_archivable(table)}"
            self._compare(table, "archive", f"SELECT * FROM log.{table.name} l WHERE {is_expected}", "false")
            self._find_doubles(table)

    def _compare(self, table: Table, side: str, expected: str, excused: str) -> None:
        """`excused`: what may be missing where it is looked for."""
        key = [table.file_name(name) for name in table.key]
        names = (table.bare_schema() if side == "sql" else stored_schema(table)).names
        rest = [name for name in names if name not in key]
        join = " AND ".join(f'l."{name}" = s."{name}"' for name in key)
        changed = " OR ".join(_differs(table, name, self._start_us) for name in rest)
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

    def misplaced_funds(self) -> dict[tuple[int, int], int]:
        """By account and asset: by how much the stored ledger sums up to something else than the log's."""
        rows = self._database.execute(_BALANCES.format(first=self._first_stored)).fetchall()
        return {(account, asset): int(amount) for account, asset, amount in rows}

    def _tell(self, table: str, where: str, key: dict[str, Any], seq: int | None, expected: Any, found: Any) -> None:
        self._found.add(Difference(table=table, where=where, key=key, seq=seq, expected=expected, found=found))


_SUSPECT = pa.schema([("name", pa.string()), ("day", pa.int32()), ("part", pa.int8()), ("range", pa.int64())])
_BALANCES = """
WITH moves AS (
  SELECT *, coalesce(amount_units::HUGEINT, json_extract_string(wide, '$.amount')::HUGEINT) AS amount
  FROM (SELECT *, 1 AS sign FROM sql.ledger
        UNION ALL SELECT *, 1 FROM archive.ledger WHERE seq < coalesce({first}, 9223372036854775807)
        UNION ALL SELECT *, -1 FROM log.ledger)
)
SELECT account, asset, sum(amount) AS amount FROM (
  SELECT credit_account AS account, asset, sign * amount AS amount FROM moves
  UNION ALL SELECT debit_account, asset, -sign * amount FROM moves
) WHERE account >= 0 GROUP BY ALL HAVING sum(amount) <> 0 ORDER BY ALL
"""


def _differs(table: Table, name: str, start_us: int) -> str:
    """As `_told_value` has it. Files of older archives do not know how a list's orders are called."""
    differs = f'l."{name}" IS DISTINCT FROM s."{name}"'
    if table.name == "orders" and name in UNKNOWN:
        return f"({differs} AND l.first_seq >= 0)"
    if table.name == "orders" and name == "seq":
        return f"({differs} AND l.seq >= 0)"
    if table.name == "order_lists" and name == "client_ids":
        return f"({differs} AND l.accepted_us > {start_us} AND s.client_ids IS NOT NULL)"
    return differs


def _number(day: str) -> str:
    return f"({day} - DATE '1970-01-01')"


def _prunable(table: Table) -> str:
    if table.name == "candles":
        return f"l.interval IN ({listed(name for name, one in INTERVALS.items() if 0 < one.us < DAY)})"
    return "false" if table.name == "daily" else "true"


def _archivable(table: Table) -> str:
    market = "m.market_id = l.market_id" if table.has_market else "true"
    is_whole = f"NOT EXISTS (FROM missing m WHERE m.name = '{table.name}' AND m.day = l.day AND {market})"
    return f"{is_whole} AND l.interval <> '1s'" if table.name == "candles" else is_whole
