"""ccxt, unmodified, over REST: the trading story in its unified words, and its errors."""

import time
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from tests.system import ccxt_client, story
from tests.system.exchange import Exchange
from tests.system.trader import Trader
from tests.system.venue import Venue, make_account, make_venue

Told = tuple[dict[str, Any], Venue]


def tell(alice: ccxt.binance, bob: ccxt.binance, symbol: str) -> dict[str, Any]:
    """The story; every answer by name."""
    out: dict[str, Any] = {"resting": alice.create_order(symbol, "limit", "buy", 1.5, 100.01)}
    out["locked"] = alice.fetch_balance()
    out["crossing"] = bob.create_order(symbol, "limit", "sell", 0.5, 100.0)
    out["market_sell"] = bob.create_order(symbol, "market", "sell", 0.25)
    out["partly"] = alice.fetch_order(out["resting"]["id"], symbol)
    out["open"] = alice.fetch_open_orders(symbol)
    out["trades"] = alice.fetch_my_trades(symbol)
    out["cancel"] = alice.cancel_order(out["resting"]["id"], symbol)
    alice.create_order(symbol, "limit", "buy", 1, 90)
    out["post_only"] = alice.create_order(symbol, "limit", "buy", 1, 91, {"postOnly": True})
    out["cancel_all"] = alice.cancel_all_orders(symbol)
    out["open_after"] = alice.fetch_open_orders(symbol)
    ask = bob.create_order(symbol, "limit", "sell", 1, 110, {"clientOrderId": "bobs-ask"})
    out["market_buy"] = alice.create_market_buy_order_with_cost(symbol, 33)
    out["cancel_rest"] = bob.cancel_order(ask["id"], symbol)
    out["orders"] = alice.fetch_orders(symbol)
    out["closed"] = alice.fetch_closed_orders(symbol)
    out["alice_end"], out["bob_end"] = alice.fetch_balance(), bob.fetch_balance()
    out["fee"] = alice.fetch_trading_fee(symbol)
    out["public_trades"] = alice.fetch_trades(symbol)
    out["book"] = alice.fetch_order_book(symbol)
    out["ticker"] = alice.fetch_ticker(symbol)
    out["candles"] = alice.fetch_ohlcv(symbol, "1m")
    return out


@pytest.fixture(scope="module")
def told(exchange: Exchange) -> Told:
    """One telling, with keys and ccxt's defaults."""
    where = make_venue(exchange, "CCX", least_notional="5")
    alice = ccxt_client.rest(exchange.url, make_account("alice", where))
    bob = ccxt_client.rest(exchange.url, make_account("bob", where))
    return tell(alice, bob, where.unified), where


@pytest.fixture
def market(exchange: Exchange) -> Venue:
    """A market with a least notional."""
    return make_venue(exchange, least_notional="5")


@pytest.fixture
def alice(market: Venue) -> ccxt.binance:
    return ccxt_client.rest(market.exchange.url, make_account("alice", market))


def test_markets_load_with_keys_and_default_options(market: Venue, alice: ccxt.binance) -> None:
    listed = alice.load_markets()[market.unified]
    assert (listed["id"], listed["active"], listed["spot"], listed["type"]) == (market.symbol, True, True, "spot")
    assert listed["precision"]["price"] == 0.01
    assert listed["precision"]["amount"] == 0.00001
    assert listed["limits"]["cost"]["min"] == 5
    assert alice.currencies[market.base]["id"] == market.base
    assert abs(alice.fetch_time() - time.time() * 1000) < 2000
    assert abs(alice.load_time_difference()) < 2000
    assert alice.fetch_status()["status"] == "ok"


def test_markets_load_with_futures_asked_for(market: Venue) -> None:
    account = make_account("default", market)
    client = ccxt_client.rest(market.exchange.url, account, fetchMarkets=None, defaultType=None)
    assert {listed["type"] for listed in client.load_markets().values()} == {"spot"}
    assert market.unified in client.markets
    assert client.fetch_balance({"type": "funding"})["info"] == []
    held = client.sapiv3_post_asset_getuserasset({"needBtcValuation": True})
    balances = client.fetch_balance()["info"]["balances"]
    assert [row["asset"] for row in held] == [row["asset"] for row in balances if float(row["free"])]
    assert set(client.sapi_post_userlistentoken()) == {"token", "expirationTime"}


def test_markets_load_without_keys(market: Venue) -> None:
    assert market.unified in ccxt_client.rest(market.exchange.url).load_markets()


def test_an_order_rests_and_locks_exactly_what_it_needs(told: Told) -> None:
    out, where = told
    assert (out["resting"]["status"], out["resting"]["filled"], out["resting"]["remaining"]) == ("open", 0, 1.5)
    story.check_resting(out["resting"]["info"], where.symbol)
    assert out["locked"]["USDT"] == {"free": 99849.985, "used": 150.015, "total": 100000.0}


def test_a_crossing_order_fills_at_the_makers_price(told: Told) -> None:
    out, _ = told
    assert (out["crossing"]["status"], out["crossing"]["average"], out["crossing"]["cost"]) == (
        "closed",
        100.01,
        50.005,
    )
    story.check_crossing(out["crossing"]["info"])
    assert out["crossing"]["fee"] == {"currency": "USDT", "cost": 0.050005}
    assert (out["market_sell"]["status"], out["market_sell"]["average"]) == ("closed", 100.01)


def test_a_partly_filled_order_is_found_by_every_query(told: Told) -> None:
    out, where = told
    assert (out["partly"]["status"], out["partly"]["filled"], out["partly"]["remaining"]) == ("open", 0.75, 0.75)
    assert [order["id"] for order in out["open"]] == [out["resting"]["id"]]
    story.check_maker_trades([trade["info"] for trade in out["trades"]], where.base)
    assert [(trade["order"], trade["takerOrMaker"]) for trade in out["trades"]] == [(out["resting"]["id"], "maker")] * 2


def test_orders_are_cancelled_one_by_one_and_all_at_once(told: Told) -> None:
    out, _ = told
    assert (out["cancel"]["status"], out["cancel"]["filled"]) == ("canceled", 0.75)
    assert out["post_only"]["id"]
    assert [order["status"] for order in out["cancel_all"]] == ["canceled", "canceled"]
    assert out["open_after"] == []
    assert [order["status"] for order in out["orders"]] == ["canceled", "canceled", "canceled", "closed"]
    assert [order["id"] for order in out["closed"]] == [out["market_buy"]["id"]]
    assert (out["market_buy"]["filled"], out["market_buy"]["cost"]) == (0.3, 33.0)


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_balances_are_right_to_the_last_unit(told: Told, who: str) -> None:
    out, where = told
    story.check_end(who, out[f"{who}_end"]["info"]["balances"], where.base, where.quote)


def test_market_data_shows_what_was_traded(told: Told) -> None:
    out, _ = told
    assert [(t["price"], t["amount"], t["side"]) for t in out["public_trades"]] == [
        (100.01, 0.5, "sell"),
        (100.01, 0.25, "sell"),
        (110.0, 0.3, "buy"),
    ]
    assert (out["book"]["bids"], out["book"]["asks"]) == ([], [])
    assert (out["ticker"]["last"], out["ticker"]["high"], out["ticker"]["baseVolume"]) == (110.0, 110.0, 1.05)
    assert sum(Decimal(str(candle[5])) for candle in out["candles"]) == Decimal("1.05")
    assert (out["fee"]["maker"], out["fee"]["taker"]) == (0.001, 0.001)


def test_insufficient_funds(market: Venue, alice: ccxt.binance) -> None:
    with pytest.raises(ccxt.InsufficientFunds):
        alice.create_order(market.unified, "limit", "buy", 5000, 100)


def test_an_unknown_order(market: Venue, alice: ccxt.binance) -> None:
    with pytest.raises(ccxt.OrderNotFound):
        alice.fetch_order("987654321", market.unified)
    with pytest.raises(ccxt.OrderNotFound):
        alice.cancel_order("987654321", market.unified)


def test_filters(market: Venue, alice: ccxt.binance) -> None:
    with pytest.raises(ccxt.BadRequest, match="Filter failure: NOTIONAL"):
        alice.create_order(market.unified, "limit", "buy", 0.01, 100)
    raw = {"symbol": market.symbol, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1"}
    alice.load_markets()
    for price in ("100.001", "0.00000001"):
        with pytest.raises(ccxt.InvalidOrder):
            alice.private_post_order({**raw, "price": price})


def test_post_only_that_would_take(market: Venue, alice: ccxt.binance, traders: tuple[Trader, Trader]) -> None:
    traders[1].place(market.symbol, "BUY", quantity="1", price="100")
    with pytest.raises(ccxt.OrderImmediatelyFillable):
        alice.create_order(market.unified, "limit", "sell", 1, 99, {"postOnly": True})


def test_wrong_keys(market: Venue, alice: ccxt.binance) -> None:
    good = {"name": "x", "apiKey": alice.apiKey, "secretKey": "0" * 64}
    with pytest.raises(ccxt.AuthenticationError):
        ccxt_client.rest(market.exchange.url, good, fetchCurrencies=False, fetchMargins=False).fetch_balance()
    unknown = {"name": "x", "apiKey": "A" * 64, "secretKey": "0" * 64}
    with pytest.raises(ccxt.AuthenticationError):
        ccxt_client.rest(market.exchange.url, unknown, fetchCurrencies=False, fetchMargins=False).fetch_balance()


def test_a_clock_that_is_wrong(market: Venue, alice: ccxt.binance) -> None:
    alice.load_markets()
    alice.options["timeDifference"] = 3_600_000
    with pytest.raises(ccxt.InvalidNonce):
        alice.fetch_balance()
