"""What a market shows in each status."""

from dataclasses import replace

import pytest

from tandem.domain.trading import MarketStatus
from tandem.marketdata.streams import TICK_DELAY_US
from tests.marketdata.exchange import Exchange, Listener

SECOND = 1_000_000


@pytest.mark.parametrize(
    ("status", "shows", "shows_candles"),
    [
        (MarketStatus.TRADING, True, True),
        (MarketStatus.HALT, True, True),
        (MarketStatus.BREAK, False, False),
        (MarketStatus.CANCEL_ONLY, True, False),
        (MarketStatus.END_OF_DAY, False, False),
    ],
)
async def test_what_is_shown(exchange: Exchange, status: MarketStatus, shows: bool, shows_candles: bool) -> None:
    market = replace(exchange.client.catalog.by_symbol["BTCUSDT"], status=status)
    assert (exchange.data.shows(market), exchange.data.shows_candles(market)) == (shows, shows_candles)


async def test_streams_fall_silent_with_the_status(exchange: Exchange) -> None:
    listener = Listener()
    for stream in ("depth5", "kline_1s", "ticker", "blockTrade"):
        exchange.hub.subscribe(f"btcusdt@{stream}", listener)
    told = []
    for status in (MarketStatus.TRADING, MarketStatus.CANCEL_ONLY, MarketStatus.BREAK):
        await exchange.run(exchange.engine.set_market_status(exchange.market, MarketStatus.TRADING))
        traded = await exchange.trade(100, 1)
        await exchange.run(exchange.engine.set_market_status(exchange.market, status))
        start = traded.time_us // SECOND * SECOND + TICK_DELAY_US + len(told) * 10 * SECOND
        for second in (0, 1):
            exchange.hub.tick(start + second * SECOND)
        told.append({event.get("e", "depth") for event in listener.take()})
    assert told == [{"depth", "kline", "24hrTicker"}, {"depth", "24hrTicker"}, set()]


async def test_a_stream_of_block_trades_is_known_and_silent(exchange: Exchange) -> None:
    listener = Listener()
    exchange.hub.subscribe("btcusdt@blockTrade", listener)
    assert exchange.hub._silent == set()
    traded = await exchange.trade(100, 1)
    exchange.hub.tick(traded.time_us + SECOND)
    assert listener.take() == []
    exchange.hub.unsubscribe("btcusdt@blockTrade", listener)
    assert exchange.hub.topics == 0
