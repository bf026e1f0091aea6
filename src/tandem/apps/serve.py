"""`tandem serve`: one process with everything in it, from an open log to a clean end."""

import asyncio
import contextlib
import os
import secrets
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvloop

from tandem.accounts import routes as accounts_routes
from tandem.accounts.legacy import KeyFacts
from tandem.admin.client import OPERATOR_FILE
from tandem.admin.routes import KeyAdmin, OperatorApp
from tandem.admin.service import AdminService
from tandem.apps.archivist import Archivist
from tandem.apps.connections import ConnectionLimits
from tandem.apps.demo import DEMO_FILE, MAKER, MARKETS, TAKER, DemoRefused, prepare, write_private
from tandem.apps.demo_bots import Bots
from tandem.apps.gateway import Gateway
from tandem.apps.history import Questions, open_questions
from tandem.apps.market_past import MarketPast
from tandem.apps.market_views import replay_from
from tandem.apps.metrics import health_app, metrics_app
from tandem.apps.openapi import document_apps
from tandem.apps.projection import Projection
from tandem.apps.restored import RestoredRefused, check_restored
from tandem.apps.server import ListenError, listen, raise_descriptor_limit, serve, stop_on_signals
from tandem.apps.streams import StreamApp
from tandem.apps.trading_past import TradingPast
from tandem.apps.websocket import SocketLimits, Sockets, text_frame
from tandem.apps.ws_api import WsApiApp
from tandem.domain.errors import Fault
from tandem.domain.operation import Operation
from tandem.history.database import database_url
from tandem.history.store import open_store
from tandem.identity import routes as identity_routes
from tandem.identity.keys import Permission
from tandem.identity.listen_keys import ListenKeys
from tandem.identity.listen_tokens import ListenTokens
from tandem.identity.service import KeyService, open_keys, random_name
from tandem.marketdata import routes as marketdata_routes
from tandem.marketdata.store import ViewStore, saved_through
from tandem.marketdata.streams import StreamHub
from tandem.marketdata.tasks import keep_views
from tandem.marketdata.views import MarketData
from tandem.platform import memory
from tandem.platform.clock import SystemClock
from tandem.platform.engine import Engine, EngineClient, EngineError
from tandem.platform.rate_limits import RateLimiter
from tandem.platform.settings import Limits, Settings
from tandem.platform.telemetry import configure_logging, log
from tandem.trading import routes as trading_routes
from tandem.trading.client_ids import client_id_source
from tandem.trading.orders import LIMITS_WITH_PAST, OrderView
from tandem.trading.recall import recall_when_told
from tandem.trading.user_stream import UserStreams


class DirectoryRefused(Exception):
    """The data directory belongs to something else."""


MARKS = {"CLUSTER", "LOCK", "spare.tmp"}
"""What is in a data directory from its first start on, however that ended."""
REFUSALS = (DirectoryRefused, RestoredRefused, DemoRefused, EngineError, ListenError, Fault, OSError)
"""What `run` raises when it cannot start: each message says what is wrong and what to do."""
BROKEN_EXIT_CODE = 70
VIEWS = "marketdata"
"""Folder of what can be derived again: trades and candles."""
NOTICE_SECONDS = 0.2
"""Between the notice of a planned close and the close."""
NOTE_USES_SECONDS = 60.0
"""How much of "last used" a crash may lose."""
WANTED_DESCRIPTORS = 16_384
TELL_SECONDS = 3.0
"""Between two lines about a start that takes long."""
RECALL_SECONDS = 2.0
"""How long a start waits for what open orders need of the history; later it comes later."""


class Exchange:
    """The parts of one process, wired. `start` when the loop runs, `stop` before it ends."""

    def __init__(self, engine: Engine, keys: KeyService, settings: Settings) -> None:
        clock = SystemClock()
        found = engine.recovery()
        store = ViewStore(Path(settings.data) / VIEWS, cluster_id=found["cluster_id"], last_seq=found["last_seq"])
        self.settings = settings
        self.client = EngineClient(engine, _end_at_once)
        self.keys = keys
        self.projection = Projection(settings, engine, clock.wall_us) if settings.history.enabled else None
        self.questions = (
            None if self.projection is None else _open_questions(settings, found["cluster_id"], self.projection.fits)
        )
        self._past = None if self.questions is None else TradingPast(self.questions)
        market_past = None if self.questions is None else MarketPast(self.questions)
        limiter = RateLimiter(settings.limits)
        self.orders = OrderView(self.client, limiter=limiter, **(LIMITS_WITH_PAST if self._past else {}))
        self.users = users = UserStreams(self.client, self.orders)
        self.market_data = MarketData(self.client, store, market_past)
        self.hub = StreamHub(self.market_data, clock, text_frame)
        self.sockets = _open_sockets(settings.limits, clock)
        listen_keys = ListenKeys(clock, random_name)
        self.listen_tokens = ListenTokens(clock, random_name)
        keys.on_revoked.append(lambda key: listen_keys.close_of_api_key(key.id))
        new_client_id = client_id_source(os.urandom, clock.wall_us)
        self.operations: list[Operation] = [
            *marketdata_routes.operations(self.market_data, limiter, market_past),
            *trading_routes.operations(self.client, self.orders, limiter, new_client_id, self._past),
            *accounts_routes.operations(self.client, self.orders.updated_us, self._key_facts),
            *identity_routes.operations(listen_keys, self.listen_tokens),
        ]
        self.gateway = Gateway(self.operations, keys, limiter, clock)
        streams = StreamApp(self.hub, self.sockets, listen_keys, users, self.gateway.address_of)
        gauges = {"sockets": lambda: float(len(self.sockets)), "slow_clients_cut_off": lambda: self.sockets.cut_off}
        self._archivist: Archivist | None = None
        if self.projection is not None:
            gauges |= self.projection.gauges()
            if settings.history.archive:
                self._archivist = Archivist(settings, self.projection.told_us)
                gauges |= self._archivist.gauges()
        self.gateway.mounts |= {
            "/ws": streams,
            "/stream": streams,
            "/ws-api/v3": WsApiApp(
                self.gateway.pipeline,
                self.sockets,
                users,
                self.listen_tokens,
                self.gateway.address_of,
                allowed_origins=settings.allowed_origins,
            ),
            "/healthz": health_app(engine.is_accepting),
            "/metrics": metrics_app(engine, gauges),
            **document_apps(self.operations),
        }
        self.admin = AdminService(self.client)
        self._bots: Bots | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self.client.start(_teller(self.client.engine))
        if self.projection is not None:
            self.projection.start()
        chores = [
            self.hub.run(),
            self.sockets.sweep(),
            keep_views(self.market_data),
            memory.collect_rarely(),
            self._note_uses(),
        ]
        if self._archivist is not None:
            chores.append(self._archivist.run())
        self._tasks = [asyncio.create_task(chore) for chore in chores]
        if self._past is not None:
            recalling = asyncio.create_task(recall_when_told(self.orders, self._past))
            await asyncio.wait({recalling}, timeout=RECALL_SECONDS)
            self._tasks.append(recalling)
        for task in self._tasks:
            task.add_done_callback(_must_not_fail)
        data = Path(self.settings.data)
        wanted = self.settings.demo
        if wanted or (wanted is None and (data / DEMO_FILE).exists()):
            await prepare(self.admin, data, lambda account, label: self.create_key(account, label))
            maker, taker = self.admin.account_id(MAKER), self.admin.account_id(TAKER)
            self._bots = Bots(MARKETS, self.operations, maker, taker, self.settings.demo_seed)
            self._bots.start()

    async def stop(self) -> None:
        """After the last request: finishes what the engine took."""
        if self._bots is not None:
            await self._bots.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.client.close()
        if self.questions is not None:
            self.questions.close()
        if self.projection is not None:
            await self.projection.stop()
        for save in (self.market_data.save, self.keys.flush_uses):
            try:
                save()
            except (OSError, Fault) as error:
                log(__name__).warning("not all of what can be missed was saved", reason=str(error))

    async def _note_uses(self) -> None:
        while True:
            await asyncio.sleep(NOTE_USES_SECONDS)
            try:
                await asyncio.to_thread(self.keys.write_uses, self.keys.uses())
            except Fault as error:
                log(__name__).warning("when keys were last used was not saved", reason=str(error))

    async def say_goodbye(self) -> None:
        """Tells sockets that they will be closed, and closes them."""
        if len(self.sockets):
            self.sockets.announce_shutdown()
            await asyncio.sleep(NOTICE_SECONDS)
            self.sockets.close()

    def operator_app(self, key: str) -> OperatorApp:
        create = self.create_key
        return OperatorApp(self.admin, KeyAdmin(create, self.keys.revoke, self.keys.rows), key)

    def create_key(
        self,
        account: int,
        label: str,
        permissions: tuple[str, ...] = ("USER_DATA", "TRADE"),
        pem: str | None = None,
        networks: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        created = self.keys.create(account, label=label, permissions=permissions, public_key=pem, networks=networks)
        return {"apiKey": created.key.id} | ({"secretKey": created.secret} if created.secret else {})

    def _key_facts(self, key_id: str) -> KeyFacts:
        key = self.keys.find(key_id)
        assert key is not None, "the request was authenticated with it"
        return KeyFacts(key.created_us, Permission.TRADE in key.permissions, bool(key.networks))


def _teller(engine: Engine) -> Callable[[int], None]:
    """Logs now and then how far a long replay is."""
    found = engine.recovery()
    first, last = found["events_from_seq"], found["last_seq"]
    next_s = time.monotonic() + TELL_SECONDS

    def tell(seq: int) -> None:
        nonlocal next_s
        if seq < last and time.monotonic() >= next_s:
            next_s = time.monotonic() + TELL_SECONDS
            percent = 100 * (seq - first) // (last - first)
            log(__name__).info("replaying the log into views of it", seq=seq, last_seq=last, percent=percent)

    return tell


def _open_questions(settings: Settings, cluster_id: str, fits: Callable[[int], bool]) -> Questions:
    return open_questions(settings.history.database, Path(settings.data), cluster_id, fits)


def _open_sockets(limits: Limits, clock: SystemClock) -> Sockets:
    return Sockets(
        clock,
        SocketLimits(
            stream_messages=limits.stream_messages_per_second,
            attempts_per_5_minutes=limits.connection_attempts_per_5_minutes,
        ),
    )


def _must_not_fail(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log(__name__).critical("a background task failed; ending the process", exc_info=error)
        os._exit(BROKEN_EXIT_CODE)


def _end_at_once(error: Exception) -> None:
    """A view that failed in the middle of a batch would answer wrongly from then on. The log has everything."""
    log(__name__).critical("a view of the log failed; ending the process", exc_info=error)
    os._exit(BROKEN_EXIT_CODE)


def run(settings: Settings, *, accept_restored: bool = False) -> None:
    """Until SIGINT or SIGTERM. Raises one of REFUSALS."""
    configure_logging(settings.log_format, settings.log_level)
    data = Path(settings.data)
    with contextlib.ExitStack() as listeners:
        # First the port: a start that cannot be reached must not leave a log behind.
        public = listeners.enter_context(listen(settings.host, settings.port))
        operator = listeners.enter_context(listen("127.0.0.1", 0))
        _claim(data)
        check_restored(data, accept=accept_restored, told_seq=lambda: _told_seq(settings))
        _run(settings, data, public, operator)


def _told_seq(settings: Settings) -> int:
    """Up to where the history is told; -1: none is wanted. Raises HistoryUnusable."""
    if not settings.history.enabled:
        return -1
    store = open_store(database_url(settings.history.database, Path(settings.data)))
    try:
        return store.position.seq
    finally:
        store.close()


def _claim(data: Path) -> None:
    """Makes the directory. Raises DirectoryRefused when it holds something and no exchange."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    held = {path.name for path in data.iterdir()}
    if held and not held & MARKS and not any(name.endswith(".log") for name in held):
        raise DirectoryRefused(f"{data} is not empty and holds no exchange; use a directory of its own")


def _run(settings: Settings, data: Path, public: socket.socket, operator: socket.socket) -> None:
    begin = time.monotonic()
    options = settings.engine
    engine = Engine.open(
        str(data),
        segment_bytes=options.segment_bytes,
        snapshot_every=options.snapshot_every,
        reserve_bytes=options.reserve_bytes,
        queue_limit=options.queue_limit,
        replay_from=_replay_from(settings, data),
        keep_log=settings.log.keep == "all",
        hold_log=settings.history.enabled,
    )
    try:
        _report_recovery(engine, data)
        keys, database = open_keys(data, SystemClock())
        try:
            uvloop.run(_serve(engine, keys, settings, begin, public, operator))
        finally:
            database.close()
    finally:
        engine.close()


def _replay_from(settings: Settings, data: Path) -> int:
    history = settings.history
    return replay_from(data, data / VIEWS, history.database) if history.enabled else saved_through(data / VIEWS)


def _report_recovery(engine: Engine, data: Path) -> None:
    found = engine.recovery()
    logger = log(__name__)
    seqs = {"seq": found["last_seq"], "replayed": found["replayed"], "views_from": found["events_from_seq"]}
    logger.info("log is open", data=str(data), **seqs)
    if found["torn_bytes_cut"]:
        logger.warning("cut a torn tail: a write that was never acknowledged", bytes=found["torn_bytes_cut"])
    for snapshot in found["damaged_snapshots"]:
        logger.warning("passed over a damaged snapshot", snapshot=snapshot)
    for finding in found["findings"]:
        logger.warning("the journal noticed something", finding=finding)


async def _serve(
    engine: Engine,
    keys: KeyService,
    settings: Settings,
    begin: float,
    public: socket.socket,
    operator: socket.socket,
) -> None:
    limits = settings.limits
    raise_descriptor_limit(WANTED_DESCRIPTORS)
    exchange = Exchange(engine, keys, settings)
    stop, stop_servers = asyncio.Event(), asyncio.Event()
    stop_on_signals(stop)
    await exchange.start()
    memory.settle()
    key = secrets.token_hex(32)
    servers = [
        asyncio.create_task(
            serve(
                exchange.gateway,
                public,
                stop=stop_servers,
                # Behind a proxy of ours all connections come from its address.
                limits=ConnectionLimits(
                    connections_per_address=0 if limits.trusted_proxies else limits.connections_per_ip
                ),
            )
        ),
        asyncio.create_task(serve(exchange.operator_app(key), operator, stop=stop_servers)),
    ]
    host, port = public.getsockname()[:2]
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host
    url = f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"
    operator_file = Path(settings.data) / OPERATOR_FILE
    operator_url = f"http://127.0.0.1:{operator.getsockname()[1]}"
    write_private(operator_file, {"url": operator_url, "key": key, "pid": os.getpid(), "exchange": url})
    log(__name__).info("exchange is open", url=url, docs=f"{url}/docs", seconds=round(time.monotonic() - begin, 2))
    if (Path(settings.data) / DEMO_FILE).exists():
        log(__name__).info("keys of alice and bob", file=str(Path(settings.data) / DEMO_FILE))
    try:
        waiting = asyncio.create_task(stop.wait())
        await asyncio.wait({waiting, *servers}, return_when=asyncio.FIRST_COMPLETED)
        log(__name__).info("stopping")
        await exchange.say_goodbye()
    finally:
        stop_servers.set()
        await asyncio.gather(*servers)
        await exchange.stop()
        operator_file.unlink(missing_ok=True)
    log(__name__).info("stopped; starting again goes on from here")
