"""Views on the disk, so that candles and trades outlive a restart that begins from a newer snapshot of the engine.

One file per market, replaced as a whole. Trade ids are the cursor: a view has seen exactly the trades below its next
id, and recovery brings the rest. Files are derived and may be deleted; one that cannot be used is passed over, with a
warning.
"""

import threading
import zlib
from pathlib import Path

import msgspec

from tandem.marketdata.candles import Row
from tandem.platform.telemetry import log

VERSION = 2
_CHECKSUM_BYTES = 4


class SavedSeries(msgspec.Struct, frozen=True, array_like=True):
    closed: list[Row]
    current: list[int] | None


class SavedView(msgspec.Struct, frozen=True, array_like=True):
    """Everything of a `MarketView`."""

    version: int
    cluster_id: str
    seq: int
    """The engine had applied this much."""
    last_price: int | None
    last_qty: int
    last_time_us: int
    first_id: int
    next_id: int
    next_aggregate: int
    trades: bytes
    series: dict[str, SavedSeries]


_decode = msgspec.json.Decoder(SavedView).decode
_CURSOR = "cursor"


def saved_through(directory: Path) -> int:
    """The seq whose effects are in the saved views, for `Engine.open(replay_from=...)`; 0 when nothing was saved: a
    process killed before its first save has to be told everything again."""
    try:
        return int((directory / _CURSOR).read_text())
    except (FileNotFoundError, ValueError):
        return 0


def is_usable(directory: Path, cluster_id: str) -> bool:
    """Whether the files that are there are whole, of this exchange and of this version."""
    head = msgspec.json.encode([VERSION, cluster_id])[:-1]
    try:
        return all(_body(path.read_bytes(), len(head)) == head for path in directory.glob("*.view"))
    except (ValueError, zlib.error):
        return False


def _body(raw: bytes, length: int = 0) -> bytes:
    """What was saved, or its first bytes. Raises ValueError, zlib.error."""
    body = raw[_CHECKSUM_BYTES:]
    if zlib.crc32(body).to_bytes(_CHECKSUM_BYTES) != raw[:_CHECKSUM_BYTES]:
        raise ValueError("damaged")
    return zlib.decompressobj().decompress(body, length)


def forget_cursor(directory: Path) -> None:
    """While views are replaced by others that may be older."""
    (directory / _CURSOR).unlink(missing_ok=True)


class ViewStore:
    """`last_seq`: where the engine's log ends, and `cluster_id` whose it is."""

    def __init__(self, directory: Path, *, cluster_id: str, last_seq: int) -> None:
        self._directory = directory
        self.cluster_id = cluster_id
        self._last_seq = last_seq
        self._writing = threading.Lock()
        """At the end of the process a write of before may still be under way in its thread."""
        directory.mkdir(mode=0o700, exist_ok=True)

    def _path(self, market: int) -> Path:
        return self._directory / f"{market}.view"

    def load(self, market: int) -> SavedView | None:
        """None when there is nothing that can be used."""
        path = self._path(market)
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            saved = _decode(_body(raw))
            if (saved.version, saved.cluster_id) != (VERSION, self.cluster_id):
                raise ValueError("of another exchange or version")
            if saved.seq > self._last_seq:
                raise ValueError("newer than the log")
        except (ValueError, zlib.error, msgspec.DecodeError) as error:
            log(__name__).warning("passed over saved market data", file=str(path), reason=str(error))
            return None
        return saved

    def save(self, market: int, saved: SavedView) -> None:
        """Without fsync: the log's syncs must not wait, and a file damaged by a power cut fails its checksum."""
        body = zlib.compress(msgspec.json.encode(saved), 1)
        self._replace(self._path(market), zlib.crc32(body).to_bytes(_CHECKSUM_BYTES) + body)

    def save_cursor(self, seq: int) -> None:
        """All views are saved through `seq`."""
        self._replace(self._directory / _CURSOR, b"%d\n" % seq)

    def _replace(self, path: Path, content: bytes) -> None:
        fresh = path.with_suffix(".new")
        with self._writing:
            fresh.write_bytes(content)
            fresh.replace(path)
