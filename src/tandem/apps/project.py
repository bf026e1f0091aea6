"""The projecting process: `tandem project`, and what `tandem serve` starts beside itself (`python -m` this module).

Beside a server its first line of standard input says what to do, and the end of standard input that the server is gone,
however it went: then it tells what is still in the log and ends. Signals are the server's business. Each line that it
prints is a `Status`.
"""

import contextlib
import os
import signal
import sys
import threading
from pathlib import Path

import msgspec

from tandem.history.database import HistoryUnusable, database_url
from tandem.history.projector import Projector, Status, WrongExchange
from tandem.platform import memory
from tandem.platform.log_files import segments
from tandem.platform.telemetry import configure_logging, log

NICE = 5
"""Orders come first."""
WRONG_EXCHANGE_EXIT_CODE = 65


class Task(msgspec.Struct, frozen=True):
    data: str
    database: str
    """As in the settings. Not an argument of the process, which anybody could read: it may hold a password."""
    log_format: str
    log_level: str
    settles: bool = False
    """Whether the log is to let go of what is told for good."""


def project(data: Path, database: str, *, once: bool, rebuild: bool) -> Status:
    """Until SIGINT or SIGTERM, or with `once` to the end of the log or the first fault. Raises LogUnreadable and
    HistoryUnusable."""
    first_seq = segments(data)[0].first_seq
    if rebuild and first_seq > 1:
        raise HistoryUnusable(
            f"the log of {data} begins at seq {first_seq}: what was before cannot be told again, so nothing is dropped"
        )

    def end_at_a_fault(status: Status) -> None:
        # Nobody watches a command that tries again for ever; the next run goes on where this one ended.
        if once and status.error:
            projector.stop.set()

    projector = Projector(data, database_url(database, data), end_at_a_fault)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: projector.stop.set())
    if rebuild:
        projector.rebuild()
    if once:
        projector.finish.set()
    memory.keep_still()
    projector.run()
    if once and projector.status.error:
        raise HistoryUnusable(projector.status.error)
    return projector.status


def serve() -> None:
    """Beside a server."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    os.nice(NICE)
    line = sys.stdin.buffer.readline()
    if not line:  # the server ended before it said anything
        return
    task = msgspec.json.decode(line, type=Task)
    configure_logging(task.log_format, task.log_level)
    data = Path(task.data)
    projector = Projector(data, database_url(task.database, data), _print, settles=task.settles)
    threading.Thread(target=_wait_for_the_end, args=(projector,), daemon=True).start()
    memory.keep_still()
    try:
        projector.run()
    except WrongExchange as error:
        log(__name__).error("no history is written", reason=str(error))
        sys.exit(WRONG_EXCHANGE_EXIT_CODE)


def _wait_for_the_end(projector: Projector) -> None:
    # Not sys.stdin: an exception would end the process while this thread holds its lock, and the interpreter aborts.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    projector.finish.set()


def _print(status: Status) -> None:
    with contextlib.suppress(BrokenPipeError):  # the server is gone, and the end of its input says so
        sys.stdout.buffer.write(msgspec.json.encode(status) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    serve()
