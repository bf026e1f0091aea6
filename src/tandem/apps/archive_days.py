"""What `tandem serve` runs once a day where an archive is configured (`python -m` this module): days that ended go into
the archive, old ones leave SQL. Its first line of standard input says what to do; it may be ended at any instant.
"""

import os
import sys
from pathlib import Path

import msgspec

from tandem.apps.archiving import archive, prune
from tandem.archive.place import Place
from tandem.domain.errors import Fault
from tandem.history.database import database_url
from tandem.history.export import Exporter
from tandem.history.prune import Pruner
from tandem.platform.telemetry import configure_logging, log

NICE = 10
"""Orders come first, then the projection."""


class Task(msgspec.Struct, frozen=True):
    data: str
    database: str
    """As in the settings, as are the others. Not an argument of the process: it may hold a password."""
    archive: str
    keep_days: int
    log_format: str
    log_level: str


def main() -> None:
    os.nice(NICE)
    task = msgspec.json.decode(sys.stdin.buffer.readline(), type=Task)
    configure_logging(task.log_format, task.log_level)
    try:
        run(task)
    except (Fault, OSError) as error:
        log(__name__).warning("not everything is archived", reason=str(error))
        sys.exit(1)


def run(task: Task) -> None:
    """Raises HistoryUnusable, ArchiveUnusable."""
    url = database_url(task.database, Path(task.data))
    place = Place(task.archive)
    exporter = Exporter(url)
    try:
        archive(exporter, place, note=lambda line: log(__name__).info("archived", day=line))
        if task.keep_days:
            pruner = Pruner(url)
            try:
                prune(exporter, pruner, place, task.keep_days, note=lambda line: log(__name__).info("left", day=line))
            finally:
                pruner.close()
    finally:
        exporter.close()


if __name__ == "__main__":
    main()
