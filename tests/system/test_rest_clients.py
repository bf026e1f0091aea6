"""python-binance and binance-connector, unmodified, tell the trading story over REST; both are told the same things."""

from decimal import Decimal
from typing import Any

import pytest

from tests.system import story
from tests.system.exchange import Exchange
from tests.system.third_party import run_client
from tests.system.venue import Venue, make_account, make_venue

CLIENTS = {"python-binance": "python_binance_rest.py", "binance-connector": "binance_connector_rest.py"}
Told = tuple[dict[str, Any], Venue]


@pytest.fixture(scope="module", params=CLIENTS)
def told(request: pytest.FixtureRequest, exchange: Exchange) -> Told:
    """The transcript of one client, and where it traded."""
    client: str = request.param
    where = make_venue(exchange, "PYB" if client == "python-binance" else "BCO", least_notional="5")
    given = {
        "url": exchange.url,
        "symbol": where.symbol,
        "alice": make_account("alice", where),
        "bob": make_account("bob", where),
    }
    return run_client(client, CLIENTS[client], given), where


def test_the_client_reads_the_time_and_the_rules_of_the_market(told: Told) -> None:
    out, where = told
    assert abs(out["time_off_ms"]) < 2000
    info = out["symbol_info"]
    assert (info["symbol"], info["status"], info["baseAsset"], info["quoteAsset"]) == (
        where.symbol,
        "TRADING",
        where.base,
        where.quote,
    )
    filters = {row["filterType"]: row for row in info["filters"]}
    assert filters["PRICE_FILTER"]["tickSize"] == "0.01000000"
    assert filters["LOT_SIZE"]["stepSize"] == "0.00001000"
    assert Decimal(filters["NOTIONAL"]["minNotional"]) == 5
    assert info["permissions"] == []
    assert "SPOT" in info["permissionSets"][0]
    assert set(info["orderTypes"]) >= {"LIMIT", "LIMIT_MAKER", "MARKET"}


def test_an_order_rests_and_locks_exactly_what_it_needs(told: Told) -> None:
    out, where = told
    assert out["test_order"] == {}
    story.check_resting(out["resting"], where.symbol)
    assert story.funds_of(out["locked"], where.base, where.quote) == {
        "base": (Decimal(10), Decimal(0)),
        "quote": (Decimal("99849.985"), Decimal("150.015")),
    }


def test_a_crossing_order_fills_at_the_makers_price(told: Told) -> None:
    out, _ = told
    story.check_crossing(out["crossing"])
    sale = out["market_sell"]
    assert (sale["status"], sale["type"], sale["price"]) == ("FILLED", "MARKET", "0.00000000")
    assert [(f["price"], f["qty"], f["commission"]) for f in sale["fills"]] == [
        ("100.01000000", "0.25000000", "0.02500250")
    ]


def test_a_partly_filled_order_is_found_by_every_query(told: Told) -> None:
    out, where = told
    partly = out["partly"]
    assert (partly["status"], partly["executedQty"], partly["cummulativeQuoteQty"]) == (
        "PARTIALLY_FILLED",
        "0.75000000",
        "75.00750000",
    )
    assert partly["clientOrderId"] == out["resting"]["clientOrderId"]
    assert out["open"] == [partly]
    story.check_maker_trades(out["trades"], where.base)
    assert {row["orderId"] for row in out["trades"]} == {partly["orderId"]}
    assert out["trades"][0]["id"] == out["crossing"]["fills"][0]["tradeId"]


def test_orders_are_cancelled_one_by_one_and_all_at_once(told: Told) -> None:
    out, _ = told
    assert out["cancel"]["status"] == "CANCELED"
    assert out["cancel"]["origClientOrderId"] == out["resting"]["clientOrderId"]
    assert out["cancel"]["executedQty"] == "0.75000000"
    assert set(out["post_only_ack"]) == {"symbol", "orderId", "orderListId", "clientOrderId", "transactTime"}
    assert [(row["status"], row["price"]) for row in out["cancel_all"]] == [
        ("CANCELED", "90.00000000"),
        ("CANCELED", "91.00000000"),
    ]
    assert out["open_after"] == []


def test_a_market_order_by_quote_amount_spends_exactly_that(told: Told) -> None:
    out, where = told
    bought = out["market_buy"]
    assert (bought["status"], bought["executedQty"], bought["cummulativeQuoteQty"], bought["origQuoteOrderQty"]) == (
        "FILLED",
        "0.30000000",
        "33.00000000",
        "33.00000000",
    )
    assert [(f["commission"], f["commissionAsset"]) for f in bought["fills"]] == [("0.00030000", where.base)]
    assert out["cancel_rest"]["executedQty"] == "0.30000000"


def test_the_history_of_orders_is_complete(told: Told) -> None:
    out, _ = told
    assert [(row["type"], row["status"], row["executedQty"]) for row in out["all_orders"]] == [
        ("LIMIT", "CANCELED", "0.75000000"),
        ("LIMIT", "CANCELED", "0.00000000"),
        ("LIMIT_MAKER", "CANCELED", "0.00000000"),
        ("MARKET", "FILLED", "0.30000000"),
    ]


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_balances_are_right_to_the_last_unit(told: Told, who: str) -> None:
    out, where = told
    story.check_end(who, out[f"{who}_end"], where.base, where.quote)


def test_market_data_shows_what_was_traded(told: Told) -> None:
    out, _ = told
    assert (out["depth"]["bids"], out["depth"]["asks"]) == ([], [])
    assert [(row["price"], row["qty"], row["isBuyerMaker"]) for row in out["recent"]] == [
        ("100.01000000", "0.50000000", True),
        ("100.01000000", "0.25000000", True),
        ("110.00000000", "0.30000000", False),
    ]
    assert sum(Decimal(row[5]) for row in out["klines"]) == Decimal("1.05")
    ticker = out["ticker"]
    assert (ticker["lastPrice"], ticker["highPrice"], ticker["lowPrice"], ticker["volume"], ticker["count"]) == (
        "110.00000000",
        "110.00000000",
        "100.01000000",
        "1.05000000",
        3,
    )


@pytest.mark.parametrize("which", story.ERRORS)
def test_refusals_have_the_known_code_and_text(told: Told, which: str) -> None:
    out, _ = told
    assert tuple(out["errors"][which]) == story.ERRORS[which]


def test_a_listen_key_lives_and_dies(exchange: Exchange, told: Told) -> None:
    """The user stream of older clients; python-binance does not ask for it by itself."""
    out, where = told
    if "listen_keys" in out:
        life = out["listen_keys"]
    else:
        given = {"url": exchange.url, "alice": make_account("alice", where)}
        life = run_client("python-binance", "python_binance_listen_key.py", given)
    assert len(life["key"]) >= 32
    assert life["again"] == life["key"]
    assert life["renewed"] == life["closed"] == {}
    assert life["renew_closed"] == [400, -1125, "This listenKey does not exist."]
