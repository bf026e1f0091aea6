"""The OpenAPI document against the real server: schemathesis asks everything in it, well and badly.

No answer may be a server error or outside the document: not its status, not its content type, not its fields.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.system.exchange import Exchange
from tests.system.trader import Trader
from tests.system.venue import make_account, make_venue

ROOT = Path(__file__).parents[2]
MANY = 16
SECONDS = 140
"""Far more than it takes: about 20 on two idle cores."""
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def narrowed(document: dict[str, Any], symbol: str) -> dict[str, Any]:
    """The document for an exchange with one market and a few orders, so that much of what is generated exists."""
    document["components"]["schemas"]["Symbol"] = {"type": "string", "enum": [symbol]}
    for methods in document["paths"].values():
        for operation in methods.values():
            operation["parameters"] = different(operation["parameters"])
            for parameter in operation["parameters"]:
                if parameter.get("name") == "symbol":
                    parameter["example"] = symbol
                if parameter.get("name") in ("orderId", "fromId", "limit"):
                    parameter["schema"]["maximum"] = 20
    return document


def different(parameters: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without what the hook adds by itself; of very many only one of each kind that may be left out."""
    parameters = [p for p in parameters if p.get("$ref", "").rpartition("/")[2] not in ("timestamp", "signature")]
    if len(parameters) <= MANY:
        return parameters
    kinds = {json.dumps(p.get("schema"), sort_keys=True): p for p in parameters if not p.get("required")}
    return [p for p in parameters if p.get("required") or "example" in p or p in kinds.values()]


@pytest.mark.timeout(SECONDS + 10)
def test_every_answer_is_in_the_document(own_exchange: Exchange, tmp_path: Path) -> None:
    exchange = own_exchange.start("--no-demo")
    exchange.operate("POST", "/assets", {"asset": "USDT"})
    market = make_venue(exchange)
    alice, bob = (exchange.trader(make_account(name, market)) for name in ("alice", "bob"))
    trade(alice, bob, market.symbol)
    document = httpx.get(exchange.url + "/openapi.json").json()
    signed = [
        (method.upper(), path)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if operation["x-security"] in ("TRADE", "USER_DATA")
    ]
    file, notes = tmp_path / "openapi.json", tmp_path / "notes"
    file.write_text(json.dumps(narrowed(document, market.symbol)))
    given = {"apiKey": alice.key, "secretKey": alice.secret, "signed": signed, "notes": str(notes)}
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", str(file), "--url", exchange.url),
        *("--checks", CHECKS, "--mode", "all", "--phases", "examples,coverage,fuzzing", "--max-examples", "10"),
        *("--generation-deterministic", "--continue-on-failure", "--no-color"),
        *("--warnings", "off"),
    ]
    found = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    own = {"TANDEM_FUZZ": json.dumps(given), "SCHEMATHESIS_HOOKS": "tests.system.openapi_hooks", "PYTHONPATH": found}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=SECONDS, check=False, env=os.environ | own, cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
    rows = {tuple(json.loads(line)) for line in notes.read_text().splitlines()}
    asked = {(method, path) for method, path, _ in rows}
    assert asked == {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    reached = {(method, path) for method, path, status in rows if status == 200}
    assert 2 * len(reached.intersection(signed)) > len(signed) > 20
    assert {("POST", f"/api/v3/{name}") for name in ("order", "order/oco", "orderList/otoco")} <= reached


def trade(alice: Trader, bob: Trader, symbol: str) -> None:
    """Something for every query to find."""
    for price in ("100", "99", "98"):
        alice.place(symbol, "BUY", price=price, quantity="0.5")
    bob.place(symbol, "SELL", price="100", quantity="0.2")
    bob.place(symbol, "SELL", price="120", quantity="0.3")
    alice.place(symbol, "SELL", price="98", quantity="0.1", selfTradePreventionMode="EXPIRE_TAKER")
