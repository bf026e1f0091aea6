"""The command line where no exchange is needed: what it refuses, and in which words."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tandem.apps.cli import main
from tandem.platform.engine import Engine

ROOT = Path(__file__).parents[2]


def tandem(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def test_a_directory_without_a_log_is_not_verified(tmp_path: Path) -> None:
    for command in ("verify", "inspect"):
        told = tandem(command, str(tmp_path))
        assert (told.exit_code, told.stdout) == (1, "")
        assert told.stderr.startswith(f"tandem: {tmp_path} holds no ")


def test_an_empty_log_is_fine_and_has_no_records(tmp_path: Path) -> None:
    Engine.open(str(tmp_path), segment_bytes=1 << 20).close()
    assert tandem("verify", str(tmp_path)).exit_code == 0
    assert tandem("inspect", str(tmp_path)).stderr == f"tandem: {tmp_path} holds no record from 1 on\n"


def test_a_history_is_told_of_an_exchange_only(tmp_path: Path) -> None:
    told = tandem("project", str(tmp_path), "--once", "--rebuild")
    assert (told.exit_code, told.stderr) == (1, f"tandem: {tmp_path} holds no log of an exchange\n")
    assert list(tmp_path.iterdir()) == []


def test_telling_once_ends_at_a_database_that_is_not_there(tmp_path: Path) -> None:
    Engine.open(str(tmp_path), segment_bytes=1 << 20).close()
    options = ("--once", "--database", f"postgresql://x@/y?host={tmp_path}")
    # In a process of its own: the command takes the signals.
    command = [sys.executable, "-c", "from tandem.apps.cli import main; main()", "project", str(tmp_path), *options]
    told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (told.returncode, told.stdout) == (1, "")
    assert "\ntandem: postgresql+psycopg://x@/y" in told.stderr


def test_an_exchange_is_not_made_among_other_peoples_files(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("important")
    told = tandem("serve", "--data", str(tmp_path), "--port", "0")
    assert (told.exit_code, told.stderr) == (
        1,
        f"tandem: {tmp_path} is not empty and holds no exchange; use a directory of its own\n",
    )
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("option", [("--max-orders", "x"), ("--max-orders", "-1"), ("--tick-size",)])
def test_a_wrong_option_of_a_market_is_a_usage_error(option: tuple[str, ...], tmp_path: Path) -> None:
    steps = ("--tick-size", "0.01", "--step-size", "0.01")
    told = tandem("markets", "add", "AB", "--base", "A", "--quote", "B", *steps, *option, "--data", str(tmp_path))
    assert told.exit_code == 2


def test_the_reference_of_the_api_is_what_is_served() -> None:
    script = ROOT / "scripts" / "generate_api_reference.py"
    done = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
