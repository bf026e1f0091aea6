"""What an archived day consists of. Its manifest is written last, so a day without one is not archived."""

import hashlib
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Annotated

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from tandem.archive.place import ArchiveUnusable, Place
from tandem.archive.tables import Names, names_of
from tandem.domain.intervals import DAY

FOLDER = "manifests"
FORMAT = 1
Count = Annotated[int, msgspec.Meta(ge=0)]


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    path: str
    rows: Count
    bytes: Count
    sha256: str


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table's share of the day."""

    rows: Count
    files: list[File]


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    format: int
    cluster_id: str
    day: date
    first_seq: Count
    """One more than the last of the day before."""
    last_seq: Count
    tables: dict[str, Part]
    assets: list[tuple[int, str, int]]
    """(id, code, decimals)"""
    markets: list[tuple[int, str, int, int]]
    """(id, symbol, base, quote)"""

    @property
    def start_us(self) -> int:
        return start_of(self.day)

    @property
    def end_us(self) -> int:
        return self.start_us + DAY

    @property
    def names(self) -> Names:
        return names_of(self.assets, self.markets)

    def files(self) -> list[File]:
        return [file for part in self.tables.values() for file in part.files]


def start_of(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000


def date_of(time_us: int) -> date:
    return datetime.fromtimestamp(time_us // 1_000_000, UTC).date()


def path_of(day: date) -> str:
    return f"{FOLDER}/{day.isoformat()}.json"


def write_manifest(place: Place, manifest: Manifest) -> None:
    text = msgspec.json.format(msgspec.json.encode(manifest, order="deterministic"), indent=1)
    place.write(path_of(manifest.day), text)


def read_manifests(place: Place, cluster_id: str = "") -> list[Manifest]:
    """By day; days may be missing. Raises ArchiveUnusable when one is damaged, or not of `cluster_id`, if given."""
    paths = [path for path in place.listed(FOLDER) if path.endswith(".json") and "/." not in path]
    found = [_parsed(place, path, text) for path, text in zip(paths, place.read_all(paths), strict=True)]
    for manifest in found:
        if cluster_id and manifest.cluster_id != cluster_id:
            raise ArchiveUnusable(f"archive {place.address} is of another exchange; use a place of its own")
    return found


def read_unbroken(place: Place, cluster_id: str = "") -> list[Manifest]:
    """The same; raises ArchiveUnusable also when one is missing between two others."""
    found = read_manifests(place, cluster_id)
    for before, after in pairwise(found):
        if before.end_us != after.start_us or before.last_seq + 1 != after.first_seq:
            raise ArchiveUnusable(
                f"archive {place.address}: the day {after.day} does not follow {before.day}; `tandem archive` writes"
                " what is missing as long as its rows are in SQL"
            )
    return found


def _parsed(place: Place, path: str, text: bytes) -> Manifest:
    try:
        manifest = msgspec.json.decode(text, type=Manifest)
    except msgspec.MsgspecError as error:
        raise ArchiveUnusable(f"archive {place.address}: {path} is damaged: {error}") from error
    if manifest.format != FORMAT or path_of(manifest.day) != path:
        raise ArchiveUnusable(f"archive {place.address}: {path} is not of this format, or has another's name")
    return manifest


def damage_of(place: Place, file: File) -> str:
    """What is wrong with a file, which is read whole; empty: nothing."""
    if place.missing([file.path]):
        return "missing"
    data = place.read(file.path)
    found = hashlib.sha256(data).hexdigest()
    if found != file.sha256:
        return f"{len(data)} bytes with sha256 {found}"
    rows = pq.read_metadata(pa.BufferReader(data)).num_rows
    return "" if rows == file.rows else f"{rows} rows"


def check_day(place: Place, manifest: Manifest) -> None:
    """Reads back all that a day consists of. Raises ArchiveUnusable when anything of it is not as it was written."""
    for name, part in manifest.tables.items():
        if sum(file.rows for file in part.files) != part.rows:
            raise ArchiveUnusable(f"archive {place.address}: {path_of(manifest.day)} counts {name} wrongly")
    for file in manifest.files():
        damage = damage_of(place, file)
        if damage:
            raise ArchiveUnusable(f"archive {place.address}: {file.path} is damaged: {damage}")
