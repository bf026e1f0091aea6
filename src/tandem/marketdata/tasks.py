"""Saves the views now and then, one market at a time."""

import asyncio

from tandem.marketdata.views import MarketData
from tandem.platform.telemetry import log

SECONDS = 10.0
"""Between two markets; one that lags behind the engine's newest snapshot is saved at once."""


async def keep_views(data: MarketData) -> None:
    """Until cancelled; `MarketData.save` saves the rest at the end."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(SECONDS)
        for market in data.unsaved():
            is_urgent = data.saved_seq(market) < data.engine.stats().get("snapshot_seq", 0)
            saved = data.take(market)
            try:
                await loop.run_in_executor(None, data.write, market, saved)
            except OSError as error:
                log(__name__).warning("market data were not saved", market=market, reason=str(error))
            if not is_urgent:
                break
