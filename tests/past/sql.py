"""A history in SQL that is told as far as a test wants."""

from collections.abc import Sequence

from sqlalchemy.engine import URL

from tandem.apps.history import Questions
from tandem.history.fold import Fold
from tandem.history.reader import Reader
from tandem.history.store import open_store
from tandem.platform.engine import Result
from tests.history.project import CLUSTER, open_in
from tests.history.traffic import BTC, BTCUSDC, BTCUSDT, COIN, COINUSDT, USDC, USDT

ASSETS = {BTCUSDT: (BTC, USDT), BTCUSDC: (BTC, USDC), COINUSDT: (COIN, USDT)}


class Sql:
    def __init__(self, url: URL, *, wait_seconds: float = 0.05) -> None:
        self.store = open_store(url)
        self.store.claim(CLUSTER)
        self.fold = Fold(self.store, ASSETS.__getitem__, *open_in(self.store))
        self.questions = Questions(Reader(url), wait_seconds=wait_seconds)
        self.told = 0

    def tell(self, results: Sequence[Result], *, step: int = 700) -> None:
        """All that there are: those that it was told before are passed over."""
        for start in range(self.told, len(results), step):
            for result in results[start : start + step]:
                self.fold.tell(result)
            self.store.write(self.fold.take(), {}, "")
        self.told = len(results)

    def close(self) -> None:
        self.questions.close()
        self.store.close()
