"""When a signed request counts as fresh. What the signature covers is `requests.Sent.signed_text`.

Times are microseconds inside; a client's may be milliseconds or microseconds.
"""

import re
from functools import lru_cache

from tandem.domain.errors import api_error
from tandem.domain.parameters import microseconds, read_integer

EDGE_PARAMETERS = frozenset({"timestamp", "recvWindow"})
DEFAULT_WINDOW_US = 5_000_000
MAX_WINDOW_US = 60_000_000
AHEAD_US = 1_000_000
"""How far a client's clock may be ahead, exclusive."""
LEGAL_WINDOW = r"^([0-9]{1,20})(\.[0-9]{1,3})?$"

_is_window = re.compile(LEGAL_WINDOW, re.ASCII).fullmatch


def read_timestamp(values: dict[str, str]) -> int:
    """Microseconds. Raises ApiError."""
    text = values.get("timestamp")
    if not text:
        raise api_error("MANDATORY_PARAM_EMPTY_OR_MALFORMED", "timestamp")
    return microseconds(read_integer("timestamp", text))


def read_window(values: dict[str, str]) -> int:
    """recvWindow (milliseconds with up to three decimals) in microseconds. Raises ApiError."""
    text = values.get("recvWindow")
    if text is None:
        return DEFAULT_WINDOW_US
    return _window_us(text)


@lru_cache(maxsize=1024)
def _window_us(text: str) -> int:
    """Clients send the same few texts all the time."""
    if not text:
        raise api_error("PARAM_EMPTY", "recvWindow")
    if not _is_window(text):
        raise api_error("ILLEGAL_CHARS", "recvWindow", LEGAL_WINDOW)
    whole, _, fraction = text.partition(".")
    window = int(whole) * 1000 + int(fraction.ljust(3, "0"))
    if window > MAX_WINDOW_US:
        raise api_error("VALUE_TOO_GREAT", "recvWindow", MAX_WINDOW_US // 1000)
    return window


def check_fresh(timestamp_us: int, window_us: int, now_us: int) -> None:
    """Raises ApiError when the request is from the future or too old."""
    if timestamp_us >= now_us + AHEAD_US:
        raise api_error("TIMESTAMP_AHEAD")
    if now_us - timestamp_us > window_us:
        raise api_error("INVALID_TIMESTAMP")
