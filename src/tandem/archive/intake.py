"""Rows of the log, of SQL and of the archive on their way into a DuckDB that keeps to its memory.

Every row is of one group: of a table, the day it belongs to, the part of the table that leaves SQL or is archived
together, and a range of seqs. Two sides that hold the same rows hold them in the same groups.
"""

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import duckdb
import msgspec
import pyarrow as pa

from tandem.archive.manifest import File, Manifest, damage_of
from tandem.archive.place import Place
from tandem.archive.query import dataset_of
from tandem.archive.tables import Row, Table
from tandem.domain.intervals import DAY, INTERVALS
from tandem.domain.trading import OPEN_STATUSES

MEMORY = "512MB"
SIDES = ("log", "sql", "archive")
GROUP_SEQS = 65_536
_ROWS_AT_ONCE = 20_000
NEVER_ARCHIVED, ARCHIVED, NEVER_PRUNED = range(3)
"""Parts of a table: what leaves SQL without going to the archive, what goes there and leaves, what is in both."""


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


class Group(NamedTuple):
    """Of a table's rows. `part` and `range` are None for a day of which a file is damaged."""

    day: int | None
    """From 1970; None: of what is open."""
    part: int | None
    range: int | None


class Intake(ABC):
    """`begin`, `add` rows of the log and of SQL, `load` the archive, `flush`."""

    def __init__(self, found: Found) -> None:
        self._found = found
        self._rows: dict[tuple[str, str], list[Row]] = {}
        self.row_counts: dict[str, int] = dict.fromkeys(SIDES, 0)
        self.days: set[int] = set()
        """That the archive has, counted from 1970."""

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            scratch = opening.enter_context(tempfile.TemporaryDirectory(prefix="tandem-audit-"))
            database = opening.enter_context(duckdb.connect(f"{scratch}/audit.duckdb"))
            database.execute(f"SET memory_limit = '{MEMORY}'; SET preserve_insertion_order = false; SET threads = 1")
            self._database = database
            self._prepare()
            self._closing = opening.pop_all()
        return self

    def __exit__(self, *_error: object) -> None:
        self._closing.close()

    def begin(self, seq: int, time_us: int) -> None:
        """The log begins after `seq`: what it does not tell is not taken in, neither what ended before, nor candles and
        days that it tells a part of. 0: it begins with the exchange."""
        self._start, self._start_us = seq, time_us

    def add(self, side: str, table: Table, rows: Sequence[Row]) -> None:
        waiting = self._rows.setdefault((side, table.name), [])
        waiting += rows
        if len(waiting) >= _ROWS_AT_ONCE:
            self._flush(side, table, self._rows.pop((side, table.name)))

    def flush(self, tables: Iterable[Table]) -> None:
        for table in tables:
            for side in SIDES:
                self._flush(side, table, self._rows.pop((side, table.name), []))

    def _flush(self, side: str, table: Table, rows: Sequence[Row]) -> None:
        if rows:
            unfit: list[Row] = []
            batches = list(_batches(table, rows, unfit))
            if unfit:
                assert side == "sql", "the log's own rows fit"
                self._refuse(table, unfit)
            self._database.register("incoming", pa.Table.from_batches(batches, stored_schema(table)))
            self._take(side, table)
            self.row_counts[side] += len(rows)

    @abstractmethod
    def load(self, place: Place, manifest: Manifest, table: Table) -> None:
        """A table's share of a day."""

    def _load(self, place: Place, table: Table, files: Sequence[File]) -> None:
        # Arrow's own pool keeps what it had for itself.
        reading = dataset_of(place, table, [file.path for file in files]).to_batches(
            columns=stored_schema(table).names,
            batch_readahead=0,
            fragment_readahead=0,
            use_threads=False,
            memory_pool=pa.system_memory_pool(),
        )
        for batch in reading:
            self._database.register("incoming", pa.Table.from_batches([batch]))
            self._take("archive", table)
            self.row_counts["archive"] += batch.num_rows

    # --- what the two kinds do with it

    @abstractmethod
    def _prepare(self) -> None: ...

    @abstractmethod
    def _take(self, side: str, table: Table) -> None:
        """What is registered as `incoming`."""

    @abstractmethod
    def _refuse(self, table: Table, rows: Sequence[Row]) -> None:
        """Rows of SQL with a value that no column of that kind can have; SQLite takes any."""

    # --- in SQL, of `incoming`

    def _is_told(self, side: str, table: Table) -> str:
        if not self._start:
            return "true"
        conditions = ["true"]
        if side != "log":
            is_open = f" OR status IN ({listed(OPEN_STATUSES)})" if table.name == "orders" else ""
            conditions.append(f"(seq > {self._start}{is_open})")
        if table.name == "candles":
            conditions.append(f"open_us > {self._start_us}")
        if table.name == "daily":
            conditions.append(f"day_us > {self._start_us}")
        return " AND ".join(conditions)

    def _group(self, table: Table) -> tuple[str, str, str]:
        part = str(NEVER_PRUNED if table.name == "daily" else ARCHIVED)
        if table.name == "candles":
            short = listed(name for name, one in INTERVALS.items() if 0 < one.us < DAY)
            part = (
                f"CASE WHEN interval = '1s' THEN {NEVER_ARCHIVED}"
                f" WHEN interval IN ({short}) THEN {ARCHIVED} ELSE {NEVER_PRUNED} END"
            )
        return "day - DATE '1970-01-01'", part, f"{self._told_value(table, 'seq')} // {GROUP_SEQS}"

    def _told_value(self, table: Table, name: str) -> str:
        """A column, without what a log that begins in the middle does not tell of what was open there."""
        if table.name == "orders" and self._start:
            if name == "seq":
                return f"CASE WHEN seq > {self._start} THEN seq ELSE -1 END"
            if name in UNKNOWN:
                return f'CASE WHEN first_seq > {self._start} THEN "{name}" END'
        if table.name == "order_lists" and name == "client_ids":
            return f"CASE WHEN accepted_us > {self._start_us} THEN client_ids END"
        return f'"{name}"'


UNKNOWN = ("first_seq", "prevented_match_id", "is_routed")
"""Columns of `orders` that a log which begins in the middle does not tell of orders that were open there."""


def stored_schema(table: Table) -> pa.Schema:
    return table.bare_schema().append(pa.field("day", pa.date32()))


def _batches(table: Table, rows: Sequence[Row], unfit: list[Row]) -> Iterator[pa.RecordBatch]:
    """By halves, until only what does not fit is left."""
    try:
        columns = table.bare_batch(rows).columns
        days = pa.array(table.days(rows), pa.int32()).cast(pa.date32())
    except (pa.ArrowException, ArithmeticError, ValueError, TypeError, KeyError):
        if len(rows) == 1:
            unfit.append(rows[0])
        else:
            middle = len(rows) // 2
            yield from _batches(table, rows[:middle], unfit)
            yield from _batches(table, rows[middle:], unfit)
    else:
        yield pa.RecordBatch.from_arrays([*columns, days], schema=stored_schema(table))


def damaged(place: Place, files: Iterable[File]) -> Iterator[tuple[File, str]]:
    """With what is wrong with each."""
    for file in files:
        damage = damage_of(place, file)
        if damage:
            yield file, damage


def listed(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
