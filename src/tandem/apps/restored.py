"""Notes in a data directory that came out of a backup: `restoring` while it is not whole, `restored.json` until an
operator has said that it is the one to go on with.

Nobody can see from here whether the exchange that the backup was taken of still runs somewhere else. Two of them would
each take orders under the same numbers and keys, so the first start of a restored one has to be asked for.
"""

import json
from datetime import UTC, datetime
from pathlib import Path

RESTORING = "restoring"
RESTORED = "restored.json"
ACCEPTED = "restored.accepted.json"


class RestoredRefused(Exception):
    """The directory is not whole, or nobody has accepted it; the message says what to do."""


def check_restored(data: Path, *, accept: bool) -> None:
    """Before an exchange starts. Raises RestoredRefused."""
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
    (data / RESTORED).rename(data / ACCEPTED)


def show_time(us: int) -> str:
    return datetime.fromtimestamp(us / 1_000_000, UTC).isoformat(timespec="microseconds")
