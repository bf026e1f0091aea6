"""Ids for orders and cancels whose sender gave none."""

import string
from collections.abc import Callable

LENGTH = 22
_LETTERS = string.ascii_letters + string.digits
_TABLE = bytes(ord(_LETTERS[byte % len(_LETTERS)]) for byte in range(256))


def client_id_source(random_bytes: Callable[[int], bytes]) -> Callable[[], str]:
    """Makes ids of 22 letters and digits, 130 bits from `random_bytes` (`os.urandom`)."""

    def new_client_id() -> str:
        return random_bytes(LENGTH).translate(_TABLE).decode("ascii")

    return new_client_id
