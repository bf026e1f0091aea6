"""Saves the views now and then, one market at a time."""

import asyncio

from tandem.marketdata.views import MarketData
from tandem.platform.telemetry import log

SECONDS = 10.0
"""Between two markets; those behind the engine's newest snapshot are saved together, so that restarts replay little."""


async def keep_views(data: MarketData) -> None:
    """Until cancelled; `MarketData.save` saves the rest at the end."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(SECONDS)
        try:
            for market in data.unsaved():
                is_urgent = data.saved_seq(market) < data.engine.stats()["snapshot_seq"]
                saved, count = data.copy(market)
                await loop.run_in_executor(None, data.write, market, saved)
                data.written(market, saved, count)
                if not is_urgent:
                    break
            data.save_cursor()
        except OSError as error:
            log(__name__).warning("market data were not saved", reason=str(error))
