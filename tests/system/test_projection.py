"""The projecting process beside the server: it keeps up, is started again when it dies, and finishes at the end."""

import json
import os
import signal
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.system.exchange import UNLIMITED, Exchange, cli, until
from tests.system.venue import make_account, make_venue


def gauges(exchange: Exchange) -> dict[str, float]:
    text = httpx.get(exchange.url + "/metrics").text
    return {
        family.name.removeprefix("tandem_history_"): family.samples[0].value
        for family in text_string_to_metric_families(text)
        if family.name.startswith("tandem_history_")
    }


def last_seq(exchange: Exchange) -> int:
    report: dict[str, Any] = json.loads(cli("verify", str(exchange.data)).stdout)
    return int(report["seq"])


def position(database: Path) -> int:
    connection = sqlite3.connect(database)
    try:
        return int(connection.execute("SELECT seq FROM position").fetchone()[0])
    finally:
        connection.close()


def projecting(exchange: Exchange) -> int | None:
    """The pid of the process beside the server."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == exchange.pid and b"tandem.apps.project" in (path / "cmdline").read_bytes():
                return int(path.name)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return None


def trade(exchange: Exchange, count: int) -> None:
    venue = make_venue(exchange)
    maker, taker = (exchange.trader(make_account(name, venue)) for name in ("maker", "taker"))
    for _ in range(count):
        maker.place(venue.symbol, "SELL", quantity="0.1", price="100")
        taker.place(venue.symbol, "BUY", quantity="0.1", price="100")


@pytest.fixture
def traded(own_exchange: Exchange) -> Exchange:
    own_exchange.start("--no-demo")
    own_exchange.operate("POST", "/assets", {"asset": "USDT", "name": "Tether"})
    trade(own_exchange, 5)
    return own_exchange


def test_the_metrics_say_how_far_it_is(traded: Exchange) -> None:
    told = until(lambda: gauges(traded) if gauges(traded)["seq"] else None)
    told = until(lambda: gauges(traded) if not gauges(traded)["lag_commands"] else None)
    assert told.keys() == {"seq", "lag_commands", "lag_seconds", "rows", "errors", "restarts"}
    assert (told["lag_seconds"], told["errors"], told["restarts"]) == (0, 0, 0)
    assert told["rows"] > 20


def test_it_is_started_again_when_it_dies(traded: Exchange) -> None:
    for restarts in (1, 2):
        before = until(lambda: gauges(traded)["seq"])
        os.kill(until(lambda: projecting(traded)), signal.SIGKILL)
        until(lambda expected=restarts: gauges(traded)["restarts"] == expected)
        trade(traded, 1)
        told = until(lambda: gauges(traded) if not gauges(traded)["lag_commands"] else None)
        assert told["seq"] > before
    assert "the projecting process ended and is started again" in traded.log_text()


def test_an_orderly_end_leaves_nothing_untold(traded: Exchange) -> None:
    trade(traded, 20)
    child = until(lambda: projecting(traded))
    assert traded.stop() == 0
    assert position(traded.data / "history.db") == last_seq(traded)
    assert not Path(f"/proc/{child}").exists()


def test_it_ends_by_itself_when_the_server_is_killed(traded: Exchange) -> None:
    child = until(lambda: projecting(traded))
    traded.kill()
    until(lambda: not Path(f"/proc/{child}").exists())
    assert position(traded.data / "history.db") == last_seq(traded)


def test_a_server_without_a_history(tmp_path: Path) -> None:
    exchange = Exchange(tmp_path / "data", config=UNLIMITED + "\n[history]\nenabled = false\n")
    try:
        exchange.start("--no-demo")
        assert gauges(exchange) == {}
        assert projecting(exchange) is None
        assert exchange.stop() == 0
    finally:
        exchange.close()
    assert not (tmp_path / "data" / "history.db").exists()


def test_an_address_that_is_none(tmp_path: Path) -> None:
    exchange = Exchange(tmp_path / "data", config=UNLIMITED + '\n[history]\ndatabase = "mysql://db/history"\n')
    try:
        assert exchange.spawn("--no-demo").wait(20) == 1
    finally:
        exchange.close()
    assert "not mysql" in exchange.log_text()


def test_tandem_project(traded: Exchange, tmp_path: Path) -> None:
    assert traded.stop() == 0
    last, url = last_seq(traded), f"sqlite:///{tmp_path / 'elsewhere.db'}"
    rows = []
    for options in ((), (), ("--rebuild",)):
        done = cli("project", str(traded.data), "--once", "--database", url, *options)
        told = json.loads(done.stdout)
        assert (done.returncode, told["seq"], told["errors"]) == (0, last, 0)
        assert position(tmp_path / "elsewhere.db") == last
        rows.append(told["rows"])
    assert rows == [rows[0], 0, rows[0]]
    assert rows[0] > 20
    refused = cli("project", str(traded.data), "--once", "--database", "nonsense")
    assert refused.returncode == 1
    assert "is no URL" in refused.stderr
