"""What an account may trade and a market asks for: bit numbers in the engine, names in the API."""

NAMES = ("SPOT", "MARGIN", "LEVERAGED", *(f"TRD_GRP_{number:03d}" for number in range(2, 26)))
"""By the bit's number."""


def names_of(bits: int) -> list[str]:
    return [name for bit, name in enumerate(NAMES) if bits >> bit & 1]
