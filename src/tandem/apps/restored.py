"""Notes in a data directory that came out of a backup: `restoring` while it is not whole, `restored.json` until an
operator has said that it is the one to go on with.

Nobody can see from here whether the exchange that the backup was taken of still runs somewhere else. Two of them would
each take orders under the same numbers and keys, so the first start of a restored one has to be asked for.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from tandem.platform.log_files import oldest_start

RESTORING = "restoring"
RESTORED = "restored.json"
ACCEPTED = "restored.accepted.json"


class RestoredRefused(Exception):
    """The directory is not whole, or nobody has accepted it; the message says what to do."""


def check_restored(data: Path, *, accept: bool, told_seq: Callable[[], int]) -> None:
    """Before an exchange starts. `told_seq`: up to where its history is told, -1: it has none.

    Raises RestoredRefused, and what `told_seq` raises."""
    if (data / RESTORING).exists():
        raise RestoredRefused(f"{data} holds a restore that did not finish: empty it and restore again")
    try:
        note = json.loads((data / RESTORED).read_text())
    except FileNotFoundError:
        return
    if not accept:
        raise RestoredRefused(
            f"{data} was restored from a backup of {note['made']}: its log ends at seq {note['seq']}, and what came "
            "after is not in it. When the exchange it was taken of is stopped for good, start this one once with "
            "--accept-restored"
        )
    seq, start = told_seq(), oldest_start(data)
    if 0 <= seq < start:
        raise RestoredRefused(
            f"{data}: the log begins after seq {start}, and the history's database is told up to seq {seq} only: it "
            "cannot go on. Restore a dump of it that is told further, or set history.enabled = false"
        )
    if seq > note["seq"]:
        raise RestoredRefused(
            f"{data} ends at seq {note['seq']}, and the history's database holds what came after the backup, up to "
            f"seq {seq}: it would be asked for orders that are gone. Name an empty database in the settings, and "
            "everything is told again"
        )
    (data / RESTORED).rename(data / ACCEPTED)


def show_time(us: int) -> str:
    return datetime.fromtimestamp(us / 1_000_000, UTC).isoformat(timespec="microseconds")
