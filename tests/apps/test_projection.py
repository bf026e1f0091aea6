"""What the server says of the projecting process before that has said anything."""

from pathlib import Path

from tandem.apps.projection import Projection
from tandem.platform.settings import Settings
from tests.apps.directories import opened


def test_a_lag_that_is_not_known_yet_begins_with_the_server(tmp_path: Path) -> None:
    with opened(tmp_path) as engine:
        now_us = 1_800_000_000_000_000
        projection = Projection(Settings(data=str(tmp_path)), engine, lambda: now_us)
        lag_seconds = projection.gauges()["history_lag_seconds"]
        assert lag_seconds() == 0
        engine.create_account("carol")
        while not engine.digest()[0]:
            engine.poll(10)
        now_us += 2_500_000
        assert lag_seconds() == 2.5
