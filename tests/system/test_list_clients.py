"""python-binance and binance-connector, unmodified, place lists, stops and replacements over both transports."""

from typing import Any

import pytest

from tests.system.exchange import Exchange
from tests.system.third_party import run_client
from tests.system.venue import make_account, make_venue

CLIENTS = {"python-binance": "python_binance_lists.py", "binance-connector": "binance_connector_lists.py"}
WORDS = {
    "oco": {
        "side": "SELL",
        "quantity": "1",
        "aboveType": "LIMIT_MAKER",
        "abovePrice": "120",
        "belowType": "STOP_LOSS_LIMIT",
        "belowStopPrice": "80",
        "belowPrice": "79",
        "belowTimeInForce": "GTC",
    },
    "oto": {
        "workingType": "LIMIT",
        "workingSide": "BUY",
        "workingPrice": "90",
        "workingQuantity": "1",
        "workingTimeInForce": "GTC",
        "pendingType": "LIMIT",
        "pendingSide": "SELL",
        "pendingPrice": "110",
        "pendingQuantity": "1",
        "pendingTimeInForce": "GTC",
    },
    "otoco": {
        "workingType": "LIMIT",
        "workingSide": "BUY",
        "workingPrice": "95",
        "workingQuantity": "1",
        "workingTimeInForce": "GTC",
        "pendingSide": "SELL",
        "pendingQuantity": "1",
        "pendingAboveType": "LIMIT_MAKER",
        "pendingAbovePrice": "130",
        "pendingBelowType": "STOP_LOSS",
        "pendingBelowStopPrice": "70",
    },
    "new": {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "91"},
    "stop": {
        "side": "SELL",
        "type": "STOP_LOSS_LIMIT",
        "timeInForce": "GTC",
        "quantity": "1",
        "price": "79",
        "stopPrice": "80",
    },
    "trailing": {"side": "SELL", "type": "STOP_LOSS", "quantity": "1", "trailingDelta": "500"},
    "iceberg": {
        "side": "SELL",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "1",
        "price": "150",
        "icebergQty": "0.25",
    },
}


@pytest.fixture(scope="module", params=CLIENTS)
def both(request: pytest.FixtureRequest, exchange: Exchange) -> dict[str, Any]:
    """The transcripts of one client, by transport."""
    client: str = request.param
    where = make_venue(exchange, "PBL" if client == "python-binance" else "BCL")
    given = {
        "url": exchange.url,
        "symbol": where.symbol,
        "words": WORDS,
        "alice": make_account("alice", where),
        "bob": make_account("bob", where),
    }
    told: dict[str, Any] = run_client(client, CLIENTS[client], given)
    return told


@pytest.fixture(params=["rest", "ws"])
def told(request: pytest.FixtureRequest, both: dict[str, Any]) -> dict[str, Any]:
    return dict(both[request.param])


def shown(reports: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(report[name] for name in names) for report in reports]


def head(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "orderReports"}


def test_a_pair_is_placed_found_and_canceled(told: dict[str, Any]) -> None:
    oco = told["oco"]
    assert (oco["contingencyType"], oco["listStatusType"], oco["listOrderStatus"]) == (
        "OCO",
        "EXEC_STARTED",
        "EXECUTING",
    )
    assert shown(oco["orderReports"], "type", "status", "side") == [
        ("STOP_LOSS_LIMIT", "NEW", "SELL"),
        ("LIMIT_MAKER", "NEW", "SELL"),
    ]
    assert told["list"] == head(oco)
    assert told["open_lists"] == [head(oco)]
    gone = told["canceled_list"]
    assert (gone["orderListId"], gone["listStatusType"], gone["orders"]) == (
        oco["orderListId"],
        "ALL_DONE",
        oco["orders"],
    )
    assert shown(gone["orderReports"], "status", "orderId") == [
        ("CANCELED", order["orderId"]) for order in oco["orders"]
    ]


def test_canceling_a_pending_order_cancels_its_list(told: dict[str, Any]) -> None:
    assert shown(told["oto"]["orderReports"], "status", "workingTime")[1] == ("PENDING_NEW", -1)
    gone = told["canceled_leg"]
    assert gone["orderListId"] == told["oto"]["orderListId"]
    assert shown(gone["orderReports"], "status") == [("CANCELED",), ("CANCELED",)]


def test_a_filled_working_order_brings_its_pair_to_life(told: dict[str, Any]) -> None:
    pair = told["otoco"]["orders"][1:]
    assert shown(told["activated"], "orderId", "status", "isWorking") == [
        (pair[0]["orderId"], "NEW", False),
        (pair[1]["orderId"], "NEW", True),
    ]
    (gone,) = told["canceled_all"]
    assert (gone["orderListId"], len(gone["orderReports"])) == (told["otoco"]["orderListId"], 2)


def test_an_order_takes_the_place_of_another(told: dict[str, Any]) -> None:
    replaced = told["replaced"]
    assert (replaced["cancelResult"], replaced["newOrderResult"]) == ("SUCCESS", "SUCCESS")
    assert (replaced["cancelResponse"]["status"], replaced["newOrderResponse"]["price"]) == (
        "CANCELED",
        "91.00000000",
    )
    assert told["not_replaced"] == [400, -2022, "Order cancel-replace failed."]


def test_orders_that_wait_follow_and_hide(both: dict[str, Any]) -> None:
    told = both["rest"]
    stop, trailing, iceberg = told["stop"], told["trailing"], told["iceberg"]
    assert (stop["stopPrice"], stop["workingTime"], stop["status"]) == ("80.00000000", -1, "NEW")
    assert (trailing["trailingDelta"], trailing["trailingTime"]) == (500, trailing["transactTime"])
    assert (iceberg["icebergQty"], iceberg["origQty"]) == ("0.25000000", "1.00000000")


def test_every_list_is_remembered(both: dict[str, Any]) -> None:
    told = both["rest"]
    placed = [told[name]["orderListId"] for name in ("oco", "oto", "otoco")]
    assert [row["orderListId"] for row in told["all_lists"]] == placed
    assert {row["listOrderStatus"] for row in told["all_lists"]} == {"ALL_DONE"}


def test_a_market_in_no_group_routes_nothing(both: dict[str, Any]) -> None:
    refused = [400, -2010, "Smart order routing is not supported for this symbol."]
    told = {transport: answers.get("not_routed") for transport, answers in both.items()}
    if "allocations" in both["rest"]:  # this client has no routed orders, but asks for their fills
        assert (told, both["rest"]["allocations"]) == ({"rest": None, "ws": None}, [])
    else:
        assert told == {"rest": refused, "ws": refused}
