"""A directory as an archive's place: whose it is, and what two writers at once do to it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tandem.archive.place import ArchiveUnusable, Place


def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        Place(str(tmp_path / "archive")).write("fills/day=2026-11-20/part-00000.parquet", b"rows")
    finally:
        os.umask(before)
    found = [tmp_path / "archive", *(tmp_path / "archive").rglob("*")]
    assert len(found) == 4
    assert {(path.is_dir(), path.stat().st_mode & 0o777) for path in found} == {(True, 0o700), (False, 0o600)}


def test_what_a_killed_writer_left_is_written_over(tmp_path: Path) -> None:
    (tmp_path / ".day.json.unfinished").write_bytes(b"longer than what is written now")
    Place(str(tmp_path)).write("day.json", b"now")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"day.json": b"now"}


HOLDER = """
import sys, time
from pathlib import Path
from tandem.archive import place
held = place._claimed(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_two_do_not_write_one_file(tmp_path: Path) -> None:
    """One may have outlived its server: what it wrote would be cut off and put in place unfinished."""
    place = Place(str(tmp_path))
    command = [sys.executable, "-c", HOLDER, str(tmp_path / ".day.json.unfinished")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(ArchiveUnusable, match="is being written by another process"):
            place.write("day.json", b"whole")
        other.communicate()
    place.write("day.json", b"whole")
    assert place.read("day.json") == b"whole"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("s3://id:secret@bucket/exchange?region=x", "s3://bucket/exchange"),
        ("s3://bucket/exchange?endpoint_override=x", "s3://bucket/exchange"),
        ("archive/of@home", "archive/of@home"),
    ],
)
def test_credentials_in_an_address_are_not_shown(address: str, shown: str) -> None:
    assert Place(address).address == shown
