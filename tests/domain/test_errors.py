import ast
import re
import tomllib
from pathlib import Path

import pytest

from tandem.domain.error_table import ERRORS, REJECTS
from tandem.domain.errors import api_error, engine_reject, reject_name

ROOT = Path(__file__).resolve().parents[2]
SPEC = tomllib.loads((ROOT / "spec" / "errors.toml").read_text(encoding="utf-8"))


def test_the_generated_table_says_what_the_specification_says() -> None:
    stated = {
        name: (error["code"], error["status"], {text.count("%s"): text for text in error["texts"]})
        for name, error in SPEC["errors"].items()
    }
    assert stated == ERRORS
    rejects = tuple(
        (name, reject["error"], (reject["value"],) if "value" in reject else ())
        for name, reject in SPEC["rejects"].items()
    )
    assert rejects == REJECTS


def test_the_rejects_are_those_of_the_engine_with_its_numbers() -> None:
    source = (ROOT / "engine" / "core" / "src" / "reject.rs").read_text(encoding="utf-8")
    numbers = {name: int(number) for name, number in re.findall(r"^ {8}(\w+) = (\d+),$", source, re.MULTILINE)}
    names = dict(re.findall(r'Self::(\w+) => "(\w+)"', source))
    assert len(numbers) == len(names) > 0
    in_engine = {names[variant]: number for variant, number in numbers.items()}
    assert in_engine == {name: reject["number"] for name, reject in SPEC["rejects"].items()}


def test_every_reject_has_an_answer() -> None:
    answers = [engine_reject(number) for number in range(len(REJECTS))]
    assert all(answer.code < 0 and answer.status >= 400 and "%s" not in answer.message for answer in answers)


def test_what_clients_compare_is_told_to_the_letter() -> None:
    said = {reject_name(number): engine_reject(number).body() for number in range(len(REJECTS))}
    expected = {
        "price_filter_failed": (-1013, "Filter failure: PRICE_FILTER"),
        "lot_size_failed": (-1013, "Filter failure: LOT_SIZE"),
        "market_lot_size_failed": (-1013, "Filter failure: MARKET_LOT_SIZE"),
        "min_notional_failed": (-1013, "Filter failure: MIN_NOTIONAL"),
        "notional_failed": (-1013, "Filter failure: NOTIONAL"),
        "max_num_orders_reached": (-1013, "Filter failure: MAX_NUM_ORDERS"),
        "market_closed": (-1013, "Market is closed."),
        "stp_mode_not_allowed": (-1013, "This symbol does not allow the specified self-trade prevention mode."),
        "balance_insufficient": (-2010, "Account has insufficient balance for requested action."),
        "account_may_not_trade": (-2010, "This action is disabled on this account."),
        "client_order_id_in_use": (-2010, "Duplicate order sent."),
        "would_take": (-2010, "Order would immediately match and take."),
        "liquidity_insufficient": (
            -2010,
            "Order book liquidity is less than LOT_SIZE filter minimum quantity.",
        ),
        "order_unknown": (-2011, "Unknown order sent."),
        "market_unknown": (-1121, "Invalid symbol."),
    }
    assert {name: said[name] for name in expected} == {
        name: {"code": code, "msg": text} for name, (code, text) in expected.items()
    }


def test_the_number_of_values_chooses_the_text() -> None:
    name = "MANDATORY_PARAM_EMPTY_OR_MALFORMED"
    assert [api_error(name).message, api_error(name, "a").message, api_error(name, "a", "b").message] == [
        "A mandatory parameter was not sent, was empty/null, or malformed.",
        "Mandatory parameter 'a' was not sent, was empty/null, or malformed.",
        "Param 'a' or 'b' must be sent, but both were empty/null!",
    ]


def test_values_are_never_formats() -> None:
    assert api_error("PARAM_EMPTY", "%s%(x)s{0}").message == "Parameter '%s%(x)s{0}' was empty."


def test_an_unknown_name_is_a_bug() -> None:
    with pytest.raises(KeyError):
        api_error("NO_SUCH_ERROR")


def test_every_name_used_in_the_code_exists() -> None:
    used: dict[tuple[str, int], str] = {}
    for path in (ROOT / "src" / "tandem").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "api_error":
                first = node.args[0]
                is_spread = any(isinstance(argument, ast.Starred) for argument in node.args)
                if isinstance(first, ast.Constant) and not is_spread:
                    used[first.value, len(node.args) - 1] = path.name
    assert len(used) > 20
    assert {
        (name, where) for (name, values), where in used.items() if values not in ERRORS.get(name, (0, 0, {}))[2]
    } == set()
