"""kill -9 under load, many times: nothing acknowledged is lost, nothing happens twice, funds are conserved.

TANDEM_TEST_SEED repeats a run's choices, TANDEM_KILL_CYCLES asks for more of them. The instant of the kill is
a matter of the wall clock, so a seed repeats the load and the delays and not the exact interleaving.
"""

import asyncio
import json
import os
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.system.exchange import UNLIMITED, Exchange, cli
from tests.system.load import Journal, Loader, canceling, load_until, original
from tests.system.trader import Refused, Trader
from tests.system.venue import make_venue

T = TypeVar("T")
CYCLES = int(os.environ.get("TANDEM_KILL_CYCLES", "30"))
SEED = int(os.environ.get("TANDEM_TEST_SEED", "0")) or int.from_bytes(os.urandom(4))
NAMES = ("ann", "ben", "cat", "dan")
FUNDS = {"base": "1000000", "quote": "100000000"}
# Many segments in one run; and in the second run snapshots too, and closed orders from before are in the history only.
SEGMENTS = "\n[engine]\nsegment_bytes = 1048576\n"
SNAPSHOTS = SEGMENTS + "snapshot_every = 700\n"
OPEN = {"NEW", "PARTIALLY_FILLED"}


class Ledger:
    """What the journal says must be true, and what was found after each restart."""

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.acks: dict[str, dict[str, Any]] = {}
        self.cancel_acks: dict[str, dict[str, Any]] = {}
        self.cancels_sent: set[str] = set()
        self.sent: dict[str, str] = {}
        self.refused: set[str] = set()
        self.outcome: dict[str, bool] = {}
        self.last_order = dict.fromkeys(NAMES, 0)
        self.last_trade = dict.fromkeys(NAMES, 0)
        self.sides_of_trades: Counter[int] = Counter()
        self.filled: dict[int, Decimal] = defaultdict(Decimal)

    def read(self, journal: Journal) -> None:
        """Everything again from the start: the file is the truth."""
        for row in journal.read():
            cid = row["cid"]
            match row["op"], row["what"]:
                case "place", "send":
                    self.sent[cid] = row["account"]
                case "place", "ack":
                    self.acks[cid] = row
                case "place", "refused":
                    self.refused.add(cid)
                case "cancel", "send":
                    self.cancels_sent.add(cid)
                case "cancel", "ack":
                    self.cancel_acks[cid] = row

    def check_account(self, trader: Trader, cycle: int) -> None:
        """All orders and trades of one account since the last look."""
        self._take_trades(trader)
        rows = {}
        for row in all_orders(trader, self.symbol, self.last_order[trader.name] + 1):
            cid = original(row["clientOrderId"])
            assert cid not in rows, f"{cid} is there twice: {rows[cid]} and {row}"
            rows[cid] = row
            self.last_order[trader.name] = max(self.last_order[trader.name], row["orderId"])
        mine = {c for c, name in self.sent.items() if name == trader.name and c.startswith(f"{cycle}-")}
        assert rows.keys() <= mine
        for cid in mine:
            self._check_order(cid, rows.get(cid))
            self.outcome[cid] = cid in rows
        for cid in sorted(mine - self.acks.keys() - self.refused)[:10]:
            self._check_unknown(trader, cid, rows.get(cid))

    def _check_order(self, cid: str, row: dict[str, Any] | None) -> None:
        assert cid not in self.refused or row is None, f"{cid} was refused and is there: {row}"
        ack = self.acks.get(cid)
        if row is None:
            assert ack is None, f"acknowledged and lost: {ack}"
            return
        assert Decimal(row["executedQty"]) == self.filled[row["orderId"]], row
        if ack is None:
            return
        assert row["orderId"] == ack["orderId"], (row, ack)
        assert Decimal(row["executedQty"]) >= Decimal(ack["executedQty"]), (row, ack)
        if cid in self.cancel_acks:
            assert row["status"] == "CANCELED", (row, self.cancel_acks[cid])
            assert row["executedQty"] == self.cancel_acks[cid]["executedQty"]
        elif ack["status"] not in OPEN:
            assert row["status"] == ack["status"], (row, ack)
        elif cid not in self.cancels_sent:
            assert row["status"] in OPEN | {"FILLED", "EXPIRED_IN_MATCH"}, (row, ack)

    def _check_unknown(self, trader: Trader, cid: str, row: dict[str, Any] | None) -> None:
        """A request without an answer has one outcome, and the client can find out which."""
        for _ in range(2):
            try:
                found = patient(trader.order, self.symbol, origClientOrderId=cid)
            except Refused as refused:
                assert refused.body["code"] == -2013  # noqa: PT017
                assert row is None or row["clientOrderId"] == canceling(cid)
            else:
                assert row is not None
                assert found["orderId"] == row["orderId"]
        if row is not None and row["status"] in OPEN:
            with pytest.raises(Refused) as again:
                trader.place(self.symbol, "BUY", quantity="1", price="50", newClientOrderId=cid)
            assert again.value.error == (400, -2010, "Duplicate order sent.")

    def _take_trades(self, trader: Trader) -> None:
        while rows := patient(trader.trades, self.symbol, fromId=self.last_trade[trader.name], limit=1000):
            for row in rows:
                self.sides_of_trades[row["id"]] += 1
                self.filled[row["orderId"]] += Decimal(row["qty"])
            self.last_trade[trader.name] = rows[-1]["id"] + 1

    def check_every_order_again(self, traders: list[Trader]) -> None:
        """After the last restart: the outcomes found on the way are still the outcomes."""
        found = Counter(original(row["clientOrderId"]) for t in traders for row in all_orders(t, self.symbol, 0))
        assert found == Counter(cid for cid, is_there in self.outcome.items() if is_there)


def all_orders(trader: Trader, symbol: str, from_id: int) -> Iterator[dict[str, Any]]:
    while rows := patient(trader.signed, "GET", "/api/v3/allOrders", symbol=symbol, orderId=from_id, limit=1000):
        yield from rows
        from_id = rows[-1]["orderId"] + 1


def patient(ask: Callable[..., T], *args: Any, **params: Any) -> T:
    """Right after a start the history may be behind what is asked for, and says so."""
    end = time.monotonic() + 15
    while True:
        try:
            return ask(*args, **params)
        except Refused as refused:
            if refused.body["code"] != -1007 or time.monotonic() > end:
                raise


def check_funds(exchange: Exchange, traders: list[Trader], symbol: str) -> dict[str, Decimal]:
    """Sums over all accounts, the fee account too; and locked is exactly what the open orders need."""
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for account in exchange.operate("GET", "/accounts"):
        for asset, row in account["balances"].items():
            totals[asset] += Decimal(row["free"]) + Decimal(row["locked"])
    assert totals == {"KIL": len(NAMES) * Decimal(FUNDS["base"]), "USDT": len(NAMES) * Decimal(FUNDS["quote"])}
    for trader in traders:
        needed = {"KIL": Decimal(0), "USDT": Decimal(0)}
        for order in trader.open_orders(symbol):
            left = Decimal(order["origQty"]) - Decimal(order["executedQty"])
            if order["side"] == "SELL":
                needed["KIL"] += left
            else:
                needed["USDT"] += left * Decimal(order["price"])
        assert {asset: locked for asset, (_, locked) in trader.balances().items()} == needed
    return totals


def verified(data: Path) -> dict[str, Any]:
    done = cli("verify", str(data))
    assert done.returncode == 0, done.stdout + done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["ok"], report
    return report


def open_exchange(path: Path, engine: str) -> tuple[Exchange, list[dict[str, str]], str]:
    """A fresh directory with one market and funded accounts; running."""
    exchange = Exchange(path, config=UNLIMITED.replace('"debug"', '"info"') + engine).start("--no-demo")
    exchange.operate("POST", "/assets", {"asset": "USDT"})
    where = make_venue(exchange, "KIL")
    accounts = [exchange.open_account(name, KIL=FUNDS["base"], USDT=FUNDS["quote"]) for name in NAMES]
    return exchange, accounts, where.symbol


async def cycle_once(
    exchange: Exchange, accounts: list[dict[str, str]], ledger: Ledger, journal: Journal, cycle: int, stops: bool
) -> int:
    """Load, kill, restart (now and then once more, in order), check. Returns how many requests were acknowledged."""
    chance = random.Random(f"{SEED}-{cycle}")
    loaders = [Loader(exchange.url, account, ledger.symbol, cycle, SEED, journal) for account in accounts]
    await load_until(loaders, chance.uniform(0.02, 0.7), exchange.kill)
    if cycle % 6 == 5:  # and once more, while it recovers
        exchange.spawn()
        await asyncio.sleep(chance.uniform(0.05, 0.8))
        exchange.kill()
    if cycle % 10 == 9:
        await asyncio.to_thread(verified, exchange.data)
    ledger.read(journal)
    await asyncio.to_thread(exchange.start)
    if stops and cycle % 3 == 1:  # what is saved at an orderly end need not be replayed after the next start
        await asyncio.to_thread(exchange.stop)
        await asyncio.to_thread(exchange.start)
    traders = [exchange.trader(account) for account in accounts]
    for trader in traders:
        await asyncio.to_thread(ledger.check_account, trader, cycle)
    assert set(ledger.sides_of_trades.values()) <= {2}, "a trade has two sides"
    await asyncio.to_thread(check_funds, exchange, traders, ledger.symbol)
    for trader in traders:
        trader.close()
    return sum(loader.acknowledged for loader in loaders)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("engine", "cycles"),
    [pytest.param(SEGMENTS, CYCLES - CYCLES // 4, id="log"), pytest.param(SNAPSHOTS, CYCLES // 4, id="snapshots")],
)
async def test_nothing_acknowledged_is_lost_when_killed_under_load(tmp_path: Path, engine: str, cycles: int) -> None:
    sys.stdout.write(f"TANDEM_TEST_SEED={SEED}\n")
    exchange, accounts, symbol = await asyncio.to_thread(open_exchange, tmp_path / "data", engine)
    journal = Journal(tmp_path / "journal")
    ledger = Ledger(symbol)
    acknowledged, slowest = 0, 0.0
    try:
        for cycle in range(cycles):
            acknowledged += await cycle_once(exchange, accounts, ledger, journal, cycle, engine == SNAPSHOTS)
            slowest = max(slowest, exchange.seconds_to_ready)
        await asyncio.to_thread(ledger.check_every_order_again, [exchange.trader(a) for a in accounts])
        assert await asyncio.to_thread(exchange.stop) == 0
        report = await asyncio.to_thread(verified, exchange.data)
    finally:
        exchange.close()
        journal.close()
    trades = len(ledger.sides_of_trades)
    sys.stdout.write(f"{acknowledged} acknowledged, {trades} trades, slowest start {slowest:.2f} s\n")
    assert acknowledged > 20 * cycles
    assert trades > cycles
    assert slowest < 8
    if engine == SNAPSHOTS:
        assert report["snapshots"], "no snapshot was crossed"
    funds = {row["asset"]: Decimal(row["credited"]) - Decimal(row["debited"]) for row in report["funds"]}
    assert funds["USDT"] == len(NAMES) * Decimal(FUNDS["quote"]) * 10**8
