"""One deadline for many awaitables, far cheaper than a timer each: they expire in the order they began."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

Result = TypeVar("Result")


class _Entry:
    __slots__ = ("ends", "has_expired", "task")

    def __init__(self, task: "asyncio.Task[object]", ends: float) -> None:
        self.task = task
        self.ends = ends
        self.has_expired = False


class Deadlines:
    """Precise to a quarter of a second, or of the deadline if that is shorter."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._interval = min(seconds, 1.0) / 4
        self._entries: dict[_Entry, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def keep(self, awaitable: Awaitable[Result]) -> Result:
        """Its result. Raises TimeoutError when it took too long; it is cancelled then."""
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None, "a coroutine runs in a task"
        entry = _Entry(task, loop.time() + self._seconds)
        self._entries[entry] = None
        if self._timer is None:
            self._timer = loop.call_later(self._interval, self._expire, loop)
        try:
            return await awaitable
        except asyncio.CancelledError:
            # Whoever else cancelled the task still gets what they asked for.
            if entry.has_expired and task.uncancel() == 0:
                raise TimeoutError from None
            raise
        finally:
            self._entries.pop(entry, None)

    def _expire(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        expired = []
        for entry in self._entries:
            if entry.ends > now:
                break
            expired.append(entry)
        for entry in expired:
            del self._entries[entry]
            entry.has_expired = True
            entry.task.cancel()
        self._timer = loop.call_later(self._interval, self._expire, loop) if self._entries else None
