import json
from typing import Any

import pytest

from tandem.apps.pipeline import Outcome, milliseconds
from tandem.domain.errors import ApiError
from tandem.domain.requests import Sent, read_frame
from tandem.identity.keys import ApiKey
from tandem.identity.service import CreatedKey
from tests.gateway.edge import NOW_MS, Edge, sign

ADDRESS = "10.0.0.1"


def frame(method: str, params: dict[str, Any], key: CreatedKey | None = None) -> tuple[str, Sent]:
    """Signed with `key` when there is one."""
    if key is not None:
        params = {"apiKey": key.key.id, "timestamp": NOW_MS, **params}
        text = "&".join(f"{name}={_text(value)}" for name, value in sorted(params.items()))
        params["signature"] = sign(key, text)
    read = read_frame(json.dumps({"id": 1, "method": method, "params": params}))
    return read.method, read.sent


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


async def ask(
    edge: Edge, method: str, params: dict[str, Any], key: CreatedKey | None = None, session: ApiKey | None = None
) -> Outcome:
    name, sent = frame(method, params, key)
    return await edge.pipeline.answer_ws(
        edge.pipeline.ws_routes[name], sent, ADDRESS, session=session, show_time=milliseconds
    )


def code(outcome: Outcome) -> tuple[int, int]:
    assert outcome.error is not None
    assert outcome.body == b""
    return outcome.status, outcome.error.code


async def test_a_public_request_is_answered(edge: Edge) -> None:
    outcome = await ask(edge, "depth", {"symbol": "A", "limit": 3, "returnRateLimits": False})
    assert (outcome.status, outcome.error, outcome.orders) == (200, None, None)
    assert json.loads(outcome.body)["args"] == {"symbol": "A", "limit": 3}
    assert outcome.weight is not None
    assert (outcome.weight.weight, outcome.weight.raw) == (15, 0)


async def test_a_signed_order_is_taken_and_counted(edge: Edge) -> None:
    outcome = await ask(edge, "order.place", {"symbol": "A", "recvWindow": 5000, "returnRateLimits": False}, edge.key)
    assert (outcome.status, outcome.body) == (200, b'{"orderId":1}')
    assert outcome.orders is not None
    assert outcome.orders.in_day == 1


async def test_what_is_refused_is_told_as_over_rest(edge: Edge) -> None:
    other = edge.keys.create(7)
    wrong = CreatedKey(edge.key.key, other.secret)
    reader = edge.keys.create(7, permissions=("USER_DATA",))
    assert [
        code(await ask(edge, "order.place", {"symbol": "a"}, edge.key)),
        code(await ask(edge, "order.place", {"symbol": "A"})),
        code(await ask(edge, "order.place", {"symbol": "A", "apiKey": "x", "timestamp": 1, "signature": "y"})),
        code(await ask(edge, "order.place", {"symbol": "A"}, wrong)),
        code(await ask(edge, "order.place", {"symbol": "A"}, reader)),
        code(await ask(edge, "order.place", {"symbol": "A", "timestamp": NOW_MS - 5001}, edge.key)),
        code(await ask(edge, "order.place", {"symbol": "A", "x": 1}, edge.key)),
        code(await ask(edge, "order.place", {"symbol": "POOR"}, edge.key)),
        code(await ask(edge, "order.place", {"symbol": "BUSY"}, edge.key)),
        code(await ask(edge, "order.place", {"symbol": "BROKEN"}, edge.key)),
    ] == [
        (400, -1100),
        (400, -1102),
        (401, -2014),
        (400, -1022),
        (401, -2015),
        (400, -1021),
        (400, -1104),
        (400, -2010),
        (503, -1008),
        (500, -1000),
    ]


async def test_a_session_spares_key_and_signature_but_not_the_time(edge: Edge) -> None:
    session = edge.pipeline.log_on(frame("session.logon", {}, edge.key)[1], ADDRESS)
    assert session is edge.key.key
    outcome = await ask(edge, "account.status", {"timestamp": NOW_MS}, session=session)
    assert json.loads(outcome.body)["account"] == 7
    assert code(await ask(edge, "account.status", {}, session=session)) == (400, -1102)
    assert code(await ask(edge, "account.status", {"timestamp": NOW_MS - 6000}, session=session)) == (400, -1021)
    assert code(await ask(edge, "account.status", {"timestamp": NOW_MS, "signature": "x"}, session=session)) == (
        400,
        -1022,
    )
    started = await ask(edge, "userDataStream.start", {}, session=session)
    assert json.loads(started.body)["account"] == 7


async def test_an_explicit_key_overrides_the_session_for_one_request(edge: Edge) -> None:
    other = edge.keys.create(8)
    outcome = await ask(edge, "account.status", {}, other, session=edge.key.key)
    assert json.loads(outcome.body)["account"] == 8


async def test_a_revoked_key_ends_its_session(edge: Edge) -> None:
    session = edge.key.key
    edge.keys.revoke(session.id)
    assert code(await ask(edge, "account.status", {"timestamp": NOW_MS}, session=session)) == (401, -2015)


async def test_a_session_keeps_to_the_permissions_and_addresses_of_its_key(edge: Edge) -> None:
    reader = edge.keys.create(7, permissions=("USER_DATA",))
    assert code(await ask(edge, "order.place", {"symbol": "A", "timestamp": NOW_MS}, session=reader.key)) == (
        401,
        -2015,
    )
    elsewhere = edge.keys.create(7, networks=("192.168.0.0/16",))
    assert code(await ask(edge, "account.status", {"timestamp": NOW_MS}, session=elsewhere.key)) == (401, -2015)


async def test_a_log_on_is_checked_like_any_signed_request(edge: Edge) -> None:
    codes = []
    for params, key in (
        ({}, None),
        ({"apiKey": "a" * 64, "timestamp": NOW_MS, "signature": "x"}, None),
        ({"timestamp": NOW_MS - 6000}, edge.key),
    ):
        with pytest.raises(ApiError) as refused:
            edge.pipeline.log_on(frame("session.logon", params, key)[1], ADDRESS)
        codes.append(refused.value.code)
    assert codes == [-1102, -2015, -1021]


async def test_a_public_request_may_carry_a_key_and_nothing_else(edge: Edge) -> None:
    assert (await ask(edge, "ping", {"apiKey": "whatever"})).status == 200
    assert code(await ask(edge, "ping", {"timestamp": NOW_MS})) == (400, -1104)
