"""What an operator may do, what is refused, and who is let in."""

from typing import Any

import pytest

from tandem.platform.db import DatabaseUnusable
from tests.admin.desk import RULES, Desk

OPERATIONS = [
    ("GET", "/assets"), ("GET", "/markets"), ("GET", "/accounts"), ("GET", "/keys"), ("POST", "/assets"),
    ("POST", "/accounts"), ("PUT", "/accounts"), ("POST", "/accounts/credit"), ("POST", "/accounts/debit"),
    ("POST", "/markets"), ("POST", "/markets/halt"), ("POST", "/markets/resume"), ("POST", "/keys"),
    ("DELETE", "/keys"), ("PUT", "/assets"), ("PUT", "/accounts/limits"), ("POST", "/accounts/expire"),
    ("PUT", "/markets"), ("POST", "/markets/rules"), ("POST", "/markets/status"), ("PUT", "/markets/reference-price"),
    ("GET", "/exchange"), ("PUT", "/exchange"), ("GET", "/sors"), ("PUT", "/sors"),
]  # fmt: skip


@pytest.mark.parametrize("key", ["", "operator-ke", "operator-key2", "OPERATOR-KEY"])
async def test_nothing_is_told_without_the_key(desk: Desk, key: str) -> None:
    answers = {operation: (await desk.ask(*operation, key=key))[0] for operation in OPERATIONS}
    assert answers == dict.fromkeys(OPERATIONS, 401)
    assert (await desk.ask("GET", "/nowhere", key=key))[0] == 401


async def test_every_operation_is_there_and_nothing_else(desk: Desk) -> None:
    for method, path in OPERATIONS:
        assert (await desk.ask(method, path))[0] in (200, 400), path
    for method, path in (("GET", "/"), ("DELETE", "/accounts"), ("POST", "/accounts/"), ("GET", "/keys/x")):
        assert (await desk.ask(method, path))[0] == 404


async def test_funds_come_and_go(desk: Desk) -> None:
    move: dict[str, Any] = {"account": "carol", "asset": "USDT"}
    answer = await desk.done("POST", "/accounts/credit", move | {"amount": "1000000000000.5"})
    assert answer == {"account": "carol", "asset": "USDT", "free": "1000000000000.50000000", "locked": "0.00000000"}
    answer = await desk.done("POST", "/accounts/debit", move | {"amount": "1000000000000.25"})
    assert answer["free"] == "0.25000000"
    (row,) = [row for row in await desk.done("GET", "/accounts") if row["name"] == "carol"]
    assert row["balances"] == {"USDT": {"free": "0.25000000", "locked": "0.00000000"}}
    assert await desk.refused("POST", "/accounts/debit", move | {"amount": "0.26"}) == (
        "Account has insufficient balance for requested action."
    )


@pytest.mark.parametrize(
    "amount",
    [
        "",
        "-1",
        "+1",
        "1.",
        ".5",
        "1e3",
        "1_000",
        " 1",
        "0",
        "0.000000001",
        "nan",
        "9" * 30,
        "9" * 31,
        "\u0661",
        "1.5.5",
    ],
)
async def test_odd_amounts_are_refused(desk: Desk, amount: str) -> None:
    for path in ("/accounts/credit", "/accounts/debit"):
        assert await desk.refused("POST", path, {"account": "carol", "asset": "USDT", "amount": amount})
    assert desk.engine.balances(desk.service.account_id("carol")) == []


async def test_accounts_go_by_name_or_number_and_no_name_is_a_number(desk: Desk) -> None:
    number = desk.service.account_id("carol")
    assert desk.service.account_id(str(number)) == number
    assert "not a number" in await desk.refused("POST", "/accounts", {"name": str(number)})
    assert "exists" in await desk.refused("POST", "/accounts", {"name": "carol"})
    assert "no account named 'dave'" in await desk.refused("PUT", "/accounts", {"account": "dave"})


async def test_an_update_changes_only_what_it_names(desk: Desk) -> None:
    def state() -> tuple[Any, ...]:
        account = desk.engine.account(desk.service.account_id("carol"))
        assert account is not None
        return account.can_trade, account.fees, account.trade_group, account.permissions, account.discount

    seen = []
    for change in (
        {"canTrade": False},
        {"makerRate": "0", "takerRate": "0.0005"},
        {},
        {"canTrade": True},
        {"tradeGroup": 7, "permissions": "SPOT,TRD_GRP_002", "discount": True},
        {"marketRates": True, "tradeGroup": -1},
    ):
        await desk.done("PUT", "/accounts", {"account": "carol"} | change)
        seen.append(state())
    own = (0, 50_000, 0, 0)
    assert seen == [
        (False, None, None, 1, False),
        (False, own, None, 1, False),
        (False, own, None, 1, False),
        (True, own, None, 1, False),
        (True, own, 7, 9, True),
        (True, None, None, 9, True),
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"makerRate": "0.1"},
        {"makerRate": "0.1", "takerRate": "0.1", "marketRates": True},
        {"makerRate": "1.1", "takerRate": "0"},
        {"makerRate": "-1", "takerRate": "0"},
        {"makerRate": "", "takerRate": ""},
        {"canTrade": 1},
        {"permissions": "SPT"},
        {"tradeGroup": -2},
        {"tradeGroup": 2**32},
        {"makerRate": "0.6", "takerRate": "0", "buyerRate": "0.5"},
        {"surprise": 1},
    ],
)
async def test_an_update_that_cannot_be_meant_is_refused(desk: Desk, change: dict[str, Any]) -> None:
    assert await desk.refused("PUT", "/accounts", {"account": "carol"} | change)


async def test_the_fee_account_stays_as_it_is(desk: Desk) -> None:
    assert "fee account" in await desk.refused("PUT", "/accounts", {"account": "0", "canTrade": False})


async def test_a_market_is_made_halted_and_resumed(desk: Desk) -> None:
    made = await desk.done("GET", "/markets")
    shown = {
        "symbol": "BTCUSDT",
        "status": "TRADING",
        "base": "BTC",
        "quote": "USDT",
        "tickSize": "0.01000000",
        "stepSize": "0.00010000",
        "makerRate": "0.00100000",
        "takerRate": "0.00100000",
    }
    assert made == [shown]
    assert await desk.done("POST", "/markets/halt", {"symbol": "BTCUSDT"}) == shown | {"status": "HALT"}
    assert await desk.done("POST", "/markets/resume", {"symbol": "BTCUSDT"}) == shown


@pytest.mark.parametrize(
    ("change", "rules"),
    [
        ({"symbol": "btcusdt"}, {}),
        ({"symbol": "BTC-USDT"}, {}),
        ({"symbol": "B" * 21}, {}),
        ({"symbol": "BTCUSDT"}, {}),
        ({"base": "XRP"}, {}),
        ({"base": "USDT"}, {}),
        ({}, {"tickSize": "0"}),
        ({}, {"tickSize": "0.000000001"}),
        ({}, {"tickSize": "1e-2"}),
        ({}, {"tickSize": "0.00000001"}),
        ({}, {"selfTradePrevention": "MAYBE"}),
        ({}, {"maxNumOrders": "many"}),
        ({}, {"maxNumOrders": "9" * 40}),
        ({}, {"makerRate": "2"}),
    ],
    ids=str,
)
async def test_a_market_that_cannot_be_is_refused(desk: Desk, change: dict[str, str], rules: dict[str, str]) -> None:
    body = {"symbol": "NEWUSDT", "base": "BTC", "quote": "USDT"} | change | {"rules": RULES | rules}
    assert await desk.refused("POST", "/markets", body)
    assert [row["symbol"] for row in await desk.done("GET", "/markets")] == ["BTCUSDT"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"name":3}', b'{"name":"a","b":1}', b"\xff", b"{" * 60_000])
async def test_a_body_of_another_shape_is_refused(desk: Desk, body: bytes) -> None:
    assert await desk.refused("POST", "/accounts", body)


async def test_a_large_body_is_refused(desk: Desk) -> None:
    assert "too large" in await desk.refused("POST", "/accounts", b" " * 70_000)


async def test_keys_are_made_listed_and_revoked(desk: Desk) -> None:
    asked = {"account": "carol", "label": "bot", "permissions": ["USER_DATA"], "networks": ["10.0.0.0/8"]}
    made = await desk.done("POST", "/keys", asked)
    assert made == {"apiKey": "key0", "secretKey": "secret", "account": "carol"}
    assert await desk.done("GET", "/keys") == [asked | {"apiKey": "key0"}]
    assert "not a public key" in await desk.refused("POST", "/keys", {"account": "carol", "publicKey": "x"})
    assert await desk.done("DELETE", "/keys", {"apiKey": "key0"}) == {"apiKey": "key0", "revoked": True}
    assert "no such live API key" in await desk.refused("DELETE", "/keys", {"apiKey": "key0"})


async def test_a_fault_of_the_database_is_told(desk: Desk) -> None:
    desk.keys.error = DatabaseUnusable("tandem.db: database is locked")
    answer = await desk.ask("DELETE", "/keys", {"apiKey": "key0"})
    assert answer == (503, {"error": "tandem.db: database is locked"})


async def test_an_answer_that_does_not_come_is_no_refusal(desk: Desk) -> None:
    desk.keys.error = TimeoutError()
    status, answer = await desk.ask("DELETE", "/keys", {"apiKey": "key0"})
    assert (status, answer["error"]) == (504, "no answer in time; the outcome is unknown: look before you try again")


async def test_an_exchange_that_is_stopping_says_so(desk: Desk) -> None:
    desk.engine.close()
    assert await desk.ask("POST", "/accounts", {"name": "dave"}) == (
        503,
        {"error": "the exchange is stopping; nothing was done"},
    )


async def test_rules_of_a_market_change_and_stay_as_named(desk: Desk) -> None:
    before = await desk.done("POST", "/markets/rules", {"symbol": "BTCUSDT"})
    change = {"maxNumOrders": "3", "percentPrice": "5.00000000,0.20000000", "orderTypes": "LIMIT,MARKET"}
    answer = await desk.done("PUT", "/markets", {"symbol": "BTCUSDT", "rules": change})
    assert answer == {"symbol": "BTCUSDT", "changed": change}
    assert await desk.done("POST", "/markets/rules", {"symbol": "BTCUSDT"}) == before | change
    for bad in ({"maxNumOrder": "3"}, {"tickSize": "0"}, {"icebergParts": "1001"}, {"rates": "1,1,1,1"}):
        assert await desk.refused("PUT", "/markets", {"symbol": "BTCUSDT", "rules": bad})
    assert await desk.done("POST", "/markets/rules", {"symbol": "BTCUSDT"}) == before | change


async def test_every_status_can_be_set(desk: Desk) -> None:
    for status in ("BREAK", "CANCEL_ONLY", "END_OF_DAY", "HALT", "TRADING"):
        assert (await desk.done("POST", "/markets/status", {"symbol": "BTCUSDT", "status": status}))["status"] == status
    assert await desk.refused("POST", "/markets/status", {"symbol": "BTCUSDT", "status": "AUCTION"})


async def test_the_exchange_has_rules_of_its_own(desk: Desk) -> None:
    before = await desk.done("GET", "/exchange")
    assert before["discount"] == "off"
    changed = {"maxNumOrders": "500", "discount": "USDT,0.75000000"}
    assert await desk.done("PUT", "/exchange", {"rules": changed}) == before | changed
    assert await desk.done("PUT", "/exchange", {"rules": {"discount": "off"}}) == before | {"maxNumOrders": "500"}
    for bad in ({"maxOrders": "1"}, {"discount": "BNB,0.5"}, {"discount": "USDT"}):
        assert await desk.refused("PUT", "/exchange", {"rules": bad})
    assert "at most 1" in await desk.refused("PUT", "/exchange", {"rules": {"discount": "USDT,1.5"}})


async def test_an_asset_is_renamed_and_bounded_for_an_account(desk: Desk) -> None:
    assert (await desk.done("PUT", "/assets", {"asset": "BTC", "name": "Bitcoin"}))["name"] == "Bitcoin"
    answer = await desk.done("PUT", "/accounts/limits", {"account": "carol", "asset": "BTC", "limit": "1.5"})
    assert answer == {"account": "carol", "asset": "BTC", "limit": "1.50000000"}
    assert desk.engine.asset_limits(desk.service.account_id("carol")) == [(0, 150_000_000)]


async def test_a_reference_price_is_set_and_taken_away(desk: Desk) -> None:
    for price in ("65000.00000000", None):
        answer = await desk.done("PUT", "/markets/reference-price", {"symbol": "BTCUSDT", "price": price})
        assert answer == {"symbol": "BTCUSDT", "referencePrice": price}
    assert await desk.refused("PUT", "/markets/reference-price", {"symbol": "BTCUSDT", "price": "0"})
    await desk.done("PUT", "/markets", {"symbol": "BTCUSDT", "rules": {"referencePrice": "10,1000"}})
    assert await desk.refused("PUT", "/markets/reference-price", {"symbol": "BTCUSDT", "price": "1"})


async def test_routing_between_markets_of_one_asset(desk: Desk) -> None:
    await desk.done("POST", "/assets", {"asset": "USDC"})
    await desk.done("POST", "/markets", {"symbol": "BTCUSDC", "base": "BTC", "quote": "USDC", "rules": RULES})
    group = {"base": "BTC", "symbols": ["BTCUSDT", "BTCUSDC"], "account": "carol"}
    await desk.done("PUT", "/sors", group)
    assert await desk.done("GET", "/sors") == [group]
    for bad in ({"symbols": ["BTCUSDT"]}, {"account": "0"}, {"base": "USDT"}, {"symbols": ["BTCUSDT", "BTCUSDT"]}):
        assert await desk.refused("PUT", "/sors", group | bad)
    await desk.done("POST", "/markets", {"symbol": "ETHUSDC", "base": "USDT", "quote": "USDC", "rules": RULES})
    for symbols, why in (
        (["BTCUSDT"], "at least two markets"),
        (["BTCUSDT", "ETHUSDC"], "ETHUSDC does not trade BTC"),
        (["BTCUSDT", "BTCUSDT"], "have one quote asset"),
    ):
        assert why in await desk.refused("PUT", "/sors", group | {"symbols": symbols})
    refusal = await desk.refused("PUT", "/markets", {"symbol": "BTCUSDC", "rules": {"tickSize": "0.1"}})
    assert "is in the routing group of BTC" in refusal
    await desk.done("PUT", "/sors", {"base": "BTC"})
    assert await desk.done("GET", "/sors") == []
    finer = RULES | {"stepSize": "0.001"}
    await desk.done("PUT", "/markets", {"symbol": "BTCUSDC", "rules": finer})
    assert "tandem markets update BTCUSDC stepSize=" in await desk.refused("PUT", "/sors", group)


async def test_the_exchange_ends_an_accounts_orders(desk: Desk) -> None:
    await desk.done("POST", "/accounts/credit", {"account": "carol", "asset": "BTC", "amount": "1"})
    carol = desk.service.account_id("carol")
    await desk.client.submit(desk.engine.place_order(carol, 0, 1, 0, 0, 6_500_000_000_000, 10_000_000, 0, "a", -1))
    assert (await desk.done("POST", "/accounts/expire", {"account": "carol", "symbol": "BTCUSDT"}))["ended"] == [1]
    assert await desk.refused("POST", "/accounts/expire", {"account": "carol", "symbol": "BTCUSDT"})
