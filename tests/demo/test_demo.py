"""The demo's set-up ends in the same place whatever happened to an earlier one; its bots keep a book."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tandem.admin.service import AdminService
from tandem.apps.demo import ASSETS, DEMO_FILE, FUNDS, MAKER, MARKETS, TAKER, DemoMarket, DemoRefused, prepare
from tandem.apps.demo_bots import LEVELS, Bots, Walk, ladder, on_step, trim
from tandem.apps.serve import Exchange
from tandem.domain.trading import FEE_ACCOUNT
from tandem.identity.service import open_keys
from tandem.platform.clock import SystemClock
from tandem.platform.engine import Engine, EngineClient
from tandem.platform.settings import Settings

COMMANDS = len(ASSETS) + len(MARKETS) + len(FUNDS) * (1 + len(ASSETS))
KEYS = 2


class Crash(Exception):
    """The process ended here."""


class Steps:
    """Lets a number of steps happen and fails at the next."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.done = 0

    def take(self) -> None:
        if self.done == self.left:
            raise Crash
        self.done += 1


class CrashingAdmin(AdminService):
    """Ends behind a command."""

    def __init__(self, client: EngineClient, steps: Steps) -> None:
        super().__init__(client)
        self._steps = steps

    async def _done(self, number: int) -> Any:
        result = await super()._done(number)
        self._steps.take()
        return result


Run = Callable[[int], Awaitable[int]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """One life of a process that sets up the demo and ends after so many steps; how many it took."""

    async def life(steps_left: int) -> int:
        client = EngineClient(Engine.open(str(tmp_path), segment_bytes=1 << 20))
        client.start()
        steps = Steps(steps_left)

        def create_key(account: int, _label: str) -> dict[str, Any]:
            steps.take()
            return {"apiKey": f"key of {account}", "secretKey": "secret"}

        try:
            await prepare(CrashingAdmin(client, steps), tmp_path, create_key)
        except Crash:
            pass
        finally:
            await client.close()
        return steps.done

    return life


def state(directory: Path) -> tuple[Any, ...]:
    engine = Engine.open(str(directory), segment_bytes=1 << 20)
    admin = AdminService(EngineClient(engine))
    found = admin.assets(), admin.markets(), admin.accounts(), engine.funds()
    engine.close()
    return found


async def test_set_up_makes_everything_once(run: Run, tmp_path: Path) -> None:
    assert await run(1_000) == COMMANDS + KEYS
    assert await run(1_000) == 0
    assert (tmp_path / DEMO_FILE).stat().st_mode & 0o777 == 0o600
    people = json.loads((tmp_path / DEMO_FILE).read_text())["accounts"]
    assert [person["name"] for person in people] == ["alice", "bob"]
    _, markets, accounts, _ = state(tmp_path)
    assert [market["symbol"] for market in markets] == [market.symbol for market in MARKETS]
    held = {
        account["name"]: {code: Decimal(balance["free"]) for code, balance in account["balances"].items()}
        for account in accounts
        if account["name"] in FUNDS
    }
    assert held == {name: {code: Decimal(amount) for code, amount in funds.items()} for name, funds in FUNDS.items()}


async def test_a_crash_behind_any_step_is_made_good(
    run: Run, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Every life carries out one more command, and ends."""
    for _ in range(COMMANDS + 1):
        assert await run(0) == 0
    assert not (tmp_path / DEMO_FILE).exists()
    assert await run(KEYS) == KEYS
    whole = tmp_path_factory.mktemp("whole")
    client = EngineClient(Engine.open(str(whole), segment_bytes=1 << 20))
    client.start()
    await prepare(AdminService(client), whole, lambda account, _: {"apiKey": str(account), "secretKey": "s"})
    await client.close()
    assert state(tmp_path) == state(whole)


async def test_an_exchange_that_the_demo_does_not_fit_is_left_alone(tmp_path: Path) -> None:
    client = EngineClient(Engine.open(str(tmp_path), segment_bytes=1 << 20))
    client.start()
    admin = AdminService(client)
    await admin.create_asset("BTC", "Bitcoin", 6)
    with pytest.raises(DemoRefused, match="needs BTC with 8 decimals and this exchange has it with 6; start with"):
        await prepare(admin, tmp_path, lambda account, _: {"apiKey": str(account), "secretKey": "s"})
    assert [row["asset"] for row in admin.assets()] == ["BTC"]
    await client.close()


async def test_the_bots_trade_and_mend_a_book_that_somebody_emptied(tmp_path: Path) -> None:
    engine = Engine.open(str(tmp_path / "data"), segment_bytes=1 << 20)
    keys, database = open_keys(tmp_path / "data", SystemClock())
    exchange = Exchange(engine, keys, Settings(data=str(tmp_path / "data"), demo=False))
    await exchange.start()
    await prepare(exchange.admin, tmp_path, lambda account, _: {"apiKey": str(account), "secretKey": "s"})
    maker, taker = exchange.admin.account_id(MAKER), exchange.admin.account_id(TAKER)
    bots = Bots(MARKETS[:1], exchange.operations, maker, taker, 1, seconds=0.01)
    market = exchange.client.catalog.by_symbol[MARKETS[0].symbol]

    changed = asyncio.Event()
    exchange.client.add_listener(lambda _: changed.set())

    async def until(is_so: Callable[[], object]) -> None:
        while not is_so():
            changed.clear()
            await changed.wait()

    def is_whole() -> bool:
        return [len(side) for side in engine.depth(market.id, 100)[1:]] == [LEVELS, LEVELS]

    bots.start()
    async with asyncio.timeout(20):
        await until(is_whole)
        await until(lambda: engine.balances(FEE_ACCOUNT))
        await exchange.client.submit(engine.cancel_all(maker, market.id))
        await until(is_whole)
    await bots.stop()
    await exchange.stop()
    database.close()


MARKET = DemoMarket("AB", "A", "B", "0.01", "0.001", 100.0, 0.05, 2.0)


def test_the_ladder_has_two_sides_that_do_not_touch() -> None:
    for market in MARKETS:
        fair = market.price * 1.0371
        wanted = ladder(market, fair, random.Random(1))
        bids = sorted(Decimal(price) for side, price in wanted if side == "BUY")
        asks = sorted(Decimal(price) for side, price in wanted if side == "SELL")
        assert (len(bids), len(asks)) == (LEVELS, LEVELS)
        assert bids[-1] < asks[0]
        assert float(bids[-1]) <= fair * 1.000001
        assert all(price % Decimal(market.tick) == 0 for price in (*bids, *asks))
        assert all(Decimal(qty) % Decimal(market.step) == 0 and Decimal(qty) > 0 for qty in wanted.values())


def test_the_ladder_stays_where_it_is_while_the_price_stays_in_its_cell() -> None:
    first, second = (set(ladder(MARKET, fair, random.Random(3))) for fair in (100.001, 100.049))
    assert first == second
    moved = set(ladder(MARKET, 100.051, random.Random(3)))
    assert len(first - moved) == 2


@pytest.mark.parametrize(
    ("value", "step", "expected"),
    [
        (0.0, "0.01", "0.01"),
        (1.234, "0.01", "1.23"),
        (1.2, "0.001", "1.2"),
        (100.0, "0.01", "100"),
        (0.05385, "0.00001", "0.05385"),
        (7.0, "5", "5"),
        (12.6, "5", "15"),
        (0.26, "0.25", "0.25"),
        (65_000.004, "0.01", "65000"),
    ],
)
def test_values_are_rounded_to_the_step(value: float, step: str, expected: str) -> None:
    assert on_step(value, step) == expected


def test_trimmed_texts_compare_as_prices_do() -> None:
    assert [trim(text) for text in ("1.50000000", "1.00", "100", "0.10")] == ["1.5", "1", "100", "0.1"]


def test_a_walk_is_repeatable_and_stays_near_its_start() -> None:
    one, two = Walk(100.0, random.Random(5)), Walk(100.0, random.Random(5))
    prices = [one.step() for _ in range(20_000)]
    assert prices[:50] == [two.step() for _ in range(50)]
    assert 95 < min(prices) < 100 < max(prices) < 105
