"""Has the days that ended archived, in a process of its own: when the history comes to a new day, and after a start."""

import asyncio
import contextlib
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from tandem.apps.archive_days import Task
from tandem.domain.intervals import DAY
from tandem.platform.settings import Settings
from tandem.platform.telemetry import log

LOOK_SECONDS = 30.0
RETRY_SECONDS = 600.0


class Archivist:
    def __init__(
        self,
        settings: Settings,
        told_us: Callable[[], int],
        *,
        look_seconds: float = LOOK_SECONDS,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        """`told_us`: the time that the history has come to; 0: it is not known yet."""
        history = settings.history
        self._task = Task(
            str(Path(settings.data).absolute()),
            history.database,
            history.archive,
            history.keep_days,
            settings.log_format,
            settings.log_level,
        )
        self._told_us = told_us
        self._look_seconds = look_seconds
        self._retry_seconds = retry_seconds
        self._day = 0
        """Number of the day in which the last run that went well began."""
        self.runs = self.failures = 0

    def gauges(self) -> dict[str, Callable[[], float]]:
        return {"archive_runs": lambda: self.runs, "archive_failures": lambda: self.failures}

    async def run(self) -> None:
        """Until it is cancelled; what is running then ends with it, and is finished after the next start."""
        while True:
            await asyncio.sleep(self._look_seconds)
            day = self._told_us() // DAY
            if day <= self._day:
                continue
            self.runs += 1
            harm = await self._harm()
            if not harm:
                self._day = day
            else:
                self.failures += 1
                log(__name__).error("archiving failed and is tried again", reason=harm, seconds=self._retry_seconds)
                await asyncio.sleep(self._retry_seconds)

    async def _harm(self) -> str:
        """What went wrong with a run; empty: nothing. That no process can be had must not end the exchange."""
        try:
            code = await self._run_once()
        except OSError as error:
            return str(error)
        return f"exit code {code}" if code else ""

    async def _run_once(self) -> int:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tandem.apps.archive_days"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        assert process.stdin is not None
        try:
            process.stdin.write(msgspec.json.encode(self._task) + b"\n")
            return await process.wait()
        finally:
            process.stdin.close()
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
