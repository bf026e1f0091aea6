"""The operator's command line against a running exchange: every command, done and refused."""

import base64
import json
import stat
import subprocess
import time
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from prometheus_client.parser import text_string_to_metric_families

from tests.system.exchange import Exchange, cli, until
from tests.system.streams import Socket, connect
from tests.system.trader import Refused, Trader
from tests.system.venue import Venue, make_account, make_venue

COMMANDS = [
    ("serve",),
    ("verify",),
    ("inspect",),
    ("keys", "create"),
    ("keys", "list"),
    ("keys", "revoke"),
    ("accounts", "create"),
    ("accounts", "credit"),
    ("accounts", "debit"),
    ("accounts", "list"),
    ("assets", "add"),
    ("assets", "list"),
    ("markets", "add"),
    ("markets", "list"),
    ("markets", "halt"),
    ("markets", "resume"),
]


def told(exchange: Exchange, *arguments: str) -> Any:
    """What a command prints."""
    done = cli(*arguments, "--data", str(exchange.data))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def refused(exchange: Exchange, *arguments: str) -> str:
    """What a command that cannot be done says; one line on stderr, nothing on stdout."""
    done = cli(*arguments, "--data", str(exchange.data))
    assert done.returncode == 1, done.stdout
    assert done.stdout == ""
    assert done.stderr.startswith("tandem: ")
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_has_an_example(command: tuple[str, ...]) -> None:
    done = cli(*command, "--help")
    assert done.returncode == 0
    assert "Examples" in done.stdout
    assert f"tandem {' '.join(command)}" in done.stdout.split("Examples")[1]


def test_help_names_every_command() -> None:
    assert set(cli("--help").stdout.split()) >= {command[0] for command in COMMANDS}
    assert cli("--version").stdout.startswith("tandem")


def test_an_exchange_is_set_up_and_traded_on_without_a_restart(exchange: Exchange) -> None:
    assert told(exchange, "assets", "add", "DOGE", "--name", "Dogecoin")["asset"] == "DOGE"
    assert {"asset": "DOGE", "name": "Dogecoin", "decimals": 8} in told(exchange, "assets", "list")
    made = told(
        exchange, "markets", "add", "DOGEUSDT", "--base", "DOGE", "--quote", "USDT",
        "--tick-size", "0.00001", "--step-size", "1", "--maker-rate", "0",
    )  # fmt: skip
    assert (made["symbol"], made["status"], made["makerRate"]) == ("DOGEUSDT", "TRADING", "0.00000000")
    assert "DOGEUSDT" in {market["symbol"] for market in told(exchange, "markets", "list")}
    traders = []
    for name, asset, amount in (("carol", "USDT", "1000"), ("dave", "DOGE", "5000")):
        assert told(exchange, "accounts", "create", name)["name"] == name
        told(exchange, "accounts", "credit", name, asset, amount)
        traders.append(exchange.trader(told(exchange, "keys", "create", "--account", name) | {"name": name}))
    carol, dave = traders
    carol.place("DOGEUSDT", "BUY", quantity="1000", price="0.25")
    assert dave.place("DOGEUSDT", "SELL", "MARKET", quantity="400")["status"] == "FILLED"
    assert carol.balances() == {
        "USDT": (Decimal(750), Decimal(150)),
        "DOGE": (Decimal(400), Decimal(0)),
    }
    left = told(exchange, "accounts", "debit", "carol", "USDT", "750")
    assert (left["free"], left["locked"]) == ("0.00000000", "150.00000000")
    listed = {account["name"]: account["balances"] for account in told(exchange, "accounts", "list")}
    assert listed["carol"]["USDT"] == {"free": "0.00000000", "locked": "150.00000000"}
    assert listed["dave"]["USDT"] == {"free": "99.90000000", "locked": "0.00000000"}


def test_what_cannot_be_done_is_said_in_one_line(exchange: Exchange, market: Venue) -> None:
    account = make_account("erin", market)["name"]
    assert "nobody" in refused(exchange, "keys", "create", "--account", "nobody")
    assert "exists" in refused(exchange, "accounts", "create", account)
    assert "NOPE" in refused(exchange, "accounts", "credit", account, "NOPE", "1")
    assert "decimal" in refused(exchange, "accounts", "credit", account, "USDT", "1e3")
    assert "decimals" in refused(exchange, "accounts", "credit", account, "USDT", "0.000000001")
    assert "zero" in refused(exchange, "accounts", "credit", account, "USDT", "0")
    assert "insufficient" in refused(exchange, "accounts", "debit", account, "USDT", "100000.00000001")
    assert "exists" in refused(exchange, "assets", "add", market.base)
    options = ("--base", market.base, "--quote", "USDT", "--step-size", "0.1")
    assert "exists" in refused(exchange, "markets", "add", market.symbol, *options, "--tick-size", "0.01")
    assert "NOPE" in refused(exchange, "markets", "halt", "NOPE")
    tiny = ("--tick-size", "0.00000001", "--step-size", "0.00000001")
    assert "tick size" in refused(exchange, "markets", "add", "TINY", "--base", market.base, "--quote", "USDT", *tiny)
    assert "key" in refused(exchange, "keys", "revoke", "x" * 64)


def test_without_a_running_exchange_every_command_says_so(tmp_path: Path) -> None:
    for command in (("accounts", "list"), ("keys", "list"), ("markets", "list"), ("assets", "list")):
        done = cli(*command, "--data", str(tmp_path))
        assert done.returncode == 1
        assert f"tandem serve --data {tmp_path}" in done.stderr
    gone = cli("verify", str(tmp_path / "none"))
    assert gone.returncode != 0
    assert "none" in gone.stderr


def test_verify_and_inspect_do_not_disturb_a_running_exchange(exchange: Exchange, market: Venue) -> None:
    report = told_of(cli("verify", str(exchange.data)))
    assert (report["ok"], report["findings"]) == (True, [])
    assert report["seq"] > 0
    assert len(report["digest"]) == 16
    funds = {row["asset"]: row for row in report["funds"]}
    assert int(funds["USDT"]["credited"]) - int(funds["USDT"]["debited"]) == sum(
        int(funds["USDT"][part]) for part in ("free", "locked")
    )
    done = cli("inspect", str(exchange.data), "--limit", "1000000")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    assert len(rows) >= report["seq"]
    assert {"CreateAsset", "CreateMarket", "CreateAccount", "Credit"} <= {row["command"] for row in rows}
    some = cli("inspect", str(exchange.data), "--from", "2", "--limit", "3").stdout.splitlines()
    assert [json.loads(line) for line in some] == rows[1:4]
    assert exchange.trader(make_account("f", market)).place(market.symbol, "BUY", quantity="1", price="50")


def told_of(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


async def event_names(socket: Socket) -> set[str]:
    """What still comes, until nothing does for a second or the other side closes."""
    names = set()
    try:
        while True:
            names.add((await socket.next(1)).get("event", {}).get("e", ""))
    except (ConnectionError, TimeoutError):
        return names


async def test_a_revoked_key_ends_at_once_on_open_sessions_too(exchange: Exchange, market: Venue) -> None:
    account = make_account("grace", market)
    trader = exchange.trader(account)
    trader.place(market.symbol, "BUY", quantity="1", price="50")
    listed = told(exchange, "keys", "list")
    assert account["apiKey"] in {row["apiKey"] for row in listed}
    assert account["secretKey"] not in json.dumps(listed)
    async with connect(exchange.ws_url + "/ws-api/v3") as socket, connect(exchange.ws_url + "/ws-api/v3") as watching:
        assert (await socket.ask_signed(account, "account.status"))["status"] == 200
        assert (await watching.ask_signed(account, "userDataStream.subscribe.signature"))["status"] == 200
        assert told(exchange, "keys", "revoke", account["apiKey"])["revoked"] is True
        with pytest.raises(Refused) as rest:
            trader.balances()
        assert rest.value.error[:2] == (401, -2015)
        try:
            answer = await socket.ask_signed(account, "account.status")
        except ConnectionError:
            pass
        else:
            assert (answer["status"], answer["error"]["code"]) == (401, -2015)
        other = exchange.trader(make_account("heidi", market))
        other.place(market.symbol, "SELL", "MARKET", quantity="0.5")
        assert "executionReport" not in await event_names(watching)
    assert "key" in refused(exchange, "keys", "revoke", account["apiKey"])


def test_a_public_key_signs(exchange: Exchange, market: Venue, tmp_path: Path) -> None:
    """Ed25519: the exchange never sees a secret."""
    name = make_account("ivan", market)["name"]
    private = Ed25519PrivateKey.generate()
    pem = tmp_path / "public.pem"
    encoding, shape = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    pem.write_bytes(private.public_key().public_bytes(encoding, shape))
    made = told(exchange, "keys", "create", "--account", name, "--public-key", str(pem))
    assert not made.get("secretKey")
    query = f"timestamp={time.time_ns() // 1_000_000}"
    signature = quote(base64.b64encode(private.sign(query.encode())), safe="")
    url = f"{exchange.url}/api/v3/account?{query}&signature={signature}"
    assert httpx.get(url, headers={"X-MBX-APIKEY": made["apiKey"]}).status_code == 200
    query = f"timestamp={time.time_ns() // 1_000_000 + 1}"
    url = f"{exchange.url}/api/v3/account?{query}&signature={signature}"
    assert httpx.get(url, headers={"X-MBX-APIKEY": made["apiKey"]}).json()["code"] == -1022


def test_a_read_only_key_reads_only(exchange: Exchange, market: Venue) -> None:
    name = make_account("judy", market)["name"]
    key = told(exchange, "keys", "create", "--account", name, "--read-only") | {"name": name}
    trader = exchange.trader(key)
    assert trader.balances()[market.base] == (Decimal(10), Decimal(0))
    with pytest.raises(Refused) as order:
        trader.place(market.symbol, "BUY", quantity="1", price="50")
    assert order.value.error[:2] == (401, -2015)


def test_a_halted_market_is_closed_until_it_resumes(
    exchange: Exchange, market: Venue, traders: tuple[Trader, Trader]
) -> None:
    alice, _ = traders
    resting = alice.place(market.symbol, "BUY", quantity="1", price="50")
    also = alice.place(market.symbol, "BUY", quantity="1", price="51")
    assert told(exchange, "markets", "halt", market.symbol)["status"] == "HALT"
    with pytest.raises(Refused) as closed:
        alice.place(market.symbol, "BUY", quantity="1", price="50")
    assert closed.value.error == (400, -1013, "Market is closed.")
    (info,) = alice.public("/api/v3/exchangeInfo", symbol=market.symbol)["symbols"]
    assert info["status"] == "HALT"
    assert alice.cancel(market.symbol, orderId=resting["orderId"])["status"] == "CANCELED"
    assert told(exchange, "markets", "resume", market.symbol)["status"] == "TRADING"
    assert alice.place(market.symbol, "BUY", quantity="1", price="50")["status"] == "NEW"
    assert alice.order(market.symbol, orderId=also["orderId"])["status"] == "NEW"


def test_metrics_can_be_scraped(exchange: Exchange, market: Venue, traders: tuple[Trader, Trader]) -> None:
    traders[0].place(market.symbol, "BUY", quantity="1", price="50")
    text = httpx.get(exchange.url + "/metrics").text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert any(name.startswith("tandem") for name in families), list(families)[:10]
    assert traders[0].key not in text
    assert httpx.get(exchange.url + "/healthz").status_code == 200


def test_the_operator_endpoint_wants_its_key(exchange: Exchange) -> None:
    found = json.loads((exchange.data / "operator.json").read_text())
    assert stat.S_IMODE((exchange.data / "operator.json").stat().st_mode) == 0o600
    for headers in ({}, {"x-tandem-operator-key": found["key"][:-1] + "x"}):
        answer = httpx.post(found["url"] + "/accounts/credit", json={}, headers=headers)
        assert answer.status_code == 401
    assert httpx.get(exchange.url + "/accounts").status_code == 404


def test_no_secret_is_written_anywhere(own_exchange: Exchange) -> None:
    """Debug logs, the data directory, metrics and answers: the raw secret is in none of them."""
    own_exchange.start("--no-demo")
    own_exchange.operate("POST", "/assets", {"asset": "USDT"})
    where = make_venue(own_exchange, "SEC")
    account = make_account("mallory", where)
    trader = own_exchange.trader(account)
    trader.place(where.symbol, "BUY", quantity="1", price="50")
    for wrong in ("/api/v3/account?x=1&signature=abc", "/nope", "/api/v3/order?symbol=%00"):
        trader._http.get(wrong, headers={"X-MBX-APIKEY": account["apiKey"]})
    trader.keyed("POST", "/api/v3/userDataStream")
    operator_key = json.loads((own_exchange.data / "operator.json").read_text())["key"]
    own_exchange.kill()
    until(lambda: own_exchange.log_text(), 5)
    assert operator_key not in own_exchange.log_text()
    canary = account["secretKey"].encode()
    places = [path for path in own_exchange.data.rglob("*") if path.is_file()] + [own_exchange.log_path]
    assert len(places) > 3
    assert [str(path) for path in places if canary in path.read_bytes()] == []
