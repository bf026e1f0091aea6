"""From where a start replays the log into views; and views made of the history where none were saved.

They are as of the history's position, so what is replayed begins at a snapshot and not at the first command. Whatever
is in the way, the start goes on with what was saved, or with the whole log.
"""

import time
from pathlib import Path
from typing import Any

from tandem.apps.market_past import aggregate_of, candle_of, trade_of
from tandem.domain.errors import Fault
from tandem.domain.intervals import INTERVALS
from tandem.history.database import HistoryUnusable, database_url
from tandem.history.export import Exporter, State
from tandem.history.reader import Answer, Range, Reader
from tandem.marketdata.rebuilt import TRADES, rebuilt, wanted_candles
from tandem.marketdata.store import ViewStore, forget_cursor, is_usable, saved_through
from tandem.marketdata.views import MarketView
from tandem.platform.log_files import last_seq, snapshot_seqs
from tandem.platform.telemetry import log

ATTEMPTS, PAUSE_SECONDS = 5, 1.0
"""The projecting process of a server that was killed may still be writing."""


class _Moved(HistoryUnusable):
    """The history was told more meanwhile."""


def replay_from(data: Path, views: Path, database: str) -> int:
    """The seq that all views in `views` have seen, once they are made again if need be. `database`: as in the
    settings."""
    saved = saved_through(views)
    try:
        cluster_id = (data / "CLUSTER").read_text().strip()
        if not snapshot_seqs(data) or (saved and is_usable(views, cluster_id)):
            return saved
        begin = time.monotonic()
        seq = _make_again(data, views, database, cluster_id)
    except FileNotFoundError:  # the first start of all, or there is no history yet
        return saved
    except (Fault, OSError, ValueError) as error:
        log(__name__).warning("market data were not saved, and are not made of the history", reason=str(error))
        return saved
    log(__name__).info("market data are made of the history", seq=seq, seconds=round(time.monotonic() - begin, 2))
    return seq


def _make_again(data: Path, views: Path, database: str, cluster_id: str) -> int:
    url = database_url(database, data)
    exporter, reader = Exporter(url), Reader(url, readers=1, cluster_id=cluster_id)
    try:
        for attempt in range(1, ATTEMPTS + 1):
            with exporter.at_once():
                state, (_, markets, _) = exporter.state(), exporter.names()
            _check(state, data, cluster_id)
            try:
                found = {market: view_at(reader, market, state.seq) for market, *_ in markets}
                break
            except _Moved:
                if attempt == ATTEMPTS:
                    raise
                time.sleep(PAUSE_SECONDS)
    finally:
        reader.close()
        exporter.close()
    store = ViewStore(views, cluster_id=cluster_id, last_seq=state.seq)
    # A cursor vouches for views of its time, and these may be older.
    forget_cursor(views)
    for market, view in found.items():
        if view is not None:
            store.save(market, view.saved(cluster_id, state.seq))
    store.save_cursor(state.seq)
    return state.seq


def _check(state: State, data: Path, cluster_id: str) -> None:
    if state.cluster_id != cluster_id:
        raise HistoryUnusable("the history is that of another exchange")
    if state.seq > last_seq(data):
        raise HistoryUnusable(f"the history is told up to seq {state.seq}, and the log ends before")
    if state.seq < snapshot_seqs(data)[0]:
        raise HistoryUnusable(f"it is told up to seq {state.seq} only, before the oldest snapshot")


def view_at(reader: Reader, market: int, seq: int) -> MarketView | None:
    """None without trades. Raises HistoryUnusable, and ValueError when rows do not agree."""

    def rows(answer: Answer) -> list[Any]:
        if answer.seq != seq:
            raise _Moved(f"it was told more meanwhile, up to seq {answer.seq}")
        return answer.rows

    newest = Range(limit=TRADES, is_last=True)
    trades = [trade_of(row) for row in rows(reader.trades(market, newest))]
    if not trades:
        return None
    aggregates = [aggregate_of(row) for row in rows(reader.aggregates(market, newest))]
    candles = {
        name: [candle_of(row) for row in rows(reader.candles(market, name, Range(limit=limit, is_last=True)))]
        for name, limit in ((name, wanted_candles(name)) for name in INTERVALS)
    }
    return rebuilt(trades, aggregates, candles)
