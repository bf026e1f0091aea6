"""python-binance and binance-connector, unmodified, on streams, user data and the WebSocket API."""

import itertools
from decimal import Decimal
from typing import Any

import pytest

from tests.system import story
from tests.system.exchange import Exchange
from tests.system.third_party import run_client
from tests.system.venue import Venue, make_account, make_venue

Told = tuple[dict[str, Any], Venue]


def tell(exchange: Exchange, environment: str, script: str, base: str) -> Told:
    where = make_venue(exchange, base)
    given = {
        "url": exchange.url,
        "symbol": where.symbol,
        "alice": make_account("alice", where),
        "bob": make_account("bob", where),
    }
    return run_client(environment, script, given), where


@pytest.fixture(scope="module")
def python_binance(exchange: Exchange) -> Told:
    return tell(exchange, "python-binance", "python_binance_streams.py", "PYS")


@pytest.fixture(scope="module")
def connector(exchange: Exchange) -> Told:
    return tell(exchange, "binance-connector", "binance_connector_streams.py", "BCS")


def check_reports(events: list[dict[str, Any]], placed: dict[str, Any]) -> None:
    """Alice's user data: her bid of 1 at 100.5 is entered, fills 0.4, and is cancelled; balances follow each."""
    reports = [event for event in events if event.get("e") == "executionReport"]
    assert [(r["x"], r["X"], r["l"], r["z"], r["n"], r["m"]) for r in reports] == [
        ("NEW", "NEW", "0.00000000", "0.00000000", "0", False),
        ("TRADE", "PARTIALLY_FILLED", "0.40000000", "0.40000000", "0.00040000", True),
        ("CANCELED", "CANCELED", "0.00000000", "0.40000000", "0", False),
    ]
    assert {r["i"] for r in reports} == {placed["orderId"]}
    assert [r["I"] for r in reports] == sorted({r["I"] for r in reports})
    assert reports[0]["c"] == placed["clientOrderId"]
    assert reports[2]["C"] == placed["clientOrderId"]


def last_position(events: list[dict[str, Any]]) -> dict[str, tuple[Decimal, Decimal]]:
    last = [event for event in events if event.get("e") == "outboundAccountPosition"][-1]
    return {row["a"]: story.decimals(row, "f", "l") for row in last["B"]}


AFTER_TRADE = Decimal(100000) - Decimal("40.2")


def check_funds(rows: list[dict[str, Any]], where: Venue) -> None:
    assert story.funds_of(rows, where.base, where.quote) == {
        "base": (Decimal("10.3996"), Decimal(0)),
        "quote": (AFTER_TRADE, Decimal(0)),
    }


def test_python_binance_trades_over_the_websocket_api(python_binance: Told) -> None:
    out, where = python_binance
    placed = out["placed"]
    assert (placed["status"], placed["price"], placed["origQty"]) == ("NEW", "100.50000000", "1.00000000")
    assert (out["status"]["status"], out["status"]["clientOrderId"]) == ("NEW", placed["clientOrderId"])
    assert out["open"] == [out["status"]]
    assert out["book"] == out["rest_book"]
    assert out["book"]["bids"] == [["100.50000000", "1.00000000"]]
    assert out["canceled"]["status"] == "CANCELED"
    assert out["cancel_again"] == [400, -2011, "Unknown order sent."]
    check_funds(out["account"], where)


def test_python_binance_reads_its_user_socket(python_binance: Told) -> None:
    out, where = python_binance
    check_reports(out["user"], out["placed"])
    assert last_position(out["user"])[where.quote] == (AFTER_TRADE, Decimal(0))


def test_python_binance_reads_its_market_sockets(python_binance: Told) -> None:
    out, where = python_binance
    (trade,) = out["trade"]
    assert (trade["e"], trade["s"], trade["p"], trade["q"], trade["m"]) == (
        "trade",
        where.symbol,
        "100.50000000",
        "0.40000000",
        True,
    )
    for earlier, later in itertools.pairwise(out["depth"]):
        assert later["U"] == earlier["u"] + 1
    assert out["depth"][-1]["b"] == [["100.50000000", "0.00000000"]]
    assert {row["e"] for row in out["kline"]} == {"kline"}
    assert ("100.50000000", "0.40000000") in [(row["k"]["c"], row["k"]["v"]) for row in out["kline"]]
    by_stream = {row["stream"]: row["data"] for row in out["multiplex"]}
    lower = where.symbol.lower()
    assert set(by_stream) == {f"{lower}@bookTicker", f"{lower}@aggTrade"}
    assert by_stream[f"{lower}@aggTrade"]["q"] == "0.40000000"


def test_binance_connector_trades_over_the_websocket_api(connector: Told) -> None:
    out, where = connector
    assert out["time"]["status"] == 200
    placed = out["placed"]
    assert placed["status"] == 200
    assert "rateLimits" in placed
    assert (placed["result"]["status"], placed["result"]["clientOrderId"]) == ("NEW", "by-ws")
    assert out["tested"]["result"] == {}
    assert out["status"]["result"]["orderId"] == placed["result"]["orderId"]
    assert out["book"]["result"]["bids"] == [["100.50000000", "1.00000000"]]
    assert (out["canceled"]["result"]["status"], out["canceled"]["result"]["origClientOrderId"]) == (
        "CANCELED",
        "by-ws",
    )
    assert (out["cancel_again"]["status"], out["cancel_again"]["error"]) == (
        400,
        {"code": -2011, "msg": "Unknown order sent."},
    )
    (fill,) = out["my_trades"]["result"]
    assert (fill["qty"], fill["commission"], fill["isMaker"]) == ("0.40000000", "0.00040000", True)
    check_funds(out["account"]["result"]["balances"], where)


def test_binance_connector_reads_streams_in_both_shapes(connector: Told) -> None:
    out, where = connector
    events = [message for message in out["plain"] if "e" in message]
    assert [(e["s"], e["p"], e["q"]) for e in events if e["e"] == "trade"] == [
        (where.symbol, "100.50000000", "0.40000000")
    ]
    depth = [event for event in events if event["e"] == "depthUpdate"]
    for earlier, later in itertools.pairwise(depth):
        assert later["U"] == earlier["u"] + 1
    lower = where.symbol.lower()
    assert {m["stream"] for m in out["combined"] if "stream" in m} == {f"{lower}@bookTicker", f"{lower}@kline_1m"}


def test_binance_connector_reads_its_user_stream_by_listen_key(connector: Told) -> None:
    out, where = connector
    check_reports(out["user"], out["placed"]["result"])
    assert last_position(out["user"])[where.quote] == (AFTER_TRADE, Decimal(0))
    for step in ("listen_key", "listen_ping", "listen_stop"):
        assert out[step]["status"] == 200
