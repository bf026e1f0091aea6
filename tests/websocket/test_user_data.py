"""Ways to an account's events over the WebSocket API that few clients still go."""

import pytest

from tandem.apps import ws_session
from tests.websocket.venue import Venue, call


async def test_a_listen_key_is_started_kept_and_ended_over_a_socket(venue: Venue) -> None:
    key = {"apiKey": venue.keys["alice"]["apiKey"]}
    async with venue.open("/ws-api/v3") as api:
        named = key | (await call(api, "userDataStream.start", key))["result"]
        assert (await call(api, "userDataStream.ping", named))["result"] == {}
        assert (await call(api, "userDataStream.stop", named))["result"] == {}
        assert (await call(api, "userDataStream.ping", named))["error"]["code"] == -1125


async def test_one_of_several_subscriptions_is_ended_by_its_number(venue: Venue) -> None:
    async with venue.open("/ws-api/v3") as api:
        for name in ("alice", "bob"):
            await call(api, "userDataStream.subscribe.signature", venue.signed(name))
        assert (await call(api, "userDataStream.unsubscribe", {"subscriptionId": 0}))["result"] == {}
        await api.recv()
        assert (await call(api, "session.subscriptions"))["result"] == [{"subscriptionId": 1}]
        assert (await call(api, "userDataStream.unsubscribe", {"subscriptionId": 0}))["error"]["code"] == -2036


async def test_a_connection_has_only_so_many_subscriptions_in_its_life(
    venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ws_session, "MAX_SUBSCRIPTION_IDS", 1)
    async with venue.open("/ws-api/v3") as api:
        await call(api, "userDataStream.subscribe.signature", venue.signed("alice"))
        refused = await call(api, "userDataStream.subscribe.signature", venue.signed("bob"))
    assert refused["error"]["code"] == -2042
