"""`tandem project`, without a server."""

import json
from pathlib import Path

from click.testing import CliRunner

from tandem.apps.cli import main
from tests.apps.directories import make_directory


def test_the_database_may_be_named_in_a_file(tmp_path: Path) -> None:
    """An argument can be read by everybody on the machine, and may hold a password."""
    make_directory(tmp_path / "data")
    config = tmp_path / "tandem.toml"
    config.write_text(f'[history]\ndatabase = "sqlite:///{tmp_path / "elsewhere.db"}"\n')
    told = CliRunner().invoke(main, ["project", str(tmp_path / "data"), "--once", "--config", str(config)])
    assert json.loads(told.stdout)["seq"] == 107
    assert (tmp_path / "elsewhere.db").exists()
    assert not (tmp_path / "data" / "history.db").exists()
    config.write_text("[history\n")
    told = CliRunner().invoke(main, ["project", str(tmp_path / "data"), "--once", "--config", str(config)])
    assert (told.exit_code, "is not TOML" in told.stderr) == (1, True)
