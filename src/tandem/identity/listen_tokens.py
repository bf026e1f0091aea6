"""Listen tokens: got by REST and given to the WebSocket API, they open an account's events for at most a day.

They live in memory: after a restart a client asks anew, as after an expiry.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tandem.domain.errors import api_error
from tandem.platform.clock import Clock

LONGEST_MS = 24 * 60 * 60 * 1000
PER_ACCOUNT = 100
"""Beyond it the oldest one ends: clients ask for one a day."""


@dataclass(frozen=True, slots=True)
class ListenToken:
    name: str
    account: int
    api_key: str
    """The key that asked for it: its limits hold for whoever listens."""
    expires_us: int


class ListenTokens:
    def __init__(self, clock: Clock, new_name: Callable[[], str]) -> None:
        self._clock = clock
        self._new_name = new_name
        self._by_account: dict[int, dict[str, ListenToken]] = {}
        self._account_of: dict[str, int] = {}

    def issue(self, account: int, api_key: str, life_ms: int) -> ListenToken:
        token = ListenToken(self._new_name(), account, api_key, self._clock.wall_us() + life_ms * 1000)
        held = self._by_account.setdefault(account, {})
        for name in [old.name for old in held.values() if self._is_over(old)]:
            self._forget(account, name)
        if len(held) >= PER_ACCOUNT:
            self._forget(account, next(iter(held)))
        held[token.name] = token
        self._account_of[token.name] = account
        return token

    def find(self, name: str) -> ListenToken:
        """Raises ApiError -1125 for a token that is unknown or has expired."""
        account = self._account_of.get(name)
        if account is not None:
            token = self._by_account[account][name]
            if not self._is_over(token):
                return token
            self._forget(account, name)
        raise api_error("INVALID_LISTEN_KEY")

    def _is_over(self, token: ListenToken) -> bool:
        return token.expires_us <= self._clock.wall_us()

    def _forget(self, account: int, name: str) -> None:
        del self._by_account[account][name]
        del self._account_of[name]
