"""A follower in another process than the engine's: the same results and the same state, whatever becomes of that."""

import inspect
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tandem._engine import Batch, Engine, EngineError, Follower, Replica, Result
from tests.engine.shard import BUYER, MARKET, SELLER, SETUP, buy, drain, sell, set_up, wait_for
from tests.engine.writer import fingerprint, fingerprint_of

KILLS = 10
FIRST_SEGMENT = f"{1:020}.log"


def open_engine(data: Path, **options: Any) -> Engine:
    return Engine.open(str(data), segment_bytes=1 << 20, reserve_bytes=0, **options)


def follow(data: Path, after_seq: int = 0, **until: int) -> Follower:
    return Follower.open(str(data), after_seq=after_seq, **until)


def results(batches: list[Batch]) -> list[Result]:
    return [result for batch in batches for result in batch.results]


def rest(follower: Follower) -> list[Result]:
    taken = []
    while batches := follower.poll():
        taken += results(batches)
    return taken


def same(result: Result) -> tuple[Any, ...]:
    return (result.seq, result.time_us, result.code, result.events)


def lived(data: Path, orders: int = 40, **options: Any) -> list[Result]:
    """What an engine published in its life."""
    engine = open_engine(data, **options)
    set_up(engine)
    published = rest(follow(data))
    for n in range(orders):
        published += wait_for(engine, 1) if (sell if n % 3 else buy)(engine, 100, 100 + 100 * (n % 5)) else []
    engine.close()
    return published


class Beside:
    """Runs writers one after the other, and one follower all the time."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.follower: Follower | None = None
        self.fingerprints: list[bytes] = []
        self.digests: dict[int, int] = {}
        self.lines: list[list[str]] = []
        self.live = 0
        """Times when something came while a writer was at work."""

    def run(self, seed: int, *count: str, kill_after: float | None = None) -> None:
        command = [sys.executable, "-m", "tests.engine.writer", str(self.data), str(seed), *count]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            reader = threading.Thread(target=self._listen, args=(writer,))
            reader.start()
            begin = None
            while writer.poll() is None:
                if self.follow(timeout_ms=20):
                    self.live += 1
                    begin = begin or time.monotonic()
                if begin is not None and kill_after is not None and time.monotonic() - begin >= kill_after:
                    writer.kill()
            reader.join()
        assert kill_after is not None or writer.returncode == 0

    def _listen(self, writer: "subprocess.Popen[str]") -> None:
        assert writer.stdout is not None
        self.lines += [line.split() for line in writer.stdout if line.endswith("\n")]

    def follow(self, timeout_ms: int = 0) -> int:
        if self.follower is None:
            if not (self.data / FIRST_SEGMENT).exists():
                return 0
            self.follower = follow(self.data)
        before = len(self.fingerprints)
        taken = results(self.follower.poll(timeout_ms=timeout_ms))
        assert [result.seq for result in taken] == list(range(before + 1, before + 1 + len(taken)))
        assert all(result.number == 0 and not result.balances for result in taken)
        self.fingerprints += [fingerprint(result) for result in taken]
        seq, digest = self.follower.digest()
        assert seq == len(self.fingerprints) <= self.follower.durable_seq()
        self.digests[seq] = digest
        return len(taken)

    def check(self) -> int:
        """Everything published was followed, and is the same; returns how many batches were published."""
        while self.follow():
            pass
        told = [line for line in self.lines if len(line) == 3 and line[0] != "end"]
        for first, last, expected in told:
            assert fingerprint_of(self.fingerprints[int(first) - 1 : int(last)]) == expected
        return len(told)


def test_the_follower_of_an_engine_at_full_speed_sees_what_that_publishes(tmp_path: Path) -> None:
    beside = Beside(tmp_path / "data")
    beside.run(1, "60000")
    assert beside.check() > 20
    _, seq, digest = beside.lines[-1]
    assert beside.follower is not None
    assert beside.follower.digest() == (int(seq), int(digest))
    assert beside.live > 3, "it followed along, and not at the end"
    names = [path.name for path in beside.data.iterdir()]
    assert sum(name.endswith(".log") for name in names) > 3
    assert sum(name.endswith(".snap") for name in names) == 2
    assert FIRST_SEGMENT in names


def test_a_follower_outlives_engines_that_are_killed(tmp_path: Path) -> None:
    beside, dice = Beside(tmp_path / "data"), random.Random(7)
    for kill in range(KILLS):
        beside.run(kill, kill_after=dice.uniform(0.0, 0.4))
        beside.check()
        seq = dice.choice(sorted(beside.digests))
        assert follow(beside.data, seq).digest() == (seq, beside.digests[seq])
    assert beside.check() > KILLS
    engine = open_engine(beside.data)
    recovered = engine.digest()
    engine.close()
    beside.check()
    assert beside.follower is not None
    assert beside.follower.digest() == recovered
    again = follow(beside.data)
    assert [fingerprint(result) for result in rest(again)] == beside.fingerprints
    assert again.digest() == recovered


def test_it_answers_what_the_engine_answers(tmp_path: Path) -> None:
    engine = open_engine(tmp_path)
    set_up(engine)
    for n in range(30):
        (sell if n % 3 else buy)(engine, 100 + n % 4, 100)
    wait_for(engine, 30)
    follower = follow(tmp_path)
    assert (follower.seq, follower.time_us, follower.funds()) == (0, 0, [])
    published = rest(follower)
    assert (follower.seq, follower.time_us) == (published[-1].seq, published[-1].time_us)
    assert follower.cluster_id == engine.recovery()["cluster_id"]
    assert follower.durable_seq() == SETUP + 30
    arguments: dict[str, tuple[Any, ...]] = {
        "account": (BUYER,),
        "balances": (SELLER,),
        "asset_limits": (SELLER,),
        "depth": (MARKET, 50),
        "best": (MARKET,),
        "average_price": (MARKET,),
        "reference_price": (MARKET,),
        "check_order": (BUYER, MARKET, 0, 0, 0, 101 * 10**6, 100, 0, "", -1),
    }
    names = [name for name in vars(Replica) if not name.startswith("_")]
    assert len(names) > 14
    for name in names:
        both = [getattr(replica, name)(*arguments.get(name, ())) for replica in (engine, follower)]
        assert both[0] == both[1], name
    engine.close()
    restarted = open_engine(tmp_path)
    drained = follower.open_orders(), follower.open_lists()
    assert sum(order.left for order in drained[0]) > 0
    engine_at_start = follow(tmp_path, 0)
    assert (engine_at_start.open_orders(), engine_at_start.open_lists()) == (
        restarted.snapshot_orders(),
        restarted.snapshot_lists(),
    )
    restarted.close()


def test_open_orders_are_found_by_account_and_by_id(tmp_path: Path) -> None:
    lived(tmp_path)
    follower = follow(tmp_path)
    rest(follower)
    orders = follower.open_orders()
    for account in (SELLER, BUYER):
        own = [order for order in orders if order.accepted.account == account]
        assert follower.open_orders_of(account, MARKET, len(orders)) == own
        assert follower.open_orders_of(account, MARKET, 1) == own[:1]
    assert follower.open_orders_of(BUYER, MARKET + 1, 1) == follower.open_orders_of(99, MARKET, 1) == []
    ids = [order.accepted.order_id for order in orders]
    assert len(ids) > 1
    assert [follower.open_order(MARKET, id_) for id_ in ids] == orders
    assert follower.open_order(MARKET, max(ids) + 1) is follower.open_order(MARKET + 1, ids[0]) is None


def test_an_engine_has_the_clock_that_it_is_given(tmp_path: Path) -> None:
    now_us = 1_800_000_000_000_000
    engine = open_engine(tmp_path, clock_us=now_us)
    set_up(engine)
    times = []
    for later in (now_us + 1, now_us + 86_400_000_000, now_us):
        engine.set_clock(later)
        buy(engine, 100, 100)
        times += [result.time_us for result in wait_for(engine, 1)]
    engine.close()
    assert times == [now_us + 1, now_us + 86_400_000_000, now_us + 86_400_000_000], "the log's time never falls"
    assert [result.time_us for result in rest(follow(tmp_path))] == [now_us] * SETUP + times
    with pytest.raises(EngineError, match="the system's clock"):
        open_engine(tmp_path).set_clock(now_us)


def test_opened_at_every_seq_it_goes_on_from_there(tmp_path: Path) -> None:
    published = lived(tmp_path, 30, snapshot_every=9)
    assert list(tmp_path.glob("*.snap"))
    for seq in range(len(published) + 1):
        follower = follow(tmp_path, seq)
        assert follower.seq == seq
        assert [same(result) for result in rest(follower)] == [same(result) for result in published[seq:]]
    with pytest.raises(EngineError, match=r"the log ends at seq 37, but is to be followed from seq 38 on"):
        follow(tmp_path, 38)


def test_it_stops_at_a_seq_and_at_a_time(tmp_path: Path) -> None:
    published = lived(tmp_path)
    whole = follow(tmp_path, 20).digest()
    assert [result.seq for result in rest(follow(tmp_path, 3, until_seq=20))] == list(range(4, 21))
    stopped = follow(tmp_path, until_seq=20)
    rest(stopped)
    assert stopped.digest() == whole
    begin = time.monotonic()
    assert stopped.poll(timeout_ms=60_000) == []
    assert time.monotonic() - begin < 30, "what is unwanted is not waited for"
    for result in published[::7]:
        seqs = [later.seq for later in rest(follow(tmp_path, until_us=result.time_us))]
        assert seqs == [later.seq for later in published if later.time_us <= result.time_us]
    assert [len(batch.results) for batch in follow(tmp_path).poll(5)] == [5]


def test_it_never_reads_beyond_the_mark(tmp_path: Path) -> None:
    published = lived(tmp_path)
    mark = tmp_path / "durable"
    assert mark.read_bytes() == len(published).to_bytes(8, "little")
    mark.write_bytes((10).to_bytes(8, "little"))
    follower = follow(tmp_path)
    assert [result.seq for result in rest(follower)] == list(range(1, 11))
    assert follower.durable_seq() == 10
    mark.write_bytes((25).to_bytes(8, "little"))
    assert [result.seq for result in rest(follower)] == list(range(11, 26))
    mark.unlink()
    assert len(rest(follow(tmp_path))) == len(published)


def test_other_threads_run_while_it_waits(tmp_path: Path) -> None:
    lived(tmp_path)
    follower = follow(tmp_path, SETUP + 40)
    waiting = threading.Thread(target=follower.poll, kwargs={"timeout_ms": 60_000})
    waiting.start()
    begin = time.monotonic()
    assert [follower.seq for _ in range(1_000)] == [SETUP + 40] * 1_000
    assert time.monotonic() - begin < 30
    engine = open_engine(tmp_path)
    drain(engine)
    sell(engine, 100, 100)
    waiting.join(30)
    assert not waiting.is_alive()
    engine.close()


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda data: (data / FIRST_SEGMENT).unlink(), r"there is no log in .*; seq 1 is wanted"),
        (
            lambda data: flip(data / FIRST_SEGMENT, 1024 + 70),
            r"damaged: file 0{19}1\.log, offset 1024, seq 1: .*verify",
        ),
        (lambda data: (data / "durable").write_bytes((99).to_bytes(8, "little")), r"up to seq 99 .*in a copy"),
        (lambda data: (data / "durable").write_bytes(b"x"), r"durable cannot be read"),
    ],
)
def test_what_cannot_be_followed_is_an_error_that_says_why(
    tmp_path: Path, spoil: Callable[[Path], None], problem: str
) -> None:
    lived(tmp_path)
    spoil(tmp_path)
    with pytest.raises(EngineError, match=problem):
        rest(follow(tmp_path))


def flip(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 4]))


def test_a_directory_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="none is not a directory"):
        follow(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_nothing_is_locked_and_nothing_changed(tmp_path: Path) -> None:
    lived(tmp_path)

    def contents() -> dict[str, tuple[bytes, int]]:
        return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.iterdir()}

    before = contents()
    follower = follow(tmp_path)
    rest(follower)
    assert contents() == before
    open_engine(tmp_path).close()


@pytest.mark.parametrize(
    ("options", "released", "is_kept"),
    [
        ({}, 20_000, True),
        ({"keep_log": False}, 0, False),
        ({"keep_log": False, "hold_log": True}, 0, True),
        ({"keep_log": False, "hold_log": True}, 20_000, False),
    ],
)
def test_segments_are_deleted_only_when_that_is_wanted(
    tmp_path: Path, options: dict[str, Any], released: int, is_kept: bool
) -> None:
    engine = open_engine(tmp_path, snapshot_every=5_000, **options)
    set_up(engine)
    for round_ in range(5):
        for n in range(5_000):
            sell(engine, 100 + n % 50, 100)
        wait_for(engine, 5_000)
        engine.release_log(min(released, engine.digest()[0]))
        while engine.stats()["snapshots"] <= round_:
            time.sleep(0.001)
    engine.close()
    assert (tmp_path / FIRST_SEGMENT).exists() == is_kept
    assert follow(tmp_path, 24_000).digest()[0] == 24_000


def test_the_stub_says_the_defaults_that_matter() -> None:
    parameters = inspect.signature(Engine.open).parameters
    assert (parameters["keep_log"].default, parameters["hold_log"].default) == (True, False)
