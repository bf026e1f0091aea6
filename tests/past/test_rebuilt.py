"""A view made again of SQL is the one that saw every trade, and stays so as trading goes on."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import delete, update

from tandem.apps.market_past import MarketPast
from tandem.apps.market_views import view_at
from tandem.domain.intervals import DAY, HOUR, INTERVALS, MINUTE, SECOND
from tandem.history import schema
from tandem.history.database import HistoryUnusable, database_url
from tandem.marketdata import rebuilt, tickers
from tandem.marketdata.history import PublicHistory
from tandem.marketdata.views import MarketView
from tandem.platform.engine import Batch
from tests.history.traffic import BTCUSDT
from tests.past.sql import Sql
from tests.past.test_public import Market, comparable, data_of

WINDOWS = (MINUTE, 59 * MINUTE, HOUR, 5 * HOUR, DAY, 3 * DAY, 7 * DAY)
KEEP: Any = SimpleNamespace(setattr=lambda *_: None)
"""In place of a patch: memory has its real size."""


@pytest.fixture(params=["sqlite", "postgresql"])
def market(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Market]:
    database = "" if request.param == "sqlite" else request.getfixturevalue("postgres").new_database()
    sql = Sql(database_url(database, tmp_path))
    yield Market(sql, 5, KEEP)
    sql.close()


def made_again(market: Market) -> MarketView:
    view = view_at(market.sql.questions.reader, BTCUSDT, market.results[-1].seq)
    assert view is not None
    return view


def shown(view: MarketView, now_us: int) -> dict[str, Any]:
    """What readers see without asking the past."""
    day = tickers.rolling(view, now_us)
    ring = view.trades
    return {
        "windows": [tickers.rolling(view, now_us, length) for length in WINDOWS],
        "candles": {
            name: view.candles.latest(interval, interval.open_of(now_us)) for name, interval in INTERVALS.items()
        },
        "last": (view.last_price, view.last_qty, view.last_time_us),
        "trades": list(ring.latest(20)),
        "aggregates": ring.latest_aggregates(20, ring.next_id),
        "next": (ring.next_id, ring.next_aggregate, day.last_id),
    }


def moments(market: Market) -> list[int]:
    return [market.time_us + later for later in (0, 1, MINUTE, HOUR - 1, DAY, 6 * DAY, 8 * DAY, 40 * DAY)]


def agree(view: MarketView, market: Market) -> None:
    for now in moments(market):
        assert shown(view, now) == shown(market.everything.view(BTCUSDT), now)


@pytest.mark.parametrize("step", [SECOND, MINUTE, HOUR, DAY])
def test_it_shows_what_one_that_saw_every_trade_shows(
    market: Market, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilt, "TRADES", 60)
    for _ in range(6):
        market.trade(25, step)
        market.sql.tell(market.results)
        view = made_again(market)
        agree(view, market)
        data = data_of(MarketPast(market.sql.questions))
        data._views[BTCUSDT] = view
        since = len(market.results)
        market.trade(15, step)
        for result in market.results[since - 3 :]:  # the last ones told are replayed
            data.on_batch(cast(Batch, SimpleNamespace(seq=result.seq, results=[result], replayed=True)))
        agree(view, market)
        market.sql.tell(market.results)


async def test_what_is_older_is_asked_of_the_past(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuilt, "CANDLES", 200)
    market.trade(400, 10 * MINUTE)
    market.sql.tell(market.results)
    data = data_of(MarketPast(market.sql.questions), market.results[-1].seq)
    data._views[BTCUSDT] = made_again(market)
    market.small = data
    for _ in range(200):
        name, args = market.question()
        got, expected = await market.ask(name, *args)
        assert comparable(got) == comparable(expected), (name, args)
    assert isinstance(PublicHistory(*market._sides[0]).trades(BTCUSDT, {"limit": 10}), list)


def change(market: Market, statement: Any) -> None:
    with market.sql.store._connection.begin():
        assert market.sql.store._connection.execute(statement).rowcount


def test_rows_that_do_not_agree_are_not_believed(market: Market) -> None:
    market.trade(300, HOUR)
    market.sql.tell(market.results)
    reader, seq = market.sql.questions.reader, market.results[-1].seq
    agree(made_again(market), market)
    with pytest.raises(HistoryUnusable, match="told more meanwhile"):
        view_at(reader, BTCUSDT, seq - 1)
    assert view_at(reader, BTCUSDT + 1, seq) is None
    column = schema.candles.c
    fours, minutes = column.interval == "4h", column.interval == "1m"
    change(market, update(schema.candles).where(fours).values(volume=column.volume + 1))
    with pytest.raises(ValueError, match="last candle of 4h"):
        made_again(market)
    change(market, update(schema.candles).where(fours).values(volume=column.volume - 1))
    agree(made_again(market), market)
    last = market.everything.view(BTCUSDT).last_time_us
    # As when keep_days is less than the longest window.
    change(market, delete(schema.candles).where(minutes, column.open_us < last - 3 * DAY))
    with pytest.raises(ValueError, match="of 7 days are not all there"):
        made_again(market)
