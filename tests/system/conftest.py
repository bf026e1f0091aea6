"""Fixtures of the system tests: one exchange for all tests that share well, a market and accounts for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.exchange import Exchange
from tests.system.trader import Trader
from tests.system.venue import Venue, make_account, make_venue


@pytest.fixture(scope="session")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """An exchange without demo, without rate limits, shared by all tests that bring their own market."""
    shared = Exchange(tmp_path_factory.mktemp("shared") / "data")
    try:
        shared.start("--no-demo")
        shared.operate("POST", "/assets", {"asset": "USDT", "name": "Tether"})
        yield shared
    finally:
        shared.close()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """An exchange with its demo markets."""
    shared = Exchange(tmp_path_factory.mktemp("demo") / "data")
    try:
        yield shared.start("--demo")
    finally:
        shared.close()


@pytest.fixture
def own_exchange(tmp_path: Path) -> Iterator[Exchange]:
    """An exchange of the test's own, not started yet."""
    own = Exchange(tmp_path / "data")
    yield own
    own.close()


@pytest.fixture
def market(exchange: Exchange) -> Venue:
    """A market that no other test trades in."""
    return make_venue(exchange)


@pytest.fixture
def traders(market: Venue) -> tuple[Trader, Trader]:
    """Alice and Bob with funds in `market`."""
    exchange = market.exchange
    return exchange.trader(make_account("alice", market)), exchange.trader(make_account("bob", market))
