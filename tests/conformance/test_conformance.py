"""The list of what the API has, the table made of it, and the notes that the table rests on."""

import importlib.util
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tandem.domain.errors import api_error
from tandem.domain.operation import Operation, Security
from tandem.marketdata.service import MarketDataService
from tests.conformance.observe import Observer, template
from tests.conformance.recorder import VARIABLE, Recorder

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_conformance", ROOT / "scripts" / "generate_conformance.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


FACTS: dict[str, Any] = {
    "rest": {"GET /a": "x y"},
    "ws": {"a": ""},
    "stream": {"<symbol>@t": "one two", "!b": ""},
    "values": {"side": "BUY SELL"},
    "errors": {"codes": "-1 -2"},
}
ERRORS = {
    "FIRST": {"code": -1, "texts": ["No.", "No %s."]},
    "OURS": {"code": -1, "texts": ["Never."], "own": True},
    "ANY": {"code": -1, "texts": ["%s"]},
}
NAMES = [
    "rest GET /a", "rest GET /a x", "rest GET /a y", "ws a", "stream <symbol>@t one", "stream <symbol>@t two",
    "stream !b", "side BUY", "side SELL", "error -1 No.", "error -1 No %s.", "error -2",
]  # fmt: skip


TO_BE_REFUSED = {
    f"{kind}{name} pendingQuantity"
    for kind, name in (
        ("POST /api/v3/orderList/", "opo"), ("POST /api/v3/orderList/", "opoco"),
        ("orderList.place.", "opo"), ("orderList.place.", "opoco"),
    )
}  # fmt: skip
"""Parameters that are read only to be refused with a code of their own."""


def test_every_endpoint_parameter_stream_value_and_error_text_is_a_name(script: ModuleType) -> None:
    assert list(script.Conformance(FACTS, ERRORS, {}).names()) == NAMES


def test_what_is_neither_exercised_nor_explained_is_a_complaint_and_so_is_a_needless_reason(script: ModuleType) -> None:
    tests = {name: {"tests/t.py::t"} for name in NAMES if name not in ("side SELL", "error -2", "rest GET /a y")}
    reasons = [{"names": ["error -*", "side BUY", "rest GET /a *"], "why": "because"}]
    conformance = script.Conformance(FACTS | {"reasons": reasons}, ERRORS, tests)
    assert list(conformance.complaints()) == [
        "neither exercised nor explained: side SELL",
        "no longer needed: the reason for side BUY",
    ]
    tests |= {"undocumented GET /a: x": {"tests/t.py::t"}}
    assert list(conformance.complaints())[2:] == ["undocumented GET /a: x in tests/t.py::t"]
    page = conformance.page()
    assert "| REST endpoints | 1 | 1 |\n| their parameters | 1 | 2 |" in page
    assert "| `GET /a` | `tests/t.py::t` | `y`: because |" in page
    assert "| -2 |  | not: because |" in page


def test_a_test_of_the_whole_process_is_named_first_and_the_check_cares_for_none(script: ModuleType) -> None:
    conformance = script.Conformance(FACTS, ERRORS, {"ws a": {"tests/b.py::t", "tests/system/c.py::t"}})
    assert conformance.test_of("ws a") == "tests/system/c.py::t"
    assert script.without_tests("| `a` | `tests/b.py::t` |") == "| `a` | `a test` |"


def test_what_is_served_under_the_apis_own_names_is_in_the_list() -> None:
    listed = tomllib.loads((ROOT / "spec" / "conformance.toml").read_text())
    served = json.loads((ROOT / "spec" / "openapi.json").read_text())["paths"]
    unlisted = []
    for path, methods in served.items():
        for method, operation in methods.items():
            names = {parameter["name"] for parameter in operation["parameters"] if "name" in parameter}
            for kind, name in (("rest", f"{method.upper()} {path}"), ("ws", operation.get("x-ws-method"))):
                if path.startswith("/api/v3/") and name:
                    unlisted += sorted({f"{name} {n}" for n in names - set(listed[kind].get(name, "").split())})
                    unlisted += [name] * (name not in listed[kind])
    assert len(served) > 30
    assert set(unlisted) <= TO_BE_REFUSED


def test_processes_note_what_happened_in_the_test_that_runs(tmp_path: Path, script: ModuleType) -> None:
    mine = Recorder(tmp_path)
    mine.note("nothing runs")
    other = "from tests.conformance.recorder import *\nrecorder_from_environment().note('b')"
    for test in ("tests/one.py::t", "tests/two.py::t", ""):
        mine.begin(test)
        mine.note("a")
        mine.note("a")
        subprocess.run([sys.executable, "-c", other], env=os.environ | {VARIABLE: str(tmp_path)}, cwd=ROOT, check=True)
    assert script.recorded(tmp_path) == {
        "a": {"tests/one.py::t", "tests/two.py::t"},
        "b": {"tests/one.py::t", "tests/two.py::t"},
    }
    assert sum(len(path.read_text().splitlines()) for path in tmp_path.glob("*.jsonl")) == 4


def test_an_answer_that_the_openapi_document_does_not_allow_is_noted(tmp_path: Path, script: ModuleType) -> None:
    recorder = Recorder(tmp_path)
    recorder.begin("tests/one.py::t")
    time = Operation("GET", "/api/v3/time", "time", Security.NONE, 1, (), MarketDataService.time)
    for answer, values in ((b'{"serverTime":1}', {}), (b'{"serverTime":"1"}', {"a": "1"})):
        Observer(recorder).accepted("rest GET /api/v3/time", time, values, answer)
    assert set(script.recorded(tmp_path)) == {
        "rest GET /api/v3/time",
        "rest GET /api/v3/time a",
        'undocumented GET /api/v3/time: serverTime "1" is not of type "integer"',
    }


def test_an_error_is_known_by_the_text_it_was_made_of() -> None:
    assert template(api_error("MANDATORY_PARAM_EMPTY_OR_MALFORMED", "a", "b")) == (
        "Param '%s' or '%s' must be sent, but both were empty/null!"
    )
    assert template(api_error("UNKNOWN_ORDER")) == "Unknown order sent."
