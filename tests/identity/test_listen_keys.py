import itertools

import pytest

from tandem.domain.errors import ApiError
from tandem.identity.listen_keys import ListenKey, ListenKeys
from tandem.platform.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def listen_keys(clock: ManualClock) -> ListenKeys:
    numbers = itertools.count(1)
    return ListenKeys(clock, lambda: f"name{next(numbers)}")


def test_a_live_key_is_given_again_and_extended(listen_keys: ListenKeys, clock: ManualClock) -> None:
    first = listen_keys.start(1, "api")
    clock.advance(3599)
    assert listen_keys.start(1, "api") is first
    clock.advance(3599)
    assert listen_keys.find("name1") is first


def test_a_key_ends_after_an_hour_and_says_so_once(listen_keys: ListenKeys, clock: ManualClock) -> None:
    ended: list[ListenKey] = []
    listen_keys.on_closed.append(ended.append)
    first = listen_keys.start(1, "api")
    clock.advance(3599.999)
    listen_keys.sweep()
    assert ended == []
    clock.advance(0.001)
    assert listen_keys.find("name1") is None
    listen_keys.sweep()
    assert ended == [first]
    assert listen_keys.start(1, "api").name == "name2"


def test_keys_are_extended_and_closed_by_their_account(listen_keys: ListenKeys, clock: ManualClock) -> None:
    listen_keys.start(1, "api")
    clock.advance(3000)
    listen_keys.extend("name1", 1, "api")
    clock.advance(3000)
    assert listen_keys.find("name1") is not None
    listen_keys.close("name1", 1)
    assert listen_keys.find("name1") is None


@pytest.mark.parametrize(("name", "account"), [("name1", 2), ("unknown", 1), ("", 1)])
def test_unknown_and_foreign_keys_are_told_the_same(listen_keys: ListenKeys, name: str, account: int) -> None:
    listen_keys.start(1, "api")
    for action in (lambda *key: listen_keys.extend(*key, "api"), listen_keys.close):
        with pytest.raises(ApiError) as refused:
            action(name, account)
        assert refused.value.body() == {"code": -1125, "msg": "This listenKey does not exist."}
    assert listen_keys.find("name1") is not None


def test_a_revoked_api_key_takes_its_listen_keys_along(listen_keys: ListenKeys) -> None:
    ended: list[str] = []
    listen_keys.on_closed.append(lambda key: ended.append(key.name))
    listen_keys.start(1, "mine")
    listen_keys.start(2, "theirs")
    listen_keys.close_of_api_key("mine")
    assert (ended, listen_keys.find("name1")) == (["name1"], None)
    assert listen_keys.find("name2") is not None


@pytest.mark.parametrize("told", ["started", "extended"])
def test_a_revoked_api_key_takes_along_what_it_was_told_of(listen_keys: ListenKeys, told: str) -> None:
    listen_keys.start(1, "first")
    if told == "started":
        assert listen_keys.start(1, "second").name == "name1"
    else:
        listen_keys.extend("name1", 1, "second")
    listen_keys.close_of_api_key("second")
    assert listen_keys.find("name1") is None
