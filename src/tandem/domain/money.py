"""Decimal strings of the wire, integers everywhere else. Nothing here rounds."""

from functools import cache

from tandem.domain.trading import ENGINE_MAX


class IllegalNumber(ValueError):
    """Not `digits[.digits]` with 1 to 20 digits on each side."""


class TooPrecise(ValueError):
    """More decimals than the asset has (trailing zeros do not count)."""


class TooLarge(ValueError):
    """Beyond what the engine takes."""


MAX_DIGITS = 20
LEGAL_NUMBER = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
"""The legal range as the API words it in -1100."""


@cache
def _scale(decimals: int) -> int:
    scale: int = 10**decimals
    return scale


def parse(text: str, decimals: int) -> int:
    """Minor units of `text`. Raises IllegalNumber, TooPrecise or TooLarge."""
    whole, point, fraction = text.partition(".")
    if not (whole.isascii() and whole.isdigit()) or len(whole) > MAX_DIGITS:
        raise IllegalNumber(text)
    if not point:
        value = int(whole) * _scale(decimals)
    else:
        if not (fraction.isascii() and fraction.isdigit()) or len(fraction) > MAX_DIGITS:
            raise IllegalNumber(text)
        if len(fraction) > decimals:
            fraction = fraction.rstrip("0")
            if len(fraction) > decimals:
                raise TooPrecise(text)
        value = int(whole) * _scale(decimals) + int(fraction.ljust(decimals, "0") or "0")
    if value > ENGINE_MAX:
        raise TooLarge(text)
    return value


def show(value: int, decimals: int) -> str:
    """`value` minor units as a decimal string padded to `decimals` places; negative values keep their sign."""
    if value < 0:
        return "-" + show(-value, decimals)
    if decimals == 0:
        return str(value)
    digits = str(value)
    if len(digits) <= decimals:
        return "0." + digits.zfill(decimals)
    return digits[:-decimals] + "." + digits[-decimals:]
