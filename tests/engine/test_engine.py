"""The compiled engine through its Python face: commands, results, restarts, tools."""

import asyncio
import select
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import structlog

from tandem._engine import (
    Batch,
    Credited,
    Engine,
    EngineError,
    OrderAccepted,
    OrderClosed,
    ReferenceChanged,
    Traded,
)
from tandem.apps.serve import _report_recovery
from tandem.domain.trading import PERMISSION_SPOT
from tests.engine.shard import (
    BASE,
    BUY,
    BUYER,
    FUNDS,
    GTC,
    LIMIT,
    MARKET,
    QUOTE,
    SELL,
    SELLER,
    SETUP,
    TICK,
    buy,
    drain,
    rules,
    sell,
    set_up,
    wait_for,
    wait_for_batches,
)


def test_orders_match_and_every_event_says_what_happened(engine: Engine) -> None:
    numbers = [sell(engine, 100, 500, "s-1"), buy(engine, 100, 200, "b-1")]
    batches = wait_for_batches(engine, 2)
    resting, taking = [result for batch in batches for result in batch.results]
    assert [resting.number, taking.number] == numbers
    assert resting.events == [
        OrderAccepted(
            order_id=1,
            account=SELLER,
            market=MARKET,
            side=SELL,
            kind=LIMIT,
            tif=GTC,
            price=100 * TICK,
            qty=500,
            quote_qty=0,
            client_order_id="s-1",
            stp=0,
        )
    ]
    accepted, traded = taking.events
    assert isinstance(accepted, OrderAccepted)
    assert traded == Traded(
        market=MARKET,
        trade_id=0,
        price=100 * TICK,
        qty=200,
        quote_amount=200,
        taker_side=BUY,
        taker_order=2,
        taker_account=BUYER,
        taker_fee=1,
        taker_fee_asset=BASE,
        taker_left=0,
        maker_order=1,
        maker_account=SELLER,
        maker_fee=1,
        maker_fee_asset=QUOTE,
        maker_left=300,
    )
    changes = [change for batch in batches for change in batch.depth]
    assert (changes[0].first_version, changes[-1].last_version) == (1, 2)
    assert changes[-1].asks == [(100 * TICK, 300)]
    assert changes[-1].best == (0, 0, 100 * TICK, 300)
    assert engine.depth(MARKET, 5) == (2, [], [(100 * TICK, 300)])
    assert engine.best(MARKET) == (2, 0, 0, 100 * TICK, 300)
    assert engine.average_price(MARKET) == 100 * TICK
    assert engine.balances(BUYER) == [(BASE, 199, 0), (QUOTE, FUNDS - 200, 0)]
    for _, credited, debited, free, locked in engine.funds():
        assert free + locked == credited - debited


def test_a_cancel_closes_the_order_and_a_reject_has_a_code_and_no_events(engine: Engine) -> None:
    sell(engine, 100, 500, "s-1")
    engine.cancel_order(SELLER, MARKET, -1, "s-1", "c-1")
    engine.cancel_order(SELLER, MARKET, 1, "", "")
    _, closed, rejected = wait_for(engine, 3)
    assert closed.events == [
        OrderClosed(
            order_id=1,
            account=SELLER,
            market=MARKET,
            status=0,
            reason=0,
            left=500,
            client_order_id="s-1",
            cancel_id="c-1",
        )
    ]
    assert (rejected.code, rejected.events) == (29, [])


def test_a_check_says_what_an_order_would_get_and_changes_nothing(engine: Engine) -> None:
    before = engine.digest()
    good = (SELLER, MARKET, SELL, LIMIT, GTC, 100 * TICK, 100, 0, "", -1)
    assert engine.check_order(*good) == -1
    off_tick = (SELLER, MARKET, SELL, LIMIT, GTC, 100 * TICK + 1, 100, 0, "", -1)
    assert engine.check_order(*off_tick) == 20
    assert engine.digest() == before


def test_reference_data_is_announced_and_read_back(engine: Engine) -> None:
    engine.update_asset(BASE, "Bitcoin core")
    engine.update_account(BUYER, False, (1, 2, 3, 4), 5, 6, True)
    engine.set_market_status(MARKET, 1)
    events = [event for result in wait_for(engine, 3) for event in result.events]
    assert events == [
        ReferenceChanged(kind="AssetUpdated", id=BASE),
        ReferenceChanged(kind="AccountUpdated", id=BUYER),
        ReferenceChanged(kind="MarketStatusChanged", id=MARKET),
    ]
    assert [(a.id, a.code, a.name, a.decimals) for a in engine.assets()] == [
        (BASE, "BTC", "Bitcoin core", 8),
        (QUOTE, "USDT", "Tether", 8),
    ]
    (market,) = engine.markets()
    assert (market.symbol, market.base, market.quote, market.status) == ("BTCUSDT", BASE, QUOTE, 1)
    assert market.rules == rules()
    account = engine.account(BUYER)
    assert account is not None
    assert (account.name, account.can_trade, account.fees) == ("buyer", False, (1, 2, 3, 4))
    assert (account.trade_group, account.permissions, account.discount) == (5, 6, True)
    seller = engine.account(SELLER)
    assert seller is not None
    assert (seller.can_trade, seller.fees, seller.trade_group) == (True, None, None)
    assert (seller.permissions, seller.discount) == (PERMISSION_SPOT, False)
    assert engine.account(99) is None
    assert [a.name for a in engine.accounts()] == ["fees", "seller", "buyer"]


def test_watched_accounts_get_their_balances_with_the_result(engine: Engine) -> None:
    engine.watch(BUYER, True)
    sell(engine, 100, 500)
    buy(engine, 99, 200)
    engine.credit(BUYER, BASE, 2**80)
    foreign, own, credited = wait_for(engine, 3)
    assert foreign.balances == []
    assert own.balances == [(BUYER, BASE, 0, 0), (BUYER, QUOTE, FUNDS - 198, 198)]
    assert credited.balances == [(BUYER, BASE, 2**80, 0)]
    assert credited.events == [Credited(account=BUYER, asset=BASE, amount=2**80)]
    engine.watch(BUYER, False)
    buy(engine, 98, 100)
    assert wait_for(engine, 1)[0].balances == []


def test_numbers_out_of_range_and_unknown_enums_are_refused_before_the_log(engine: Engine) -> None:
    before = engine.digest()
    with pytest.raises(OverflowError):
        sell(engine, -1, 100)
    with pytest.raises(ValueError, match="no side has number 7"):
        engine.place_order(SELLER, MARKET, 7, LIMIT, GTC, TICK, 100, 0, "", -1)
    with pytest.raises(ValueError, match="client order id"):
        sell(engine, 1, 100, "not legal")
    with pytest.raises(ValueError, match="stp"):
        engine.place_order(SELLER, MARKET, SELL, LIMIT, GTC, TICK, 100, 0, "", -2)
    assert engine.digest() == before


def test_a_text_that_is_too_long_for_a_command_is_refused_before_the_log(engine: Engine) -> None:
    before = engine.digest()
    with pytest.raises(ValueError, match="more than 4096"):
        engine.create_account("x" * 5000)
    with pytest.raises(ValueError, match="more than 4096"):
        engine.update_asset(BASE, "x" * (1 << 24))
    assert engine.digest() == before
    engine.create_account("another")
    assert [(result.number, result.code) for result in wait_for(engine, 1)] == [(SETUP + 1, -1)]


def test_a_restart_brings_back_state_and_replays_events_from_the_snapshot(tmp_path: Path) -> None:
    path = str(tmp_path)
    engine = Engine.open(path)
    set_up(engine)
    sell(engine, 100, 500, "early")
    wait_for(engine, 1)
    engine.snapshot()
    while engine.stats()["snapshot_seq"] < SETUP + 1:
        pass
    sell(engine, 101, 300, "late")
    buy(engine, 100, 100)
    wait_for(engine, 2)
    digest, funds = engine.digest(), engine.funds()
    engine.close()

    again = Engine.open(path)
    found = again.recovery()
    assert (found["snapshot_seq"], found["last_seq"], found["replayed"]) == (SETUP + 1, SETUP + 3, 2)
    assert (found["torn_bytes_cut"], found["damaged_snapshots"]) == (0, [])
    assert len(found["cluster_id"]) == 32
    assert (again.digest(), again.funds()) == (digest, funds)
    (early,) = again.snapshot_orders()
    assert (early.accepted.order_id, early.accepted.client_order_id, early.left) == (1, "early", 500)
    assert again.snapshot_markets() == [(MARKET, 0, None, 1)]
    batches = drain(again)
    assert all(batch.replayed for batch in batches)
    results = [result for batch in batches for result in batch.results]
    assert [(r.seq, r.number) for r in results] == [(SETUP + 2, 0), (SETUP + 3, 0)]
    with pytest.raises(EngineError, match="before the first poll"):
        again.snapshot_orders()
    buy(again, 100, 100)
    assert wait_for(again, 1)[0].seq == SETUP + 4
    again.close()

    behind = Engine.open(path, replay_from=2)
    assert behind.recovery()["events_from_seq"] == 0
    assert sum(len(batch.results) for batch in drain(behind)) == SETUP + 4
    behind.close()


def test_what_the_journal_noticed_is_logged_when_the_exchange_starts(tmp_path: Path, engine: Engine) -> None:
    engine.close()
    data = tmp_path / "data"
    segment = data / "00000000000000000001.log"
    content = bytearray(segment.read_bytes())
    content[600] = 1
    segment.write_bytes(content)
    again = Engine.open(str(data))
    try:
        (finding,) = again.recovery()["findings"]
        assert segment.name in finding
        with structlog.testing.capture_logs() as logged:
            _report_recovery(again, data)
    finally:
        again.close()
    assert [entry["finding"] for entry in logged if entry["log_level"] == "warning"] == [finding]


def test_after_close_commands_are_refused_and_queries_still_answer(engine: Engine) -> None:
    number = sell(engine, 100, 500)
    engine.close()
    engine.close()
    assert not engine.is_accepting()
    late = sell(engine, 100, 500)
    batches = wait_for_batches(engine, 2)
    assert [result.number for batch in batches for result in batch.results] == [number]
    assert [refusal for batch in batches for refusal in batch.refused] == [(late, "closed")]
    assert engine.depth(MARKET, 5)[2] == [(100 * TICK, 500)]


def test_a_directory_is_opened_once_and_the_error_says_by_whom(tmp_path: Path, engine: Engine) -> None:
    with pytest.raises(EngineError, match="in use by another process"):
        Engine.open(str(tmp_path / "data"))


def test_verify_and_inspect_read_the_directory_of_a_closed_engine(tmp_path: Path, engine: Engine) -> None:
    sell(engine, 100, 500, "s-1")
    wait_for(engine, 1)
    seq, digest = engine.digest()
    engine.close()
    path = str(tmp_path / "data")
    report = Engine.verify(path)
    assert (report["ok"], report["seq"], report["digest"]) == (True, seq, f"{digest:016x}")
    assert (report["records"], report["segments"], report["findings"]) == (SETUP + 1, 1, [])
    btc = report["funds"][0]
    assert (btc["asset"], btc["credited"], btc["free"], btc["locked"], btc["fees"]) == (
        "BTC",
        FUNDS,
        FUNDS - 500,
        500,
        0,
    )
    (record,) = Engine.inspect(path, SETUP + 1)
    assert (record["seq"], record["command"]) == (SETUP + 1, "PlaceOrder")
    assert record["origin"][1] == SETUP + 1
    assert record["fields"]["client_order_id"] == "s-1"

    log = Path(path) / record["file"]
    content = bytearray(log.read_bytes())
    content[record["offset"] + 70] ^= 1
    log.write_bytes(content)
    damaged = Engine.verify(path)
    assert damaged["findings"][0]["file"] == record["file"]
    with pytest.raises(EngineError, match="nowhere"):
        Engine.verify(str(tmp_path / "nowhere"))


async def test_the_descriptor_wakes_an_event_loop_and_is_quiet_after_poll(engine: Engine) -> None:
    loop = asyncio.get_running_loop()
    woken: asyncio.Future[list[Batch]] = loop.create_future()

    def drain_once() -> None:
        batches = engine.poll()
        if batches and not woken.done():
            woken.set_result(batches)

    loop.add_reader(engine.notify_fd(), drain_once)
    number = sell(engine, 100, 500)
    batches = await asyncio.wait_for(woken, 20)
    loop.remove_reader(engine.notify_fd())
    assert batches[0].results[0].number == number
    assert select.select([engine.notify_fd()], [], [], 0)[0] == []


def test_threads_submit_at_once_and_each_number_gets_one_result(engine: Engine) -> None:
    numbers: list[int] = []

    def work() -> None:
        for _ in range(500):
            numbers.append(sell(engine, 200, 100))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    results = wait_for(engine, 2000)
    for thread in threads:
        thread.join()
    assert sorted(numbers) == [result.number for result in results]
    assert {result.code for result in results} == {-1}


CHILD = """
import select, sys
from tandem._engine import Engine
engine = Engine.open(sys.argv[1], snapshot_every=2000)
while engine.poll():
    pass
sent = 0
while True:
    for _ in range(50):
        engine.credit(1, 0, 1)
    select.select([engine.notify_fd()], [], [])
    for batch in engine.poll():
        for result in batch.results:
            print(result.seq, result.code, flush=False)
    sys.stdout.flush()
"""


def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    """Acknowledgements are recorded outside the process that is killed."""
    path = str(tmp_path / "data")
    engine = Engine.open(path)
    set_up(engine)
    engine.close()
    del engine
    acknowledged = SETUP
    for lines in (100, 3000, 700, 1):
        child = subprocess.Popen([sys.executable, "-c", CHILD, path], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        try:
            for _ in range(lines):
                seq, code = child.stdout.readline().split()
                assert code == "-1"
                acknowledged = int(seq)
        finally:
            child.kill()
            rest = child.stdout.read().splitlines()
            child.wait()
            child.stdout.close()
        # The last line may have been cut by the kill.
        acknowledged = max([acknowledged, *(int(line.split()[0]) for line in rest[:-1])])
        engine = Engine.open(path)
        assert engine.recovery()["last_seq"] >= acknowledged
        credited = engine.funds()[BASE][1]
        assert credited == FUNDS + engine.digest()[0] - SETUP, "each credit in the log counts exactly once"
        engine.close()
        del engine
    report = Engine.verify(path)
    assert report["ok"], report["findings"]


LOST_DISK = """
import os, select, sys
from tandem._engine import Engine
engine = Engine.open(sys.argv[1])
unwritable = os.open(os.devnull, os.O_RDONLY)
for fd in os.listdir("/proc/self/fd"):
    if os.path.realpath(f"/proc/self/fd/{fd}").endswith(".log"):
        os.dup2(unwritable, int(fd))
engine.create_account("never")
select.select([engine.notify_fd()], [], [])
print("answered")
"""


def test_a_log_that_cannot_be_written_ends_the_process_at_once_without_an_answer(tmp_path: Path) -> None:
    path = str(tmp_path)
    child = subprocess.run([sys.executable, "-c", LOST_DISK, path], capture_output=True, text=True, timeout=30)
    assert (child.returncode, child.stdout) == (74, "")
    assert "tandem: ending, because the log failed" in child.stderr
    engine = Engine.open(path)
    assert engine.recovery()["last_seq"] == 0
    engine.close()
