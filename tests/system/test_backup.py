"""The drill: a backup while trading, kill -9, restored elsewhere, compared with the original, traded on."""

import asyncio
import json
import sqlite3
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tandem.platform.log_files import durable_seq, segments
from tests.apps.directories import opened
from tests.engine.shard import wait_for
from tests.system.exchange import UNLIMITED, Exchange, cli, until
from tests.system.load import Journal, Loader
from tests.system.trader import Trader

SYMBOL = "BTCUSDT"
RESTING = "ETHUSDT"
"""Where nobody sells so low."""
REFUSED = 15_000
SECONDS_BEFORE, SECONDS_AFTER = 1.0, 0.3
CONFIG = UNLIMITED.replace('"debug"', '"info"') + "\n[engine]\nsegment_bytes = 1048576\nsnapshot_every = 500\n"


def fill_a_segment(data: Path) -> None:
    """With commands that are refused and change nothing."""
    with opened(data) as engine:
        for _ in range(REFUSED):
            engine.debit(99, 0, 1)
        wait_for(engine, REFUSED)


async def back_up_under_load(exchange: Exchange, accounts: list[dict[str, str]], *backup: str) -> Path:
    """Trades before, during and after the backup, until the kill. Returns what the clients wrote down."""
    path = exchange.data.with_name("journal")
    journal = Journal(path)
    loaders = [Loader(exchange.url, account, SYMBOL, 0, 1, journal) for account in accounts]
    timeout = aiohttp.ClientTimeout(total=20)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as session:
        running = [asyncio.create_task(loader.run(session)) for loader in loaders]
        await asyncio.sleep(SECONDS_BEFORE)
        journal.write("begin", "backup", "")
        made = await asyncio.to_thread(cli, *backup, timeout_s=60.0)
        journal.write("end", "backup", "")
        await asyncio.sleep(SECONDS_AFTER)
        assert not any(task.done() for task in running), "the exchange did not go on"
        await asyncio.to_thread(exchange.kill)
        await asyncio.gather(*running)
    journal.close()
    assert made.returncode == 0, made.stderr
    return path


def acknowledged(journal: Path) -> dict[str, list[str]]:
    """Client ids of orders that were acknowledged before, during and after the backup."""
    phases: dict[str, list[str]] = {"before": [], "during": [], "after": []}
    phase = iter(phases)
    current = next(phase)
    for line in journal.read_text().splitlines():
        row = json.loads(line)
        if row["op"] == "backup":
            current = next(phase)
        elif (row["op"], row["what"]) == ("place", "ack"):
            phases[current].append(row["cid"])
    return phases


def told(*arguments: str, code: int = 0) -> Any:
    done = cli(*arguments, timeout_s=60.0)
    assert done.returncode == code, done.stdout[-2000:] + done.stderr[-2000:]
    return json.loads(done.stdout)


def placed(data: Path) -> set[str]:
    lines = cli("inspect", str(data), "--limit", "1000000000", timeout_s=60.0).stdout.splitlines()
    records = [json.loads(line) for line in lines]
    return {row["fields"]["client_order_id"] for row in records if row["command"] == "PlaceOrder"}


def holds(trader: Trader, state: dict[str, Any]) -> None:
    """The account has what the printed state says."""
    [account] = [row for row in state["accounts"] if row["name"] == trader.name]
    expected = {a: (Decimal(row["free"]), Decimal(row["locked"])) for a, row in account["balances"].items()}
    assert trader.balances() == expected
    resting = {row["order_id"] for row in state["open_orders"] if row["account"] == trader.name}
    assert {order["orderId"] for order in trader.signed("GET", "/api/v3/openOrders")} == resting != set()


def projected_seq(data: Path) -> int:
    """Up to where the history is told; 0 before it begins."""
    connection = sqlite3.connect(data / "history.db")
    try:
        if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'position'").fetchall():
            return 0
        [(seq,)] = connection.execute("SELECT max(seq) FROM position")
    finally:
        connection.close()
    return seq or 0


@pytest.mark.timeout(240)
async def test_what_was_backed_up_while_trading_is_restored_and_trades_on(tmp_path: Path) -> None:
    original = Exchange(tmp_path / "data", config=CONFIG)
    second = Exchange(tmp_path / "restored", config=CONFIG)
    passphrase, backup = tmp_path / "passphrase", tmp_path / "backup"
    passphrase.write_text("four random common words\n")
    secret = ("--passphrase-file", str(passphrase))
    try:
        await asyncio.to_thread(fill_a_segment, original.data)
        await asyncio.to_thread(original.start, "--demo")
        accounts = json.loads((original.data / "demo.json").read_text())["accounts"]
        for account in accounts:
            await asyncio.to_thread(original.trader(account).place, RESTING, "BUY", quantity="1", price="100")
        await asyncio.to_thread(until, lambda: projected_seq(original.data) > REFUSED, 30.0)
        journal = await back_up_under_load(original, accounts, "backup", str(original.data), str(backup), *secret)
        await asyncio.to_thread(check, original, second, accounts, acknowledged(journal), backup, secret)
    finally:
        original.close()
        second.close()


def check(
    original: Exchange,
    second: Exchange,
    accounts: list[dict[str, str]],
    orders: dict[str, list[str]],
    backup: Path,
    secret: tuple[str, str],
) -> None:
    restored = told("restore", str(backup), str(second.data), *secret)
    seq, ended = restored["seq"], durable_seq(original.data)
    counts = {phase: len(ids) for phase, ids in orders.items()}
    sys.stdout.write(f"seq {seq} of {ended}; orders acknowledged: {counts}\n")
    assert ended is not None
    assert 1 < seq < ended
    assert all(counts.values())
    assert len(segments(second.data)) > 1
    assert set(orders["before"]) <= placed(second.data)

    report = told("verify", str(second.data))
    assert (report["ok"], report["seq"], report["digest"]) == (True, seq, restored["digest"])
    found = told("diff", str(original.data), str(second.data), "--json")
    assert (found["equal"], found["common_seq"], found["a"]["last_seq"]) == (True, seq, ended)
    state = told("replay", str(original.data), "--until", str(seq), "--print")
    assert state["digest"] == restored["digest"]

    refused = cli("serve", "--data", str(second.data), "--port", "0")
    assert (refused.returncode, f"its log ends at seq {seq}" in refused.stderr) == (1, True)
    assert REFUSED < projected_seq(second.data) <= seq
    second.start("--accept-restored", "--no-demo")
    traders = [second.trader(account) for account in accounts]
    for trader in traders:
        holds(trader, state)
    for cid in orders["before"][:20]:
        found = next(trader for trader in traders if f"-{trader.name}-" in cid).order(SYMBOL, origClientOrderId=cid)
        assert found["clientOrderId"].removeprefix("x") == cid
    order = traders[0].place(SYMBOL, "BUY", quantity="0.2", price="99")
    assert order["orderId"] > max(row["order_id"] for row in state["open_orders"])
    traders[0].cancel(SYMBOL, orderId=order["orderId"])
    assert second.stop() == 0
    ended = told("verify", str(second.data))["seq"]
    assert ended == projected_seq(second.data) == seq + 2
    parted = told("diff", str(original.data), str(second.data), "--json", code=1)
    assert parted["first_difference"]["seq"] == seq + 1
    second.start("--no-demo")
    assert second.stop() == 0
