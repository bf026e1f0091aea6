"""Questions to the history's database, for the past that trading and market data ask for.

They run in a few threads with connections of their own, never on the loop. Each is answered together with the position
that the database had then, and asked again until that is far enough.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from tandem.domain.history import Need
from tandem.history.database import HistoryUnusable, database_url
from tandem.history.reader import Answer, Reader
from tandem.platform.telemetry import log

T = TypeVar("T")
WAIT_SECONDS = 2.0
"""For the projection to come as far as an answer needs."""
PAUSE_SECONDS = 0.01
ANSWER_SECONDS = 10.0
"""For the database: its connections may hang."""
THREADS = 4


def open_questions(database: str, data: Path, cluster_id: str, fits: Callable[[int], bool]) -> "Questions":
    """`database` as in the settings. Raises HistoryUnusable only when it names none: it need not be there yet."""
    return Questions(Reader(database_url(database, data), readers=THREADS, cluster_id=cluster_id), fits)


class Questions:
    """As many at once as the reader has connections."""

    def __init__(
        self,
        reader: Reader,
        fits: Callable[[int], bool] = lambda _seq: True,
        *,
        threads: int = THREADS,
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        """`fits`: whether a history that is told up to a seq can be that of this log, asked in any thread."""
        self.reader = reader
        self._fits = fits
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="history")
        self._wait_seconds = wait_seconds

    def close(self) -> None:
        """Waits for what is being asked."""
        self._threads.shutdown(cancel_futures=True)
        self.reader.close()

    async def ask(self, need: Need, question: Callable[[], Answer], convert: Callable[[Any], T]) -> list[T]:
        """Raises TimeoutError when the history is not told enough in time, or cannot be read."""

        def answer() -> list[T] | str:
            try:
                seq, time_us, rows = question()
            except HistoryUnusable as error:
                return str(error)
            if not self._fits(seq):
                return f"it is told up to {seq}, another past than that of this log"
            return [convert(row) for row in rows] if need.is_met_at(seq, time_us) else f"it is told up to {seq}"

        loop = asyncio.get_running_loop()
        end = loop.time() + self._wait_seconds
        async with asyncio.timeout(ANSWER_SECONDS):
            while isinstance(rows := await loop.run_in_executor(self._threads, answer), str):
                if not await self._is_told(need, end):
                    log(__name__).warning("the history could not answer", reason=rows, **need._asdict())
                    raise TimeoutError(f"the history could not answer: {rows}")
        return rows

    async def _is_told(self, need: Need, end: float) -> bool:
        """Waits for it until `end`."""

        def is_told() -> bool:
            try:
                seq, time_us, _ = self.reader.position()
            except HistoryUnusable:
                return False
            return self._fits(seq) and need.is_met_at(seq, time_us)

        loop = asyncio.get_running_loop()
        while loop.time() < end:
            await asyncio.sleep(PAUSE_SECONDS)
            if await loop.run_in_executor(self._threads, is_told):
                return True
        return False
