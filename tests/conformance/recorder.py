"""Notes what of the API the tests really exercised: one line of JSON for each name and test, a file for each process.

The first process of a run keeps the running test's name in a file that the others map, since one exchange serves many
tests. `make conformance` makes the table of `docs/reference/conformance.md` of it. Names are those of
`spec/conformance.toml`: `rest GET /api/v3/depth`, `rest GET /api/v3/depth limit`, `filter LOT_SIZE` and so on.
"""

import json
import mmap
import os
from pathlib import Path

VARIABLE = "TANDEM_CONFORMANCE"
"""The directory to write to; nothing is recorded without it."""
_RUNNING = "running-test"
_LONGEST = 512


class Recorder:
    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        running = directory / _RUNNING
        if not running.exists():
            running.write_bytes(bytes(_LONGEST))
        with running.open("r+b") as file:
            self._running = mmap.mmap(file.fileno(), _LONGEST)
        self._notes = directory / f"{os.getpid()}.jsonl"
        self._noted: set[tuple[str, str]] = set()

    def begin(self, test: str) -> None:
        """Names the test that runs from now on; an empty one stops recording."""
        self._running[:] = test.encode()[:_LONGEST].ljust(_LONGEST, b"\0")

    @property
    def test(self) -> str:
        return self._running[:].rstrip(b"\0").decode(errors="replace")

    def note(self, name: str) -> None:
        noted = name, self.test
        if noted[1] and noted not in self._noted:
            self._noted.add(noted)
            with self._notes.open("a") as file:
                file.write(json.dumps({"name": name, "test": noted[1]}) + "\n")


def recorder_from_environment() -> Recorder | None:
    directory = os.environ.get(VARIABLE)
    return Recorder(Path(directory).resolve()) if directory else None
