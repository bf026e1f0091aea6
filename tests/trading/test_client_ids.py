"""Ids that the exchange makes for orders whose sender gave none."""

import os
import re
import string
from itertools import count

from tandem.trading.client_ids import LENGTH, client_id_source

YEAR_MS = 365 * 86_400_000


def test_ids_are_letters_and_digits_and_never_twice_the_same() -> None:
    new_id = client_id_source(os.urandom, lambda: 1_800_000_000_000_000)
    made = [new_id() for _ in range(5_000)]
    assert len({*made}) == 5_000
    assert all(re.fullmatch(f"[0-9A-Za-z]{{{LENGTH}}}", one) for one in made)
    assert {letter for one in made for letter in one[8:]} == {*string.ascii_letters, *string.digits}


def test_later_ids_sort_later() -> None:
    times = count(1_500_000_000_000, YEAR_MS)
    new_id = client_id_source(os.urandom, lambda: next(times) * 1000)
    made = [new_id() for _ in range(256 * 30)]
    groups = [made[start : start + 256] for start in range(0, len(made), 256)]
    assert len({group[0][:8] for group in groups}) == 30
    assert all({one[:8] for one in group} == {group[0][:8]} for group in groups)
    assert [group[0][:8] for group in groups] == sorted(group[0][:8] for group in groups)
    # Digits before letters, whether or not capitals are told apart.
    assert [group[0][:8].lower() for group in groups] == sorted(group[0][:8].lower() for group in groups)
