"""The projecting process notices when what SQL holds is not what the core says."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import text

from tandem.history.database import database_url
from tandem.history.fold import Fold
from tandem.history.self_check import PAUSE_SECONDS, WINDOW_SECONDS, SelfCheck
from tandem.history.store import Store, open_store
from tandem.platform.engine import Follower
from tests.history.traffic import Traffic, open_exchange


@dataclass
class Projected:
    """Follows a log in small batches, with a clock of its own."""

    follower: Follower
    store: Store
    fold: Fold
    assets: dict[int, tuple[int, int]] = field(default_factory=dict)
    time: float = 0.0

    def __post_init__(self) -> None:
        self.check = SelfCheck(now=lambda: self.time, seed=1)

    def step(self, damage: str = "") -> int:
        """Writes the next commands, lets something happen to SQL, and checks."""
        for batch in self.follower.poll(50, 0):
            self.assets.update((market.id, (market.base, market.quote)) for market in self.follower.markets())
            for result in batch.results:
                self.fold.tell(result)
        rows = self.fold.take()
        self.store.write(rows, {}, "")
        if damage:
            with self.store._connection.begin():
                assert self.store._connection.execute(text(damage)).rowcount
        return self.check.after_write(rows, self.follower, self.store)


@pytest.fixture
def projected(tmp_path: Path) -> Iterator[Projected]:
    engine = open_exchange(tmp_path)
    traffic = Traffic(engine, 3)
    traffic.found()
    traffic.send(1_500)
    engine.close()
    follower = Follower.open(str(tmp_path))
    store = open_store(database_url("", tmp_path))
    store.claim(follower.cluster_id)
    assets: dict[int, tuple[int, int]] = {}
    yield Projected(follower, store, Fold(store, assets.__getitem__, [], []), assets)
    store.close()


def test_what_is_right_is_not_complained_about(projected: Projected) -> None:
    windows = 0
    for _ in range(25):
        assert projected.step() == 0
        projected.time += WINDOW_SECONDS
        if projected.check._window is not None:
            windows += 1
            projected.time += PAUSE_SECONDS
    assert windows >= 4


@pytest.mark.parametrize(
    ("table", "damage"),
    [
        ("fills", "DELETE FROM fills WHERE seq = (SELECT max(seq) FROM fills)"),
        ("balances", "UPDATE ledger SET amount = amount + 1 WHERE seq = (SELECT max(seq) FROM ledger)"),
        ("balances", "UPDATE ledger SET asset = 3 - asset WHERE seq = (SELECT max(seq) FROM ledger) AND n = 0"),
        ("trades", "DELETE FROM trades WHERE seq > (SELECT max(seq) - 40 FROM trades)"),
        ("order_changes", "DELETE FROM order_changes WHERE seq = (SELECT max(seq) FROM order_changes)"),
    ],
)
def test_what_is_wrong_is_found_once(
    projected: Projected,
    table: str,
    damage: str,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    while projected.check._window is None:
        assert projected.step() == 0
    for _ in range(3):
        assert projected.step() == 0
    assert projected.step(damage) == 0
    projected.time += WINDOW_SECONDS
    assert projected.step() > 0
    told = caplog.text + capsys.readouterr().out  # by how other tests left the logs
    assert "the history differs from the core" in told
    assert table in told
    projected.time += PAUSE_SECONDS
    for _ in range(3):
        assert projected.step() == 0
        projected.time += WINDOW_SECONDS


IS_OPEN = "status IN ('NEW', 'PENDING_NEW', 'PARTIALLY_FILLED')"


@pytest.mark.parametrize(
    "damage",
    [
        f"UPDATE orders SET status = 'CANCELED' WHERE {IS_OPEN}",
        "UPDATE orders SET status = 'PARTIALLY_FILLED' WHERE status = 'NEW'",
        "UPDATE orders SET status = 'NEW' WHERE status = 'FILLED'",
        f"UPDATE orders SET left_qty = left_qty + 1 WHERE {IS_OPEN}",
        f"UPDATE orders SET filled = filled + 1 WHERE {IS_OPEN}",
        f"UPDATE orders SET filled_quote = filled_quote + 1 WHERE {IS_OPEN}",
        f"DELETE FROM orders WHERE {IS_OPEN}",
        "DELETE FROM orders WHERE id > (SELECT max(id) - 30 FROM orders)",
    ],
)
def test_orders_that_are_not_what_they_are_in_the_core_are_found(
    projected: Projected, damage: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(6):
        assert projected.step() == 0
    while projected.check._window is None:
        assert projected.step() == 0
    assert projected.step() == 0
    projected.time += WINDOW_SECONDS
    assert projected.step(damage) > 0
    told = caplog.text + capsys.readouterr().out
    assert "orders" in told
    assert "stored" in told
