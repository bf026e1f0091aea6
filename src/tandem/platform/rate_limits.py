"""What an address and an account have used of their limits, in fixed windows aligned to the wall clock.

Weight is charged before the work and given back when success costs less, so parallel requests cannot pass a limit
together. Going on after 429 bans the address, for longer each time. Memory is bounded: old entries are swept each
minute, and beyond MAX_ENTRIES the entry made first makes room.
"""

import ipaddress
from functools import lru_cache
from typing import Any

from tandem.domain.errors import ApiError, api_error
from tandem.platform.settings import Limits

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
TEN_SECONDS_US = 10 * SECOND_US
FIVE_MINUTES_US = 5 * MINUTE_US
DAY_US = 24 * 60 * MINUTE_US
REFUSALS_BEFORE_BAN = 100
"""Refused requests in one minute after which the address is banned."""
FIRST_BAN_US = 2 * MINUTE_US
LONGEST_BAN_US = 3 * DAY_US
BAN_MEMORY_US = DAY_US
"""A ban that comes later than this after the last one starts at the first length again."""
MAKER_CREDIT = 5
TAKER_CREDIT = 1
"""What the first fill of an order takes off the unfilled order count."""
MAX_ENTRIES = 100_000


class AddressUse:
    """One address (or IPv6 /64). Windows are numbered from 1970."""

    __slots__ = ("ban_us", "banned_until_us", "minute", "raw", "raw_window", "refused", "weight")

    def __init__(self) -> None:
        self.minute = 0
        self.weight = 0
        self.refused = 0
        self.raw_window = 0
        self.raw = 0
        self.ban_us = 0
        self.banned_until_us = 0


class OrderUse:
    """One account."""

    __slots__ = ("day", "in_day", "in_ten_seconds", "ten_seconds")

    def __init__(self) -> None:
        self.ten_seconds = 0
        self.in_ten_seconds = 0
        self.day = 0
        self.in_day = 0


class RateLimiter:
    """`now_us` is the wall clock. A limit of 0 is off; what is used is counted all the same."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._addresses: dict[str, AddressUse] = {}
        self._accounts: dict[int, OrderUse] = {}
        self._swept_minute = 0

    def charge(self, address: str, weight: int, now_us: int, *, is_raw: bool = True) -> AddressUse:
        """Counts a request. Raises ApiError -1003: 429, or 418 while banned. `is_raw`: it is an HTTP request."""
        use = self.address(address, now_us)
        limits = self.limits
        if use.banned_until_us > now_us:
            raise _banned(use, now_us)
        if is_raw:
            window = now_us // FIVE_MINUTES_US
            if use.raw_window != window:
                use.raw_window, use.raw = window, 0
            use.raw += 1
            if 0 < limits.raw_requests_per_5_minutes < use.raw:
                raise self._refused(use, now_us, FIVE_MINUTES_US, api_error("TOO_MANY_REQUESTS"))
        if 0 < limits.weight_per_minute < use.weight + weight:
            error = api_error("TOO_MUCH_WEIGHT", limits.weight_per_minute, "1 MINUTE")
            raise self._refused(use, now_us, MINUTE_US, error)
        use.weight += weight
        return use

    def give_back(self, use: AddressUse, weight: int, charged_us: int) -> None:
        """Takes off weight that was charged at `charged_us`, unless its minute is over."""
        if use.minute == charged_us // MINUTE_US:
            use.weight -= weight

    def charge_orders(self, account: int, orders: int, now_us: int) -> OrderUse:
        """Counts orders about to be placed. Raises ApiError -1015."""
        use = self.orders(account, now_us)
        limits = self.limits
        if 0 < limits.orders_per_day < use.in_day + orders:
            raise _too_many_orders(limits.orders_per_day, "1 DAY", now_us, DAY_US)
        if 0 < limits.orders_per_10_seconds < use.in_ten_seconds + orders:
            raise _too_many_orders(limits.orders_per_10_seconds, "10 SECOND", now_us, TEN_SECONDS_US)
        use.in_day += orders
        use.in_ten_seconds += orders
        return use

    def order_filled(self, account: int, now_us: int, *, is_maker: bool) -> None:
        """The first fill of an order: it counts as unfilled no more. Never below 0."""
        use = self._accounts.get(account)
        # The log's time never moves the windows on: that is for the wall clock, which may stand behind it.
        if use is not None and now_us // DAY_US == use.day:
            credit = MAKER_CREDIT if is_maker else TAKER_CREDIT
            use.in_day = max(0, use.in_day - credit)
            use.in_ten_seconds = max(0, use.in_ten_seconds - credit)

    def address(self, address: str, now_us: int) -> AddressUse:
        """What this address has used in the current minute."""
        group = address_group(address)
        use = self._addresses.get(group)
        minute = now_us // MINUTE_US
        if use is None:
            if minute != self._swept_minute:
                self._sweep(now_us)
            if len(self._addresses) >= MAX_ENTRIES:
                del self._addresses[next(iter(self._addresses))]
            use = self._addresses[group] = AddressUse()
        if use.minute != minute:
            use.minute, use.weight, use.refused = minute, 0, 0
        return use

    def orders(self, account: int, now_us: int) -> OrderUse:
        """What this account has used in the current windows."""
        use = self._accounts.get(account)
        if use is None:
            use = self._accounts[account] = OrderUse()
        ten_seconds = now_us // TEN_SECONDS_US
        if use.ten_seconds != ten_seconds:
            use.ten_seconds, use.in_ten_seconds = ten_seconds, 0
            day = now_us // DAY_US
            if use.day != day:
                use.day, use.in_day = day, 0
        return use

    def weight_rows(self, use: AddressUse) -> list[dict[str, Any]]:
        """As in `rateLimits` of the WebSocket API; empty when the limit is off."""
        limit = self.limits.weight_per_minute
        return [_row("REQUEST_WEIGHT", "MINUTE", 1, limit) | {"count": use.weight}] if limit else []

    def order_rows(self, use: OrderUse) -> list[dict[str, Any]]:
        """As in `rateLimits` and in GET /api/v3/rateLimit/order; what is off is left out."""
        limits = self.limits
        rows = [
            _row("ORDERS", "SECOND", 10, limits.orders_per_10_seconds) | {"count": use.in_ten_seconds},
            _row("ORDERS", "DAY", 1, limits.orders_per_day) | {"count": use.in_day},
        ]
        return [row for row in rows if row["limit"]]

    def announced(self) -> list[dict[str, Any]]:
        """The limits as exchangeInfo lists them; what is off is left out."""
        limits = self.limits
        rows = [
            _row("REQUEST_WEIGHT", "MINUTE", 1, limits.weight_per_minute),
            _row("ORDERS", "SECOND", 10, limits.orders_per_10_seconds),
            _row("ORDERS", "DAY", 1, limits.orders_per_day),
            _row("RAW_REQUESTS", "MINUTE", 5, limits.raw_requests_per_5_minutes),
        ]
        return [row for row in rows if row["limit"]]

    def _refused(self, use: AddressUse, now_us: int, window_us: int, error: ApiError) -> ApiError:
        use.refused += 1
        if use.refused <= REFUSALS_BEFORE_BAN:
            error.retry_after_seconds = _seconds_left(now_us, window_us)
            return error
        is_repeated = now_us - use.banned_until_us < BAN_MEMORY_US
        use.ban_us = min(use.ban_us * 2, LONGEST_BAN_US) if is_repeated and use.ban_us else FIRST_BAN_US
        use.banned_until_us = now_us + use.ban_us
        use.refused = 0
        return _banned(use, now_us)

    def _sweep(self, now_us: int) -> None:
        """Drops addresses that have used nothing lately and have no ban to remember; then accounts of another day."""
        self._swept_minute = minute = now_us // MINUTE_US
        raw_window, remembered_us = now_us // FIVE_MINUTES_US, now_us - BAN_MEMORY_US
        self._addresses = {
            group: use
            for group, use in self._addresses.items()
            if use.minute == minute
            or (use.raw_window == raw_window and use.raw)
            or (use.ban_us and use.banned_until_us > remembered_us)
        }
        day = now_us // DAY_US
        self._accounts = {account: use for account, use in self._accounts.items() if use.day == day}


def _row(kind: str, interval: str, number: int, limit: int) -> dict[str, Any]:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit}


def _seconds_left(now_us: int, window_us: int) -> int:
    """Until the window ends, rounded up."""
    return -(-(window_us - now_us % window_us) // SECOND_US)


def _banned(use: AddressUse, now_us: int) -> ApiError:
    error = api_error("IP_BANNED", use.banned_until_us // 1000)
    error.retry_after_seconds = -(-(use.banned_until_us - now_us) // SECOND_US)
    return error


def _too_many_orders(limit: int, interval: str, now_us: int, window_us: int) -> ApiError:
    error = api_error("TOO_MANY_ORDERS", limit, interval)
    error.retry_after_seconds = _seconds_left(now_us, window_us)
    return error


@lru_cache(maxsize=65_536)
def address_group(address: str) -> str:
    """Whom limits count together: an IPv4 address, or an IPv6 /64, since one client has all of it."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))


def client_address(peer: str, forwarded_for: bytes | None, trusted_proxies: int) -> str:
    """The peer, or the entry that the outermost of our own proxies wrote: the `trusted_proxies`th from the right."""
    if trusted_proxies <= 0 or forwarded_for is None:
        return peer
    entries = forwarded_for.split(b",")
    if len(entries) < trusted_proxies:
        return peer
    try:
        return str(ipaddress.ip_address(entries[-trusted_proxies].strip().decode("ascii")))
    except ValueError:
        return peer
