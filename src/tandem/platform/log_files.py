"""A log's files, looked at without the engine: which there are, where records lie, how far they are durable.

The format is `spec/log-format.md`. Nothing is locked, nothing is changed, and only headers are read; whether a record
is whole is for `tandem verify` to say. Records beyond the durable mark are never looked at.
"""

import mmap
import re
from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from typing import NamedTuple

from tandem.domain.errors import Fault

MARK_FILE = "durable"
HEADER_BYTES = 512
DATA_OFFSET = 1024
_HEADER = Struct("<8sII16sQQ16sQ")
"""magic, version, shard, cluster id, first seq, time before it, running hash before it, length of the file."""
_RECORD = Struct("<4sIIIQ16sQQI4s")
"""magic, header checksum, payload checksum, mask, durable seq, running hash, seq, time, payload length, header mark."""
_RECORD_OVERHEAD = _RECORD.size + 1
_SEGMENT = re.compile(r"[0-9]{20}\.log")
_SNAPSHOT = re.compile(r"[0-9]{20}\.snap")


class LogUnreadable(Fault):
    """The directory holds no log, or one whose files do not fit; the message names the file."""


class Segment(NamedTuple):
    path: Path
    cluster_id: str
    first_seq: int
    time_us: int
    """Of the record before the first."""
    running_hash: bytes
    """Before the first record."""
    length: int


class Record(NamedTuple):
    seq: int
    time_us: int
    running_hash: bytes
    """Equal in two logs of one exchange: they hold the same up to here."""
    end: int
    """Where it ends in its segment."""


def durable_seq(directory: Path) -> int | None:
    """Everything up to it is synced; None where no exchange has run that says so. Raises OSError."""
    try:
        last = (directory / MARK_FILE).read_bytes()
        while (now := (directory / MARK_FILE).read_bytes()) != last:  # nobody promises that eight bytes come in one go
            last = now
    except FileNotFoundError:
        return None
    return int.from_bytes(last[:8], "little")


def segments(directory: Path) -> list[Segment]:
    """In log order, at least one. Raises LogUnreadable, OSError."""
    found = [_segment(directory / name) for name in _names(directory, _SEGMENT)]
    if not found:
        raise LogUnreadable(f"{directory} holds no log of an exchange")
    return found


def snapshot_seqs(directory: Path) -> list[int]:
    """Of the snapshots there are, rising."""
    return [int(name[:20]) for name in _names(directory, _SNAPSHOT)]


def snapshot_path(directory: Path, seq: int) -> Path:
    return directory / f"{seq:020}.snap"


def _names(directory: Path, pattern: re.Pattern[str]) -> list[str]:
    return sorted(path.name for path in directory.iterdir() if pattern.fullmatch(path.name))


def _segment(path: Path) -> Segment:
    with path.open("rb") as file:
        header = file.read(_HEADER.size)
    if len(header) < _HEADER.size:
        raise LogUnreadable(f"{path} is shorter than its header")
    magic, version, _shard, cluster_id, first_seq, time_us, running_hash, length = _HEADER.unpack(header)
    if magic != b"TNDMSEG1" or first_seq != int(path.name[:20]) or length != path.stat().st_size:
        raise LogUnreadable(f"{path} is no segment of a log, or its header is damaged: see `tandem verify`")
    if version != 1:
        raise LogUnreadable(f"{path} is of format {version}: run the newer program")
    return Segment(path, cluster_id.hex(), first_seq, time_us, running_hash, length)


def records(segment: Segment) -> Iterator[Record]:
    """In order, up to the first place that does not go on; that is the end only of what lies there."""
    seq, at = segment.first_seq, DATA_OFFSET
    with segment.path.open("rb") as file, mmap.mmap(file.fileno(), segment.length, prot=mmap.PROT_READ) as mapped:
        unpack = _RECORD.unpack_from
        while at + _RECORD_OVERHEAD <= segment.length:
            magic, _, _, _, _, running_hash, found, time_us, size, mark = unpack(mapped, at)
            at += _RECORD_OVERHEAD + size
            if magic != b"TREC" or mark != b"BODY" or found != seq or at > segment.length:
                return
            yield Record(seq, time_us, running_hash, at)
            seq += 1


def record_at(segment: Segment, seq: int) -> Record:
    """The record `seq` of the segment; the place before its first one has the end of its head. Raises LogUnreadable."""
    if seq < segment.first_seq:
        return Record(seq, segment.time_us, segment.running_hash, DATA_OFFSET)
    for record in records(segment):
        if record.seq == seq:
            return record
    raise LogUnreadable(f"{segment.path} ends before seq {seq}, which is durable: see `tandem verify`")


def oldest_start(directory: Path) -> int:
    """The seq after which everything can be told: 0, or that of the oldest snapshot that the log reaches back to."""
    first_seq = segments(directory)[0].first_seq
    return 0 if first_seq == 1 else min((seq for seq in snapshot_seqs(directory) if seq >= first_seq - 1), default=0)


def last_seq(directory: Path) -> int:
    """What is durable; of a directory in which no exchange has run that says so, all there is."""
    marked = durable_seq(directory)
    if marked is not None:
        return marked
    newest = segments(directory)[-1]
    seq = newest.first_seq - 1
    for record in records(newest):
        seq = record.seq
    return seq
