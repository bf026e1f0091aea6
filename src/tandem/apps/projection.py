"""The projecting process as `tandem serve` sees it: started, listened to, started again when it dies, ended in time."""

import asyncio
import contextlib
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from tandem.apps.project import WRONG_EXCHANGE_EXIT_CODE, Task
from tandem.history.projector import Status
from tandem.platform.engine import Engine
from tandem.platform.settings import Settings
from tandem.platform.telemetry import log

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 30.0
FINISH_SECONDS = 10.0
"""What is not told by then is told after the next start."""


class Projection:
    def __init__(self, settings: Settings, engine: Engine, now_us: Callable[[], int]) -> None:
        self._task = Task(
            str(Path(settings.data).absolute()),
            settings.history.database,
            settings.log_format,
            settings.log_level,
            settles=settings.log.keep == "snapshots",
        )
        self._engine = engine
        self._now_us = now_us
        self._begun_us = now_us()
        self._process: asyncio.subprocess.Process | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._earlier = Status()
        """Rows and errors of processes that have ended."""
        self._is_stopping = False
        self.status = Status()
        self.restarts = 0
        self._is_another_past = False

    def start(self) -> None:
        self._supervisor = asyncio.create_task(self._supervise())

    async def stop(self) -> None:
        """Call it when the engine is closed: waits until everything is told, but not for ever."""
        if self._supervisor is None:
            return
        self._is_stopping = True
        if self._process is None:
            self._supervisor.cancel()
        else:
            self._end_input(self._process)
        done, _ = await asyncio.wait({self._supervisor}, timeout=FINISH_SECONDS)
        if not done:
            log(__name__).warning("the history is behind; it goes on with the next start", seq=self.status.seq)
            if self._process is not None:
                self._process.kill()
            await asyncio.wait({self._supervisor})

    def gauges(self) -> dict[str, Callable[[], float]]:
        return {
            "history_seq": lambda: self.status.seq,
            "history_lag_commands": self._lag_commands,
            "history_lag_seconds": self._lag_seconds,
            "history_rows": lambda: self._earlier.rows + self.status.rows,
            "history_errors": lambda: self._earlier.errors + self.status.errors,
            "history_restarts": lambda: self.restarts,
            "audit_differences": lambda: self._earlier.differences + self.status.differences,
        }

    def fits(self, seq: int) -> bool:
        """Whether a history that is told up to `seq` can be that of this log. A database that went on with the original
        of a restored exchange is ahead of it, and later told otherwise."""
        return not self._is_another_past and seq <= self._engine.digest()[0]

    def told_us(self) -> int:
        """The time that the history has come to; 0: not known yet."""
        return self.status.time_us

    def _lag_commands(self) -> int:
        return max(0, self._engine.digest()[0] - self.status.seq)

    def _lag_seconds(self) -> float:
        """Since we began as long as it is not known how far the history has come."""
        known_us = self.status.time_us or self._begun_us
        return max(0, self._now_us() - known_us) / 1e6 if self._lag_commands() else 0.0

    async def _supervise(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            before = self.status.seq
            try:
                code = await self._run()
                self._is_another_past = code == WRONG_EXCHANGE_EXIT_CODE
                end = f"exit code {code}"
            except (OSError, ValueError, msgspec.DecodeError) as error:
                # There are no descriptors or no memory for it, or what it said was cut off.
                end = str(error)
            if self._is_stopping:
                return
            self.restarts += 1
            pause = FIRST_PAUSE_SECONDS if self.status.seq > before else min(pause * 2, LONGEST_PAUSE_SECONDS)
            log(__name__).error("the projecting process ended and is started again", reason=end, seconds=pause)
            await asyncio.sleep(pause)

    async def _run(self) -> int:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tandem.apps.project"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            # Ctrl-C goes to all processes of a terminal's session; this one ends after us.
            start_new_session=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(msgspec.json.encode(self._task) + b"\n")
        self._process = process
        if self._is_stopping:
            self._end_input(process)
        try:
            async for line in process.stdout:
                self._note(msgspec.json.decode(line, type=Status))
            return await process.wait()
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
            self._process = None
            self._earlier.rows += self.status.rows
            self._earlier.errors += self.status.errors
            self._earlier.differences += self.status.differences
            self.status.rows = self.status.errors = self.status.differences = 0

    def _note(self, status: Status) -> None:
        self.status = status
        if not status.error:
            self._is_another_past = False
        told = status.settled_seq if self._task.settles else status.seq
        if told:
            self._engine.release_log(told)

    def _end_input(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            process.stdin.close()
