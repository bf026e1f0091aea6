"""ccxt, unmodified: stops, trailing orders, lists, edits and routed orders, over REST and over the WebSocket API."""

from collections.abc import AsyncIterator

import ccxt
import ccxt.pro
import pytest

from tests.system import ccxt_client
from tests.system.trader import Trader
from tests.system.venue import Venue

Traders = tuple[Trader, Trader]


@pytest.fixture
def traded(market: Venue, traders: Traders) -> Venue:
    """The last trade was at 100."""
    alice, bob = traders
    bob.place(market.symbol, "SELL", quantity="1", price="100")
    alice.place(market.symbol, "BUY", quantity="1", price="100")
    return market


@pytest.fixture
def alice(traded: Venue, traders: Traders) -> ccxt.binance:
    client = ccxt_client.rest(traded.exchange.url, traders[0].account)
    client.load_markets()
    return client


@pytest.fixture
async def watcher(traded: Venue, traders: Traders) -> AsyncIterator[ccxt.pro.binance]:
    client = ccxt_client.pro(traded.exchange.url, traders[0].account)
    await client.load_markets()
    yield client
    await client.close()


@pytest.mark.parametrize(
    ("kind", "price", "params", "shown"),
    [
        ("market", None, {"stopLossPrice": 80}, "STOP_LOSS"),
        ("limit", 79, {"stopLossPrice": 80}, "STOP_LOSS_LIMIT"),
        ("market", None, {"takeProfitPrice": 120}, "TAKE_PROFIT"),
        ("limit", 121, {"takeProfitPrice": 120}, "TAKE_PROFIT_LIMIT"),
    ],
)
def test_an_order_waits_for_its_trigger(
    traded: Venue, alice: ccxt.binance, kind: str, price: float | None, params: dict[str, float], shown: str
) -> None:
    placed = alice.create_order(traded.unified, kind, "sell", 1, price, params)
    (found,) = alice.fetch_open_orders(traded.unified)
    assert (found["id"], found["status"], found["info"]["type"]) == (placed["id"], "open", shown)
    assert found["triggerPrice"] == next(iter(params.values()))
    assert found["info"]["isWorking"] is False
    assert alice.cancel_order(placed["id"], traded.unified)["status"] == "canceled"


def test_a_stop_fires_and_sells(traded: Venue, alice: ccxt.binance, traders: Traders) -> None:
    placed = alice.create_order(traded.unified, "market", "sell", 1, None, {"stopLossPrice": 90})
    _, bob = traders
    bob.place(traded.symbol, "BUY", quantity="2", price="89")
    bob.place(traded.symbol, "SELL", quantity="0.5", price="89", selfTradePreventionMode="NONE")
    found = alice.fetch_order(placed["id"], traded.unified)
    assert (found["status"], found["filled"], found["average"]) == ("closed", 1, 89)


def test_a_stop_on_the_wrong_side_is_refused(traded: Venue, alice: ccxt.binance) -> None:
    with pytest.raises(ccxt.OrderImmediatelyFillable, match=r"Order would trigger immediately\."):
        alice.create_order(traded.unified, "market", "sell", 1, None, {"stopLossPrice": 110})


def test_a_trailing_order_follows_the_price(traded: Venue, alice: ccxt.binance) -> None:
    params = {"trailingPercent": 5, "stopLossOrTakeProfit": "stopLoss"}
    placed = alice.create_order(traded.unified, "market", "sell", 1, None, params)
    found = alice.fetch_order(placed["id"], traded.unified)["info"]
    assert (found["type"], found["trailingDelta"]) == ("STOP_LOSS", 500)
    assert int(found["trailingTime"]) == int(found["time"])


def test_an_order_is_edited(traded: Venue, alice: ccxt.binance) -> None:
    placed = alice.create_order(traded.unified, "limit", "buy", 1, 90)
    edited = alice.edit_order(placed["id"], traded.unified, "limit", "buy", 2, 91)
    assert (edited["price"], edited["amount"], edited["status"]) == (91, 2, "open")
    assert [order["id"] for order in alice.fetch_open_orders(traded.unified)] == [edited["id"]]
    with pytest.raises(ccxt.ExchangeError, match=r"Order cancel-replace failed\."):
        alice.edit_order(placed["id"], traded.unified, "limit", "buy", 2, 92)


def test_lists_in_the_exchanges_own_words(traded: Venue, alice: ccxt.binance) -> None:
    pair = {"symbol": traded.symbol, "side": "SELL", "quantity": "1"}
    above = {"aboveType": "LIMIT_MAKER", "abovePrice": "120"}
    below = {"belowType": "STOP_LOSS", "belowStopPrice": "80"}
    oco = alice.private_post_orderlist_oco(pair | above | below)
    old = alice.private_post_order_oco(pair | {"price": "121", "stopPrice": "81"})
    assert [row["orderListId"] for row in alice.private_get_openorderlist()] == [
        oco["orderListId"],
        old["orderListId"],
    ]
    alice.private_delete_orderlist({"symbol": traded.symbol, "orderListId": oco["orderListId"]})
    assert {order["status"] for order in alice.fetch_orders(traded.unified)[1:3]} == {"canceled"}
    assert alice.cancel_all_orders(traded.unified)


def test_a_market_in_no_group_routes_nothing(traded: Venue, alice: ccxt.binance) -> None:
    with pytest.raises(ccxt.ExchangeError, match="Smart order routing is not supported for this symbol"):
        alice.create_order(traded.unified, "limit", "buy", 1, 90, {"sor": True})


@pytest.fixture
def second_book(traded: Venue, traders: Traders) -> str:
    """Another market of the base, routed together with the first; Bob offers 1 for 99 there."""
    exchange, quote = traded.exchange, f"Q{traded.base}"
    symbol = traded.base + quote
    exchange.operate("POST", "/assets", {"asset": quote})
    rules = {"tickSize": "0.01", "stepSize": "0.00001"}
    exchange.operate("POST", "/markets", {"symbol": symbol, "base": traded.base, "quote": quote, "rules": rules})
    router = exchange.open_account(f"router-{traded.base}", **{quote: "100000"})["name"]
    exchange.operate("PUT", "/sors", {"base": traded.base, "symbols": [traded.symbol, symbol], "account": router})
    traders[1].place(symbol, "SELL", quantity="1", price="99")
    return symbol


def test_an_order_is_routed_to_the_better_book(
    traded: Venue, alice: ccxt.binance, traders: Traders, second_book: str
) -> None:
    before = traders[0].balances()
    order = alice.create_order(traded.unified, "limit", "buy", 1, 100, {"sor": True})
    assert (order["status"], order["average"]) == ("closed", 99)
    assert (order["info"]["usedSor"], order["info"]["workingFloor"]) == (True, "SOR")
    (fill,) = order["info"]["fills"]
    assert (fill["matchType"], fill["tradeId"], fill["commission"]) == ("ONE_PARTY_TRADE_REPORT", -1, "0.00100000")
    (allocation,) = alice.private_get_myallocations({"symbol": traded.symbol})
    assert (allocation["allocationId"], allocation["quoteQty"]) == (fill["allocId"], "99.00000000")
    after = traders[0].balances()
    assert before[traded.quote][0] - after[traded.quote][0] == 99
    (sold,) = traders[1].trades(second_book)
    assert (sold["isMaker"], sold["quoteQty"], sold["commissionAsset"]) == (True, "99.00000000", f"Q{traded.base}")


async def test_orders_are_placed_edited_and_canceled_over_a_socket(traded: Venue, watcher: ccxt.pro.binance) -> None:
    placed = await watcher.create_order_ws(traded.unified, "limit", "buy", 1, 90)
    edited = await watcher.edit_order_ws(placed["id"], traded.unified, "limit", "buy", 2, 91)
    assert (edited["price"], edited["amount"], edited["status"]) == (91, 2, "open")
    stop = await watcher.create_order_ws(traded.unified, "limit", "sell", 1, 79, {"stopPrice": 80})
    found = await watcher.fetch_open_orders_ws(traded.unified)
    assert [order["id"] for order in found] == [edited["id"], stop["id"]]
    canceled = await watcher.cancel_all_orders_ws(traded.unified)
    assert [order["status"] for order in canceled] == ["canceled", "canceled"]
