"""The OpenAPI document and its page: what is served is in it, and the file in spec/ is it."""

import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest

from tandem.apps.openapi import document, encode
from tandem.apps.openapi_parameters import describe
from tandem.apps.openapi_schemas import ANSWERS, ENUMS, OBJECTS, ROWS, schema_of, schemas
from tandem.apps.serve import Exchange
from tandem.identity.service import open_keys
from tandem.platform.clock import SystemClock
from tandem.platform.engine import Engine
from tandem.platform.settings import Settings

ROOT = Path(__file__).parents[2]


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    engine = Engine.open(str(tmp_path), segment_bytes=1 << 20)
    keys, database = open_keys(tmp_path, SystemClock())
    yield Exchange(engine, keys, Settings(data=str(tmp_path)))
    database.close()
    engine.close()


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield from ([part["$ref"]] if "$ref" in part else [])
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from references(inner)


def test_the_file_is_what_is_served() -> None:
    script = ROOT / "scripts" / "generate_openapi.py"
    done = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_answer_of_every_operation_is_described(exchange: Exchange) -> None:
    served = {(operation.http_method, operation.path) for operation in exchange.operations if operation.path}
    assert len(served) > 30
    assert served - ANSWERS.keys() == set(), "describe them in tandem.apps.openapi_schemas"


def test_every_shape_is_used_and_every_name_in_it_is_known() -> None:
    named = schemas()
    answers = [schema_of(notation) for notation in ANSWERS.values()]
    used = {reference.rpartition("/")[2] for reference in references([answers, list(named.values())])}
    assert used - named.keys() == set()
    assert {*OBJECTS, *ENUMS, *ROWS} - used == set()


def test_every_operation_has_a_name_of_its_own_and_all_references_lead_somewhere(exchange: Exchange) -> None:
    made = document(exchange.operations)
    names = [o["operationId"] for methods in made["paths"].values() for o in methods.values()]
    assert len(set(names)) == len(names) > 30
    for reference in set(references(made)):
        found: Any = made
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]


def operations_of(made: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in made["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def test_every_parameter_has_a_sentence_of_its_own(exchange: Exchange) -> None:
    made = document(exchange.operations)
    count = 0
    for method, path, operation in operations_of(made):
        for parameter in operation["parameters"]:
            if "$ref" in parameter:
                parameter = made["components"]["parameters"][parameter["$ref"].rpartition("/")[2]]
            count += 1
            text = parameter["description"]
            assert re.fullmatch(r"[A-Z][^.]{4,}\.( What is out of range is pulled to the bound\.)?", text), (
                f"{method} {path} {parameter['name']}: {text}"
            )
    assert count > 400


def test_a_name_that_nobody_described_is_found(exchange: Exchange) -> None:
    order = next(o for o in exchange.operations if o.path == "/api/v3/order")
    for name in ("novelty", "aboveNovelty", "above"):
        with pytest.raises(KeyError):
            describe(order, name)


def test_of_a_leg_the_order_is_named(exchange: Exchange) -> None:
    made = document(exchange.operations)["paths"]
    told = {
        p["name"]: p.get("description") for p in made["/api/v3/orderList/otoco"]["post"]["parameters"] if "name" in p
    }
    assert told["pendingBelowStopPrice"] == (
        "Of the pending order below the market: the last price at which the order is triggered; with "
        "pendingBelowTrailingDelta, at which it begins to follow."
    )
    assert told["workingTimeInForce"].startswith("Of the working order: GTC rests until")


def test_what_is_for_use_comes_first_and_what_is_retired_last(exchange: Exchange) -> None:
    made = document(exchange.operations)
    starts = list(dict.fromkeys(path.split("/v")[0] + "/v" + path.split("/v")[1][0] for path in made["paths"]))
    assert starts == ["/api/v3", "/sapi/v1", "/sapi/v3", "/fapi/v1", "/dapi/v1", "/api/v1"]
    tags = {path: operation["tags"] for _method, path, operation in operations_of(made)}
    assert {tag for path, (tag,) in tags.items() if path.startswith("/api/v3/")} == {
        *("General", "Market data", "Trading", "Account", "User data stream")
    }
    assert tags["/api/v3/userDataStream"] == ["User data stream"]
    assert tags["/sapi/v1/margin/allPairs"] == ["Wallet, margin (/sapi)"]
    assert [tag["name"] for tag in made["tags"]][-1:] == tags["/api/v1/depth"]


def test_choices_are_those_that_the_server_takes(exchange: Exchange) -> None:
    paths = document(exchange.operations)["paths"]

    def enum(path: str, name: str) -> list[str]:
        parameters = paths[f"/api/v3/{path}"]["post"]["parameters"]
        found: list[str] = next(p["schema"]["enum"] for p in parameters if p.get("name") == name)
        return found

    assert enum("sor/order", "type") == enum("sor/order/test", "type") == ["LIMIT", "MARKET"]
    assert len(enum("order", "type")) == 7
    assert enum("orderList/opoco", "pendingBelowType") == ["STOP_LOSS", "STOP_LOSS_LIMIT"]
    assert (enum("orderList/opo", "workingSide"), enum("orderList/oto", "workingSide")) == (["BUY"], ["BUY", "SELL"])


def test_weights_that_parameters_decide_name_them(exchange: Exchange) -> None:
    paths = document(exchange.operations)["paths"]
    assert paths["/api/v3/depth"]["get"]["x-weight"] == {"plain": 5, "decided_by": ["limit"]}
    assert paths["/api/v3/openOrders"]["get"]["x-weight"] == {"plain": 80, "decided_by": ["symbol"]}
    order = paths["/api/v3/order"]["post"]
    assert (order["x-weight"], order["x-weight-on-success"], order["x-order-count"]) == (1, 0, 1)


class Page(HTMLParser):
    """What a page has and asks for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self.ids += [given["id"] or ""] if "id" in given else []
        self.links += [given[name] or "" for name in ("href", "src") if name in given]
        if tag not in ("meta", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


async def test_the_server_answers_the_document_and_a_page_that_loads_nothing(exchange: Exchange) -> None:
    transport = httpx.ASGITransport(app=exchange.gateway)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        told, shown = await client.get("/openapi.json"), await client.get("/docs")
    assert (told.status_code, told.headers["content-type"]) == (200, "application/json")
    assert told.content == encode(document(exchange.operations))
    assert (shown.status_code, shown.headers["content-type"]) == (200, "text/html; charset=utf-8")
    page = Page(shown.text)
    assert page.open == []
    assert {link for link in page.links if not link.startswith("#")} == {"/openapi.json"}
    assert {link[1:] for link in page.links if link.startswith("#")} - set(page.ids) == set()
    assert not re.search(r"url\(|@import|fetch\(|https?://", shown.text)
    assert "default-src 'none'" in shown.headers["content-security-policy"]
    assert "<td><code>quantity</code> or <code>quoteOrderQty</code></td>" in shown.text
    assert {"user-data-events", "event-executionReport"} <= set(page.ids)


BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"


@pytest.mark.parametrize(
    ("method", "path", "accept", "status"),
    [
        ("GET", "/", BROWSER, 307),
        ("HEAD", "/", BROWSER, 307),
        ("POST", "/", BROWSER, 404),
        ("GET", "/", "*/*", 404),
        ("GET", "/", "application/json", 404),
        ("GET", "/api/v3/nothing", BROWSER, 404),
        ("GET", "//", BROWSER, 404),
    ],
)
async def test_only_a_browser_at_the_bare_address_is_sent_to_the_page(
    exchange: Exchange, method: str, path: str, accept: str, status: int
) -> None:
    transport = httpx.ASGITransport(app=exchange.gateway)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        answer = await client.request(method, f"http://x{path}", headers={"accept": accept})
    assert answer.status_code == status
    if status == 307:
        assert (answer.headers["location"], answer.headers["vary"], answer.content) == ("/docs", "accept", b"")
    else:
        assert answer.json()["code"] == -1099
