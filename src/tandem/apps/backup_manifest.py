"""What a backup says about itself, and the passphrase that its secrets are sealed with.

A backup is a directory; `manifest.json` is written last, so one without it is none:

    log/        segments, snapshots and CLUSTER, as in a data directory
    history.db  the history, if the directory had one
    marketdata/ trades and candles
    sealed/     the database of API keys, the key that seals their secrets, the demo's keys: each AES-256-GCM

Its text is exact: any changed byte is found. Its `mac` takes the passphrase, so nobody else can write one.
"""

import hashlib
import hmac
import os
import re
from pathlib import Path
from typing import Annotated

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from tandem.domain.errors import Fault

FORMAT = 1
MANIFEST = "manifest.json"
LOG, SEALED, VIEWS = "log", "sealed", "marketdata"
HISTORY = "history.db"
SECRETS = ("tandem.db", "master.key", "demo.json")
_NAME = re.compile(
    rf"{LOG}/([0-9]{{20}}\.(log|snap)|CLUSTER)|{HISTORY}|{VIEWS}/([0-9]+\.view|cursor)"
    rf"|{SEALED}/({'|'.join(map(re.escape, SECRETS))})"
)
_NONCE_BYTES = 12
_COST = 2**17
"""Of scrypt: 128 MiB and half a second for each guess."""


class BackupUnusable(Fault):
    """The backup is not whole, was changed, or the passphrase is not its own; the message says which."""


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    size: int
    sha256: str


class Kdf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the passphrase becomes keys."""

    salt: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]
    n: int = _COST
    r: int = 8
    p: int = 1
    name: str = "scrypt"


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    format: int = FORMAT
    cluster_id: str
    seq: int
    """The last command in the log."""
    time_us: int
    """When that was."""
    made_us: int
    kdf: Kdf
    files: tuple[File, ...]
    mac: str = ""
    checksum: str = ""


class Vault:
    """Seals and opens what only those who know the passphrase may read, and says who wrote a manifest."""

    def __init__(self, passphrase: str, kdf: Kdf) -> None:
        derived = Scrypt(salt=bytes.fromhex(kdf.salt), length=64, n=kdf.n, r=kdf.r, p=kdf.p).derive(passphrase.encode())
        self._cipher = AESGCM(derived[:32])
        self._mac_key = derived[32:]
        self.kdf = kdf

    @classmethod
    def new(cls, passphrase: str) -> "Vault":
        return cls(passphrase, Kdf(os.urandom(16).hex()))

    def seal(self, content: bytes, name: str) -> bytes:
        """`name` is authenticated, so files cannot be swapped."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, content, name.encode())

    def open(self, sealed: bytes, name: str) -> bytes:
        """Raises BackupUnusable."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], name.encode())
        except (InvalidTag, ValueError):
            raise BackupUnusable(f"{name} cannot be opened: it is not what was sealed") from None

    def mac(self, text: bytes) -> str:
        return hmac.new(self._mac_key, text, hashlib.sha256).hexdigest()


def write_manifest(directory: Path, manifest: Manifest, vault: Vault) -> None:
    """Makes the backup one, in one step."""
    manifest = msgspec.structs.replace(manifest, mac=vault.mac(_text(manifest)))
    manifest = msgspec.structs.replace(manifest, checksum=hashlib.sha256(_text(manifest)).hexdigest())
    draft = directory / (MANIFEST + ".new")
    with draft.open("xb") as file:
        file.write(_text(manifest))
        file.flush()
        os.fsync(file.fileno())
    draft.rename(directory / MANIFEST)
    sync_directory(directory)


def read_manifest(directory: Path) -> Manifest:
    """Raises BackupUnusable, OSError."""
    try:
        text = (directory / MANIFEST).read_bytes()
    except FileNotFoundError:
        raise BackupUnusable(f"{directory} is no backup, or one that was not finished: no {MANIFEST}") from None
    damaged = BackupUnusable(f"{directory / MANIFEST} is damaged")
    try:
        manifest = msgspec.json.decode(text, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise damaged from None
    if manifest.format > FORMAT:
        raise BackupUnusable(f"{directory} is a backup of format {manifest.format}: restore it with the newer program")
    unsigned = _text(msgspec.structs.replace(manifest, checksum=""))
    if _text(manifest) != text or hashlib.sha256(unsigned).hexdigest() != manifest.checksum:
        raise damaged
    if manifest.format != FORMAT or not all(_NAME.fullmatch(file.name) for file in manifest.files):
        raise BackupUnusable(f"{directory / MANIFEST} names files that are of no backup")
    return manifest


def open_vault(directory: Path, manifest: Manifest, passphrase: str) -> Vault:
    """Raises BackupUnusable when the passphrase is another one."""
    kdf = manifest.kdf
    if kdf != Kdf(kdf.salt):
        raise BackupUnusable(f"{directory / MANIFEST} asks for another key derivation than this program's")
    vault = Vault(passphrase, kdf)
    unsigned = _text(msgspec.structs.replace(manifest, mac="", checksum=""))
    if not hmac.compare_digest(vault.mac(unsigned), manifest.mac):
        raise BackupUnusable("wrong passphrase: this backup was made with another one")
    return vault


def _text(manifest: Manifest) -> bytes:
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"


def sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
