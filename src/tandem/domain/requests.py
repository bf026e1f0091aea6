"""What a client sent, as ordered text by name: the one strict reader of queries, form bodies and WebSocket API frames.

A name appears once, every pair has a `=`, escapes are whole, text is UTF-8 without control characters. What would let
one signed text mean two things is refused: empty pairs (`a=1&`, `&&`) and a bare second `=` could move the border of
query and body, a `&` in a value of the WebSocket API the border of two parameters.
The signature covers the exact bytes that came; nothing is encoded again.
"""

import re
from typing import Final

import msgspec

from tandem.domain.errors import api_error

MAX_PARAMETERS = 64
"""No operation takes half as many."""
MAX_ID_LENGTH = 36
INT64_MAX = 2**63 - 1


class Sent:
    """Parameters as text. `signed_text` is what the signature must cover."""

    __slots__ = ("_payload", "count", "signature", "values")

    def __init__(self, values: dict[str, str], count: int, payload: bytes | None, signature: str | None) -> None:
        self.values: Final = values
        """Without `signature`."""
        self.count: Final = count
        """How many parameters came, the signature included."""
        self.signature: Final = signature
        self._payload = payload

    def signed_text(self) -> bytes:
        """REST: query and body as they came, glued, without the signature's pair. WebSocket API: sorted by name."""
        if self._payload is None:
            values = self.values
            self._payload = "&".join([f"{name}={values[name]}" for name in sorted(values)]).encode()
        return self._payload


def read_http(query: bytes, body: bytes) -> Sent:
    """Raises ApiError. A name in both the query and the body is read from the query."""
    query, signature = cut_signature(query)
    values: dict[str, str] = {}
    count = 0
    if query:
        count = read_pairs(query, values)
    if body:
        body, second = cut_signature(body)
        if second is not None:
            if signature is not None:
                raise api_error("DUPLICATE_PARAMETERS")
            signature = second
        if body:
            in_query, values = values, {}
            read_pairs(body, values)
            values.update(in_query)
            count = len(values)
    if signature is None:
        return Sent(values, count, None, None)
    if "%" in signature:
        signature = unescape(signature)
    return Sent(values, count + 1, query + body, signature)


def cut_signature(raw: bytes) -> tuple[bytes, str | None]:
    """`raw` without its first `signature=...` pair, and what that pair says, still escaped."""
    if raw.startswith(b"signature="):
        pair, _, rest = raw.partition(b"&")
        return rest, _ascii(pair[10:])
    start = raw.find(b"&signature=")
    if start < 0:
        return raw, None
    end = raw.find(b"&", start + 11)
    if end < 0:
        return raw[:start], _ascii(raw[start + 11 :])
    return raw[:start] + raw[end:], _ascii(raw[start + 11 : end])


def _ascii(raw: bytes) -> str:
    try:
        return raw.decode("ascii")
    except UnicodeDecodeError:
        raise api_error("INVALID_SIGNATURE") from None


_NO_MARKS = bytes(set(range(256)) - set(b"&="))
_MARKS = tuple(b"=&" * count + b"=" for count in range(MAX_PARAMETERS))


def read_pairs(raw: bytes, values: dict[str, str]) -> int:
    """Adds the pairs of `raw` to the empty `values`; how many there were. Raises ApiError."""
    # What is left of `a=1&b=2` without its text must be `=&=`: every pair has one `=`, and no pair is empty.
    marks = raw.translate(None, _NO_MARKS)
    count = (len(marks) + 1) // 2
    if count > MAX_PARAMETERS:
        raise api_error("TOO_MANY_PARAMETERS")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise api_error("ILLEGAL_CHARS") from None
    if not (text.isprintable() and marks == _MARKS[count - 1]):
        raise api_error("ILLEGAL_CHARS")
    parts = text.replace("&", "=").split("=")
    values.update(zip(parts[::2], parts[1::2], strict=True))
    if "" in values:
        raise api_error("ILLEGAL_CHARS")
    if len(values) != count or "signature" in values:
        raise api_error("DUPLICATE_PARAMETERS")
    if "%" in text or "+" in text:
        for name, value in values.items():
            values[name] = unescape(value.replace("+", " "))
    return count


_ESCAPED = {f"{a}{b}": bytes.fromhex(a + b) for a in "0123456789abcdefABCDEF" for b in "0123456789abcdefABCDEF"}


def unescape(text: str) -> str:
    """Percent-decoding that refuses what it does not know; `+` stays. Raises ApiError."""
    if "%" not in text:
        return text
    first, *others = text.split("%")
    parts = [first.encode()]
    try:
        for other in others:
            parts.append(_ESCAPED[other[:2]])
            parts.append(other[2:].encode())
        decoded = b"".join(parts).decode()
    except (KeyError, UnicodeDecodeError):
        raise api_error("ILLEGAL_CHARS") from None
    if not decoded.isprintable():
        raise api_error("ILLEGAL_CHARS")
    return decoded


class Frame(msgspec.Struct, frozen=True):
    """A request of the WebSocket API."""

    id: int | str | None
    method: str
    sent: Sent


class FrameError(Exception):
    """Not a request at all. `id` is what the answer can carry."""

    def __init__(self, text: str, id: int | str | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.id = id


_DECODE_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_DECODE_STRING = msgspec.json.Decoder(str).decode
_DECODE_ID = msgspec.json.Decoder(int | str | None).decode
_MISSING = msgspec.Raw(b"{}")
_strings = re.compile(rb'"(?:[^"\\]|\\.)*+"').sub


def read_frame(raw: bytes | str) -> Frame:
    """Strict JSON: no name twice, no object in a parameter, no NaN. Raises FrameError; ApiError for the parameters."""
    data = raw.encode() if isinstance(raw, str) else raw
    try:
        top = _DECODE_OBJECT(data)
        identity = _DECODE_ID(top["id"]) if "id" in top else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise FrameError("Invalid JSON Request") from None
    if isinstance(identity, str):
        is_good_id = len(identity) <= MAX_ID_LENGTH and identity.isprintable()
    else:
        is_good_id = identity is None or -INT64_MAX <= identity <= INT64_MAX
    if not is_good_id or "id" not in top or "method" not in top or not top.keys() <= {"id", "method", "params"}:
        raise FrameError("Invalid JSON Request", identity if is_good_id else None)
    try:
        method = _DECODE_STRING(top["method"])
        params = _DECODE_OBJECT(top.get("params", _MISSING))
        _refuse_duplicates(data, len(top) + len(params))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise FrameError("Invalid JSON Request", identity) from None
    return Frame(identity, method, _read_params(params))


def _read_params(params: dict[str, msgspec.Raw]) -> Sent:
    """Raises ApiError. Numbers and booleans keep the text that came, since that is what was signed."""
    if len(params) > MAX_PARAMETERS:
        raise api_error("TOO_MANY_PARAMETERS")
    values: dict[str, str] = {}
    try:
        for name, raw in params.items():
            text = str(raw, "utf-8")
            if text[0] == '"':
                text = text[1:-1] if "\\" not in text else _DECODE_STRING(raw)
            elif text == "null":
                text = ""
            values[name] = text
    except (UnicodeDecodeError, msgspec.DecodeError):
        raise api_error("ILLEGAL_CHARS") from None
    signature = values.pop("signature", None)
    # Joined as they would be signed, the values must neither hold control characters nor the separator.
    joined = "".join(values) + "".join(values.values())
    if not joined.isprintable() or "&" in joined or not (signature or "").isprintable():
        raise api_error("ILLEGAL_CHARS")
    return Sent(values, len(params), None, signature)


def _refuse_duplicates(data: bytes, names: int) -> None:
    """`names` distinct names were read at the two levels there are. As many colons as names leave none for a name that
    came twice, nor for an object among the parameters, which nothing takes."""
    if data.count(b":") != names and _strings(b"", data).count(b":") != names:
        raise msgspec.DecodeError("a name twice, or an object among the parameters")
