import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.domain import money
from tandem.domain.trading import ENGINE_MAX

ILLEGAL = [
    "", " ", "+1", "-1", "1e5", "1E5", "1_000", " 1", "1 ", "1\n", "NaN", "nan", "inf", "Infinity", "١", "１", "0x1",
    "1.", ".", ".5", "1.2.3", "1,5", "1..2", "1.+5", "1.-5", "1.٣", "1.5\n", "²", "1" * 21, "1." + "0" * 21, "1 000",
    "\x001", "½",
]  # fmt: skip


@pytest.mark.parametrize("text", ILLEGAL)
def test_only_plain_decimals_are_numbers(text: str) -> None:
    with pytest.raises(money.IllegalNumber):
        money.parse(text, 8)


@pytest.mark.parametrize(
    ("text", "decimals", "value"),
    [
        ("0", 8, 0),
        ("1", 8, 100_000_000),
        ("0.00000001", 8, 1),
        ("0.100000000000", 8, 10_000_000),
        ("00012.5", 2, 1250),
        ("7", 0, 7),
        ("7.000", 0, 7),
        ("92233720368.54775807", 8, ENGINE_MAX),
    ],
)
def test_numbers_become_minor_units(text: str, decimals: int, value: int) -> None:
    assert money.parse(text, decimals) == value


def test_precision_is_refused_and_never_rounded() -> None:
    with pytest.raises(money.TooPrecise):
        money.parse("0.000000001", 8)
    with pytest.raises(money.TooPrecise):
        money.parse("7.1", 0)


def test_what_the_engine_cannot_hold_is_refused() -> None:
    with pytest.raises(money.TooLarge):
        money.parse("92233720368.54775808", 8)
    with pytest.raises(money.TooLarge):
        money.parse("9" * 20, 0)


@given(st.integers(0, ENGINE_MAX), st.integers(0, 18))
def test_what_is_shown_reads_back_as_itself(value: int, decimals: int) -> None:
    assert money.parse(money.show(value, decimals), decimals) == value


@given(st.text(max_size=12), st.integers(0, 18))
def test_any_text_is_a_number_or_a_named_refusal(text: str, decimals: int) -> None:
    try:
        value = money.parse(text, decimals)
    except (money.IllegalNumber, money.TooPrecise, money.TooLarge):
        return
    assert 0 <= value <= ENGINE_MAX


def test_negative_values_keep_their_sign() -> None:
    assert [money.show(-1, 8), money.show(-150, 2), money.show(-3, 0)] == ["-0.00000001", "-1.50", "-3"]
