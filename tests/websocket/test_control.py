"""Requests of a stream socket: every answer to the letter."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.apps.stream_control import MAX_STREAMS, answer


class Names:
    def __init__(self) -> None:
        self.combined = False
        self.names: list[str] = ["a@trade"]

    def subscribe(self, names: list[str]) -> None:
        self.names += [name for name in names if name not in self.names]

    def unsubscribe(self, names: list[str]) -> None:
        self.names = [name for name in self.names if name not in names]


VARIANTS = "`SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`"
BOMB = '{"method":"SUBSCRIBE","params":' + "[" * 100_000


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ('{"method":"SUBSCRIBE","params":["b@trade"],"id":1}', {"result": None, "id": 1}),
        ('{"method":"SUBSCRIBE","params":["b@trade"],"id":"x1"}', {"result": None, "id": "x1"}),
        ('{"method":"SUBSCRIBE","params":["b@trade"],"id":null}', {"result": None, "id": None}),
        ('{"method":"SUBSCRIBE","params":["b@trade"]}', {"result": None, "id": None}),
        ('{"method":"UNSUBSCRIBE","params":["never@here"],"id":2}', {"result": None, "id": 2}),
        ('{"method":"LIST_SUBSCRIPTIONS","id":3}', {"result": ["a@trade"], "id": 3}),
        ('{"method":"GET_PROPERTY","params":["combined"],"id":4}', {"result": False, "id": 4}),
        ('{"method":"SET_PROPERTY","params":["combined",true],"id":5}', {"result": None, "id": 5}),
        ('{"method":"SET_PROPERTY","params":["other",true],"id":6}', {"code": 0, "msg": "Unknown property", "id": 6}),
        ('{"method":"GET_PROPERTY","params":["other"],"id":6}', {"code": 0, "msg": "Unknown property", "id": 6}),
        (
            '{"method":"SET_PROPERTY","params":["combined",1],"id":7}',
            {"code": 1, "msg": "Invalid value type: expected Boolean"},
        ),
        (
            '{"method":"SET_PROPERTY","params":[true,true],"id":7}',
            {"code": 2, "msg": "Invalid request: property name must be a string"},
        ),
        (
            '{"method":"SET_PROPERTY","params":["combined",true,1],"id":7}',
            {"code": 2, "msg": "Invalid request: too many parameters"},
        ),
        (
            '{"method":"SUBSCRIBE","params":["b"],"id":1.5}',
            {"code": 2, "msg": "Invalid request: request ID must be an unsigned integer"},
        ),
        (
            '{"method":"SUBSCRIBE","params":["b"],"id":{}}',
            {"code": 2, "msg": "Invalid request: request ID must be an unsigned integer"},
        ),
        (
            '{"method":"SUBSCRIBE","params":[],"id":"1234567890123456789012345678901234567"}',
            {"code": 2, "msg": "Invalid request: request ID must be an unsigned integer"},
        ),
        (
            '{"method":"SUBSCRIBE!","params":[],"id":1}',
            {
                "code": 2,
                "msg": f"Invalid request: unknown variant `SUBSCRIBE!`, expected one of {VARIANTS} at line 1 column 22",
            },
        ),
        ('{"params":[],"id":1}', {"code": 2, "msg": "Invalid request: missing field `method` at line 1 column 20"}),
        ("[]", {"code": 2, "msg": "Invalid request: missing field `method` at line 1 column 2"}),
        (
            '{"method":"SUBSCRIBE","params":"b","id":1}',
            {"code": 2, "msg": "Invalid request: params must be an array"},
        ),
        (
            '{"method":"SUBSCRIBE","params":[1],"id":1}',
            {"code": 2, "msg": "Invalid request: stream name must be a string"},
        ),
        (
            '{"method":"SUBSCRIBE","params":["' + "x" * 256 + '"],"id":1}',
            {"code": 2, "msg": "Invalid request: stream name is empty or too long"},
        ),
    ],
)
def test_answers(request_: str, expected: object) -> None:
    assert json.loads(answer(request_, Names())) == expected


@pytest.mark.parametrize("text", ["", "{", "nonsense", BOMB, '{"method":NaN}', "\x00", b"\xff\xfe"])
def test_what_is_no_json(text: str | bytes) -> None:
    told = json.loads(answer(text, Names()))
    assert (told["code"], told["msg"][:34], set(told)) == (3, "Invalid JSON: expected value at li", {"code", "msg"})


def test_a_socket_has_so_many_streams() -> None:
    names = Names()
    more = {"method": "SUBSCRIBE", "params": [f"s{n}" for n in range(MAX_STREAMS - 1)], "id": 1}
    assert json.loads(answer(json.dumps(more), names)) == {"result": None, "id": 1}
    one_more = {"method": "SUBSCRIBE", "params": ["t"], "id": 2}
    assert json.loads(answer(json.dumps(one_more), names)) == {"code": 2, "msg": "Invalid request: too many parameters"}
    assert len(names.names) == MAX_STREAMS


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
METHOD = st.sampled_from(["SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY"])
REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "method": METHOD | VALUES,
        "id": VALUES,
        "params": st.lists(st.sampled_from(["combined", True, "a@trade"]) | VALUES, max_size=3) | VALUES,
    },
)


@given(REQUESTS | VALUES)
def test_every_json_is_answered(request: object) -> None:
    told = json.loads(answer(json.dumps(request), Names()))
    assert ("result" in told) != ({"code", "msg"} <= set(told))


@given(st.binary(max_size=64) | st.text(max_size=64))
def test_every_text_is_answered(text: str | bytes) -> None:
    told = json.loads(answer(text, Names()))
    assert "result" in told or told["code"] in (0, 1, 2, 3)
