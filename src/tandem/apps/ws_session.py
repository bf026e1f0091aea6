"""The session of one WebSocket API connection: who is logged on, and which accounts' events it gets."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from tandem.apps.pipeline import WS_PARAMETERS, Pipeline, ShowTime, microseconds
from tandem.domain.errors import api_error
from tandem.domain.operation import Kind, Param
from tandem.domain.parameters import Parameters
from tandem.domain.requests import Sent
from tandem.domain.signing import EDGE_PARAMETERS
from tandem.identity.keys import ApiKey, Permission
from tandem.identity.listen_tokens import ListenTokens
from tandem.trading.user_stream import Burst, UserStreams

MAX_ACTIVE = 1_000
MAX_SUBSCRIPTION_IDS = 65_535
"""Over the life of a connection."""

# A signature covers the parameters and not the method: that of an order must not pass for one of a session.
_PLAIN = Parameters((), EDGE_PARAMETERS | WS_PARAMETERS)
_UNSUBSCRIBE = Parameters((Param("subscriptionId", Kind.LONG),), EDGE_PARAMETERS | WS_PARAMETERS)
_BY_TOKEN = Parameters((Param("listenToken", Kind.STRING, mandatory=True),), EDGE_PARAMETERS | WS_PARAMETERS)


class Connection(Protocol):
    """What a session needs of its socket."""

    address: str
    show_time: ShowTime
    returns_limits: bool

    def push_text(self, payload: bytes) -> None: ...
    def push_burst(self, burst: Burst, head: bytes = b"", tail: bytes = b"") -> None: ...


@dataclass(slots=True)
class Subscription:
    account: int
    key: ApiKey
    stop: Callable[[], None]
    is_of_session: bool
    """Ends with the session's logout."""
    expiry: asyncio.TimerHandle | None = None
    """Of what a listen token opened."""

    def end(self) -> None:
        if self.expiry is not None:
            self.expiry.cancel()
        self.stop()


class Reply:
    """A result, and events to send behind it."""

    __slots__ = ("events", "result")

    def __init__(self, result: Any, events: list[bytes] | None = None) -> None:
        self.result = result
        self.events = events or []


class Session:
    """`end` it with its connection."""

    def __init__(self, connection: Connection, connected_us: int) -> None:
        self.connection = connection
        self.connected_us = connected_us
        self.key: ApiKey | None = None
        self.authorized_us: int | None = None
        self.subscriptions: dict[int, Subscription] = {}
        self._next_id = 0

    def subscribe(self, users: UserStreams, key: ApiKey, *, is_of_session: bool) -> int:
        """The new subscription's id. Raises ApiError."""
        if Permission.USER_DATA not in key.permissions:
            raise api_error("REJECTED_MBX_KEY")
        if any(other.account == key.account for other in self.subscriptions.values()):
            raise api_error("SUBSCRIPTION_ACTIVE")
        if self._next_id >= MAX_SUBSCRIPTION_IDS or len(self.subscriptions) >= MAX_ACTIVE:
            raise api_error("MAXIMUM_SUBSCRIPTION_IDS")
        number = self._next_id
        self._next_id += 1
        push = self.connection.push_burst
        head = b'{"subscriptionId":%d,"event":' % number
        is_micros = self.connection.show_time is microseconds
        stop = users.subscribe(key.account, lambda burst: push(burst, head, b"}"), micros=is_micros)
        self.subscriptions[number] = Subscription(key.account, key, stop, is_of_session)
        return number

    def subscribe_until(self, users: UserStreams, key: ApiKey, expires_us: int, now_us: int) -> int:
        """The subscription's id. The account's earlier one that a token opened goes on until `expires_us`."""
        earlier = [n for n, one in self.subscriptions.items() if one.expiry is not None and one.account == key.account]
        number = earlier[0] if earlier else self.subscribe(users, key, is_of_session=False)
        subscription = self.subscriptions[number]
        if subscription.expiry is not None:
            subscription.expiry.cancel()
        loop, seconds = asyncio.get_running_loop(), (expires_us - now_us) / 1_000_000
        subscription.key = key
        subscription.expiry = loop.call_later(seconds, self._expire, number, expires_us)
        return number

    def _expire(self, number: int, expires_us: int) -> None:
        for event in self.end_subscriptions([number], expires_us):
            self.connection.push_text(event)

    def end_subscriptions(self, numbers: list[int], now_us: int) -> list[bytes]:
        """The events that say so."""
        events = []
        for number in numbers:
            self.subscriptions.pop(number).end()
            event = {"e": "eventStreamTerminated", "E": self.connection.show_time(now_us)}
            events.append(orjson.dumps({"subscriptionId": number, "event": event}))
        return events

    def of_session(self) -> list[int]:
        return [number for number, one in self.subscriptions.items() if one.is_of_session]

    def drop(self) -> None:
        """Nobody is logged on any more."""
        self.key = None
        self.authorized_us = None

    def end(self) -> None:
        for subscription in self.subscriptions.values():
            subscription.end()
        self.subscriptions.clear()


Method = Callable[[Session, Sent], Reply]


def session_methods(pipeline: Pipeline, users: UserStreams, tokens: ListenTokens) -> dict[str, Method]:
    """By method name. Each raises ApiError."""
    methods = SessionMethods(pipeline, users, tokens)
    plain: dict[str, Method] = {
        "session.logon": methods.log_on,
        "session.status": methods.status,
        "session.logout": methods.log_out,
        "session.subscriptions": methods.list_subscriptions,
        "userDataStream.subscribe": methods.subscribe,
        "userDataStream.subscribe.signature": methods.subscribe_signed,
    }
    return {name: _strict(method) for name, method in plain.items()} | {
        "userDataStream.subscribe.listenToken": methods.subscribe_by_token,
        "userDataStream.unsubscribe": methods.unsubscribe,
    }


def _strict(method: Method) -> Method:
    """Takes no parameters but the edge's own."""

    def checked(session: Session, sent: Sent) -> Reply:
        _PLAIN.read(sent)
        return method(session, sent)

    return checked


class SessionMethods:
    """Keys of every kind may log on, not only Ed25519 ones."""

    def __init__(self, pipeline: Pipeline, users: UserStreams, tokens: ListenTokens) -> None:
        self._pipeline = pipeline
        self._users = users
        self._tokens = tokens

    def _now_us(self) -> int:
        return self._pipeline.clock.wall_us()

    def _status(self, session: Session) -> dict[str, Any]:
        show_time = session.connection.show_time
        return {
            "apiKey": None if session.key is None else session.key.id,
            "authorizedSince": None if session.authorized_us is None else show_time(session.authorized_us),
            "connectedSince": show_time(session.connected_us),
            "returnRateLimits": session.connection.returns_limits,
            "serverTime": show_time(self._now_us()),
            "userDataStream": bool(session.subscriptions),
        }

    def log_on(self, session: Session, sent: Sent) -> Reply:
        key = self._pipeline.log_on(sent, session.connection.address)
        events: list[bytes] = []
        if session.key is not None and session.key.account != key.account:
            events = session.end_subscriptions(session.of_session(), self._now_us())
        session.key, session.authorized_us = key, self._now_us()
        return Reply(self._status(session), events)

    def status(self, session: Session, _sent: Sent) -> Reply:
        return Reply(self._status(session))

    def log_out(self, session: Session, _sent: Sent) -> Reply:
        session.drop()
        events = session.end_subscriptions(session.of_session(), self._now_us())
        return Reply(self._status(session), events)

    def list_subscriptions(self, session: Session, _sent: Sent) -> Reply:
        return Reply([{"subscriptionId": number} for number in session.subscriptions])

    def subscribe(self, session: Session, _sent: Sent) -> Reply:
        if session.key is None:
            raise api_error("UNAUTHORIZED")
        number = session.subscribe(self._users, session.key, is_of_session=True)
        return Reply({"subscriptionId": number})

    def subscribe_signed(self, session: Session, sent: Sent) -> Reply:
        if session.key is not None and "apiKey" not in sent.values and sent.signature is None:
            key = session.key
        else:
            key = self._pipeline.log_on(sent, session.connection.address)
        return Reply({"subscriptionId": session.subscribe(self._users, key, is_of_session=False)})

    def subscribe_by_token(self, session: Session, sent: Sent) -> Reply:
        token = self._tokens.find(_BY_TOKEN.read(sent)["listenToken"])
        key = self._pipeline.find_key(token.api_key)
        if not key.allows_address(session.connection.address):
            raise api_error("REJECTED_MBX_KEY")
        number = session.subscribe_until(self._users, key, token.expires_us, self._now_us())
        expires = session.connection.show_time(token.expires_us)
        return Reply({"subscriptionId": number, "expirationTime": expires})

    def unsubscribe(self, session: Session, sent: Sent) -> Reply:
        number = _UNSUBSCRIBE.read(sent).get("subscriptionId")
        if number is None:
            numbers = list(session.subscriptions)
        else:
            if number not in session.subscriptions:
                raise api_error("SUBSCRIPTION_INACTIVE")
            numbers = [number]
        return Reply({}, session.end_subscriptions(numbers, self._now_us()))
