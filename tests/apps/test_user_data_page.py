"""The page of user data events: it is generated, and it has exactly the letters that the code can write."""

import ast
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from tandem.apps import openapi_events, streams, websocket, ws_session
from tandem.apps.openapi_events import EVENTS, Field
from tandem.apps.openapi_schemas import schema_of, schemas
from tandem.domain.trading import CloseReason
from tandem.platform.engine import OrderExtra
from tandem.trading import user_stream
from tests.trading.rig import ALICE, BOB, BTC, running
from tests.trading.told import (
    HALF,
    PRICE,
    WORKING,
    accepted,
    allocated,
    amended,
    closed,
    oco,
    prepare,
    prevented,
    stop,
    traded,
)

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "user-data.md"
LETTER = re.compile(r'"([A-Za-z]+)":')
WRITERS = {
    "executionReport": ("_report", "_strategy", "_special", "traded", "prevented", "closed"),
    "listStatus": ("_report_list",),
    "outboundAccountPosition": ("settled",),
    "balanceUpdate": ("_report_funds",),
}
"""Functions of `tandem.trading.user_stream`."""
NOTICES = {"eventStreamTerminated": ws_session, "listenKeyExpired": streams, "serverShutdown": websocket}


def shown() -> dict[str, list[str]]:
    """The letters on the page, by event."""
    parts = re.split("^## ", PAGE.read_text(), flags=re.MULTILINE)[1:]
    return {part.split("\n")[0]: re.findall(r"^\| `([\w.]+)` ", part, re.MULTILINE) for part in parts}


def text_of(node: ast.AST) -> str:
    """What a function writes, put together: the braces of its f-strings as they come out."""
    return "".join(c.value for c in ast.walk(node) if isinstance(c, ast.Constant) and isinstance(c.value, str))


def written() -> dict[str, list[str]]:
    """The letters that each function of the user stream can write."""
    tree = ast.parse(Path(user_stream.__file__).read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return {node.name: found for node in functions if (found := LETTER.findall(text_of(node)))}


def test_the_page_is_what_the_code_makes() -> None:
    assert PAGE.read_text().endswith(openapi_events.markdown() + "\n")
    assert shown() == {event.name: [field.letter for field in event.fields] for event in EVENTS}


def test_the_letters_are_those_that_the_user_stream_can_write() -> None:
    by_function, page = written(), shown()
    assert set(by_function) == {name for names in WRITERS.values() for name in names}
    for event, names in WRITERS.items():
        letters = [letter for name in names for letter in by_function[name]]
        assert sorted(letters) == sorted(letter.rpartition(".")[2] for letter in page[event])


@pytest.mark.parametrize("event", NOTICES)
def test_the_letters_are_those_that_the_sockets_write(event: str) -> None:
    tree = ast.parse(Path(str(NOTICES[event].__file__)).read_text())
    found = [
        [str(key.value) for key in node.keys if isinstance(key, ast.Constant)]
        for node in ast.walk(tree)
        if isinstance(node, ast.Dict) and event in text_of(node)
    ]
    assert found == [shown()[event]]


async def test_events_have_the_letters_and_the_types_that_the_page_says(tmp_path: Path) -> None:
    """Of a few commands that between them write every letter."""
    async with running(tmp_path) as rig:
        await rig.found()
        told = await prepare(rig)
        heard, _ = told.hear(ALICE)
        pegged = OrderExtra(peg_price=1, peg_offset=2, pegged_price=PRICE, state=WORKING)
        told.tell(accepted(50, pegged, strategy_id=1, strategy_type=1_000_000), balances=((ALICE, BTC, 1, 2),))
        told.tell(stop(51, x_trailing_delta=100), accepted(52, OrderExtra(use_sor=True, state=WORKING)))
        told.tell(allocated(52, left=0))
        told.tell(amended(50, HALF // 2, "again"))
        told.tell(*(accepted(number, account=BOB, side=1) for number in (70, 71)))
        told.tell(traded(50, 70, qty=HALF // 4, taker_left=HALF // 4))
        told.tell(accepted(53), prevented(53, 71, trade_group=7))
        told.tell(closed(51, CloseReason.UNFILLED_IOC_QUANTITY_EXPIRED))
        told.tell(*oco(7, 60))
        await rig.done(rig.engine.credit(ALICE, BTC, 1))
    by_name = {event.name: event for event in EVENTS}
    seen = {(event["e"], letter) for event in heard for letter in event}
    assert {name for name, _letter in seen} == set(WRITERS)
    for event in heard:
        fields = by_name[event["e"]].fields
        assert wrong_of(event, fields, "") == [], event
    for name in WRITERS:
        missing = {f.letter for f in by_name[name].fields if "." not in f.letter} - {x for n, x in seen if n == name}
        assert missing == set(), name


def wrong_of(event: dict[str, Any], fields: tuple[Field, ...], above: str) -> list[str]:
    """Letters that are not there, or are something else."""
    here = {f.letter.removeprefix(above): f for f in fields if f.letter.rpartition(".")[0] == above.rstrip(".")}
    found = [letter for letter, field in here.items() if field.when == "always" and letter not in event]
    for letter, value in event.items():
        field = here.get(letter)
        if field is not None and field.type == "list":
            found += [wrong for inner in value for wrong in wrong_of(inner, fields, f"{letter}.")]
        elif field is None or not jsonschema_rs.is_valid(
            {"components": {"schemas": schemas()}} | schema_of(field.type), value
        ):
            found.append(letter)
    return found
