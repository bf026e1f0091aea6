"""The drill: a backup while trading, kill -9, restored elsewhere, compared with the original, traded on."""

import asyncio
import json
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

from tandem.platform.log_files import durable_seq, segments
from tests.system.drill import (
    CONFIG,
    REFUSED,
    SYMBOL,
    Account,
    Phase,
    check_logs,
    check_orders,
    fill_a_segment,
    holds,
    placed,
    rest_orders,
    told,
    under_load,
)
from tests.system.exchange import Exchange, cli, until

LONGEST_SILENCE_SECONDS = 2.0
"""Without any order's acknowledgement while the backup is made, on a machine with better things to do."""


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
        await asyncio.to_thread(rest_orders, original, accounts)
        await asyncio.to_thread(until, lambda: projected_seq(original.data) > REFUSED, 30.0)
        phases = await under_load(original, accounts, lambda: told("backup", str(original.data), str(backup), *secret))
        assert phases["during"].longest_silence() < LONGEST_SILENCE_SECONDS
        await asyncio.to_thread(check, original, second, accounts, phases, backup, secret)
    finally:
        original.close()
        second.close()


def check(
    original: Exchange,
    second: Exchange,
    accounts: list[Account],
    phases: dict[str, Phase],
    backup: Path,
    secret: tuple[str, str],
) -> None:
    restored: dict[str, Any] = told("restore", str(backup), str(second.data), *secret)
    seq = restored["seq"]
    shown = "; ".join(f"{name}: {phase.summary()}" for name, phase in phases.items())
    sys.stdout.write(f"seq {seq} of {durable_seq(original.data)}; {shown}\n")
    check_logs(original, second, phases, restored)
    assert len(segments(second.data)) > 1
    state = told("replay", str(original.data), "--until", str(seq), "--print")
    assert state["digest"] == restored["digest"]

    refused = cli("serve", "--data", str(second.data), "--port", "0")
    assert (refused.returncode, f"its log ends at seq {seq}" in refused.stderr) == (1, True)
    assert REFUSED < projected_seq(second.data) <= seq
    second.start("--accept-restored", "--no-demo")
    traders = [second.trader(account) for account in accounts]
    for trader in traders:
        holds(trader, state)
    check_orders(traders, phases, placed(original.data), seq)
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
