"""kill -9 of the projecting process at random instants: afterwards SQL is what a fold over the whole log says.

TANDEM_PROJECTION_KILLS says how often for each database; the gate asks for few, a release for 100.
"""

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tandem.apps.project import Task
from tandem.history.projector import Projector, Status
from tests.history.conftest import postgres, twins
from tests.history.traffic import Traffic, open_exchange
from tests.history.twins import Twins

__all__ = ["postgres", "twins"]
KILLS = int(os.environ.get("TANDEM_PROJECTION_KILLS", "8"))
LONGEST_REST_SECONDS = 0.2


class Child:
    """The process that a server starts beside itself."""

    def __init__(self, data: Path, database: str, log: Path) -> None:
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tandem.apps.project"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        assert self.process.stdin is not None
        self.process.stdin.write(msgspec.json.encode(Task(str(data), database, "json", "info")) + b"\n")
        self.process.stdin.flush()

    def next_status(self) -> Status:
        assert self.process.stdout is not None
        return msgspec.json.decode(self.process.stdout.readline(), type=Status)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=10)

    def finish(self) -> Status:
        """As when the server has gone."""
        told, _ = self.process.communicate(timeout=60)
        assert self.process.returncode == 0
        return msgspec.json.decode(told.splitlines()[-1], type=Status)


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[tuple[Path, Traffic, threading.Event]]:
    """An exchange with traffic that goes on in the background until the event is set."""
    data = tmp_path / "data"
    data.mkdir()
    engine = open_exchange(data)
    traffic = Traffic(engine, 11)
    traffic.found()
    traffic.send(5_000)
    enough = threading.Event()

    def go_on() -> None:
        while not enough.wait(0.01):
            traffic.send(40)

    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    yield data, traffic, enough
    enough.set()
    thread.join(10)
    engine.close()


@pytest.mark.timeout(60 + KILLS * 10)
def test_killed_at_any_instant_it_goes_on_exactly(
    busy: tuple[Path, Traffic, threading.Event], twins: Twins, tmp_path: Path
) -> None:
    data, traffic, enough = busy
    database, log = twins.first.render_as_string(hide_password=False), tmp_path / "project.log"
    roll = random.Random(7)
    reached = []
    for _ in range(KILLS):
        child = Child(data, database, log)
        reached += [child.next_status().seq for _ in range(roll.randint(1, 4))]  # one when it begins, then one a batch
        time.sleep(roll.uniform(0, LONGEST_REST_SECONDS))
        child.kill()
    enough.set()
    time.sleep(0.2)
    last = traffic.engine.digest()[0]
    status = Child(data, database, log).finish()
    assert status.seq == last, log.read_text()
    assert reached == sorted(reached)
    assert len(set(reached)) > KILLS
    fresh = Projector(data, twins.second)
    fresh.finish.set()
    fresh.run()
    assert fresh.status.seq == last
    assert twins.differences() == {}
