"""What the log shows of a failure."""

import logging
import sys
from collections.abc import Iterator

import pytest
import structlog

from tandem.platform.telemetry import configure_logging


@pytest.fixture
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers, root.level
    yield
    root.handlers, root.level = before
    structlog.reset_defaults()


@pytest.mark.usefixtures("_logging_as_before")
@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_traceback_shows_no_local_variables(
    log_format: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stderr", sys.stdout)
    configure_logging(log_format, "info")

    def fail(secret: str) -> None:
        raise RuntimeError(f"failed with {len(secret)} characters")

    try:
        fail("can" + "ary")
    except RuntimeError as error:
        structlog.stdlib.get_logger("x").error("a request failed", exc_info=error)
    shown = capsys.readouterr().out
    assert "failed with 6 characters" in shown
    assert "canary" not in shown
