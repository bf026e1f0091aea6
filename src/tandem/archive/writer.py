"""Writes one day: rows in the order they are given, by market, into Parquet files, and then the manifest.

The same rows make the same bytes under one version of pyarrow, so a run that was interrupted is simply made again.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

from tandem.archive.manifest import FORMAT, File, Manifest, Part, write_manifest
from tandem.archive.place import Place
from tandem.archive.tables import Names, Row, Table

PART_ROWS = 1_000_000
GROUP_ROWS = 131_072
_HELD_ROWS = 2_000_000
"""Of all markets together, before their parts are written although they are smaller."""
_BATCH_ROWS = 10_000
_LOOSE_ROWS = 200_000
"""Rows of all markets together that are not Arrow's yet."""


class DayWriter:
    """`add` each table, then `finish`."""

    def __init__(self, place: Place, names: Names, cluster_id: str, day: date) -> None:
        self._place = place
        self._names = names
        self._cluster_id = cluster_id
        self._day = day
        self._parts: dict[str, Part] = {}

    def add(self, table: Table, chunks: Iterable[Sequence[Row]]) -> None:
        files = list(self._files(table, chunks))
        files.sort(key=lambda file: file.path)
        self._parts[table.name] = Part(sum(file.rows for file in files), files)

    def rows(self) -> dict[str, int]:
        """By table."""
        return {name: part.rows for name, part in self._parts.items()}

    def finish(self, first_seq: int, last_seq: int) -> Manifest:
        manifest = Manifest(
            format=FORMAT,
            cluster_id=self._cluster_id,
            day=self._day,
            first_seq=first_seq,
            last_seq=last_seq,
            tables=self._parts,
            assets=[(one.id, one.code, one.decimals) for one in self._names.assets.values()],
            markets=[(one.id, one.symbol, one.base, one.quote) for one in self._names.markets.values()],
        )
        write_manifest(self._place, manifest)
        return manifest

    def _files(self, table: Table, chunks: Iterable[Sequence[Row]]) -> Iterator[File]:
        shares: dict[int, _Share] = {}
        held = loose = 0
        for chunk in chunks:
            for market, rows in _by_market(table, chunk):
                share = shares.get(market)
                if share is None:
                    share = shares[market] = _Share(table, self._names, self._folder(table, market))
                share.rows += rows
                loose += len(rows)
                held += len(rows)
                if len(share.rows) >= _BATCH_ROWS:
                    loose -= share.pack()
                if share.packed >= PART_ROWS:
                    held -= share.packed
                    yield self._write(share)
            if loose > _LOOSE_ROWS:
                loose = 0
                for share in shares.values():
                    share.pack()
            if held > _HELD_ROWS:
                held = loose = 0
                yield from self._write_all(shares)
        yield from self._write_all(shares)

    def _folder(self, table: Table, market: int) -> str:
        if not table.has_market:
            return f"{table.name}/day={self._day}"
        return f"{table.name}/market={quote(self._names.markets[market].symbol, safe='')}/day={self._day}"

    def _write_all(self, shares: dict[int, "_Share"]) -> Iterator[File]:
        for share in shares.values():
            share.pack()
            if share.packed:
                yield self._write(share)

    def _write(self, share: "_Share") -> File:
        rows, data = share.packed, share.take()
        path = f"{share.folder}/part-{share.written:05d}.parquet"
        self._place.write(path, data)
        share.written += 1
        return File(path, rows, len(data), hashlib.sha256(data).hexdigest())


def _by_market(table: Table, chunk: Sequence[Row]) -> Iterable[tuple[int, list[Row]]]:
    if not table.has_market:
        return [(0, list(chunk))]
    at = table.market_index
    found: dict[int, list[Row]] = {}
    for row in chunk:
        found.setdefault(row[at], []).append(row)
    return found.items()


class _Share:
    """One market's rows of one table and day, of which whole files were written already."""

    def __init__(self, table: Table, names: Names, folder: str) -> None:
        self._table = table
        self._names = names
        self._batches: list[pa.RecordBatch] = []
        self.folder = folder
        self.rows: list[Row] = []
        self.packed = 0
        self.written = 0

    def pack(self) -> int:
        count = len(self.rows)
        if count:
            self._batches.append(self._table.batch(self.rows, self._names))
            self.rows = []
            self.packed += count
        return count

    def take(self) -> memoryview:
        """What was packed, as a Parquet file."""
        sink = pa.BufferOutputStream()
        pq.write_table(
            pa.Table.from_batches(self._batches),
            sink,
            row_group_size=GROUP_ROWS,
            compression="zstd",
            compression_level=3,
            store_schema=False,
        )
        self._batches = []
        self.packed = 0
        return memoryview(sink.getvalue())
