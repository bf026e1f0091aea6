"""Copying files for backup and restore: whole or in part, with their checksums, onto the disk."""

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from tandem.platform.log_files import DATA_OFFSET, HEADER_BYTES

CHUNK_BYTES = 1024 * 1024
SYNC_BYTES = 8 * CHUNK_BYTES
"""A long queue of unwritten bytes would hold up the syncs of an exchange on the same disk."""

Tell = Callable[[str], None]
"""Is told, in a line each, how it goes and what is odd."""


class Sink:
    """A new file of ours: private, synced as it grows, with its checksum. `close` when everything is in it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._hash = hashlib.sha256()
        self._unsynced = 0
        self.size = 0

    def write(self, content: bytes) -> None:
        view = memoryview(content)
        while view:
            view = view[os.write(self._fd, view) :]
        self._hash.update(content)
        self.size += len(content)
        self._unsynced += len(content)
        if self._unsynced >= SYNC_BYTES:
            os.fdatasync(self._fd)
            self._unsynced = 0

    def sha256(self) -> str:
        return self._hash.hexdigest()

    def close(self) -> None:
        try:
            os.fsync(self._fd)
        finally:
            os.close(self._fd)


def write_file(path: Path, content: Iterator[bytes]) -> tuple[int, str]:
    """Returns size and sha256. Raises OSError."""
    sink = Sink(path)
    try:
        for chunk in content:
            sink.write(chunk)
    finally:
        sink.close()
    return sink.size, sink.sha256()


def measure(path: Path) -> tuple[int, str]:
    """Size and sha256 of a file that is there, and on the disk then. Raises OSError."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        os.fsync(file.fileno())
        for chunk in chunks(file):
            found.update(chunk)
        return file.tell(), found.hexdigest()


def chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(CHUNK_BYTES):
        yield chunk


def whole(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from chunks(file)


def cut_segment(path: Path, end: int, length: int) -> Iterator[bytes]:
    """A segment as if its log ended at `end`: no seal, and nothing behind."""
    with path.open("rb") as file:
        yield file.read(HEADER_BYTES)
        yield bytes(DATA_OFFSET - HEADER_BYTES)
        file.seek(DATA_OFFSET)
        left = end - DATA_OFFSET
        while left:
            chunk = file.read(min(left, CHUNK_BYTES))
            assert chunk, "records lie inside of their file"
            left -= len(chunk)
            yield chunk
    left = length - end
    while left:
        zeros = bytes(min(left, CHUNK_BYTES))
        left -= len(zeros)
        yield zeros
