"""Questions in SQL over everything that ever happened: what is archived, and what is only in the database yet."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from tandem.archive.manifest import Manifest, date_of, read_unbroken
from tandem.archive.place import ArchiveUnusable, Place
from tandem.archive.query import Desk
from tandem.archive.tables import Names, names_of
from tandem.history.export import Exporter

SHOWN_ROWS = 1_000
Note = Callable[[str], None]


@contextmanager
def answer(question: str, place: Place, exporter: Exporter | None, note: Note) -> Iterator[pa.RecordBatchReader]:
    """`exporter` None: the archive alone. Raises QuestionRefused, ArchiveUnusable and HistoryUnusable."""
    with Desk(question) as desk:
        if exporter is None:
            manifests = read_unbroken(place)
            desk.load(place, manifests, manifests[-1].names if manifests else Names(), lambda _table: ())
            desk.load_accounts(())
        else:
            _load(desk, place, exporter, note)
        with desk.answer() as reader:
            yield reader


def _load(desk: Desk, place: Place, exporter: Exporter, note: Note) -> None:
    """What is archived while this happens is read from SQL, whose state is that of the beginning."""
    with exporter.at_once():
        state = exporter.state()
        manifests = read_unbroken(place, state.cluster_id)
        seq, end_us = _end_of(manifests)
        if state.archived_us > end_us:
            raise ArchiveUnusable(
                f"archive {place.address} lacks days before {date_of(state.archived_us)} whose rows have left SQL"
            )
        assets, markets, accounts = exporter.names()
        names = names_of(assets, markets)
        if state.seq < seq:
            note(f"SQL is told up to seq {state.seq} and the archive up to {seq}: only the archive is asked")
            desk.load(place, manifests, manifests[-1].names, lambda _table: ())
        else:
            desk.load(place, manifests, names, lambda table: exporter.rows_after(table, seq, end_us))
        desk.load_accounts(accounts)


def _end_of(manifests: Sequence[Manifest]) -> tuple[int, int]:
    return (manifests[-1].last_seq, manifests[-1].end_us) if manifests else (0, 0)


# --- showing answers


def write_parquet(reader: pa.RecordBatchReader, output: str) -> int:
    rows = 0
    with pq.ParquetWriter(output, reader.schema, compression="zstd") as writer:
        for batch in reader:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows


def write_csv(reader: pa.RecordBatchReader, output: str | TextIO) -> int:
    """What CSV has no form for is written as DuckDB shows it."""
    rows = 0
    target = output if isinstance(output, str) else output.buffer
    with pc.CSVWriter(target, reader.schema) as writer:
        for batch in reader:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows


def as_table(reader: pa.RecordBatchReader, limit: int = SHOWN_ROWS) -> tuple[list[str], bool]:
    """Lines, and whether there are more rows than `limit`."""
    rows: list[list[str]] = []
    for batch in reader:
        columns = [[_shown(value) for value in column.to_pylist()] for column in batch.columns]
        rows += [list(row) for row in zip(*columns, strict=True)]
        if len(rows) > limit:
            break
    kept = rows[:limit]
    names = list(reader.schema.names)
    widths = [max(map(len, column)) for column in zip(names, *kept, strict=True)]
    is_number = [_is_number(field.type) for field in reader.schema]

    def line(cells: Sequence[str]) -> str:
        aligned = zip(cells, widths, is_number, strict=True)
        return "  ".join(cell.rjust(width) if right else cell.ljust(width) for cell, width, right in aligned).rstrip()

    return [line(names), line(["-" * width for width in widths]), *map(line, kept)], len(rows) > limit


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _shown(value: object) -> str:
    text = "" if value is None else format(value, "f") if hasattr(value, "as_tuple") else str(value)
    return "".join(character if character.isprintable() else " " for character in text)
