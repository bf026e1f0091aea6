"""The declared parameters of an operation, read from text: the one place where a client's values become Python values.

Parameters are read in the order they are declared, so one request has one answer whatever order it was sent in and
whichever transport carried it. What remains unread is refused last.
"""

import re
from collections.abc import Callable
from typing import Any, NoReturn

import msgspec

from tandem.domain import money
from tandem.domain.errors import ApiError, api_error
from tandem.domain.operation import Kind, Param
from tandem.domain.requests import Sent

Read = Callable[[str], Any]

INT32_MAX = 2**31 - 1
INT64_MAX = 2**63 - 1
MAX_TEXT = 256
"""Characters of a STRING whose declaration has no `maximum`."""
MAX_SYMBOLS = 100
LEGAL_INTEGER = "^[0-9]{1,20}$"
LEGAL_SYMBOL = "^[A-Z0-9-_.]{1,20}$"
LEGAL_CLIENT_ID = "^[a-zA-Z0-9-_]{1,36}$"
EARLIEST_US = 1_483_228_800_000_000
"""2017-01-01; earlier bounds of a query are pulled to it."""
LATEST_US = 4_102_444_800_000_000
"""2100-01-01."""
FIRST_MICROSECONDS = 10**14
"""From here on a time is in microseconds: as milliseconds it would lie beyond the year 5000."""

# `fullmatch`, because `$` lets a trailing newline pass.
_is_decimal = re.compile(money.LEGAL_NUMBER, re.ASCII).fullmatch
_is_integer = re.compile(LEGAL_INTEGER, re.ASCII).fullmatch
_is_client_id = re.compile(LEGAL_CLIENT_ID, re.ASCII).fullmatch
# Letters beyond ASCII are allowed, so are their digits; small Latin letters are not.
_is_symbol = re.compile(r"(?:[^\W_a-z]|[-_.]){1,20}").fullmatch
_decode_list = msgspec.json.Decoder(list[str]).decode


class Parameters:
    """The readers of one operation's parameters, made once."""

    __slots__ = ("_by_name", "_known", "_mandatory", "_readers")

    def __init__(self, params: tuple[Param, ...], edge: frozenset[str] = frozenset()) -> None:
        """`edge` are names that may come too and are read by the edge itself (timestamp, recvWindow, apiKey)."""
        names = frozenset(param.name for param in params)
        assert len(names) == len(params), "a parameter is declared twice"
        assert not names & (edge | {"signature"}), "the edge reads these itself"
        self._known = names | edge
        self._mandatory = frozenset(param.name for param in params if param.mandatory)
        self._readers = tuple((param.name, param.mandatory, reader(param)) for param in params)
        self._by_name = {name: read for name, _, read in self._readers}

    def read(self, sent: Sent) -> dict[str, Any]:
        """Raises ApiError."""
        values = sent.values
        readers = self._by_name
        args: dict[str, Any] = {}
        try:
            for name, text in values.items():
                read = readers.get(name)
                if read is not None:
                    args[name] = read(text) if text else self._in_order(values)
        except ApiError:
            # Most declared parameters are not sent, so the order of declaration is kept for what is wrong.
            self._in_order(values)
            raise
        if not self._mandatory <= args.keys():
            self._in_order(values)
        if len(args) != len(values) and not values.keys() <= self._known:
            unread = len(values.keys() - self._known)
            raise api_error("UNREAD_PARAMETERS", sent.count - unread, sent.count)
        return args

    def _in_order(self, values: dict[str, str]) -> NoReturn:
        """Raises the first error in the order of declaration."""
        for name, is_mandatory, read in self._readers:
            text = values.get(name)
            if text:
                read(text)
            elif is_mandatory:
                raise api_error("MANDATORY_PARAM_EMPTY_OR_MALFORMED", name)
            elif text is not None:
                raise api_error("PARAM_EMPTY", name)
        raise AssertionError("one of them was wrong")


def reader(param: Param) -> Read:
    """The function that reads `param` from text that is not empty."""
    return _READERS[param.kind](param)


def illegal(name: str, legal: str) -> ApiError:
    return api_error("ILLEGAL_CHARS", name, legal)


def read_integer(name: str, text: str, largest: int = INT64_MAX) -> int:
    """Raises ApiError."""
    if not _is_integer(text):
        raise illegal(name, LEGAL_INTEGER)
    value = int(text)
    if value > largest:
        raise api_error("PARAM_OVERFLOW", name)
    return value


def microseconds(value: int) -> int:
    """A time that may be in milliseconds or microseconds."""
    return value if value >= FIRST_MICROSECONDS else value * 1000


def _string(param: Param) -> Read:
    name, longest = param.name, param.maximum or MAX_TEXT

    def read(text: str) -> str:
        if len(text) > longest:
            raise api_error("INVALID_PARAMETER", name)
        return text

    return read


def _matching(legal: str, is_legal: Callable[[str], object]) -> Callable[[Param], Read]:
    def make(param: Param) -> Read:
        name = param.name

        def read(text: str) -> str:
            if is_legal(text):
                return text
            raise illegal(name, legal)

        return read

    return make


def _symbols(param: Param) -> Read:
    name, choices = param.name, frozenset(param.choices)
    most = param.maximum or MAX_SYMBOLS

    def read(text: str) -> tuple[str, ...]:
        try:
            symbols = _decode_list(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise api_error("INVALID_JSON", name) from None
        if not symbols:
            raise api_error("INVALID_JSON", name)
        if len(symbols) > most:
            raise api_error("BAD_SYMBOL_COUNT")
        for symbol in symbols:
            if not _is_symbol(symbol):
                raise illegal(name, LEGAL_SYMBOL)
            if choices and symbol not in choices:
                raise _bad_choice(param)
        if len(set(symbols)) != len(symbols):
            raise api_error("DUPLICATE_SYMBOLS")
        return tuple(symbols)

    return read


def _bad_choice(param: Param) -> ApiError:
    return api_error(param.bad_choice) if param.bad_choice else api_error("INVALID_PARAMETER", param.name)


def _enum(param: Param) -> Read:
    choices = {choice: choice for choice in param.choices}

    def read(text: str) -> str:
        try:
            return choices[text]
        except KeyError:
            raise _bad_choice(param) from None

    return read


def _integer(largest: int) -> Callable[[Param], Read]:
    def make(param: Param) -> Read:
        name = param.name
        low = param.minimum if param.minimum is not None else 0
        high = param.maximum if param.maximum is not None else largest

        def read(text: str) -> int:
            value = read_integer(name, text, largest)
            if low <= value <= high:
                return value
            if param.clamp:
                return min(max(value, low), high)
            raise _bad_choice(param)

        return read

    return make


_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


def _bool(param: Param) -> Read:
    def read(text: str) -> bool:
        try:
            return _BOOLEANS[text]
        except KeyError:
            raise api_error("INVALID_PARAMETER", param.name) from None

    return read


def _time(param: Param) -> Read:
    name = param.name

    def read(text: str) -> int:
        value = microseconds(read_integer(name, text))
        return min(max(value, EARLIEST_US), LATEST_US)

    return read


_READERS: dict[Kind, Callable[[Param], Read]] = {
    Kind.STRING: _string,
    Kind.SYMBOL: _matching(LEGAL_SYMBOL, _is_symbol),
    Kind.SYMBOLS: _symbols,
    Kind.CLIENT_ID: _matching(LEGAL_CLIENT_ID, _is_client_id),
    Kind.DECIMAL: _matching(money.LEGAL_NUMBER, _is_decimal),
    Kind.LONG: _integer(INT64_MAX),
    Kind.INT: _integer(INT32_MAX),
    Kind.ENUM: _enum,
    Kind.BOOL: _bool,
    Kind.TIME: _time,
}
