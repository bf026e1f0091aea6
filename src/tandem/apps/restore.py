"""`tandem restore`: a data directory out of a backup, checked byte by byte and then as a log.

Whatever is wrong, nothing is left behind: the new directory is as it was. A restore that is killed leaves a note that
`tandem serve` refuses.
"""

import hashlib
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tandem.apps.backup import verified_log
from tandem.apps.backup_copy import Tell, whole, write_file
from tandem.apps.backup_manifest import (
    LOG,
    SEALED,
    BackupUnusable,
    File,
    Manifest,
    Vault,
    open_vault,
    read_manifest,
    sync_directory,
)
from tandem.apps.demo import write_private
from tandem.apps.restored import RESTORED, RESTORING, show_time
from tandem.domain.errors import Fault


class RestoreRefused(Fault):
    """The directory is not empty; nothing was done."""


@dataclass(frozen=True, slots=True)
class Restored:
    manifest: Manifest
    digest: str


def restore(backup: Path, data: Path, passphrase: str, tell: Tell) -> Restored:
    """Raises Fault, OSError."""
    manifest = read_manifest(backup)
    is_new = not data.exists()
    if not is_new and any(data.iterdir()):
        raise RestoreRefused(f"{data} is not empty: a restored exchange has a directory of its own")
    vault = open_vault(backup, manifest, passphrase)
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        return _restore(backup, data, manifest, vault, tell)
    except BaseException:
        for path in data.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        if is_new:
            data.rmdir()
        raise


def _restore(backup: Path, data: Path, manifest: Manifest, vault: Vault, tell: Tell) -> Restored:
    (data / RESTORING).touch(0o600)
    sync_directory(data.parent)
    sync_directory(data)
    for number, file in enumerate(manifest.files, 1):
        tell(f"restoring file {number} of {len(manifest.files)}: {file.name}")
        _put(backup, data, file, vault)
    tell("verifying the restored log")
    report = verified_log(data, tell)
    if report["seq"] != manifest.seq:
        raise BackupUnusable(f"the log in {backup} ends at seq {report['seq']}, its manifest says {manifest.seq}")
    digest = str(report["digest"])
    write_private(
        data / RESTORED,
        {
            "backup": str(backup.resolve()),
            "cluster_id": manifest.cluster_id,
            "seq": manifest.seq,
            "time": show_time(manifest.time_us),
            "digest": digest,
            "made": show_time(manifest.made_us),
            "restored": show_time(time.time_ns() // 1000),
        },
    )
    for directory in (data, *(path for path in data.iterdir() if path.is_dir())):
        sync_directory(directory)
    (data / RESTORING).unlink()
    sync_directory(data)
    return Restored(manifest, digest)


def _put(backup: Path, data: Path, file: File, vault: Vault) -> None:
    source = backup / file.name
    folder, _, name = file.name.rpartition("/")
    if folder == SEALED:
        sealed = b"".join(_checked(source, file))
        write_file(data / name, iter([vault.open(sealed, name)]))
    else:
        write_file(data / name if folder == LOG else data / file.name, _checked(source, file))


def _checked(source: Path, file: File) -> Iterator[bytes]:
    """The file's content; at its end it has been what the manifest says. Raises BackupUnusable."""
    found, size = hashlib.sha256(), 0
    try:
        for chunk in whole(source):
            found.update(chunk)
            size += len(chunk)
            yield chunk
    except FileNotFoundError:
        raise BackupUnusable(f"{source} is missing") from None
    if (size, found.hexdigest()) != (file.size, file.sha256):
        raise BackupUnusable(f"{source} is damaged: its checksum is not the one in the manifest")
