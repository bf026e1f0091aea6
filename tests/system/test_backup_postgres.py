"""The drill with the history in PostgreSQL: told again into an empty database, or gone on with in a dump of it."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tandem.platform.log_files import segments
from tests.history.conftest import postgres
from tests.support.postgres import Server
from tests.system.drill import (
    CONFIG,
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

__all__ = ["postgres"]
LISTED = 900
"""Of the 1000 that can be asked for at once: more come."""


def config(url: str, more: str = "") -> str:
    return f'{CONFIG.replace("500", "10000")}\n[history]\ndatabase = "{url}"\n{more}'


def position(url: str) -> int:
    """Up to where the history is told; -1 before it begins."""
    with psycopg.connect(url) as connection:
        try:
            row = connection.execute("SELECT seq FROM position").fetchone()
        except psycopg.errors.UndefinedTable:
            return -1
    return -1 if row is None else int(row[0])


def dump(url: str, into: str) -> None:
    made = subprocess.run(["pg_dump", "--dbname", url], capture_output=True, check=True, timeout=60)
    psql = ["psql", "--quiet", "--no-psqlrc", "--set", "ON_ERROR_STOP=1", "--dbname", into]
    subprocess.run(psql, input=made.stdout, stdout=subprocess.DEVNULL, check=True, timeout=60)


class Drill:
    """An original, a backup of it, and the place where it is restored. Each has a database of its own."""

    def __init__(self, directory: Path, postgres: Server, more: str = "") -> None:
        self.database, self.empty, self.unused = (postgres.new_database() for _ in range(3))
        self.original = Exchange(directory / "data", config=config(self.database, more))
        self.second = Exchange(directory / "restored", config=config(self.empty, more))
        self._passphrase, self._backup = directory / "passphrase", directory / "backup"
        self._passphrase.write_text("four random common words\n")
        self.accounts: list[Account] = []

    def close(self) -> None:
        self.original.close()
        self.second.close()

    def begin(self) -> None:
        fill_a_segment(self.original.data)
        self.original.start("--demo")
        self.accounts = json.loads((self.original.data / "demo.json").read_text())["accounts"]
        rest_orders(self.original, self.accounts)

    def back_up(self) -> dict[str, Any]:
        secret = ("--passphrase-file", str(self._passphrase))
        made: dict[str, Any] = told("backup", str(self.original.data), str(self._backup), *secret)
        assert not (self._backup / "history.db").exists()
        return made

    def restore(self) -> dict[str, Any]:
        secret = ("--passphrase-file", str(self._passphrase))
        restored: dict[str, Any] = told("restore", str(self._backup), str(self.second.data), *secret)
        return restored

    def check(self, phases: dict[str, Phase], restored: dict[str, Any]) -> None:
        """Starts what was restored; in the end it is closed again."""
        seq = restored["seq"]
        state = told("replay", str(self.original.data), "--until", str(seq), "--print")
        assert state["digest"] == restored["digest"]
        self.second.start("--accept-restored", "--no-demo")
        until(lambda: position(self.empty) == seq, 60.0)
        traders = [self.second.trader(account) for account in self.accounts]
        for trader in traders:
            holds(trader, state)
        check_orders(traders, phases, placed(self.original.data), seq)
        listed = [self._listed(number) for number in range(2)]
        order = traders[0].place(SYMBOL, "BUY", quantity="0.2", price="99")
        assert order["orderId"] > max(row["order_id"] for row in state["open_orders"])
        traders[0].cancel(SYMBOL, orderId=order["orderId"])
        assert self.second.stop() == 0
        assert told("verify", str(self.second.data))["seq"] == position(self.empty) == seq + 2
        audited = cli("audit", str(self.second.data), "--database", self.empty, timeout_s=120.0)
        assert (audited.returncode, audited.stdout) == (0, ""), audited.stderr
        self.second.start("--no-demo")
        again = [self._listed(number) for number in range(2)]
        assert again[0]["allOrders"].pop()["orderId"] == order["orderId"]
        for before, after in zip(listed, again, strict=True):
            assert {path: rows[-LISTED:] for path, rows in after.items()} == {
                path: rows[-LISTED:] for path, rows in before.items()
            }
        assert self.second.stop() == 0

    def _listed(self, number: int) -> dict[str, Any]:
        """More than memory holds after a start from a snapshot."""
        trader = self.second.trader(self.accounts[number])
        found = {
            path: trader.signed("GET", f"/api/v3/{path}", symbol=SYMBOL, limit=1000)
            for path in ("allOrders", "myTrades")
        }
        assert all(found.values())
        return found


@pytest.fixture
def drill(request: pytest.FixtureRequest, tmp_path: Path, postgres: Server) -> Iterator[Drill]:
    made = Drill(tmp_path, postgres, getattr(request, "param", ""))
    yield made
    made.close()


@pytest.mark.timeout(300)
async def test_an_empty_database_is_told_everything_again(drill: Drill) -> None:
    await asyncio.to_thread(drill.begin)
    phases = await under_load(drill.original, drill.accounts, drill.back_up)
    restored = await asyncio.to_thread(drill.restore)
    await asyncio.to_thread(check_logs, drill.original, drill.second, phases, restored)
    await asyncio.to_thread(until, lambda: position(drill.database) > restored["seq"])
    await asyncio.to_thread(refuse, drill, drill.database, "holds what came after the backup")
    await asyncio.to_thread(drill.check, phases, restored)


def refuse(drill: Drill, database: str, why: str) -> None:
    """What was restored does not start with it."""
    wrong = drill.second.data.with_name("wrong.toml")
    wrong.write_text(config(database))
    done = cli("serve", "--data", str(drill.second.data), "--port", "0", "--config", str(wrong), "--accept-restored")
    assert (done.returncode, why in done.stderr) == (1, True), done.stderr


@pytest.mark.parametrize("drill", ['[log]\nkeep = "snapshots"\n'], indirect=True)
@pytest.mark.timeout(300)
async def test_a_dump_of_the_database_goes_on_where_the_log_no_longer_reaches_back(drill: Drill) -> None:
    made: list[dict[str, Any]] = []

    def dump_and_back_up() -> None:
        until(lambda: segments(drill.original.data)[0].first_seq > 1, 60.0)
        dump(drill.database, drill.empty)
        made.append(drill.back_up())

    await asyncio.to_thread(drill.begin)
    phases = await under_load(drill.original, drill.accounts, dump_and_back_up)
    restored = await asyncio.to_thread(drill.restore)
    await asyncio.to_thread(refuse, drill, drill.unused, f"the log begins after seq {made[0]['told_from']}")
    assert 0 < made[0]["told_from"] <= position(drill.empty) <= restored["seq"]
    await asyncio.to_thread(check_logs, drill.original, drill.second, phases, restored)
    await asyncio.to_thread(drill.check, phases, restored)
