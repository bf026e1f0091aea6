"""Ids for orders and cancels whose sender gave none."""

import string
from collections.abc import Callable

LENGTH = 22
_TIME_LENGTH = 8
_DIGITS = string.digits + string.ascii_uppercase
"""In the order in which databases sort them."""
_LETTERS = string.ascii_letters + string.digits
_TABLE = bytes(ord(_LETTERS[byte % len(_LETTERS)]) for byte in range(256))
_AT_ONCE = 256
"""Ids per call of the random source, which is a system call."""


def client_id_source(random_bytes: Callable[[int], bytes], now_us: Callable[[], int]) -> Callable[[], str]:
    """Makes ids of 22 letters and digits: a time in milliseconds, then 83 bits from `random_bytes` (`os.urandom`).

    The time is that at which 256 of them were made ready. They are alike at their beginning, so that an index of ids
    grows in one place and not everywhere.
    """
    ready: list[str] = []

    def new_client_id() -> str:
        if not ready:
            begin, length = _time_text(now_us() // 1000), LENGTH - _TIME_LENGTH
            text = random_bytes(length * _AT_ONCE).translate(_TABLE).decode("ascii")
            ready.extend(begin + text[start : start + length] for start in range(0, len(text), length))
        return ready.pop()

    return new_client_id


def _time_text(time_ms: int) -> str:
    digits = []
    for _ in range(_TIME_LENGTH):
        time_ms, digit = divmod(time_ms, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
