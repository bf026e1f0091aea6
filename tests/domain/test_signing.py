import pytest

from tandem.domain.errors import ApiError
from tandem.domain.signing import check_fresh, read_timestamp, read_window

NOW = 1_700_000_000_000_000


def code(function: object, *values: object) -> object:
    assert callable(function)
    try:
        return function(*values)
    except ApiError as error:
        return error.code


def window(text: str) -> object:
    return code(read_window, {"recvWindow": text})


def test_the_window_is_five_seconds_unless_stated() -> None:
    assert read_window({}) == 5_000_000


def test_the_window_has_three_decimals_and_a_maximum() -> None:
    texts = ["5000", "0", "60000", "60000.000", "0.001", "1.5", "60000.001", "60001", "1" * 20]
    values = [5_000_000, 0, 60_000_000, 60_000_000, 1, 1500, -1102, -1102, -1102]
    assert [window(text) for text in texts] == values
    illegal = ["1.2345", "1.", ".5", "-1", "+1", "1e3", "١", "1\n", "NaN", "1_0"]
    assert {text: window(text) for text in illegal} == dict.fromkeys(illegal, -1100)
    assert window("") == -1105


def test_too_great_a_window_is_named() -> None:
    with pytest.raises(ApiError, match=r"'recvWindow' contains unexpected value\. Cannot be greater than 60000\."):
        read_window({"recvWindow": "60001"})


def test_timestamps_are_milliseconds_or_microseconds() -> None:
    assert [read_timestamp({"timestamp": text}) for text in ("1700000000000", "1700000000000001")] == [NOW, NOW + 1]


def test_a_timestamp_is_mandatory_and_plain() -> None:
    assert [code(read_timestamp, values) for values in ({}, {"timestamp": ""}, {"timestamp": "x"})] == [
        -1102,
        -1102,
        -1100,
    ]
    assert code(read_timestamp, {"timestamp": "1" * 20}) == -1108


def freshness(timestamp_us: int) -> str | None:
    try:
        check_fresh(timestamp_us, 5_000_000, NOW)
    except ApiError as error:
        return error.message
    return None


@pytest.mark.parametrize(
    ("ahead_us", "text"),
    [
        (999_999, None),
        (1_000_000, "Timestamp for this request was 1000ms ahead of the server's time."),
        (0, None),
        (-5_000_000, None),
        (-5_000_001, "Timestamp for this request is outside of the recvWindow."),
        (-(10**15), "Timestamp for this request is outside of the recvWindow."),
    ],
)
def test_a_request_is_fresh_within_its_window(ahead_us: int, text: str | None) -> None:
    assert freshness(NOW + ahead_us) == text
