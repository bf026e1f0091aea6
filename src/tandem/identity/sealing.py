"""Secrets at rest: AES-256-GCM under a key of the data directory, bound to the record they belong to."""

import os
import stat
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tandem.domain.errors import Fault

KEY_BYTES = 32
NONCE_BYTES = 12


class MasterKeyUnusable(Fault):
    """The key file is missing its bytes, readable by others, or not the one the secrets were sealed with."""


class Sealer:
    """Seals with a fresh nonce each time; the owner's name is authenticated, so records cannot be swapped."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, secret: str, owner: str) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret.encode(), owner.encode())

    def open(self, sealed: bytes, owner: str) -> str:
        """Raises MasterKeyUnusable."""
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], owner.encode()).decode()
        except (InvalidTag, ValueError):
            raise MasterKeyUnusable(
                f"the secret of {owner} cannot be read with this master.key: restore the file that belongs to it"
            ) from None


def load_or_create_master_key(path: Path) -> bytes:
    """The bytes of `path`, made at the first start. Raises MasterKeyUnusable."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return _create(path)
    with os.fdopen(descriptor, "rb") as file:
        if stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o077:
            raise MasterKeyUnusable(f"{path} can be read by others: chmod 600 {path}, and make new API keys")
        text = file.read(2 * KEY_BYTES + 2)
    try:
        key = bytes.fromhex(text.decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise MasterKeyUnusable(f"{path} does not hold {KEY_BYTES} bytes in hex: restore it from your backup")
    return key


def _create(path: Path) -> bytes:
    """Whole or not at all: a crash in between must not leave half a key under the final name."""
    key = os.urandom(KEY_BYTES)
    draft = path.with_name(path.name + ".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, 0o600)
        file.write(key.hex() + "\n")
        file.flush()
        os.fsync(descriptor)
    draft.rename(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return key
