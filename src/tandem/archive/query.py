"""SQL over the archive's files and over rows that are in no file yet, in a DuckDB that can touch nothing else.

Only tables whose names occur in the question are opened. Files are read as the question needs them; the rows beside
them are copied in first.
"""

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Self

import duckdb
import pyarrow as pa
from pyarrow import dataset

from tandem.archive.manifest import Manifest
from tandem.archive.place import Place
from tandem.archive.tables import TABLES, Names, Row, Table
from tandem.archive.views import view_of
from tandem.domain.errors import Fault

ROWS_AT_ONCE = 10_000
Recent = Callable[[str], Iterable[Sequence[Row]]]
"""By table: rows of SQL that no file has."""
_PARTITIONS = pa.schema([("market", pa.string()), ("day", pa.date32())])
_DAY_ONLY = pa.schema([("day", pa.date32())])
_ANY_NAME = "query|query_table"
"""Functions of DuckDB that put a table's name together."""
_STATEMENTS = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)


class QuestionRefused(Fault):
    """DuckDB cannot answer it, or it is not a question; the message is for whoever asked."""


class Desk:
    """Takes one question, then what it is about, then answers. Every method raises QuestionRefused."""

    def __init__(self, question: str) -> None:
        self._question = question

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            scratch = opening.enter_context(tempfile.TemporaryDirectory(prefix="tandem-query-"))
            self._database = opening.enter_context(duckdb.connect(config=_config(scratch)))
            with _refusing():
                self._database.execute("SET TimeZone = 'UTC'; CREATE SCHEMA stored")
                statements = self._database.extract_statements(self._question)
            if len(statements) != 1 or statements[0].type not in _STATEMENTS:
                raise QuestionRefused(
                    "a question is one SELECT statement (or FROM, WITH, DESCRIBE, SUMMARIZE, EXPLAIN)"
                )
            self._closing = opening.pop_all()
        return self

    def __exit__(self, *_error: object) -> None:
        self._closing.close()

    def load(self, place: Place | None, manifests: Sequence[Manifest], names: Names, recent: Recent) -> None:
        """Raises whatever `recent` raises, too."""
        decimals = {asset.decimals for asset in names.assets.values()}
        with _refusing():
            for table in TABLES.values():
                is_asked = re.search(rf"\b({table.name}|{_ANY_NAME})\b", self._question, re.IGNORECASE) is not None
                files = _files(place, manifests, table) if is_asked else None
                rest = recent(table.name) if is_asked else ()
                self._define(table, files, (with_day(table, chunk, names) for chunk in rest), decimals)
            self._add("assets", ("id", "code", "decimals"), list(names.assets.values()))
            self._add("markets", ("id", "symbol", "base", "quote"), list(names.markets.values()))

    def load_accounts(self, accounts: Sequence[Row]) -> None:
        """As (id, name)."""
        self._add("accounts", ("id", "name"), accounts)

    def _define(
        self, table: Table, files: dataset.Dataset | None, rest: Iterable[pa.RecordBatch], decimals: Iterable[int]
    ) -> None:
        schema = full_schema(table)
        database = self._database
        database.register(f"files_{table.name}", schema.empty_table() if files is None else files)
        fill(database, f"stored.{table.name}", schema, rest)
        source = f"(SELECT * FROM files_{table.name} UNION ALL BY NAME SELECT * FROM stored.{table.name})"
        database.execute(f"CREATE VIEW {table.name} AS {view_of(table, source, decimals)}")

    def _add(self, name: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        types = [pa.string() if column in ("code", "symbol", "name") else pa.int32() for column in columns]
        values: list[Sequence[Any]] = list(zip(*rows, strict=True)) or [[] for _ in columns]
        arrays = [pa.array(column, kind) for column, kind in zip(values, types, strict=True)]
        batch = pa.RecordBatch.from_arrays(arrays, names=list(columns))
        fill(self._database, name, batch.schema, [batch])

    @contextmanager
    def answer(self) -> Iterator[pa.RecordBatchReader]:
        with _refusing():
            self._database.execute("SET enable_external_access = false; SET lock_configuration = true")
            yield self._database.sql(self._question).to_arrow_reader(ROWS_AT_ONCE)


def _config(scratch: str) -> dict[str, str | bool | int | float | list[str]]:
    return {"python_enable_replacements": False, "temp_directory": scratch}


def _files(place: Place | None, manifests: Sequence[Manifest], table: Table) -> dataset.Dataset | None:
    paths = [file.path for manifest in manifests for file in manifest.tables[table.name].files]
    return None if place is None or not paths else dataset_of(place, table, paths)


def full_schema(table: Table) -> pa.Schema:
    """Of files, with what their paths say."""
    partitions = _PARTITIONS if table.has_market else _DAY_ONLY
    return pa.schema([*table.schema(), *partitions])


def dataset_of(place: Place, table: Table, paths: Sequence[str]) -> dataset.Dataset:
    return dataset.dataset(
        [place.full(path) for path in paths],
        schema=full_schema(table),
        format="parquet",
        filesystem=place.files,
        partitioning=dataset.partitioning(_PARTITIONS if table.has_market else _DAY_ONLY, flavor="hive"),
        partition_base_dir=place.full(table.name),
    )


def with_day(table: Table, rows: Sequence[Row], names: Names) -> pa.RecordBatch:
    """As `full_schema`."""
    batch = table.batch(rows, names)
    days = pa.array(table.days(rows), pa.int32()).cast(pa.date32())
    partitions = [batch.column("symbol"), days] if table.has_market else [days]
    return pa.RecordBatch.from_arrays([*batch.columns, *partitions], schema=full_schema(table))


def fill(database: duckdb.DuckDBPyConnection, name: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Makes a table of it, whose memory DuckDB looks after."""
    database.register("incoming", pa.RecordBatchReader.from_batches(schema, batches))
    database.execute(f"CREATE TABLE {name} AS SELECT * FROM incoming")
    database.unregister("incoming")


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except (duckdb.Error, pa.ArrowException) as error:
        raise QuestionRefused(str(error).strip()) from error
