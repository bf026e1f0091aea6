"""The past as market data ask for it: rows of the history's database as trades, aggregates and candles."""

from collections.abc import Mapping, Sequence
from typing import Any

from tandem.apps.history import Questions
from tandem.domain.history import Need
from tandem.domain.trading import Side
from tandem.history.database import HistoryUnusable
from tandem.history.reader import Range
from tandem.marketdata.candles import Row
from tandem.marketdata.past import Wanted
from tandem.marketdata.trades import Aggregate, Trade
from tandem.platform.telemetry import log

_SELL = int(Side.SELL)


class MarketPast:
    """`tandem.marketdata.past.Past`."""

    def __init__(self, questions: Questions) -> None:
        self._ask = questions.ask
        self._reader = questions.reader
        self._is_silent = False
        """While the process starts: a database that did not answer once is not waited for again."""

    async def trades(self, wanted: Wanted) -> list[Trade]:
        return await self._ask(wanted.need, lambda: self._reader.trades(wanted.market, _range(wanted)), trade_of)

    async def aggregates(self, wanted: Wanted) -> list[Aggregate]:
        return await self._ask(
            wanted.need, lambda: self._reader.aggregates(wanted.market, _range(wanted)), aggregate_of
        )

    async def candles(self, wanted: Wanted, interval: str) -> list[Row]:
        reader = self._reader
        return await self._ask(wanted.need, lambda: reader.candles(wanted.market, interval, _range(wanted)), candle_of)

    async def candle_pieces(
        self, need: Need, market: int, pieces: Mapping[str, Sequence[int]], start_us: int, end_us: int
    ) -> list[Row]:
        return await self._ask(need, lambda: self._reader.candle_pieces(market, pieces, start_us, end_us), candle_of)

    def next_aggregate(self, market: int, next_trade: int) -> int | None:
        if self._is_silent:
            return None
        try:
            last = self._reader.trades(market, Range(limit=1, is_last=True, before_id=next_trade)).rows
        except HistoryUnusable as error:
            self._is_silent = True
            log(__name__).warning("aggregate trades are numbered without the history", reason=str(error))
            return None
        return last[0].aggregate_id + 1 if last and last[0].trade_id == next_trade - 1 else None


def _range(wanted: Wanted) -> Range:
    return Range(
        limit=wanted.limit,
        is_last=wanted.is_last,
        from_id=wanted.first_id,
        before_id=wanted.end_id,
        from_us=wanted.start_us,
        to_us=wanted.end_us,
    )


def trade_of(row: Any) -> Trade:
    """Who asks for trades does not ask where aggregates start."""
    return Trade(row.trade_id, row.price, row.qty, row.time_us, False, row.taker_side == _SELL)


def aggregate_of(row: Any) -> Aggregate:
    is_sold = row.taker_side == _SELL
    return Aggregate(row.aggregate_id, row.price, row.qty, row.first_id, row.last_id, row.time_us, is_sold)


_CANDLE_COLUMNS = (
    *("market", "interval", "open_us", "open", "high", "low", "close", "volume", "quote_volume", "trades"),
    *("taker_buy_volume", "taker_buy_quote_volume", "seq"),
)


def candle_of(row: Sequence[Any]) -> Row:
    """By place, as there may be thousands."""
    return (*row[2:12], -1, -1)
