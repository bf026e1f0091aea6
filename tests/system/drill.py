"""What drills of backup and restore share: load while a backup is made, and what has to be there afterwards."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp

from tandem.platform.log_files import segments
from tests.apps.directories import opened
from tests.engine.shard import wait_for
from tests.system.exchange import UNLIMITED, Exchange, cli
from tests.system.load import Journal, Loader
from tests.system.trader import Trader

SYMBOL = "BTCUSDT"
RESTING = "ETHUSDT"
"""Where nobody sells so low."""
REFUSED = 15_000
SECONDS_BEFORE, SECONDS_AFTER = 1.0, 0.3
CONFIG = UNLIMITED.replace('"debug"', '"info"') + "\n[engine]\nsegment_bytes = 1048576\nsnapshot_every = 500\n"
Account = dict[str, str]


def fill_a_segment(data: Path) -> None:
    """With commands that are refused and change nothing."""
    with opened(data) as engine:
        for _ in range(REFUSED):
            engine.debit(99, 0, 1)
        wait_for(engine, REFUSED)


def rest_orders(exchange: Exchange, accounts: list[Account]) -> None:
    for account in accounts:
        exchange.trader(account).place(RESTING, "BUY", quantity="1", price="100")


@dataclass
class Phase:
    """Orders acknowledged before, during or after a backup."""

    ids: dict[str, int] = field(default_factory=dict)
    """Client id to order id."""
    ended: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)

    def longest_silence(self) -> float:
        return max((later - earlier for earlier, later in zip(self.ended, self.ended[1:], strict=False)), default=0)

    def summary(self) -> str:
        ranked = sorted(self.latencies)
        shown = [f"{1000 * ranked[int(len(ranked) * share)]:.1f}" for share in (0.5, 0.99)]
        shown.append(f"{1000 * ranked[-1]:.1f}")
        return f"{len(ranked)} orders, ms p50 p99 max: {' '.join(shown)}, silent for {self.longest_silence():.2f} s"


async def under_load(exchange: Exchange, accounts: list[Account], task: Callable[[], None]) -> dict[str, Phase]:
    """Trades before, during and after `task`, until the kill. What the clients were told by then."""
    path = exchange.data.with_name("journal")
    journal = Journal(path)
    loaders = [Loader(exchange.url, account, SYMBOL, 0, 1, journal) for account in accounts]
    timeout = aiohttp.ClientTimeout(total=20)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as session:
        running = [asyncio.create_task(loader.run(session)) for loader in loaders]
        await asyncio.sleep(SECONDS_BEFORE)
        journal.write("begin", "backup", "")
        try:
            await asyncio.to_thread(task)
        finally:
            journal.write("end", "backup", "")
            await asyncio.sleep(SECONDS_AFTER)
            is_over = any(running_task.done() for running_task in running)
            await asyncio.to_thread(exchange.kill)
            await asyncio.gather(*running)
    assert not is_over, "the exchange did not go on"
    phases = _phases(journal)
    journal.close()
    return phases


def _phases(journal: Journal) -> dict[str, Phase]:
    phases = {"before": Phase(), "during": Phase(), "after": Phase()}
    names = iter(phases)
    current = phases[next(names)]
    sent: dict[str, float] = {}
    for row in journal.read():
        if row["op"] == "backup":
            current = phases[next(names)]
        elif row["op"] == "place" and row["what"] == "send":
            sent[row["cid"]] = row["at"]
        elif row["op"] == "place" and row["what"] == "ack":
            current.ids[row["cid"]] = row["orderId"]
            current.ended.append(row["at"])
            current.latencies.append(row["at"] - sent[row["cid"]])
    return phases


def told(*arguments: str, code: int = 0) -> Any:
    """What a command prints, as JSON."""
    done = cli(*arguments, timeout_s=60.0)
    assert done.returncode == code, done.stdout[-2000:] + done.stderr[-2000:]
    return json.loads(done.stdout)


def placed(data: Path) -> dict[str, int]:
    """Client ids of all orders in the log, and the commands that they came with."""
    lines = cli("inspect", str(data), "--limit", "1000000000", timeout_s=60.0).stdout.splitlines()
    records = [json.loads(line) for line in lines]
    return {row["fields"]["client_order_id"]: row["seq"] for row in records if row["command"] == "PlaceOrder"}


def check_logs(original: Exchange, second: Exchange, phases: dict[str, Phase], restored: dict[str, Any]) -> None:
    """The restored log is the original's up to its seq, and holds whatever was acknowledged up to there."""
    seq = restored["seq"]
    assert all(phase.ids for phase in phases.values())
    came, kept = placed(original.data), placed(second.data)
    acknowledged = {cid for phase in phases.values() for cid in phase.ids}
    if segments(original.data)[0].first_seq == 1:
        assert acknowledged <= came.keys()
    acknowledged &= came.keys()
    assert {cid for cid in acknowledged if came[cid] <= seq} == acknowledged & kept.keys()
    assert phases["before"].ids.keys() & acknowledged <= kept.keys()

    report = told("verify", str(second.data))
    assert (report["ok"], report["seq"], report["digest"]) == (True, seq, restored["digest"])
    found = told("diff", str(original.data), str(second.data), "--json")
    assert (found["equal"], found["common_seq"], found["a"]["last_seq"] > seq) == (True, seq, True)


def check_orders(traders: list[Trader], phases: dict[str, Phase], came: dict[str, int], seq: int) -> None:
    """The exchange that was restored knows orders that were acknowledged up to its seq, the last ones above all, and
    none that came later. `came`: as the original's log has them."""
    acknowledged = {cid: id for phase in phases.values() for cid, id in phase.ids.items() if cid in came}
    orders = sorted(acknowledged.items(), key=lambda order: came[order[0]])
    known = [order for order in orders if came[order[0]] <= seq]
    for cid, id in known[:20] + known[-40:]:
        trader = next(trader for trader in traders if f"-{trader.name}-" in cid)
        found = trader.order(SYMBOL, orderId=id)
        assert (found["orderId"], found["clientOrderId"].removeprefix("x")) == (id, cid)
    for cid, id in orders[len(known) :][-20:]:
        trader = next(trader for trader in traders if f"-{trader.name}-" in cid)
        assert id not in {row["orderId"] for row in trader.signed("GET", "/api/v3/allOrders", symbol=SYMBOL)}


def holds(trader: Trader, state: dict[str, Any]) -> None:
    """The account has what the printed state says."""
    [account] = [row for row in state["accounts"] if row["name"] == trader.name]
    expected = {a: (Decimal(row["free"]), Decimal(row["locked"])) for a, row in account["balances"].items()}
    assert trader.balances() == expected
    resting = {row["order_id"] for row in state["open_orders"] if row["account"] == trader.name}
    assert {order["orderId"] for order in trader.signed("GET", "/api/v3/openOrders")} == resting != set()
