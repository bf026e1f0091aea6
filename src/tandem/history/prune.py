"""Taking rows out of SQL that an archive holds: days that ended, in small transactions beside the projection's.

What open orders, running candles and the numbering of aggregate trades need stays: `daily` and candles of a day and
longer are never taken out. A closed order goes before the rows that lead to it, so a run that was cut off can be made
again.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Engine, Table, delete, func, select, update
from sqlalchemy.engine import URL

from tandem.domain.intervals import DAY, INTERVALS
from tandem.history import schema
from tandem.history.database import HistoryUnusable, as_fault, open_engine
from tandem.history.export import BY_SEQ, candles_within, closed_in, within
from tandem.history.export import Period as Period
from tandem.history.schema import candles, order_lists, orders, position, prevented_matches, trades

SEQS_AT_ONCE = 2_000
IDS_AT_ONCE = 500


class Pruner:
    """Every method raises HistoryUnusable."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._engine: Engine = open_engine(url)

    def close(self) -> None:
        self._engine.dispose()

    def mark(self, archived_us: int) -> None:
        """From now on rows of periods that ended before may be in the archive only."""
        later = func.greatest if self._url.get_backend_name() == "postgresql" else func.max
        if self._run(update(position).values(archived_us=later(position.c.archived_us, archived_us))) != 1:
            raise HistoryUnusable(f"{self._url.render_as_string()} is being told anew: archive and prune it afterwards")

    def remove(self, period: Period) -> int:
        """How many rows left. Whoever calls it has seen all of them in an archive, and `mark`ed that."""
        return (
            self._remove_lists(period)
            + self._remove_orders(period)
            + self._remove_trades(period)
            + self._run(delete(prevented_matches).where(*within(prevented_matches, period)))
            + self._remove_candles(period)
            + sum(self._remove_by_seq(schema.metadata.tables[name], period) for name in BY_SEQ)
        )

    def _run(self, statement: Any) -> int:
        with as_fault(self._url), self._engine.begin() as connection:
            return connection.execute(statement).rowcount

    def _ask(self, query: Any) -> Sequence[Any]:
        with as_fault(self._url), self._engine.begin() as connection:
            return connection.execute(query).all()

    def _remove_lists(self, period: Period) -> int:
        return self._run(delete(order_lists).where(*within(order_lists, period)))

    def _remove_orders(self, period: Period) -> int:
        ids = sorted(row[0] for row in self._ask(select(closed_in(period))))
        closed = within(orders, period)[1:]
        return sum(
            self._run(delete(orders).where(orders.c.id.in_(ids[start : start + IDS_AT_ONCE]), *closed))
            for start in range(0, len(ids), IDS_AT_ONCE)
        )

    def _remove_trades(self, period: Period) -> int:
        removed = 0
        of = trades.c
        for market in self._markets():
            inside = (of.market == market, of.time_us >= period.start_us, of.time_us < period.end_us)
            removed += self._remove_steps(trades, of.trade_id, inside, (of.market == market,))
        return removed

    def _remove_by_seq(self, table: Table, period: Period) -> int:
        inside = table.c.seq.between(period.first_seq, period.last_seq)
        return self._remove_steps(table, table.c.seq, (inside,), ())

    def _remove_candles(self, period: Period) -> int:
        short = [interval for interval in INTERVALS.values() if 0 < interval.us < DAY]
        return sum(
            self._run(delete(candles).where(candles.c.market == market, *candles_within(interval, period)))
            for market in self._markets()
            for interval in short
        )

    def _remove_steps(
        self,
        table: Table,
        key: Column[Any],
        inside: Sequence[ColumnElement[bool]],
        always: Sequence[ColumnElement[bool]],
    ) -> int:
        """All rows whose key is between the first and the last of those inside."""
        ((first, last),) = self._ask(select(func.min(key), func.max(key)).where(*inside))
        if first is None:
            return 0
        return sum(
            self._run(delete(table).where(*always, key.between(start, end)))
            for start, end in _steps(int(first), int(last), SEQS_AT_ONCE)
        )

    def _markets(self) -> list[int]:
        return [row.id for row in self._ask(select(schema.markets.c.id).order_by(schema.markets.c.id))]


def _steps(first: int, last: int, size: int) -> Iterator[tuple[int, int]]:
    for start in range(first, last + 1, size):
        yield start, min(start + size - 1, last)
