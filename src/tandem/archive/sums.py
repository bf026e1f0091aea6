"""Whether the log, SQL and the archive hold the same rows, by sums: what differs is then compared row by row.

Of every group a count and the sum of its rows' hashes are kept, whatever their order, and nothing else. A hash has 64
bits and is salted anew each time, so groups that differ have equal sums once in 2^64 times.
"""

import secrets
from collections.abc import Mapping, Sequence

from tandem.archive.intake import ARCHIVED, NEVER_PRUNED, Difference, Found, Group, Intake, damaged
from tandem.archive.manifest import Manifest
from tandem.archive.place import Place
from tandem.archive.tables import Row, Table
from tandem.domain.intervals import DAY

Suspects = Mapping[str, set[Group]]
"""By table."""


class Sums(Intake):
    def __init__(self, found: Found) -> None:
        super().__init__(found)
        self._salt = secrets.randbits(63)
        self._damaged: dict[str, set[Group]] = {}

    def _prepare(self) -> None:
        self._database.execute(
            "CREATE TABLE sums (name VARCHAR, side VARCHAR, day INTEGER, part TINYINT, range BIGINT,"
            " rows BIGINT, sum HUGEINT);"
            " CREATE TABLE first_trades (market INTEGER, trade_id BIGINT, aggregate_id BIGINT)"
        )

    def load(self, place: Place, manifest: Manifest, table: Table) -> None:
        files = manifest.tables[table.name].files
        day = manifest.start_us // DAY
        if next(damaged(place, files), None) is not None:
            self._damaged.setdefault(table.name, set()).add(Group(day, None, None))
        elif files:
            self._load(place, table, files)

    def _take(self, side: str, table: Table) -> None:
        day, part, range_ = self._group(table)
        hashed = ", ".join(self._told_value(table, name) for name in table.bare_schema().names)
        self._database.execute(
            f"INSERT INTO sums SELECT '{table.name}', '{side}', {day}, {part}, {range_}, count(*),"
            f" sum(hash(hash({self._salt}, {hashed}))) FROM incoming WHERE {self._is_told(side, table)} GROUP BY ALL"
        )
        if table.name == "trades" and side != "log" and self._start:
            self._database.execute(
                "INSERT INTO first_trades SELECT market_id, min(trade_id), arg_min(aggregate_id, trade_id)"
                f" FROM incoming WHERE seq > {self._start} GROUP BY ALL"
            )

    def _refuse(self, table: Table, rows: Sequence[Row]) -> None:
        """They are missing from the sums, so the log's own are asked for in the other pass."""
        for row in rows:
            stored = dict(zip(table.columns, row, strict=True))
            key = {name: stored[name] for name in table.key}
            seq = stored["seq"] if isinstance(stored["seq"], int) else None
            self._found.add(Difference(table=table.name, where="sql", key=key, seq=seq, expected=None, found=stored))

    def next_aggregates(self) -> dict[int, int]:
        """By market: the number of its first stored trade that the log tells."""
        rows = self._database.execute(
            "SELECT market, arg_min(aggregate_id, trade_id) FROM first_trades GROUP BY market"
        )
        return dict(rows.fetchall())

    def suspects(self, archived_us: int) -> Suspects:
        """Groups that differ. `archived_us`: rows of days before may be in the archive only."""
        archived = f"day IN ({', '.join(map(str, self.days)) or 'NULL'})"
        left = f"sql_rows = 0 AND coalesce({archived} AND day < {archived_us // DAY}, false) AND part < {NEVER_PRUNED}"
        columns = ", ".join(
            f"coalesce(sum({value}) FILTER (side = '{side}'), 0) AS {side}_{value}"
            for side in ("log", "sql", "archive")
            for value in ("rows", "sum")
        )
        differing = self._database.execute(
            f"SELECT name, day, part, range FROM (SELECT name, day, part, range, {columns} FROM sums GROUP BY ALL)"
            f" WHERE ((sql_rows, sql_sum) <> (log_rows, log_sum) AND NOT ({left}))"
            f" OR (archive_rows, archive_sum) <> CASE WHEN {archived} AND part >= {ARCHIVED}"
            " THEN (log_rows, log_sum) ELSE (0, 0) END"
        )
        found = {name: set(groups) for name, groups in self._damaged.items()}
        for name, *group in differing.fetchall():
            found.setdefault(name, set()).add(Group(*group))
        return found
