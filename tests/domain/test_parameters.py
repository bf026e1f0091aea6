from typing import Any

import msgspec
import pytest

from tandem.domain.errors import ApiError
from tandem.domain.operation import Kind, Param
from tandem.domain.parameters import EARLIEST_US, LATEST_US, Parameters, reader
from tandem.domain.requests import read_frame, read_http

ORDER = Parameters(
    (
        Param("symbol", Kind.SYMBOL, True),
        Param("side", Kind.ENUM, True, ("BUY", "SELL"), "INVALID_SIDE"),
        Param("quantity", Kind.DECIMAL),
        Param("limit", Kind.INT, minimum=1, maximum=1000, clamp=True),
    ),
    frozenset({"timestamp"}),
)


def refused(parameters: Parameters, query: str) -> tuple[int, str]:
    with pytest.raises(ApiError) as error:
        parameters.read(read_http(query.encode(), b""))
    return error.value.code, error.value.message


def one(kind: Kind, text: str, **settings: Any) -> Any:
    """What the text becomes, or the number of the error it is refused with."""
    try:
        return reader(Param("x", kind, **settings))(text)
    except ApiError as error:
        return error.code


def test_parameters_become_values() -> None:
    args = ORDER.read(read_http(b"side=BUY&symbol=BTCUSDT&quantity=1.50&timestamp=1", b""))
    assert args == {"symbol": "BTCUSDT", "side": "BUY", "quantity": "1.50"}


@pytest.mark.parametrize(
    ("query", "code", "text"),
    [
        ("side=BUY", -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."),
        ("side=BUY&symbol=", -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."),
        ("symbol=A&side=buy", -1117, "Invalid side."),
        ("symbol=A&side=BUY&quantity=", -1105, "Parameter 'quantity' was empty."),
        (
            "symbol=A&side=BUY&quantity=1e5",
            -1100,
            r"Illegal characters found in parameter 'quantity'; legal range is '^([0-9]{1,20})(\.[0-9]{1,20})?$'.",
        ),
        (
            "symbol=btcusdt&side=BUY",
            -1100,
            "Illegal characters found in parameter 'symbol'; legal range is '^[A-Z0-9-_.]{1,20}$'.",
        ),
        (
            "symbol=A&side=BUY&limit=ten",
            -1100,
            "Illegal characters found in parameter 'limit'; legal range is '^[0-9]{1,20}$'.",
        ),
        ("symbol=A&side=BUY&limit=9999999999", -1108, "Parameter 'limit' overflowed."),
        (
            "symbol=A&side=BUY&x=1&y=2",
            -1104,
            "Not all sent parameters were read; read '2' parameter(s) but was sent '4'.",
        ),
        ("x=1&side=buy", -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."),
    ],
)
def test_what_is_wrong_is_said_in_the_words_of_the_api(query: str, code: int, text: str) -> None:
    assert refused(ORDER, query) == (code, text)


def test_one_request_has_one_answer_in_any_order() -> None:
    pairs = ["symbol=bad", "side=bad", "quantity=bad", "x=1"]
    rotations = ["&".join(pairs[n:] + pairs[:n]) for n in range(len(pairs))]
    assert len({refused(ORDER, rotation) for rotation in rotations}) == 1


def test_a_query_and_a_frame_give_the_same_values() -> None:
    params = Parameters(
        (
            Param("symbol", Kind.SYMBOL),
            Param("price", Kind.DECIMAL),
            Param("limit", Kind.INT),
            Param("flag", Kind.BOOL),
            Param("symbols", Kind.SYMBOLS),
            Param("startTime", Kind.TIME),
        )
    )
    query = b"symbol=A&price=0.10&limit=5&flag=true&symbols=%5B%22A%22,%22B%22%5D&startTime=1600000000000"
    sent = {"symbol": "A", "limit": 5, "flag": True, "symbols": ["A", "B"], "startTime": 1600000000000}
    raw = msgspec.json.encode({"id": 1, "method": "m", "params": {**sent, "price": msgspec.Raw(b"0.10")}})
    expected = {
        "symbol": "A",
        "price": "0.10",
        "limit": 5,
        "flag": True,
        "symbols": ("A", "B"),
        "startTime": 1_600_000_000_000_000,
    }
    assert params.read(read_http(query, b"")) == params.read(read_frame(raw).sent) == expected


NUMBERS = [
    "+1", "-1", "1e5", "1_000", " 1", "1 ", "1\n", "NaN", "inf", "١", "１", "0x1", ".", "1,0", "²", "½", "0b1", "1L",
    "--1", "1.2.3", "1" * 21, "1" * 40, "true", "null", "𝟏",
]  # fmt: skip
NUMERIC = (Kind.DECIMAL, Kind.LONG, Kind.INT, Kind.TIME)


@pytest.mark.parametrize("kind", NUMERIC)
def test_only_plain_digits_are_numbers(kind: Kind) -> None:
    assert {text: one(kind, text) for text in NUMBERS} == dict.fromkeys(NUMBERS, -1100)


@pytest.mark.parametrize("text", ["1.", ".5", "1.5", "0.0"])
def test_whole_numbers_have_no_point(text: str) -> None:
    assert [one(kind, text) for kind in (Kind.LONG, Kind.INT, Kind.TIME)] == [-1100] * 3


def test_decimals_keep_their_text() -> None:
    texts = ["0", "00.10", "1" * 20, "1." + "0" * 20]
    assert [one(Kind.DECIMAL, text) for text in texts] == texts
    assert [one(Kind.DECIMAL, text) for text in ("1.", ".5", "1." + "0" * 21)] == [-1100] * 3


def test_whole_numbers_have_the_width_of_their_kind() -> None:
    assert [one(Kind.LONG, text) for text in ("0", "007", str(2**63 - 1), str(2**63))] == [0, 7, 2**63 - 1, -1108]
    assert [one(Kind.INT, text) for text in (str(2**31 - 1), str(2**31))] == [2**31 - 1, -1108]


def test_bounds_refuse_or_pull() -> None:
    bounds = {"minimum": 5, "maximum": 10}
    assert [one(Kind.INT, text, **bounds) for text in ("4", "5", "10", "11")] == [-1130, 5, 10, -1130]
    assert [one(Kind.INT, text, **bounds, clamp=True) for text in ("4", "5", "10", "11")] == [5, 5, 10, 10]
    assert one(Kind.INT, "999999", minimum=1_000_000, bad_choice="BAD_STRATEGY_TYPE") == -1134


def test_times_are_microseconds_within_bounds() -> None:
    assert one(Kind.TIME, "1600000000000") == one(Kind.TIME, "1600000000000000") == 1_600_000_000_000_000
    assert [one(Kind.TIME, "0"), one(Kind.TIME, "9" * 18), one(Kind.TIME, "9" * 20)] == [EARLIEST_US, LATEST_US, -1108]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("BTCUSDT", "BTCUSDT"), ("１２３", "１２３"), ("币安", "币安"), ("A-B_C.1", "A-B_C.1"), ("A" * 20, "A" * 20),
        ("A" * 21, -1100), ("btc", -1100), ("A/B", -1100), ("A B", -1100), ("A\n", -1100), ("A%", -1100),
        ("A'--", -1100),
    ],
)  # fmt: skip
def test_symbols_are_capital_letters_of_any_script(text: str, value: object) -> None:
    assert one(Kind.SYMBOL, text) == value


def test_client_ids_are_plain() -> None:
    assert one(Kind.CLIENT_ID, "x-TKT5PX2F_" + "a" * 25) == "x-TKT5PX2F_" + "a" * 25
    assert [one(Kind.CLIENT_ID, text) for text in ("a" * 37, "a b", "a\n", "é", "a;b", "../a")] == [-1100] * 6


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('["A","B"]', ("A", "B")), ('["A"]', ("A",)), (' [ "A" ] ', ("A",)), ("[]", -1135), ("A", -1135),
        ('["A",]', -1135),
        ('"A"', -1135), ("[1]", -1135), ("[null]", -1135), ('[["A"]]', -1135), ('{"A":1}', -1135), ('["a"]', -1100),
        ('["A","A"]', -1151), ("[" * 50_000, -1135), ('["A"] x', -1135),
    ],
)  # fmt: skip
def test_symbol_lists_are_json(text: str, value: object) -> None:
    assert one(Kind.SYMBOLS, text) == value


def test_symbol_lists_have_a_length() -> None:
    names = [f"A{number}" for number in range(101)]
    assert one(Kind.SYMBOLS, msgspec.json.encode(names[:100]).decode()) == tuple(names[:100])
    assert one(Kind.SYMBOLS, msgspec.json.encode(names).decode()) == -1101


def test_choices_are_exact() -> None:
    choices = {"choices": ("GTC", "IOC")}
    assert [one(Kind.ENUM, text, **choices) for text in ("GTC", "gtc", "GTC ", "FOK")] == ["GTC", -1130, -1130, -1130]
    assert one(Kind.ENUM, "FOK", **choices, bad_choice="INVALID_TIF") == -1115
    assert one(Kind.SYMBOLS, '["GTC"]', **choices) == ("GTC",)
    assert one(Kind.SYMBOLS, '["FOK"]', **choices) == -1130


def test_booleans_are_words() -> None:
    assert [one(Kind.BOOL, text) for text in ("true", "False", "1", "yes", "tRUE")] == [
        True,
        False,
        -1130,
        -1130,
        -1130,
    ]


def test_text_has_a_length() -> None:
    assert [one(Kind.STRING, "a" * 256), one(Kind.STRING, "a" * 257)] == ["a" * 256, -1130]
    assert one(Kind.STRING, "abcd", maximum=3) == -1130


def test_a_declaration_that_contradicts_itself_is_a_bug() -> None:
    twice = Param("a", Kind.INT)
    with pytest.raises(AssertionError):
        Parameters((twice, twice))
    with pytest.raises(AssertionError):
        Parameters((Param("timestamp", Kind.LONG),), frozenset({"timestamp"}))
