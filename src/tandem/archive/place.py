"""Where an archive is: a directory, or a bucket's prefix on S3. Files there appear whole or not at all."""

import fcntl
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
from pyarrow import fs

from tandem.domain.errors import Fault

_AT_ONCE = 16
"""Requests to S3."""


class ArchiveUnusable(Fault):
    """The archive cannot be reached, read or written, or is not what it should be; the message says which."""


@contextmanager
def _as_fault(address: str) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise ArchiveUnusable(f"archive {address}: {error}") from error


class Place:
    """Paths are relative, with slashes. Every method raises ArchiveUnusable."""

    def __init__(self, address: str) -> None:
        """`address`: a directory, or `s3://bucket/prefix?region=...&endpoint_override=...`; credentials come from where
        AWS's own tools take them."""
        self.address = _shown(address)
        self._is_local = "://" not in address
        with _as_fault(self.address):
            if self._is_local:
                self.files, self._root = fs.LocalFileSystem(), str(Path(address).absolute())
            else:
                self.files, self._root = fs.FileSystem.from_uri(address)

    def full(self, path: str) -> str:
        return f"{self._root}/{path}"

    def write(self, path: str, data: bytes | memoryview) -> None:
        with _as_fault(self.address):
            if self._is_local:
                _write_durably(Path(self.full(path)), data)
            else:
                with self.files.open_output_stream(self.full(path)) as stream:
                    stream.write(data)

    def read(self, path: str) -> bytes:
        with _as_fault(self.address), self.files.open_input_stream(self.full(path)) as stream:
            data: bytes = stream.read()
        return data

    def read_all(self, paths: list[str]) -> list[bytes]:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(self.read, paths))

    def missing(self, paths: list[str]) -> set[str]:
        with _as_fault(self.address):
            found = self.files.get_file_info([self.full(path) for path in paths])
        return {path for path, info in zip(paths, found, strict=True) if info.type != fs.FileType.File}

    def listed(self, folder: str, *, deep: bool = False) -> list[str]:
        """Paths of the files in a folder, sorted; none when there is no such folder."""
        with _as_fault(self.address):
            selector = fs.FileSelector(self.full(folder), allow_not_found=True, recursive=deep)
            found = self.files.get_file_info(selector)
        start = len(self._root) + 1
        return sorted(info.path[start:] for info in found if info.type == fs.FileType.File)


def _shown(address: str) -> str:
    """Without what may be secret: the query, and credentials before the bucket."""
    scheme, mark, rest = address.partition("?")[0].rpartition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2] if mark else rest}"


def _write_durably(path: Path, data: bytes | memoryview) -> None:
    """Only its owner may read it, as all of the history."""
    _make_folder(path.parent)
    unfinished = path.with_name(f".{path.name}.unfinished")
    with os.fdopen(_claimed(unfinished), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
        unfinished.replace(path)
    _sync_folder(path.parent)


def _claimed(path: Path) -> int:
    """Empty and locked: a run that outlived its server may be writing the same day."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not path.exists() or not os.path.samestat(path.stat(), os.fstat(descriptor)):
            raise BlockingIOError
        os.ftruncate(descriptor, 0)
        os.fchmod(descriptor, 0o600)
    except BlockingIOError:
        os.close(descriptor)
        raise OSError(f"{path} is being written by another process") from None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _make_folder(path: Path) -> None:
    if not path.is_dir():
        _make_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
        _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
