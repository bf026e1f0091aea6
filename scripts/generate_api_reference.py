"""Writes docs/reference/api.md and user-data.md from what is in the code; `--check` only compares."""

import sys
import tempfile
from pathlib import Path

from tandem.apps import openapi_events
from tandem.apps.openapi import place
from tandem.apps.serve import Exchange
from tandem.apps.ws_session import session_methods
from tandem.domain.intervals import INTERVALS
from tandem.domain.operation import Operation
from tandem.identity.service import open_keys
from tandem.platform.clock import SystemClock
from tandem.platform.engine import Engine
from tandem.platform.settings import Settings

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"
USER_DATA_HEAD = """# User data events

Generated from the code by `scripts/generate_api_reference.py`; a test fails when it is out of date, another one when
the code can write a letter that is not here.

"""
HEAD = """# What the API serves

Generated from the code by `scripts/generate_api_reference.py`; a test fails when it is out of date. Parameters in bold
are needed. Signed operations also take `timestamp`, `recvWindow` and `signature`. What is not listed is not built: an
unknown path answers 404 with code -1099, an unknown stream is accepted and stays silent, as clients of this API expect.

"""
STREAMS = """
## Streams on /ws and /stream

| stream | what |
|---|---|
| `<symbol>@trade`, `<symbol>@aggTrade` | trades |
| `<symbol>@depth`, `<symbol>@depth@100ms` | changes of the book, each 1000 or 100 ms |
| `<symbol>@depth5`, `@depth10`, `@depth20`, each also with `@100ms` | the best levels |
| `<symbol>@bookTicker`, `!bookTicker` | best bid and ask, at once |
| `<symbol>@kline_<interval>`, also with `@+08:00` | candles: {intervals} |
| `<symbol>@miniTicker`, `<symbol>@ticker`, `!miniTicker@arr`, `!ticker@arr` | the last 24 hours |
| `<symbol>@ticker_1h`, `_4h`, `_1d`, `!ticker_<window>@arr` | rolling windows |
| `<symbol>@avgPrice` | average price |
| `<symbol>@referencePrice` | the price that the rules of execution go by, each second |
| `<symbol>@blockTrade` | silent: nothing is traded outside the book |
| `<listenKey>` | an account's own events: [user-data.md](user-data.md) |

`SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY` and `GET_PROPERTY` as usual; `timeUnit=MICROSECOND` in
the URL for times in microseconds.
"""


def operations() -> tuple[list[Operation], list[str]]:
    """What `tandem serve` serves, and the methods of WebSocket API sessions."""
    with tempfile.TemporaryDirectory() as name:
        engine = Engine.open(name, segment_bytes=1 << 20)
        keys, database = open_keys(Path(name), SystemClock())
        try:
            exchange = Exchange(engine, keys, Settings(data=name))
            methods = session_methods(exchange.gateway.pipeline, exchange.users, exchange.listen_tokens)
            return exchange.operations, sorted(methods)
        finally:
            database.close()
            engine.close()


def row(operation: Operation) -> str:
    rest = f"`{operation.http_method} {operation.path}`" if operation.path else ""
    method = f"`{operation.ws_method}`" if operation.ws_method else ""
    params = ", ".join(f"**{p.name}**" if p.mandatory else p.name for p in operation.params)
    weight = str(operation.weight) if isinstance(operation.weight, int) else "by parameters"
    return f"| {rest} | {method} | {operation.security.name} | {weight} | {params} | {operation.summary} |"


def page() -> str:
    found, sessions = operations()
    lines = [
        "## Operations",
        "",
        "| REST | WebSocket API | security | weight | parameters | what |",
        "|---|---|---|---|---|---|",
    ]
    lines += [row(operation) for operation in sorted(found, key=lambda o: (place(o.path), o.path, o.http_method))]
    lines += ["", "WebSocket API sessions: " + ", ".join(f"`{method}`" for method in sessions) + "."]
    return HEAD + "\n".join(lines) + "\n" + STREAMS.format(intervals=", ".join(INTERVALS))


def user_data() -> str:
    return f"{USER_DATA_HEAD}{openapi_events.INTRODUCTION}\n\n{openapi_events.markdown()}\n"


def main() -> None:
    for name, text in (("api.md", page()), ("user-data.md", user_data())):
        if "--check" not in sys.argv:
            (FOLDER / name).write_text(text)
        elif (FOLDER / name).read_text() != text:
            sys.exit(f"{name} is out of date: run scripts/generate_api_reference.py")


if __name__ == "__main__":
    main()
