"""Settings of one process: defaults, then the TOML file, then the command line. No environment variables."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec


class SettingsError(Exception):
    """The configuration file is wrong: the message names the file, the key and what is expected."""


Count = Annotated[int, msgspec.Meta(ge=0)]
Positive = Annotated[int, msgspec.Meta(ge=1)]
Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Rate limits as the API announces them in exchangeInfo; 0 switches a limit off."""

    weight_per_minute: Count = 6_000
    raw_requests_per_5_minutes: Count = 300_000
    orders_per_10_seconds: Count = 100
    orders_per_day: Count = 200_000
    trusted_proxies: Count = 0
    """How many proxies in front are ours: the client's address is read that many hops from the right."""
    connections_per_ip: Count = 1_000
    connection_attempts_per_5_minutes: Count = 300
    """WebSockets that one address may open."""
    stream_messages_per_second: Count = 5
    """What one stream socket may send, pings and pongs included."""


class EngineSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The log and the replica."""

    segment_bytes: Positive = 64 * 1024 * 1024
    snapshot_every: Positive = 1_000_000
    """Commands between two snapshots."""
    reserve_bytes: Count = 64 * 1024 * 1024
    """Orders are refused when less than this is free on the disk."""
    queue_limit: Positive = 65_536


class LogSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How much of the log is kept."""

    keep: Literal["all", "snapshots"] = "all"
    """`all`: nothing is ever deleted. `snapshots`: what two snapshots cover goes."""


class HistorySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is told into SQL, and for how long it stays there."""

    enabled: bool = True
    database: str = ""
    """A URL, `sqlite:///<file>` or `postgresql://...`; empty: `history.db` in the data directory."""
    archive: str = ""
    """A directory or `s3://bucket/prefix` for what is archived; empty: nothing is."""
    keep_days: Count = 0
    """How many days of what is archived stay in SQL; 0: all."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    data: str = "data"
    host: str = "127.0.0.1"
    port: Port = 8000
    demo: bool | None = None
    """`None`: on if this data directory was started with the demo before."""
    demo_seed: int = 1
    log_format: Literal["auto", "text", "json"] = "auto"
    """`auto` (readable on a terminal, JSON otherwise), `text` or `json`."""
    log_level: Literal["debug", "info", "warning", "error", "critical"] = "info"
    allowed_origins: tuple[str, ...] = ()
    """Foreign web pages that may open the WebSocket API."""
    limits: Limits = Limits()
    engine: EngineSettings = EngineSettings()
    log: LogSettings = LogSettings()
    history: HistorySettings = HistorySettings()


def load(path: Path | None, **overrides: Any) -> Settings:
    """Reads `path` if given; overrides that are None do not count. Raises SettingsError."""
    values: dict[str, Any] = {}
    if path is not None:
        try:
            values = tomllib.loads(path.read_text())
        except OSError as error:
            raise SettingsError(f"cannot read {path}: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"{path} is not TOML: {error}") from error
    values |= {key: value for key, value in overrides.items() if value is not None}
    try:
        return msgspec.convert(values, Settings)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{path or 'settings'}: {error}") from error
