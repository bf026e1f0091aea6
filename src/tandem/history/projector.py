"""The projection: follows the log and tells it into SQL, for ever, whatever happens to the database.

After any error everything is opened again at the position that SQL has, which is the only thing to go on from.

It yields the processor after each result. A newer Linux lets a thread that only computes go on until its next tick,
4 ms later, although an order waits for that processor, whatever their priorities are; at a system call it is put aside.
"""

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from os import sched_yield
from pathlib import Path
from threading import Event

from sqlalchemy.engine import URL

from tandem.domain.errors import Fault
from tandem.history.database import HistoryUnusable
from tandem.history.fold import Fold
from tandem.history.rows import Values
from tandem.history.self_check import SelfCheck
from tandem.history.store import Names, Store, drop_history, open_store
from tandem.platform.engine import EngineError, Follower
from tandem.platform.telemetry import log

AT_ONCE = 65536
"""Commands in one transaction when the projection is behind. The more they are, the fewer pages of the indexes are
written more than once."""
POLL_MS = 50
GATHER_SECONDS = 0.5
"""How long the first command of a batch waits for company: each batch writes the growing end of every index, and orders
wait for the same disk. Memory answers for what is not told yet."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 5.0
"""After errors."""
SETTLE_SECONDS = 1.0
"""Between two transactions that wait for the disk, where the log lets go of what is settled."""
COLLECT_SECONDS = 60.0
"""Between two searches for reference cycles, of which the process makes few."""
_CLUSTER_FILE = "CLUSTER"


class WrongExchange(HistoryUnusable):
    """The database holds the history of another exchange. Trying again does not help."""


@dataclass(slots=True)
class Status:
    seq: int = 0
    time_us: int = 0
    rows: int = 0
    """Since this process began, as are the errors."""
    errors: int = 0
    error: str = ""
    """The last one; empty when all is well again."""
    differences: int = 0
    """Between SQL and the core, found by samples since this process began."""
    settled_seq: int = 0
    """Told up to here even if the machine ends at once. 0: not known yet."""


class Projector:
    """`run` it in a thread of its own or in none. `finish`: end when everything durable is told. `stop`: end soon."""

    def __init__(
        self, data: Path, url: URL, tell: Callable[[Status], None] = lambda _status: None, *, settles: bool = False
    ) -> None:
        """`settles`: the log lets go of what `settled_seq` says."""
        self._data = data
        self._settles = settles
        self._url = url
        self._tell = tell
        self.status = Status()
        self.finish, self.stop = Event(), Event()
        self._next_collection = time.monotonic() + COLLECT_SECONDS
        self._next_settling = 0.0

    def rebuild(self) -> None:
        """Drops what is there; `run` then begins at zero. Raises HistoryUnusable."""
        drop_history(self._url)

    def run(self) -> None:
        """Raises WrongExchange."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            before = self.status.seq
            try:
                return self._run_once()
            except WrongExchange:
                raise
            except (Fault, EngineError) as error:
                self._note(error)
            pause = FIRST_PAUSE_SECONDS if self.status.seq > before else min(pause * 2, LONGEST_PAUSE_SECONDS)
            if self.stop.wait(pause):
                return

    def _note(self, error: Exception) -> None:
        self.status.errors += 1
        self.status.error = str(error)
        log(__name__).warning("the projection failed and is opened again", reason=str(error), seq=self.status.seq)
        self._tell(self.status)

    def _run_once(self) -> None:
        store = open_store(self._url)
        try:
            known = store.position.cluster_id
            if known and known != self._cluster_id():
                raise WrongExchange(f"{self._url.render_as_string()} holds the history of another exchange")
            follower = Follower.open(str(self._data), after_seq=store.position.seq)
            if store.position.seq and store.position.digest != f"{follower.digest()[1]:016x}":
                raise WrongExchange(
                    f"{self._url.render_as_string()} was told another past than that of {self._data}, up to seq "
                    f"{store.position.seq}: one of them is a restored copy; `tandem project {self._data} --rebuild` "
                    "tells the history of this one from the beginning"
                )
            store.claim(follower.cluster_id)
            self._follow(follower, store)
        finally:
            store.close()

    def _cluster_id(self) -> str:
        try:
            return (self._data / _CLUSTER_FILE).read_text().strip()
        except OSError as error:
            raise HistoryUnusable(f"{self._data} holds no exchange: {error.strerror}") from error

    def _follow(self, follower: Follower, store: Store) -> None:
        assets: dict[int, tuple[int, int]] = {}
        orders = [order.accepted.order_id for order in follower.open_orders()]
        lists = [opened.list_id for opened in follower.open_lists()]
        fold = Fold(store, assets.__getitem__, orders, lists)
        check = SelfCheck()
        self._move_to(store, 0)
        while not self.stop.is_set():
            is_finishing = self.finish.is_set()
            batches = follower.poll(AT_ONCE, 0 if is_finishing else POLL_MS)
            if not batches and is_finishing:
                return
            if batches and not is_finishing and sum(len(batch.results) for batch in batches) < AT_ONCE:
                self.finish.wait(GATHER_SECONDS)
                batches += follower.poll(AT_ONCE, 0)
            if batches:
                assets.update((market.id, (market.base, market.quote)) for market in follower.markets())
                for batch in batches:
                    for result in batch.results:
                        fold.tell(result)
                        sched_yield()
                self._write(fold, follower, store, check)

    def _write(self, fold: Fold, follower: Follower, store: Store, check: SelfCheck) -> None:
        rows = fold.take()
        seq, digest = follower.digest()
        assert seq == rows.seq, "the state is that after the last result"
        is_first = store.position.seq == 0
        names, settle = _names(follower, rows.references, is_first=is_first), self._is_to_settle()
        store.write(rows, names, f"{digest:016x}", settle=settle)
        if settle:
            self.status.settled_seq = seq
        self.status.differences += check.after_write(rows, follower, store)
        self._move_to(store, rows.count())
        self._collect()

    def _is_to_settle(self) -> bool:
        now = time.monotonic()
        if not self._settles or now < self._next_settling:
            return False
        self._next_settling = now + SETTLE_SECONDS
        return True

    def _collect(self) -> None:
        now = time.monotonic()
        if now >= self._next_collection:
            gc.collect()
            self._next_collection = now + COLLECT_SECONDS

    def _move_to(self, store: Store, rows: int) -> None:
        self.status.seq, self.status.time_us = store.position.seq, store.position.time_us
        self.status.rows += rows
        self.status.error = ""
        self._tell(self.status)


def _names(follower: Follower, references: set[tuple[str, int]], *, is_first: bool) -> Names:
    """What the new ids are called. Account 0 was never made: it is there from the start."""
    assets = {id for kind, id in references if kind in ("AssetCreated", "AssetUpdated")}
    markets = {id for kind, id in references if kind == "MarketCreated"}
    accounts = {id for kind, id in references if kind == "AccountCreated"} | ({0} if is_first else set())
    names: Names = {"assets": [], "markets": [], "accounts": []}
    if assets:
        names["assets"] = [(a.id, a.code, a.name, a.decimals) for a in follower.assets() if a.id in assets]
    if markets:
        names["markets"] = [(m.id, m.symbol, m.base, m.quote) for m in follower.markets() if m.id in markets]
    for account in (follower.account(id) for id in sorted(accounts)):
        assert account is not None, "it was made before"
        named: Values = (account.id, account.name)
        names["accounts"].append(named)
    return names
