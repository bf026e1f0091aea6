from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.domain.errors import ApiError
from tandem.domain.requests import Frame, FrameError, Sent, read_frame, read_http, unescape


def code_of(query: bytes, body: bytes = b"") -> int:
    with pytest.raises(ApiError) as refused:
        read_http(query, body)
    return refused.value.code


def seen(sent: Sent) -> tuple[dict[str, str], int, str | None]:
    return sent.values, sent.count, sent.signature


def test_nothing_sent_is_nothing_read() -> None:
    assert seen(read_http(b"", b"")) == ({}, 0, None)


def test_query_and_body_are_read_together_and_the_query_wins() -> None:
    sent = read_http(b"a=1&b=2", b"b=3&c=4")
    assert seen(sent) == ({"a": "1", "b": "2", "c": "4"}, 3, None)


@pytest.mark.parametrize(
    ("query", "body", "covered"),
    [
        (b"a=1&b=2&signature=xyz", b"", b"a=1&b=2"),
        (b"signature=xyz&a=1&b=2", b"", b"a=1&b=2"),
        (b"a=1&signature=xyz&b=2", b"", b"a=1&b=2"),
        (b"", b"a=1&b=2&signature=xyz", b"a=1&b=2"),
        (b"a=1", b"b=2&signature=xyz", b"a=1b=2"),
        (b"a=1&signature=xyz", b"b=2", b"a=1b=2"),
    ],
)
def test_the_signature_covers_the_bytes_that_came_without_its_own_pair(
    query: bytes, body: bytes, covered: bytes
) -> None:
    sent = read_http(query, body)
    assert (seen(sent), sent.signed_text()) == (({"a": "1", "b": "2"}, 3, "xyz"), covered)


def test_escapes_are_signed_as_they_came() -> None:
    sent = read_http(b"symbols=%5B%22A%22%5D&x=a%2Bb+c&signature=q%2B/%3D=", b"")
    assert sent.values == {"symbols": '["A"]', "x": "a+b c"}
    assert sent.signed_text() == b"symbols=%5B%22A%22%5D&x=a%2Bb+c"
    assert sent.signature == "q+/=="


ILLEGAL = [
    b"a", b"a&b=1", b"=1", b"a=1&", b"&a=1", b"a=1&&b=2", b"&", b"a=1=2", b"a==", b"a=%", b"a=%4", b"a=%zz", b"a=% 4",
    b"a=%+4", b"a=%ff", b"a=%c3%28", b"a=%00", b"a=%0a", b"a=%7f", b"a=%c2%85", b"a=%e2%80%ae", b"a=%ed%a0%80",
    b"a=\xff", b"a=\x01", b"a=%c0%af",
]  # fmt: skip


@pytest.mark.parametrize("raw", ILLEGAL)
def test_what_could_be_read_in_two_ways_is_refused(raw: bytes) -> None:
    assert (code_of(raw), code_of(b"", raw)) == (-1100, -1100)


@pytest.mark.parametrize(
    ("query", "body"),
    [
        (b"a=1&a=1", b""),
        (b"a=1&a=2", b""),
        (b"", b"a=1&a=2"),
        (b"a=1&signature=x&signature=y", b""),
        (b"signature=x&signature=y", b""),
        (b"a=1&signature=x", b"signature=x"),
        (b"a=1", b"b=1&signature=x&signature=x"),
    ],
)
def test_a_name_twice_is_refused(query: bytes, body: bytes) -> None:
    assert code_of(query, body) == -1101


def test_names_are_not_unescaped() -> None:
    assert read_http(b"%61=1&signatur%65=x", b"").values == {"%61": "1", "signatur%65": "x"}


def test_parameters_are_counted_before_they_are_kept() -> None:
    assert code_of(b"&".join(b"a%d=1" % number for number in range(65))) == -1101
    assert read_http(b"&".join(b"a%d=1" % number for number in range(64)), b"").count == 64


def test_unicode_is_read_and_normal_forms_stay_apart() -> None:
    composed, combined = read_http("a=é".encode(), b""), read_http("a=e\u0301".encode(), b"")
    assert composed.values != combined.values
    assert read_http(b"symbol=%EF%BC%91", b"").values == {"symbol": "１"}


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_any_bytes_are_read_or_refused_by_name(query: bytes, body: bytes) -> None:
    with suppress(ApiError):
        assert all(text.isprintable() for text in read_http(query, body).values.values())


@given(st.text(alphabet=st.characters(codec="utf-8", categories=("L", "N", "P", "S")), max_size=20))
def test_escaping_every_byte_reads_back(text: str) -> None:
    escaped = "".join(f"%{byte:02x}" for byte in text.encode())
    assert unescape(escaped) == text


# --- every way to cut one signed text into query and body


def meanings(glued: bytes) -> set[tuple[tuple[str, str], ...]]:
    found = set()
    for cut in range(len(glued) + 1):
        try:
            sent = read_http(glued[:cut] + (b"&signature=x" if cut else b"signature=x"), glued[cut:])
        except ApiError:
            continue
        if sent.signed_text() == glued:
            found.add(tuple(sorted(sent.values.items())))
    return found


def test_a_text_signed_as_a_query_means_one_thing_wherever_it_is_cut() -> None:
    order = b"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=10&price=5&timestamp=1"
    names = {"symbol", "side", "type", "timeInForce", "quantity", "price", "timestamp"}
    known = [meaning for meaning in meanings(order) if {name for name, _ in meaning} <= names]
    assert known == [tuple(sorted(read_http(order, b"").values.items()))]


def test_a_text_signed_as_query_and_body_means_one_thing_wherever_it_is_cut() -> None:
    order = b"symbol=BTCUSDT&side=BUYtype=LIMIT&quantity=10&price=5&timestamp=1"
    names = {"symbol", "side", "type", "quantity", "price", "timestamp", "timeInForce", "newClientOrderId", "orderId"}
    known = [meaning for meaning in meanings(order) if {name for name, _ in meaning} <= names]
    assert known == [
        tuple(
            sorted(read_http(b"symbol=BTCUSDT&side=BUY", b"type=LIMIT&quantity=10&price=5&timestamp=1").values.items())
        )
    ]


# --- frames


def frame(text: str) -> Frame:
    return read_frame(text.encode())


def test_a_frame_keeps_the_text_of_numbers_and_booleans() -> None:
    read = frame(
        '{"id":"a-1","method":"order.place","params":{"price":50000.50,"n":1e3,"b":true,"s":"x\\u0041","z":null}}'
    )
    assert (read.id, read.method) == ("a-1", "order.place")
    assert seen(read.sent) == ({"price": "50000.50", "n": "1e3", "b": "true", "s": "xA", "z": ""}, 5, None)
    assert read.sent.signed_text() == b"b=true&n=1e3&price=50000.50&s=xA&z="


def test_a_frame_is_signed_sorted_and_unescaped_without_its_signature() -> None:
    read = frame('{"id":1,"method":"m","params":{"symbol":"１２","b":"2","signature":"S","a":1}}')
    assert (read.sent.signature, read.sent.signed_text()) == ("S", "a=1&b=2&symbol=１２".encode())
    assert read.sent.count == 4


def test_arrays_are_kept_as_json_text() -> None:
    assert frame('{"id":null,"method":"m","params":{"symbols":["A", "B"]}}').sent.values == {"symbols": '["A", "B"]'}
    assert frame('{"id":null,"method":"m","params":{"symbols":"[\\"A\\"]"}}').sent.values == {"symbols": '["A"]'}


def test_a_frame_may_come_without_parameters() -> None:
    read = frame('{"id": 5, "method": "ping"}')
    assert (read.id, read.method, seen(read.sent)) == (5, "ping", ({}, 0, None))


NOT_FRAMES = [
    "", "{", "[]", "1", "null", '"x"', '{"id":1}', '{"method":"m"}', '{"id":1.5,"method":"m"}',
    '{"id":true,"method":"m"}', '{"id":[1],"method":"m"}', '{"id":{},"method":"m"}',
    '{"id":"' + "a" * 37 + '","method":"m"}', '{"id":1,"method":2}', '{"id":1,"method":"m","params":[]}',
    '{"id":1,"method":"m","params":3}', '{"id":1,"method":"m","extra":1}', '{"id":1,"id":1,"method":"m"}',
    '{"id":1,"method":"m","method":"m"}', '{"id":1,"method":"m","params":{"a":1,"a":1}}',
    '{"id":1,"method":"m","params":{"a":1,"a" :1}}', '{"id":1,"method":"m","params":{"a":1,"\\u0061":1}}',
    '{"id":1,"method":"m","params":{"a":":","a":1}}', '{"id":1,"method":"m","params":{"x":[{"a":1,"a":2}]}}',
    '{"id":1,"method":"m","params":{"a":NaN}}', '{"id":1,"method":"m","params":{"a":Infinity}}',
    '{"id":1,"method":"m","params":{"a":01}}', '{"id":1,"method":"m","params":{"a":+1}}', '{"id":1,"method":"m",}',
    '{"id":1,"method":"m"} {}', '{"id":99999999999999999999,"method":"m"}', "{'id':1,'method':'m'}",
    '{"id":1,"method":"m","params":{"a":{"b":1}}}', '{"id":1,"method":"m","params":{"a":[{"b":":"}]}}',
    '{"id":1,"method":"m","params":{"a":' + "[" * 30_000 + "]" * 30_000 + "}}", "[" * 100_000, '{"a":' * 100_000,
]  # fmt: skip


@pytest.mark.parametrize("text", NOT_FRAMES, ids=lambda text: text[:60])
def test_what_is_not_strictly_a_request_is_refused(text: str) -> None:
    with pytest.raises(FrameError) as refused:
        frame(text)
    assert refused.value.text == "Invalid JSON Request"


def test_a_refusal_names_the_request_when_it_can() -> None:
    with pytest.raises(FrameError) as refused:
        frame('{"id":"abc","method":"m","params":3}')
    assert refused.value.id == "abc"


@pytest.mark.parametrize("text", ["a\\u0000b", "a\\nb", "\\u202e", "a&b=2"])
def test_control_characters_and_separators_in_a_frame_are_refused(text: str) -> None:
    with pytest.raises(ApiError) as refused:
        frame(f'{{"id":1,"method":"m","params":{{"a":"{text}"}}}}')
    assert refused.value.code == -1100


def test_colons_in_values_are_no_duplicates() -> None:
    values = frame(r'{"id":":","method":"m","params":{"a":"x:y","b":["\":",":\\"],"c":1}}').sent.values
    assert values == {"a": "x:y", "b": r'["\":",":\\"]', "c": "1"}


@given(st.binary(max_size=60))
def test_any_bytes_are_a_frame_or_refused(raw: bytes) -> None:
    with suppress(FrameError, ApiError):
        assert isinstance(read_frame(raw), Frame)


@given(
    st.dictionaries(
        st.text(max_size=5), st.one_of(st.text(max_size=8), st.integers(), st.booleans(), st.none()), max_size=6
    )
)
def test_whatever_json_holds_is_read_without_a_fault(params: dict[str, object]) -> None:
    with suppress(ApiError):
        read = read_frame(msgspec.json.encode({"id": 1, "method": "m", "params": params}))
        assert len(read.sent.values) + (read.sent.signature is not None) == len(params)
