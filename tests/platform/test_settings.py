"""Settings come from a file and the command line, and what is wrong is said with its place."""

from pathlib import Path
from typing import Any

import pytest

from tandem.platform.settings import EngineSettings, Limits, Settings, SettingsError, load


def written(directory: Path, text: str) -> Path:
    path = directory / "tandem.toml"
    path.write_text(text)
    return path


def test_the_command_line_wins_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    path = written(tmp_path, 'port = 1\nhost = "0.0.0.0"\ndemo = true\n[limits]\norders_per_day = 0\n')
    chosen = load(path, port=2, host=None, demo=False)
    assert chosen == Settings(port=2, host="0.0.0.0", demo=False, limits=Limits(orders_per_day=0))
    assert load(None) == Settings()


def test_the_documented_settings_are_the_defaults(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/reference/settings.md").read_text()
    documented = page.partition("```toml\n")[2].partition("```")[0]
    assert load(written(tmp_path, documented)) == Settings(demo=True, limits=Limits(), engine=EngineSettings())


WRONG: dict[str, str] = {
    "port = 65536": "port",
    "port = -1": "port",
    'port = "80"': "port",
    'log_level = "loud"': "log_level",
    'log_format = "xml"': "log_format",
    'allowed_origins = "x"': "allowed_origins",
    "surprise = 1": "surprise",
    "[limits]\nweight_per_minute = -1": "limits.weight_per_minute",
    "[limits]\nsurprise = 1": "surprise",
    "[engine]\nqueue_limit = 0": "engine.queue_limit",
    '[log]\nkeep = "some"': "log.keep",
    "[engine]\nsegment_bytes = 1.5": "engine.segment_bytes",
    "port =": "is not TOML",
    "port = 1\nport = 2": "is not TOML",
}


@pytest.mark.parametrize(("text", "place"), WRONG.items())
def test_what_is_wrong_is_named_with_its_file(tmp_path: Path, text: str, place: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(SettingsError) as refused:
        load(path)
    assert str(path) in str(refused.value)
    assert place in str(refused.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff")
    for path in (tmp_path / "missing.toml", tmp_path, binary):
        with pytest.raises(SettingsError, match=path.name):
            load(path)


@pytest.mark.parametrize("overrides", [{"port": 70_000}, {"host": 1}, {"nonsense": 1}])
def test_the_command_line_is_checked_too(overrides: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="settings: "):
        load(None, **overrides)
