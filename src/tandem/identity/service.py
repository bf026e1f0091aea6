"""API keys: made, listed, revoked, and found by requests. Live keys are held in memory, so no request waits for SQL."""

import secrets
import string
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tandem.identity.keys import (
    ApiKey,
    KeyKind,
    KeyRefused,
    Permission,
    hmac_verifier,
    public_key_verifier,
    read_networks,
    read_permissions,
)
from tandem.identity.sealing import Sealer, load_or_create_master_key
from tandem.identity.store import MIGRATIONS, KeyRecord, KeyStore
from tandem.platform.clock import Clock
from tandem.platform.db import Database

KEY_LENGTH = 64
MAX_LABEL = 64
_ALPHABET = string.ascii_letters + string.digits


def random_name() -> str:
    """64 letters and digits: an API key, a secret or a listen key."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(KEY_LENGTH))


@dataclass(frozen=True, slots=True)
class CreatedKey:
    key: ApiKey
    secret: str | None = field(repr=False)
    """Of an HMAC key; shown this once."""


class KeyService:
    """`on_revoked` functions are called with the key the moment it ends, to cut its sessions."""

    def __init__(self, store: KeyStore, sealer: Sealer, clock: Clock) -> None:
        """Raises MasterKeyUnusable when the stored secrets were sealed under another master key."""
        self._store = store
        self._sealer = sealer
        self._clock = clock
        self._live: dict[str, ApiKey] = {}
        self.on_revoked: list[Callable[[ApiKey], None]] = []
        for record in store.all():
            if record.revoked_us is None:
                self._live[record.id] = self._load(record)
        self.find = self._live.get
        """The live key with this id, or None."""

    def create(
        self,
        account: int,
        *,
        label: str = "",
        permissions: tuple[str, ...] = ("USER_DATA", "TRADE"),
        public_key: str | None = None,
        networks: tuple[str, ...] = (),
    ) -> CreatedKey:
        """An HMAC key with a secret of its own, or an RSA or Ed25519 key for a public key in PEM. Raises KeyRefused."""
        if len(label) > MAX_LABEL or not label.isprintable():
            raise KeyRefused(f"a label has at most {MAX_LABEL} characters and no control characters")
        allowed, ranges = read_permissions(permissions), read_networks(networks)
        id, secret = random_name(), None
        if public_key is None:
            kind, secret = KeyKind.HMAC, random_name()
            verify = hmac_verifier(secret)
        else:
            kind, verify = public_key_verifier(public_key)
        record = KeyRecord(
            id=id,
            kind=kind.value,
            account=account,
            label=label,
            permissions=" ".join(sorted(p.value for p in allowed)),
            networks=" ".join(str(network) for network in ranges),
            sealed_secret=None if secret is None else self._sealer.seal(secret, id),
            public_key=public_key,
            created_us=self._clock.wall_us(),
            last_used_us=None,
            revoked_us=None,
        )
        self._store.add(record)
        key = ApiKey(id, kind, account, label, allowed, ranges, record.created_us, verify)
        self._live[id] = key
        return CreatedKey(key, secret)

    def revoke(self, id: str) -> bool:
        """From now on the key opens nothing. False when there is no live key with this id.

        Raises DatabaseUnusable when that could not be written: revoke it again then, or a restart brings it back.
        """
        key = self._live.pop(id, None)
        now_us = self._clock.wall_us()
        if key is not None:  # its sessions end even if the disk cannot take note of it now
            key.revoked_us = now_us
            for listener in self.on_revoked:
                listener(key)
        return self._store.revoke(id, now_us)

    def rows(self) -> list[dict[str, Any]]:
        """Every key there ever was, without secrets, times in milliseconds."""
        self.flush_uses()
        return [_row(record) for record in self._store.all()]

    def flush_uses(self) -> None:
        """Writes down when keys were last used; call it now and then. Raises DatabaseUnusable."""
        self.write_uses(self.uses())

    def uses(self) -> dict[str, int]:
        """When each live key was last used, if it was."""
        return {key.id: key.last_used_us for key in self._live.values() if key.last_used_us is not None}

    def write_uses(self, uses: dict[str, int]) -> None:
        """Waits for the disk; may run in another thread. Raises DatabaseUnusable."""
        if uses:
            self._store.note_uses(uses)

    def _load(self, record: KeyRecord) -> ApiKey:
        if record.public_key is not None:
            kind, verify = public_key_verifier(record.public_key)
        else:
            assert record.sealed_secret is not None, "the table's CHECK says that one of the two is there"
            kind, verify = KeyKind.HMAC, hmac_verifier(self._sealer.open(record.sealed_secret, record.id))
        return ApiKey(
            record.id,
            kind,
            record.account,
            record.label,
            frozenset(Permission(name) for name in record.permissions.split()),
            read_networks(tuple(record.networks.split())),
            record.created_us,
            verify,
            record.last_used_us,
        )


def _row(record: KeyRecord) -> dict[str, Any]:
    def milliseconds(us: int | None) -> int | None:
        return None if us is None else us // 1000

    return {
        "apiKey": record.id,
        "type": record.kind,
        "account": record.account,
        "label": record.label,
        "permissions": record.permissions.split(),
        "networks": record.networks.split(),
        "created": milliseconds(record.created_us),
        "lastUsed": milliseconds(record.last_used_us),
        "revoked": milliseconds(record.revoked_us),
    }


def open_keys(directory: Path, clock: Clock) -> tuple[KeyService, Database]:
    """The keys of a data directory (`tandem.db`, `master.key`); the caller closes the database."""
    sealer = Sealer(load_or_create_master_key(directory / "master.key"))
    database = Database(directory / "tandem.db", MIGRATIONS)
    try:
        return KeyService(KeyStore(database), sealer, clock), database
    except BaseException:
        database.close()
        raise
