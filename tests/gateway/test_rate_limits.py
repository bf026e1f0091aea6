import pytest

from tandem.domain.errors import ApiError
from tandem.platform.rate_limits import RateLimiter, address_group, client_address
from tandem.platform.settings import Limits

SECOND = 1_000_000
MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE
NOON = 20_000 * DAY + 12 * 60 * MINUTE


def limiter(weight: int = 10, raw: int = 0, ten_seconds: int = 3, day: int = 5) -> RateLimiter:
    return RateLimiter(
        Limits(
            weight_per_minute=weight,
            raw_requests_per_5_minutes=raw,
            orders_per_10_seconds=ten_seconds,
            orders_per_day=day,
        )
    )


def refused(call: object, *values: object) -> ApiError:
    assert callable(call)
    with pytest.raises(ApiError) as error:
        call(*values)
    return error.value


def test_weight_is_counted_by_the_minute_of_the_clock() -> None:
    limits = limiter()
    used = [limits.charge("1.1.1.1", 4, NOON + 59 * SECOND + us).weight for us in (0, 999_999)]
    assert used == [4, 8]
    assert limits.charge("1.1.1.1", 4, NOON + MINUTE).weight == 4
    assert limits.charge("2.2.2.2", 10, NOON + MINUTE).weight == 10


def test_a_broken_limit_is_told_with_the_time_to_wait() -> None:
    limits = limiter()
    limits.charge("1.1.1.1", 8, NOON)
    error = refused(limits.charge, "1.1.1.1", 3, NOON + SECOND // 2)
    assert (error.status, error.body(), error.retry_after_seconds) == (
        429,
        {
            "code": -1003,
            "msg": "Too much request weight used; current limit is 10 request weight per 1 MINUTE. "
            "Please use WebSocket Streams for live updates to avoid polling the API.",
        },
        60,
    )
    assert limits.charge("1.1.1.1", 2, NOON).weight == 10


def test_raw_requests_have_a_limit_of_their_own() -> None:
    limits = limiter(weight=0, raw=2)
    for _ in range(2):
        limits.charge("1.1.1.1", 0, NOON)
    error = refused(limits.charge, "1.1.1.1", 0, NOON + 4 * MINUTE)
    assert (error.status, error.code, error.retry_after_seconds) == (429, -1003, 60)
    assert limits.charge("1.1.1.1", 5, NOON + 4 * MINUTE, is_raw=False).weight == 5
    assert limits.charge("1.1.1.1", 0, NOON + 5 * MINUTE).raw == 1


def provoke(limits: RateLimiter, now: int) -> ApiError:
    return [refused(limits.charge, "1.1.1.1", 11, now) for _ in range(101)][-1]


def test_going_on_after_a_refusal_is_answered_with_longer_and_longer_bans() -> None:
    limits = limiter()
    ban = provoke(limits, NOON)
    assert (ban.status, ban.retry_after_seconds) == (418, 120)
    until = (NOON + 2 * MINUTE) // 1000
    assert ban.message == (
        f"Way too much request weight used; IP banned until {until}. "
        "Please use WebSocket Streams for live updates to avoid bans."
    )
    assert refused(limits.charge, "1.1.1.1", 1, NOON + 2 * MINUTE - 1).status == 418
    assert limits.charge("1.1.1.1", 1, NOON + 2 * MINUTE).weight == 1
    lengths, now = [], NOON + 3 * MINUTE
    for _ in range(13):
        length = provoke(limits, now).retry_after_seconds
        assert length is not None
        lengths.append(length)
        now += length * SECOND + MINUTE
    assert lengths == [min(120 * 2**n, 3 * 24 * 3600) for n in range(1, 14)]
    assert provoke(limits, now + DAY).retry_after_seconds == 120


def test_refusals_of_separate_minutes_do_not_add_up_to_a_ban() -> None:
    limits = limiter()
    statuses = {refused(limits.charge, "1.1.1.1", 11, NOON + n * MINUTE).status for n in range(300)}
    assert statuses == {429}


def test_weight_is_given_back_only_within_its_minute() -> None:
    limits = limiter()
    use = limits.charge("1.1.1.1", 6, NOON)
    limits.give_back(use, 6, NOON)
    assert use.weight == 0
    limits.charge("1.1.1.1", 6, NOON)
    limits.charge("1.1.1.1", 2, NOON + MINUTE)
    limits.give_back(use, 6, NOON)
    assert use.weight == 2


def test_orders_are_counted_by_ten_seconds_and_by_day() -> None:
    limits = limiter()
    use = limits.charge_orders(1, 2, NOON)
    assert (use.in_ten_seconds, use.in_day) == (2, 2)
    error = refused(limits.charge_orders, 1, 2, NOON + 9 * SECOND)
    assert (error.status, error.code, error.message, error.retry_after_seconds) == (
        429,
        -1015,
        "Too many new orders; current limit is 3 orders per 10 SECOND.",
        1,
    )
    use = limits.charge_orders(1, 3, NOON + 10 * SECOND)
    assert (use.in_ten_seconds, use.in_day) == (3, 5)
    error = refused(limits.charge_orders, 1, 1, NOON + 20 * SECOND)
    assert (error.message, error.retry_after_seconds) == (
        "Too many new orders; current limit is 5 orders per 1 DAY.",
        12 * 3600 - 20,
    )
    assert limits.charge_orders(1, 1, NOON + DAY // 2).in_day == 1
    assert limits.charge_orders(2, 3, NOON).in_day == 3


def test_a_first_fill_makes_room_for_orders_and_never_goes_below_zero() -> None:
    limits = limiter(ten_seconds=10, day=100)
    use = limits.charge_orders(1, 8, NOON)
    limits.order_filled(1, NOON, is_maker=False)
    assert (use.in_ten_seconds, use.in_day) == (7, 7)
    limits.order_filled(1, NOON, is_maker=True)
    limits.order_filled(1, NOON, is_maker=True)
    assert (use.in_ten_seconds, use.in_day) == (0, 0)
    limits.order_filled(9, NOON, is_maker=True)


def test_the_time_of_a_fill_never_moves_the_windows() -> None:
    """It is the log's, and may stand before or behind the wall clock."""
    limits = limiter(ten_seconds=10, day=100)
    use = limits.charge_orders(1, 8, NOON)
    for log_us in (NOON - DAY, NOON + DAY):
        limits.order_filled(1, log_us, is_maker=False)
        assert (use.in_ten_seconds, use.in_day) == (8, 8)
    limits.order_filled(1, NOON + MINUTE, is_maker=False)
    assert limits.orders(1, NOON) is use
    assert (use.in_ten_seconds, use.in_day) == (7, 7)


def test_a_limit_of_zero_is_off_and_still_counted() -> None:
    limits = limiter(weight=0, ten_seconds=0, day=0)
    assert limits.charge("1.1.1.1", 10**6, NOON).weight == 10**6
    assert limits.charge_orders(1, 10**6, NOON).in_day == 10**6
    assert limits.announced() == []


def test_limits_are_announced_as_in_exchange_info() -> None:
    assert RateLimiter(Limits()).announced() == [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000},
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
        {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200_000},
        {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 300_000},
    ]


def test_use_is_shown_as_in_the_websocket_api() -> None:
    limits = limiter()
    assert limits.weight_rows(limits.charge("1.1.1.1", 4, NOON)) == [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 10, "count": 4}
    ]
    assert limits.order_rows(limits.charge_orders(1, 2, NOON)) == [
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 3, "count": 2},
        {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 5, "count": 2},
    ]


def test_one_ipv6_network_is_one_client() -> None:
    groups = [address_group(text) for text in ("2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1", "::ffff:1.2.3.4")]
    assert groups == ["2001:db8::/64", "2001:db8::/64", "2001:db8:0:1::/64", "1.2.3.4"]
    limits = limiter()
    limits.charge("2001:db8::1", 10, NOON)
    assert refused(limits.charge, "2001:db8::2", 1, NOON).status == 429


@pytest.mark.parametrize(
    ("header", "proxies", "address"),
    [
        (b"6.6.6.6", 0, "9.9.9.9"),
        (None, 1, "9.9.9.9"),
        (b"6.6.6.6, 1.1.1.1", 1, "1.1.1.1"),
        (b"6.6.6.6,1.1.1.1,2.2.2.2", 2, "1.1.1.1"),
        (b"1.1.1.1", 2, "9.9.9.9"),
        (b"nonsense", 1, "9.9.9.9"),
        (b"1.1.1.1:80", 1, "9.9.9.9"),
        (b"\xff", 1, "9.9.9.9"),
        (b"", 1, "9.9.9.9"),
        (b"2001:DB8::1", 1, "2001:db8::1"),
    ],
)
def test_only_our_own_proxies_say_who_the_client_is(header: bytes | None, proxies: int, address: str) -> None:
    assert client_address("9.9.9.9", header, proxies) == address


def test_addresses_are_forgotten_when_they_are_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tandem.platform.rate_limits.MAX_ENTRIES", 100)
    limits = limiter()
    for number in range(1000):
        limits.charge(f"10.0.{number // 256}.{number % 256}", 1, NOON)
    assert len(limits._addresses) == 100
    provoke(limits, NOON)
    limits.charge("2.2.2.2", 1, NOON + 10 * MINUTE)
    assert set(limits._addresses) == {"1.1.1.1", "2.2.2.2"}
