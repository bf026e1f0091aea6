"""`tandem replay`: serves the reading half of the API on an exchange as it was. Commands are refused.

Keys are those of the directory now. A signed request may be of any time: a client signs with its own clock or with the
one it is shown, which stands still at the moment. History reaches as far back as the views' memory, from the replay.

Deliberately absent: WebSockets, since nothing happens any more.
"""

import asyncio
import contextlib
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvloop

from tandem.accounts import routes as accounts_routes
from tandem.accounts.legacy import KeyFacts
from tandem.apps.gateway import Gateway
from tandem.apps.metrics import health_app
from tandem.apps.moment import Moment
from tandem.apps.openapi import document_apps
from tandem.apps.pipeline import Pipeline
from tandem.apps.server import listen, serve, stop_on_signals
from tandem.domain.errors import api_error
from tandem.domain.operation import Args, Call, Operation
from tandem.domain.requests import Sent
from tandem.domain.signing import read_timestamp
from tandem.identity.keys import ApiKey, Permission
from tandem.identity.sealing import Sealer, load_or_create_master_key
from tandem.identity.service import KeyService
from tandem.identity.store import MIGRATIONS, KeyStore
from tandem.marketdata import routes as marketdata_routes
from tandem.marketdata.views import MarketData
from tandem.platform.clock import SystemClock
from tandem.platform.db import Database, copy_database
from tandem.platform.rate_limits import RateLimiter
from tandem.platform.settings import Limits
from tandem.platform.telemetry import configure_logging
from tandem.trading import routes as trading_routes
from tandem.trading.orders import OrderView

READS = ("GET",)
TESTS = "/test"
"""How the paths end of operations that check a command and send none."""


class MomentPipeline(Pipeline):
    """Takes a signature of any time. A key's account may not have been there yet."""

    accounts: frozenset[int] = frozenset()

    def find_key(self, id: str) -> ApiKey:
        key = super().find_key(id)
        if key.account not in self.accounts:
            raise api_error("REJECTED_MBX_KEY")
        return key

    def _check_signed(self, sent: Sent, key: ApiKey, needed: Permission | None, address: str, now_us: int) -> Any:
        return super()._check_signed(sent, key, needed, address, read_timestamp(sent.values))


def run(directory: Path, moment: Moment, host: str, port: int, tell: Callable[[str], None]) -> None:
    """Until SIGINT or SIGTERM. Raises Fault, EngineError, ListenError, OSError."""
    configure_logging("auto", "warning")
    listener = listen(host, port)
    try:
        gateway = make_gateway(moment, keys_of(directory))
    except BaseException:
        listener.close()
        raise
    bound = listener.getsockname()

    async def main() -> None:
        stop = asyncio.Event()
        stop_on_signals(stop)
        shown = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
        tell(f"seq {moment.follower.seq} is open at http://{shown}:{bound[1]}, read only; Ctrl-C ends it")
        await serve(gateway, listener, stop=stop)

    uvloop.run(main())


def keys_of(directory: Path) -> KeyService:
    """As they are now. The directory is only read."""
    clock = SystemClock()
    with tempfile.TemporaryDirectory() as aside:
        copy = Path(aside) / "tandem.db"
        sealer = Sealer(bytes(32))
        if (directory / "tandem.db").exists():
            copy_database(directory / "tandem.db", copy)
            if (directory / "master.key").exists():  # it would be made otherwise
                sealer = Sealer(load_or_create_master_key(directory / "master.key"))
        with contextlib.closing(Database(copy, MIGRATIONS)) as database:
            return KeyService(KeyStore(database), sealer, clock)


def make_gateway(moment: Moment, keys: KeyService) -> Gateway:
    """Replays up to the moment first."""
    client = moment.client()
    limiter = RateLimiter(Limits())
    orders, market_data = OrderView(client), MarketData(client)
    client.drain()

    def key_facts(key_id: str) -> KeyFacts:
        key = keys.find(key_id)
        assert key is not None, "the request was authenticated with it"
        return KeyFacts(key.created_us, Permission.TRADE in key.permissions, bool(key.networks))

    operations = [
        *marketdata_routes.operations(market_data, limiter),
        *trading_routes.operations(client, orders, limiter, lambda: ""),
        *accounts_routes.operations(client, orders.updated_us, key_facts),
    ]
    still = [_at(moment.time_us, operation) for operation in operations]
    gateway = Gateway(still, keys, limiter, SystemClock(), pipeline=MomentPipeline)
    assert isinstance(gateway.pipeline, MomentPipeline)
    gateway.pipeline.accounts = frozenset(account.id for account in moment.follower.accounts())
    gateway.mounts |= {"/healthz": health_app(lambda: True), **document_apps(operations)}
    return gateway


def _at(time_us: int, operation: Operation) -> Operation:
    """The operation at the moment's time; what would change something is refused as in a closed market."""
    handler = operation.handler
    if operation.http_method not in READS and not operation.path.endswith(TESTS):
        return replace(operation, handler=_refuse, order_count=0, counts_itself=False)

    def read(call: Call, args: Args) -> Any:
        call.received_us = time_us
        return handler(call, args)

    return replace(operation, handler=read)


def _refuse(_call: Call, _args: Args) -> None:
    raise api_error("MARKET_CLOSED")
