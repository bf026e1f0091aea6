"""One signed request written in many ways: which are taken, and with which code the others are refused.

The published vectors go through the whole gateway; generated requests are compared with an independent reader
(`urllib`): whatever is signed as it is written is read as that reader reads it, by every kind of key.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, quote

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tandem.apps.gateway import Gateway
from tandem.apps.pipeline import milliseconds
from tandem.domain.operation import Kind, Operation, Param, Security
from tandem.domain.requests import read_frame
from tandem.identity import service
from tests.gateway.edge import NOW_MS, Edge, say
from tests.identity.test_keys import REST_VECTORS, SECRET, WS_KEY, WS_VECTORS

ORDER = "/api/v3/order"
FIELDS = ("symbol", "side", "type", "timeInForce", "quantity", "price", "text")
PLACE = Operation(
    "POST", ORDER, "order.place", Security.TRADE, 1, tuple(Param(name, Kind.STRING) for name in FIELDS), say
)
Sign = Callable[[bytes], str]


class Desk:
    """One operation that says what it was given, and a key of each kind."""

    def __init__(self, edge: Edge) -> None:
        self.gateway = Gateway([PLACE], edge.keys, edge.limiter, edge.clock)
        self.clock = edge.clock
        self.keys: dict[str, tuple[str, Sign]] = {}
        published = edge.keys.create(7)
        assert published.secret == SECRET
        self.keys["HMAC"] = (published.key.id, hmac_signer(SECRET))
        self._add(edge, "RSA", _RSA, lambda text: _RSA.sign(text, padding.PKCS1v15(), hashes.SHA256()))
        self._add(edge, "ED25519", _ED25519, _ED25519.sign)

    def _add(self, edge: Edge, kind: str, key: Any, sign: Callable[[bytes], bytes]) -> None:
        pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        made = edge.keys.create(7, public_key=pem.decode())
        self.keys[kind] = (made.key.id, lambda text: base64.b64encode(sign(text)).decode())

    def set_time(self, ms: int) -> None:
        self.clock.advance((ms - NOW_MS) / 1000)

    async def post(self, query: str, body: str = "", *, key: str = "HMAC", content: str = "") -> Any:
        """What the operation was given, or the error's number. No client of ours comes between, which would escape."""
        content = content or ("application/x-www-form-urlencoded" if body else "")
        headers = {
            "x-mbx-apikey": self.keys[key][0],
            "content-length": str(len(body.encode())),
            "content-type": content,
        }
        scope = {
            "type": "http",
            "method": "POST",
            "path": ORDER,
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": ("10.0.0.1", 5),
        }
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body.encode()}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.gateway(scope, receive, send)
        answer = json.loads(sent[1]["body"])
        return answer["args"] if sent[0]["status"] == 200 else answer["code"]

    async def ask(self, params: str) -> Any:
        sent = read_frame(f'{{"id":1,"method":"order.place","params":{{{params}}}}}').sent
        pipeline = self.gateway.pipeline
        outcome = await pipeline.answer_ws(
            pipeline.ws_routes["order.place"], sent, "10.0.0.1", session=None, show_time=milliseconds
        )
        return json.loads(outcome.body)["args"] if outcome.error is None else outcome.error.code


def hmac_signer(secret: str) -> Sign:
    return lambda text: hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_ED25519 = ed25519.Ed25519PrivateKey.generate()


@pytest.fixture
def desk(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> Desk:
    names = iter([WS_KEY, SECRET, "R" * 64, "E" * 64])
    monkeypatch.setattr(service, "random_name", lambda: next(names))
    return Desk(edge)


# --- the published request

TEXT, SIGNATURE = REST_VECTORS[0]
SIGNED = f"signature={SIGNATURE}"
TAKEN = {
    "symbol": "LTCBTC", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "0.1",
}  # fmt: skip
HALF, REST = TEXT[: TEXT.index("&quantity")], TEXT[TEXT.index("quantity") :]
WRITINGS: dict[str, tuple[str, str, Any]] = {
    "in the query": (f"{TEXT}&{SIGNED}", "", TAKEN),
    "signature first": (f"{SIGNED}&{TEXT}", "", TAKEN),
    "signature in the middle": (f"{HALF}&{SIGNED}&{REST}", "", TAKEN),
    "in the body": ("", f"{TEXT}&{SIGNED}", TAKEN),
    "signature alone in the query": (SIGNED, TEXT, TAKEN),
    "signature alone in the body": (TEXT, SIGNED, TAKEN),
    "signature in upper case": (f"{TEXT}&{SIGNED.upper().replace('SIGNATURE', 'signature')}", "", TAKEN),
    "signature escaped": (f"{TEXT}&signature=%{ord(SIGNATURE[0]):x}{SIGNATURE[1:]}", "", TAKEN),
    "split, signed as one": (HALF, f"{REST}&{SIGNED}", -1022),
    "split at the separator": (f"{HALF}&", f"{REST}&{SIGNED}", -1100),
    "another order": (f"{REST}&{HALF}&{SIGNED}", "", -1022),
    "escaped after signing": (f"{TEXT.replace('LTC', '%4CTC')}&{SIGNED}", "", -1022),
    "a zero more": (f"{TEXT.replace('0.1', '0.10')}&{SIGNED}", "", -1022),
    "one parameter less": (f"{TEXT.replace('&price=0.1', '')}&{SIGNED}", "", -1022),
    "one parameter more": (f"{TEXT}&text=1&{SIGNED}", "", -1022),
    "one more that is unknown": (f"{TEXT}&unknown=1&{SIGNED}", "", -1104),
    "a parameter twice": (f"{TEXT}&side=SELL&{SIGNED}", "", -1101),
    "a parameter in the body too": (f"{TEXT}&{SIGNED}", "side=SELL", -1022),
    "signature twice": (f"{TEXT}&{SIGNED}&{SIGNED}", "", -1101),
    "signature in query and body": (f"{TEXT}&{SIGNED}", SIGNED, -1101),
    "signature cut": (f"{TEXT}&{SIGNED[:-1]}", "", -1022),
    "signature longer": (f"{TEXT}&{SIGNED}0", "", -1022),
    "signature in base64": (f"{TEXT}&signature={quote(base64.b64encode(bytes.fromhex(SIGNATURE)))}", "", -1022),
    "no signature": (TEXT, "", -1102),
    "an empty signature": (f"{TEXT}&signature=", "", -1102),
    "a window that is too wide": (f"{TEXT.replace('Window=5000', 'Window=60001')}&{SIGNED}", "", -1102),
    "more parameters than anything takes": ("&".join(f"p{n}=1" for n in range(65)), "", -1101),
    "no time": (f"{TEXT.partition('&timestamp')[0]}&{SIGNED}", "", -1102),
}


@pytest.mark.parametrize("what", WRITINGS)
async def test_the_published_request_in_other_writings(desk: Desk, what: str) -> None:
    desk.set_time(1_499_827_319_559)
    query, body, expected = WRITINGS[what]
    assert await desk.post(query, body) == expected


async def test_everything_in_the_query_may_say_that_it_is_json(desk: Desk) -> None:
    desk.set_time(1_499_827_319_559)
    assert await desk.post(f"{TEXT}&{SIGNED}", content="application/json;charset=utf-8") == TAKEN
    assert await desk.post("", f"{TEXT}&{SIGNED}", content="application/json") == -1130


async def test_what_is_not_ascii_is_signed_as_it_is_sent(desk: Desk) -> None:
    desk.set_time(1_499_827_319_559)
    escaped, signature = REST_VECTORS[1]
    raw = escaped.replace("%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96", "１２３４５６")
    wide = TAKEN | {"symbol": "１２３４５６"}
    assert await desk.post(f"{escaped}&signature={signature}") == wide
    assert await desk.post("", f"{escaped}&signature={signature}") == wide
    assert await desk.post(f"{raw}&signature={signature}") == -1022
    assert await desk.post(f"{escaped.replace('%EF', '%ef')}&signature={signature}") == -1022
    of_raw = desk.keys["HMAC"][1](raw.encode())
    assert await desk.post(f"{raw}&signature={of_raw}") == wide


@pytest.mark.parametrize(("params", "signature"), WS_VECTORS)
async def test_the_published_frames_in_other_writings(desk: Desk, params: str, signature: str) -> None:
    desk.set_time(1_645_423_376_532)
    key, signed = f'"apiKey":"{WS_KEY}"', f'"signature":"{signature}"'
    first, _, rest = params.partition(",")
    fields = json.loads(f"{{{params}}}")
    taken = {name: value for name, value in fields.items() if name in FIELDS}
    price = fields["price"]
    number = params.replace(f'"price":"{price}"', f'"price":{price}')
    assert [
        await desk.ask(f"{params},{key},{signed}"),
        await desk.ask(f"{signed},{rest},{key},{first}"),
        await desk.ask(f"{number},{key},{signed}"),
        await desk.ask(f"{params},{key},{signed.upper().replace('SIGNATURE', 'signature')}"),
        await desk.ask(f"{number.replace(price, price.rstrip('0') + '0')},{key},{signed}"),
        await desk.ask(f'{params},{key},{signed},"returnRateLimits":false'),
        await desk.ask(f"{rest},{key},{signed}"),
        await desk.ask(f"{params},{key}"),
        await desk.ask(f"{params},{signed}"),
    ] == [taken, taken, taken, taken, -1022, -1022, -1022, -1102, -1102]


# --- each kind of key


@pytest.mark.parametrize("kind", ["HMAC", "RSA", "ED25519"])
async def test_each_kind_of_key_takes_its_own_signatures_only(desk: Desk, kind: str) -> None:
    text = f"symbol=A&text=b%20c&timestamp={NOW_MS}"
    for other, (_, sign) in desk.keys.items():
        expected = {"symbol": "A", "text": "b c"} if other == kind else -1022
        assert await desk.post(f"{text}&signature={quote(sign(text.encode()), safe='')}", key=kind) == expected
        assert await desk.post("", f"{text}&signature={quote(sign(text.encode()))}", key=kind) == expected


@pytest.mark.parametrize("kind", ["RSA", "ED25519"])
async def test_base64_is_taken_raw_and_escaped_and_in_no_other_form(desk: Desk, kind: str) -> None:
    sign = desk.keys[kind][1]
    texts = (f"symbol=A&text={number}&timestamp={NOW_MS}" for number in range(1000))
    text, signature = next((t, s) for t in texts if "+" in (s := sign(t.encode())) and "/" in s)
    writings = {
        signature: {"symbol": "A", "text": text.split("text=")[1].partition("&")[0]},
        signature.replace("+", "-").replace("/", "_"): -1022,
        signature.replace("+", " ").replace(" ", "%20"): -1022,
        signature.rstrip("="): -1022,
        signature.swapcase(): -1022,
        base64.b64decode(signature).hex(): -1022,
    }
    for written, expected in writings.items():
        assert (written, await desk.post(f"{text}&signature={written}", key=kind)) == (written, expected)


# --- generated requests

LETTERS = st.characters(codec="utf-8", categories=("L", "N", "P", "S"))


def written(draw: st.DrawFn, value: str) -> str:
    """The value with some of its characters escaped, in either case; those that must be always are."""
    parts = []
    for letter in value:
        escaped = "".join(f"%{byte:02x}" for byte in letter.encode())
        must = letter in "&=%+#" or not letter.isascii()
        parts.append(draw(st.sampled_from([escaped, escaped.upper()] + ([] if must else [letter]))))
    return "".join(parts)


@st.composite
def requests(draw: st.DrawFn) -> tuple[list[str], list[str]]:
    """Pairs of a query and pairs of a body, each name at most once in each."""
    names = draw(st.lists(st.sampled_from(FIELDS), unique=True, min_size=1))
    pairs = [f"{name}={written(draw, draw(st.text(LETTERS, min_size=1, max_size=6)))}" for name in names]
    pairs = draw(st.permutations([*pairs, f"timestamp={NOW_MS}"]))
    cut = draw(st.integers(0, len(pairs)))
    again = [f"{pair.partition('=')[0]}=x" for pair in pairs[:cut] if draw(st.booleans())]
    return pairs[:cut], pairs[cut:] + again


def read_independently(query: str, body: str) -> dict[str, str]:
    """The query wins."""
    return dict(parse_qsl(body)) | dict(parse_qsl(query))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(request=requests(), kind=st.sampled_from(["HMAC", "RSA", "ED25519"]), data=st.data())
async def test_what_is_signed_as_it_is_written_is_read_as_anybody_reads_it(
    desk: Desk, request: tuple[list[str], list[str]], kind: str, data: st.DataObject
) -> None:
    query, body = request
    text = "&".join(query) + "&".join(body)
    pair = f"signature={quote(desk.keys[kind][1](text.encode()), safe='')}"
    where = data.draw(st.sampled_from([query, body]))
    where.insert(data.draw(st.integers(0, len(where))), pair)
    sent = "&".join(query), "&".join(body)
    expected = read_independently(*sent)
    assert await desk.post(*sent, key=kind) == {name: expected[name] for name in FIELDS if name in expected}
    later = [part.replace(str(NOW_MS), str(NOW_MS + 1)) for part in sent]
    assert await desk.post(*later, key=kind) == -1022
