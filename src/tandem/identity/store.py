"""API keys in SQL. HMAC secrets are sealed, public keys are plain; a revoked key stays as a record."""

from dataclasses import dataclass

from tandem.platform.db import Database

MIGRATIONS = (
    """
    CREATE TABLE api_key (
        id TEXT PRIMARY KEY,
        kind TEXT NOT NULL CHECK (kind IN ('HMAC', 'RSA', 'ED25519')),
        account INTEGER NOT NULL,
        label TEXT NOT NULL,
        permissions TEXT NOT NULL,
        networks TEXT NOT NULL,
        sealed_secret BLOB,
        public_key TEXT,
        created_us INTEGER NOT NULL,
        last_used_us INTEGER,
        revoked_us INTEGER,
        CHECK ((sealed_secret IS NULL) <> (public_key IS NULL))
    ) STRICT;
    CREATE INDEX api_key_account ON api_key (account);
    """,
)

_COLUMNS = (
    "id, kind, account, label, permissions, networks, sealed_secret, public_key, created_us, last_used_us, revoked_us"
)


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A row. `permissions` and `networks` are joined by spaces."""

    id: str
    kind: str
    account: int
    label: str
    permissions: str
    networks: str
    sealed_secret: bytes | None
    public_key: str | None
    created_us: int
    last_used_us: int | None
    revoked_us: int | None


class KeyStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, record: KeyRecord) -> None:
        with self._database.transaction() as sql:
            sql.execute(
                f"INSERT INTO api_key ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                tuple(getattr(record, name) for name in KeyRecord.__slots__),
            )

    def all(self) -> list[KeyRecord]:
        """Oldest first."""
        with self._database.transaction() as sql:
            return [KeyRecord(*row) for row in sql.execute(f"SELECT {_COLUMNS} FROM api_key ORDER BY created_us, id")]

    def revoke(self, id: str, now_us: int) -> bool:
        """False when there is no live key with this id."""
        with self._database.transaction() as sql:
            query = "UPDATE api_key SET revoked_us = ? WHERE id = ? AND revoked_us IS NULL"
            return sql.execute(query, (now_us, id)).rowcount == 1

    def note_uses(self, uses: dict[str, int]) -> None:
        """When each key was last used."""
        with self._database.transaction() as sql:
            sql.executemany("UPDATE api_key SET last_used_us = ? WHERE id = ?", [(us, id) for id, us in uses.items()])
