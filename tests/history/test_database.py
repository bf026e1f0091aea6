"""Where the history's database is and how it is opened."""

import socket
import time
from pathlib import Path

import pytest

from tandem.history import database
from tandem.history.database import HistoryUnusable, database_url
from tandem.history.reader import Reader


def test_a_server_that_never_answers_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "CONNECT_SECONDS", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = database_url(f"postgresql://tandem:secret@127.0.0.1:{silent.getsockname()[1]}/history", tmp_path)
        reader = Reader(url, readers=1)
        started = time.monotonic()
        with pytest.raises(HistoryUnusable, match="timeout") as refused:
            reader.position()
        assert time.monotonic() - started < 10
        assert "secret" not in str(refused.value)
        reader.close()


def test_what_the_url_says_about_waiting_counts_more(tmp_path: Path) -> None:
    url = database_url("postgresql://tandem@db/history?connect_timeout=30&keepalives=0", tmp_path)
    assert "connect_timeout" not in database._patience(url)
    assert database._patience(url)["tcp_user_timeout"] == 20_000
