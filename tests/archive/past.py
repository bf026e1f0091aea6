"""A history of several days, made of random traffic whose commands are spread over them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import URL

from tandem.domain.intervals import DAY
from tandem.history.fold import Fold
from tandem.history.store import Names, open_store
from tandem.platform.engine import Engine, Result
from tests.history.project import CLUSTER, assets_of
from tests.history.traffic import Traffic, open_exchange

START_US = 1_795_132_800_000_000
"""2026-11-20 00:00 in UTC."""
DAYS = 4


@dataclass(frozen=True)
class Past:
    results: Sequence[Result]
    assets: dict[int, tuple[int, int]]
    names: Names


def live(path: Path, seed: int = 5, count: int = 3_000) -> Past:
    """The last command is of the day after `DAYS` days, so that these have ended."""
    engine = open_exchange(path)
    traffic = Traffic(engine, seed)
    results = traffic.found() + traffic.send(count)
    step = DAYS * DAY // len(results)
    spread = [
        Result(seq=result.seq, time_us=START_US + number * step, code=result.code, events=result.events)
        for number, result in enumerate(results)
    ]
    spread.append(Result(seq=spread[-1].seq + 1, time_us=START_US + DAYS * DAY))
    past = Past(spread, assets_of(engine), names_of(engine))
    engine.close()
    return past


def names_of(engine: Engine) -> Names:
    return {
        "assets": [(one.id, one.code, one.name, one.decimals) for one in engine.assets()],
        "markets": [(one.id, one.symbol, one.base, one.quote) for one in engine.markets()],
        "accounts": [(one.id, one.name) for one in engine.accounts()],
    }


def tell(past: Past, url: URL, *, until_us: int | None = None) -> None:
    """Projects the commands before `until_us`, or all, into an empty database."""
    store = open_store(url)
    store.claim(CLUSTER)
    fold = Fold(store, past.assets.__getitem__, [], [])
    for result in past.results:
        if until_us is None or result.time_us < until_us:
            fold.tell(result)
    store.write(fold.take(), past.names, "")
    store.close()
