"""The projecting loop goes on from where SQL is, whatever happened before, and never writes into what is not its."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from tandem.history.database import HistoryUnusable, database_url, open_engine
from tandem.history.projector import Projector, Status, WrongExchange
from tandem.platform.engine import Engine
from tests.history.traffic import Traffic, open_exchange
from tests.history.twins import SqliteTwins, Twins


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def traffic(data: Path) -> Iterator[Traffic]:
    data.mkdir()
    engine = open_exchange(data)
    traffic = Traffic(engine, 3)
    traffic.found()
    yield traffic
    engine.close()


def last_seq(engine: Engine) -> int:
    return engine.digest()[0]


def projected(projector: Projector) -> Status:
    projector.finish.set()
    projector.run()
    return projector.status


def test_it_goes_on_from_where_it_ended(traffic: Traffic, data: Path, twins: Twins) -> None:
    for count in (300, 1, 700):
        traffic.send(count)
        status = projected(Projector(data, twins.first))
        assert (status.seq, status.errors, status.error) == (last_seq(traffic.engine), 0, "")
    assert projected(Projector(data, twins.second)).seq == last_seq(traffic.engine)
    assert twins.differences() == {}


def test_what_the_log_may_let_go_of_is_settled(
    traffic: Traffic, data: Path, twins: Twins, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tandem.history.projector.AT_ONCE", 50)
    told: list[tuple[int, int]] = []
    projector = Projector(data, twins.first, lambda status: told.append((status.seq, status.settled_seq)), settles=True)
    traffic.send(300)
    projected(projector)
    assert told[0] == (0, 0)
    first = told[1][0]
    assert told[1] == (first, first), "the first transaction waits for the disk"
    assert [settled for _, settled in told[2:]] == [first] * len(told[2:]), "and the next only a second later"
    assert told[-1][0] > first
    monkeypatch.setattr("tandem.history.projector.SETTLE_SECONDS", 0.0)
    again = Projector(data, twins.second, lambda status: told.append((status.seq, status.settled_seq)), settles=True)
    told.clear()
    projected(again)
    assert all(seq == settled for seq, settled in told)
    assert len(told) > 3
    unsettled = Projector(data, twins.first)
    traffic.send(50)
    assert projected(unsettled).settled_seq == 0


def test_names_and_digest_are_told(traffic: Traffic, data: Path, sqlite_twins: Twins) -> None:
    traffic.send(200)
    traffic.engine.update_asset(0, "Renamed")
    traffic.send(20)
    projected(Projector(data, sqlite_twins.first))
    engine, core = open_engine(sqlite_twins.first), traffic.engine
    with engine.begin() as connection:
        rows = {
            name: connection.execute(text(f"SELECT * FROM {name} ORDER BY id")).all()
            for name in ("accounts", "assets", "markets", "position")
        }
    engine.dispose()
    assert [tuple(row) for row in rows["assets"]] == [(a.id, a.code, a.name, a.decimals) for a in core.assets()]
    assert rows["assets"][0].name == "Renamed"
    assert [tuple(row) for row in rows["markets"]] == [(m.id, m.symbol, m.base, m.quote) for m in core.markets()]
    assert [tuple(row) for row in rows["accounts"]] == [(a.id, a.name) for a in core.accounts()]
    assert rows["accounts"][0].name == "fees"
    seq, digest = core.digest()
    assert (rows["position"][0].seq, rows["position"][0].digest) == (seq, f"{digest:016x}")


def test_it_follows_until_it_is_stopped(traffic: Traffic, data: Path, twins: Twins) -> None:
    told: list[int] = []
    projector = Projector(data, twins.first, lambda status: told.append(status.seq))
    thread = threading.Thread(target=projector.run, daemon=True)
    thread.start()
    for _ in range(20):
        traffic.send(20)
    wanted, end = last_seq(traffic.engine), time.monotonic() + 20
    while projector.status.seq < wanted:
        assert time.monotonic() < end, projector.status
        time.sleep(0.01)
    projector.stop.set()
    thread.join(10)
    assert not thread.is_alive()
    assert told == sorted(told)
    assert len(set(told)) > 1


def test_a_database_that_is_away_for_a_while(traffic: Traffic, data: Path, tmp_path: Path) -> None:
    url = database_url("", tmp_path / "away")
    projector = Projector(data, url)
    thread = threading.Thread(target=projected, args=(projector,), daemon=True)
    thread.start()
    end = time.monotonic() + 20
    while projector.status.errors < 2:
        assert time.monotonic() < end, projector.status
        time.sleep(0.01)
    assert "history.db" in projector.status.error
    (tmp_path / "away").mkdir()
    thread.join(20)
    assert (projector.status.seq, projector.status.error) == (last_seq(traffic.engine), "")


def test_another_writer_is_found_out_and_gone_on_from(traffic: Traffic, data: Path, twins: Twins) -> None:
    first = Projector(data, twins.first)
    thread = threading.Thread(target=first.run, daemon=True)
    thread.start()
    for _ in range(5):
        traffic.send(100)
        projected(Projector(data, twins.first))
    first.finish.set()
    thread.join(20)
    assert first.status.seq == last_seq(traffic.engine)
    projected(Projector(data, twins.second))
    assert twins.differences() == {}


def test_a_rebuild_begins_at_zero(traffic: Traffic, data: Path, twins: Twins) -> None:
    traffic.send(300)
    for url in (twins.first, twins.second):
        projected(Projector(data, url))
    engine = open_engine(twins.first)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM fills"))
        connection.execute(text("UPDATE position SET archived_us = 7"))
    engine.dispose()
    projector = Projector(data, twins.first)
    projector.rebuild()
    assert projected(projector).rows > 300
    assert twins.differences() == {}


def test_the_history_of_another_exchange_is_refused(traffic: Traffic, data: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    engine = open_exchange(other)
    Traffic(engine, 1).found()
    url = SqliteTwins(tmp_path).first
    projected(Projector(data, url))
    with pytest.raises(WrongExchange, match="another exchange"):
        Projector(other, url).run()
    engine.close()


def test_another_past_of_the_same_exchange_is_refused(traffic: Traffic, data: Path, sqlite_twins: Twins) -> None:
    traffic.send(50)
    status = projected(Projector(data, sqlite_twins.first))
    with open_engine(sqlite_twins.first).begin() as connection:
        connection.execute(text("UPDATE position SET digest = '0123456789abcdef'"))
    traffic.send(50)
    with pytest.raises(WrongExchange, match="another past"):
        projected(Projector(data, sqlite_twins.first))
    with open_engine(sqlite_twins.first).begin() as connection:
        assert connection.execute(text("SELECT seq FROM position")).scalar_one() == status.seq


def test_a_directory_without_an_exchange(tmp_path: Path, traffic: Traffic, data: Path) -> None:
    url = SqliteTwins(tmp_path).first
    projected(Projector(data, url))
    empty = tmp_path / "empty"
    empty.mkdir()
    projector = Projector(empty, url)
    projector.stop.set()
    projector.run()
    assert "holds no exchange" in projector.status.error
    assert issubclass(WrongExchange, HistoryUnusable)
