"""User data behind a listen token, over a real server with a real client."""

from tests.websocket.venue import Venue, call, receive

METHOD = "userDataStream.subscribe.listenToken"


def token(venue: Venue, name: str, life_ms: int) -> str:
    key = venue.keys[name]["apiKey"]
    return venue.exchange.listen_tokens.issue(venue.accounts[name], key, life_ms).name


async def test_a_token_opens_the_accounts_events_until_it_expires(venue: Venue) -> None:
    name = token(venue, "alice", 400)
    async with venue.open("/ws-api/v3") as api:
        told = await call(api, METHOD, {"listenToken": name})
        expires = told["result"]["expirationTime"]
        assert told["result"] == {"subscriptionId": 0, "expirationTime": expires}
        await venue.place("alice", 0, 50, 1)
        report, position = await receive(api, 2)
        assert (report["subscriptionId"], report["event"]["e"]) == (0, "executionReport")
        assert position["event"]["e"] == "outboundAccountPosition"
        (ended,) = await receive(api)
        assert ended == {"subscriptionId": 0, "event": {"e": "eventStreamTerminated", "E": expires}}
        await venue.place("alice", 0, 51, 1)
        assert (await call(api, "session.subscriptions"))["result"] == []
        assert (await call(api, METHOD, {"listenToken": name}))["error"]["code"] == -1125


async def test_another_token_extends_what_the_first_one_opened(venue: Venue) -> None:
    async with venue.open("/ws-api/v3?timeUnit=MICROSECOND") as api:
        first = (await call(api, METHOD, {"listenToken": token(venue, "alice", 300)}))["result"]
        second = (await call(api, METHOD, {"listenToken": token(venue, "alice", 900)}))["result"]
        assert (first["subscriptionId"], second["subscriptionId"]) == (0, 0)
        (ended,) = await receive(api)
        assert ended["event"] == {"e": "eventStreamTerminated", "E": second["expirationTime"]}


async def test_a_token_opens_no_second_subscription(venue: Venue) -> None:
    name = token(venue, "alice", 60_000)
    async with venue.open("/ws-api/v3") as api:
        await call(api, "userDataStream.subscribe.signature", venue.signed("alice"))
        assert (await call(api, METHOD, {"listenToken": name}))["error"]["code"] == -2035
        assert (await call(api, "userDataStream.unsubscribe"))["result"] == {}
        assert (await receive(api))[0]["event"]["e"] == "eventStreamTerminated"
        assert (await call(api, METHOD, {"listenToken": name}))["result"]["subscriptionId"] == 1
    async with venue.open("/ws-api/v3") as api:
        assert (await call(api, METHOD, {"listenToken": name}))["result"]["subscriptionId"] == 0


async def test_refusals(venue: Venue) -> None:
    name = token(venue, "alice", 60_000)
    elsewhere = venue.exchange.create_key(venue.accounts["bob"], "x", networks=("192.0.2.7",))["apiKey"]
    bound = venue.exchange.listen_tokens.issue(venue.accounts["bob"], elsewhere, 60_000).name
    async with venue.open("/ws-api/v3") as api:
        assert (await call(api, METHOD))["error"]["code"] == -1102
        assert (await call(api, METHOD, {"listenToken": "x"}))["error"]["code"] == -1125
        assert (await call(api, METHOD, {"listenToken": name, "symbol": "BTCUSDT"}))["error"]["code"] == -1104
        assert (await call(api, METHOD, {"listenToken": bound}))["error"]["code"] == -2015
        await call(api, METHOD, {"listenToken": name})
        venue.exchange.keys.revoke(venue.keys["alice"]["apiKey"])
        (ended,) = await receive(api)
        assert ended["event"]["e"] == "eventStreamTerminated"
        assert (await call(api, METHOD, {"listenToken": name}))["error"]["code"] == -2015
