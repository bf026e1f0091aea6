"""Ids for orders and cancels whose sender gave none."""

import string
from collections.abc import Callable

LENGTH = 22
_LETTERS = string.ascii_letters + string.digits
_TABLE = bytes(ord(_LETTERS[byte % len(_LETTERS)]) for byte in range(256))
_AT_ONCE = 256
"""Ids per call of the random source, which is a system call."""


def client_id_source(random_bytes: Callable[[int], bytes]) -> Callable[[], str]:
    """Makes ids of 22 letters and digits, 130 bits from `random_bytes` (`os.urandom`)."""
    ready: list[str] = []

    def new_client_id() -> str:
        if not ready:
            text = random_bytes(LENGTH * _AT_ONCE).translate(_TABLE).decode("ascii")
            ready.extend(text[start : start + LENGTH] for start in range(0, len(text), LENGTH))
        return ready.pop()

    return new_client_id
