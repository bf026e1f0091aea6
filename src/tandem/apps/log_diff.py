"""`tandem diff`: whether two directories hold one exchange, and from where on they do not agree.

Logs are compared by the running hash of every record, which names everything before it; states at the last seq that
both have. Whether each log is whole is for `tandem verify` to say.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tandem.apps.backup_copy import Tell
from tandem.apps.moment import Moment, open_moment
from tandem.apps.moment_state import fields_of, state_of
from tandem.platform.engine import Engine
from tandem.platform.log_files import Record, Segment, last_seq, record_at, records, segments

KEYS = {"assets": "asset", "markets": "symbol", "accounts": "id", "open_orders": "order_id", "open_lists": "list_id"}
"""What a row of each part of a state goes by."""
SHOWN = 10
"""Rows of each part in the readable text."""


def compare(a: Path, b: Path, tell: Tell) -> dict[str, Any]:
    """Raises Fault, EngineError, OSError."""
    # First what is durable: it is in the segments that there are then.
    lasts = {"a": last_seq(a), "b": last_seq(b)}
    logs = {"a": (a, segments(a), lasts["a"]), "b": (b, segments(b), lasts["b"])}
    common = min(lasts.values())
    is_same = logs["a"][1][0].cluster_id == logs["b"][1][0].cluster_id
    difference = _first_difference(logs["a"][1], logs["b"][1], common) if is_same else None
    if difference is not None and not difference["or_before"]:
        difference |= {name: _command(log[0], difference["seq"]) for name, log in logs.items()}
    moments = {}
    for name, (directory, _, _) in logs.items():
        tell(f"coming to seq {common} of {directory}")
        moments[name] = open_moment(directory, str(common), tell, with_past=False)
    digests = {name: f"{moment.digest()[1]:016x}" for name, moment in moments.items()}
    are_equal = digests["a"] == digests["b"]
    return {
        "equal": is_same and difference is None and are_equal,
        "same_exchange": is_same,
        **{name: _show_log(*log) for name, log in logs.items()},
        "common_seq": common,
        "first_difference": difference,
        "digest": digests,
        "state": {} if are_equal else _state_differences(moments["a"], moments["b"]),
    }


def _state_differences(a: Moment, b: Moment) -> dict[str, list[dict[str, Any]]]:
    of_a, of_b = state_of(a.client()), state_of(b.client())
    parts = {part: _differing(of_a[part], of_b[part], key) for part, key in KEYS.items()}
    return {part: rows for part, rows in parts.items() if rows}


def _show_log(directory: Path, found: list[Segment], last: int) -> dict[str, Any]:
    return {
        "directory": str(directory),
        "cluster_id": found[0].cluster_id,
        "first_seq": found[0].first_seq,
        "last_seq": last,
    }


def _first_difference(a: list[Segment], b: list[Segment], common: int) -> dict[str, Any] | None:
    """Up to `common`. `or_before`: what is left of the logs begins behind it."""
    # Segments that begin at one seq with one hash: everything before them is the same.
    known = {(segment.first_seq, segment.running_hash) for segment in b}
    shared = [s.first_seq for s in a if s.first_seq <= common and (s.first_seq, s.running_hash) in known]
    begin = max(shared, default=max(a[0].first_seq, b[0].first_seq))
    if begin > common:
        return None
    if not shared and _hash_at(a, begin - 1) != _hash_at(b, begin - 1):
        return {"seq": begin - 1, "or_before": True}
    for of_a, of_b in zip(_from(a, begin), _from(b, begin), strict=False):
        if of_a.seq > common:
            break
        if of_a.running_hash != of_b.running_hash:
            return {"seq": of_a.seq, "or_before": False}
    return None


def _hash_at(found: list[Segment], seq: int) -> bytes:
    return record_at(_holding(found, seq)[0], seq).running_hash


def _holding(found: list[Segment], seq: int) -> list[Segment]:
    """The segment that holds `seq`, and those behind it."""
    before = sum(segment.first_seq <= seq for segment in found)
    return found[max(before - 1, 0) :]


def _from(found: list[Segment], seq: int) -> Iterator[Record]:
    for segment in _holding(found, seq):
        for record in records(segment):
            if record.seq >= seq:
                yield record


def _command(directory: Path, seq: int) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(json.dumps(Engine.inspect(str(directory), seq, 1)[0], default=fields_of))
    return shown


def _differing(a: list[dict[str, Any]], b: list[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    of_a, of_b = ({row[key]: row for row in rows} for rows in (a, b))
    keys = [*of_a, *(name for name in of_b if name not in of_a)]
    return [{key: name, "a": of_a.get(name), "b": of_b.get(name)} for name in keys if of_a.get(name) != of_b.get(name)]


def as_text(found: dict[str, Any]) -> Iterator[str]:
    """Line by line, for people."""
    for name in ("a", "b"):
        log = found[name]
        yield f"{name}: {log['directory']}, exchange {log['cluster_id']}, seq {log['first_seq']} to {log['last_seq']}"
    if not found["same_exchange"]:
        yield "these are two exchanges"
    difference = found["first_difference"]
    if difference is not None and difference["or_before"]:
        yield f"the logs differ at seq {difference['seq']} or before; what was before is not in both any more"
    elif difference is not None:
        yield f"the logs differ from seq {difference['seq']} on"
        for name in ("a", "b"):
            record = difference[name]
            yield f"  {name}: {record['time_us']} us, {record['command']} {record['fields']}"
    elif found["same_exchange"]:
        yield f"the logs agree up to seq {found['common_seq']}"
    digests = found["digest"]
    are_equal = digests["a"] == digests["b"]
    yield f"states at seq {found['common_seq']}: digest {digests['a']} and {'the same' if are_equal else digests['b']}"
    for part, rows in found["state"].items():
        yield f"{part.replace('_', ' ')} that differ: {len(rows)}"
        for row in rows[:SHOWN]:
            of_a, of_b = _unequal(row["a"], row["b"])
            yield f"  {next(iter(row.values()))}: {of_a} and {of_b}"
        if len(rows) > SHOWN:
            yield "  ... --json shows all"


def _unequal(a: Any, b: Any) -> tuple[Any, Any]:
    """Only what is not the same in both; all of it when one has nothing."""
    if not isinstance(a, dict) or not isinstance(b, dict):
        return a, b
    pairs = {key: _unequal(a.get(key), b.get(key)) for key in [*a, *b] if a.get(key) != b.get(key)}
    return {key: of_a for key, (of_a, _) in pairs.items()}, {key: of_b for key, (_, of_b) in pairs.items()}
