"""The retired user data stream keys (`listenKey`), which older clients still use.

They live in memory: after a restart a keep-alive is answered -1125, and the client asks anew as after an expiry.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tandem.domain.errors import api_error
from tandem.platform.clock import Clock

LIFE_SECONDS = 60 * 60


@dataclass(slots=True, eq=False)
class ListenKey:
    name: str
    account: int
    api_keys: set[str]
    """All that know its name: when one is revoked, its owner must not go on listening."""
    expires: float
    """On the clock's monotonic time."""


class ListenKeys:
    """One live key per account. `on_closed` functions are called with a key that ended, however it did."""

    def __init__(self, clock: Clock, new_name: Callable[[], str]) -> None:
        self._clock = clock
        self._new_name = new_name
        self._by_name: dict[str, ListenKey] = {}
        self._by_account: dict[int, ListenKey] = {}
        self.on_closed: list[Callable[[ListenKey], None]] = []

    def start(self, account: int, api_key: str) -> ListenKey:
        """The account's live key with its life extended, or a new one."""
        key = self._by_account.get(account)
        if key is None or self._has_expired(key):
            key = ListenKey(self._new_name(), account, set(), 0.0)
            self._by_name[key.name] = self._by_account[account] = key
        key.api_keys.add(api_key)
        key.expires = self._clock.monotonic() + LIFE_SECONDS
        return key

    def extend(self, name: str, account: int, api_key: str) -> None:
        """Raises ApiError -1125 for a key that is unknown, ended or another account's."""
        key = self._own(name, account)
        key.api_keys.add(api_key)
        key.expires = self._clock.monotonic() + LIFE_SECONDS

    def close(self, name: str, account: int) -> None:
        """Raises ApiError as `extend` does."""
        self._end(self._own(name, account))

    def find(self, name: str) -> ListenKey | None:
        """The live key, for a stream that opens with it."""
        key = self._by_name.get(name)
        return None if key is None or self._has_expired(key) else key

    def sweep(self) -> None:
        """Ends what has expired; call it every second or so, so that streams are told in time."""
        now = self._clock.monotonic()
        for key in [key for key in self._by_name.values() if key.expires <= now]:
            self._end(key)

    def close_of_api_key(self, api_key: str) -> None:
        """Ends what a revoked API key had started, extended or been told of."""
        for key in [key for key in self._by_name.values() if api_key in key.api_keys]:
            self._end(key)

    def _own(self, name: str, account: int) -> ListenKey:
        key = self.find(name)
        if key is None or key.account != account:
            raise api_error("INVALID_LISTEN_KEY")
        return key

    def _has_expired(self, key: ListenKey) -> bool:
        if key.expires > self._clock.monotonic():
            return False
        self._end(key)
        return True

    def _end(self, key: ListenKey) -> None:
        del self._by_name[key.name]
        del self._by_account[key.account]
        for listener in self.on_closed:
            listener(key)
