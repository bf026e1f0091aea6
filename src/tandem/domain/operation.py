"""An operation of the API, said once: REST and the WebSocket API both serve it from here.

A feature's `routes.py` has a function `operations(...) -> list[Operation]`. The edge (`tandem.apps.gateway`) parses and
checks the parameters, authenticates, counts the weight, calls the handler and encodes what it returns.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any


class Security(Enum):
    """What a request must carry."""

    NONE = auto()
    KEY = auto()
    """API key with reading permission, unsigned (listen keys)."""
    USER_DATA = auto()
    """Key with reading permission, timestamp, signature."""
    TRADE = auto()
    """Key with trading permission, timestamp, signature."""


class Kind(Enum):
    """How a parameter's text is read. What a handler finds in `args` is given behind each."""

    STRING = auto()  # str
    SYMBOL = auto()  # str, ^[A-Z0-9-_.]{1,20}$ (other letters allowed), the market is looked up by the handler
    SYMBOLS = auto()  # tuple[str, ...] from a JSON array
    CLIENT_ID = auto()  # str, ^[a-zA-Z0-9-_]{1,36}$
    DECIMAL = auto()  # str, checked against money.LEGAL_NUMBER; converted by whoever knows the asset
    LONG = auto()  # int
    INT = auto()  # int
    ENUM = auto()  # str, one of `choices`
    BOOL = auto()  # bool
    TIME = auto()  # int, microseconds, from ms or us


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter. A missing optional one is absent from `args`."""

    name: str
    kind: Kind
    mandatory: bool = False
    choices: tuple[str, ...] = ()
    bad_choice: str = ""
    """Name in spec/errors.toml of the error for a value outside `choices` (-1117 for side and so on)."""
    minimum: int | None = None
    maximum: int | None = None
    clamp: bool = False
    """Out of range is pulled to the bound (limits of lists) and not refused."""


Args = Mapping[str, Any]
"""Parsed parameters by wire name; `signature`, `timestamp`, `recvWindow`, `apiKey` are taken off by the edge."""


@dataclass(slots=True)
class Call:
    """Who asks, and when."""

    account: int
    """-1 for public operations."""
    received_us: int
    """Wall clock at the edge."""
    show_time: Callable[[int], int]
    """Microseconds to the unit that the client asked for (ms by default)."""
    ensure_fresh: Callable[[], None]
    """Checks recvWindow again; call it just before a command goes to the engine. Raises ApiError -1021."""
    api_key: str = ""


Handler = Callable[[Call, Args], Any | Awaitable[Any]]
"""Returns what is encoded as JSON; `bytes` are JSON already. May be a coroutine function. Raises ApiError."""


@dataclass(frozen=True, slots=True)
class Operation:
    """`path` without a host, `ws_method` as in the WebSocket API; either may be empty."""

    http_method: str
    path: str
    ws_method: str
    security: Security
    weight: int | Callable[[Args], int]
    params: tuple[Param, ...]
    handler: Handler
    order_count: int = 0
    """How much it adds to the account's order count."""
    counts_itself: bool = False
    """The handler adds to the account's order count: what it does over the limit depends on the request."""
    cors: bool = False
    weight_on_success: int | None = None
    """Placing and cancelling cost nothing when they succeed."""
    summary: str = ""
