"""Listen tokens, and the operations that give them out."""

import itertools

import pytest

from tandem.domain.errors import ApiError
from tandem.domain.operation import Call
from tandem.domain.parameters import Parameters
from tandem.domain.requests import read_http
from tandem.identity.listen_keys import ListenKeys
from tandem.identity.listen_tokens import PER_ACCOUNT, ListenTokens
from tandem.identity.routes import operations
from tandem.platform.clock import ManualClock

DAY_S = 24 * 60 * 60


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def tokens(clock: ManualClock) -> ListenTokens:
    numbers = itertools.count(1)
    return ListenTokens(clock, lambda: f"token{next(numbers)}")


def is_known(tokens: ListenTokens, name: str) -> bool:
    try:
        return tokens.find(name).name == name
    except ApiError as error:
        return error.code != -1125


def test_a_token_lives_as_long_as_was_asked_for(tokens: ListenTokens, clock: ManualClock) -> None:
    token = tokens.issue(7, "api", 5_000)
    assert (tokens.find("token1"), token.account, token.api_key) == (token, 7, "api")
    assert token.expires_us == clock.wall_us() + 5_000_000
    clock.advance(4.999)
    assert is_known(tokens, "token1")
    clock.advance(0.001)
    assert not is_known(tokens, "token1")
    assert not is_known(tokens, "never")


def test_an_account_has_so_many_tokens(tokens: ListenTokens) -> None:
    for _ in range(PER_ACCOUNT + 1):
        tokens.issue(7, "api", 5_000)
    tokens.issue(8, "api", 5_000)
    assert [is_known(tokens, name) for name in ("token1", "token2", f"token{PER_ACCOUNT + 2}")] == [False, True, True]


def test_what_has_expired_makes_room_first(tokens: ListenTokens, clock: ManualClock) -> None:
    tokens.issue(7, "api", 60_000)
    for _ in range(PER_ACCOUNT - 1):
        tokens.issue(7, "api", 5_000)
    clock.advance(5)
    tokens.issue(7, "api", 5_000)
    assert is_known(tokens, "token1")


def test_operations(tokens: ListenTokens, clock: ManualClock) -> None:
    found = {(o.http_method, o.path): o for o in operations(ListenKeys(clock, lambda: "key1"), tokens)}
    for path in ("/api/v3/userDataStream", "/api/v1/userDataStream", "/sapi/v1/userDataStream"):
        assert {method for method, at in found if at == path} == {"POST", "PUT", "DELETE"}
    call = Call(7, clock.wall_us(), lambda us: us // 1000, lambda: None, "api")
    issue = found["POST", "/sapi/v1/userListenToken"]

    def ask(query: str) -> object:
        return issue.handler(call, Parameters(issue.params).read(read_http(query.encode(), b"")))

    now_ms = clock.wall_us() // 1000
    assert ask("") == {"token": "token1", "expirationTime": now_ms + DAY_S * 1000}
    assert ask("validity=1000&timestamp=1&recvWindow=10000&signature=ab") == {
        "token": "token2",
        "expirationTime": now_ms + 1000,
    }
    assert ask("symbol=BTCUSDT&isIsolated=true") == {"token": "token3", "expirationTime": now_ms + DAY_S * 1000}
    for query in ("validity=0", "validity=86400001"):
        with pytest.raises(ApiError) as refused:
            ask(query)
        assert refused.value.code == -1130
