"""A stream and who listens to it: every event is encoded once per form and shared by all sockets."""

from collections.abc import Callable
from typing import Protocol

import orjson

MILLISECONDS = 1_000
MICROSECONDS = 1

Encode = Callable[[int], bytes]
"""The event's JSON with its times divided by the argument (MILLISECONDS or MICROSECONDS)."""

Frame = Callable[[bytes], bytes]
"""Wraps a text for the wire."""


class Subscriber(Protocol):
    """A socket. `form` = `form_of(...)`; whoever changes it calls `StreamHub.moved`."""

    form: int

    def push(self, frame: bytes) -> None:
        """Must not raise, and must not subscribe or unsubscribe anything before it returns."""
        ...


FORMS = 4


def form_of(*, combined: bool, time_unit: int) -> int:
    """Which of the forms of an event a socket takes."""
    return combined + (2 if time_unit == MICROSECONDS else 0)


class Topic:
    """One stream name and its sockets by form."""

    __slots__ = ("_frame", "_prefix", "forms", "name")

    def __init__(self, name: str, frame: Frame) -> None:
        self.name = name
        self.forms: tuple[set[Subscriber], ...] = (set(), set(), set(), set())
        self._frame = frame
        self._prefix = b'{"stream":' + orjson.dumps(name) + b',"data":'

    def is_empty(self) -> bool:
        return not any(self.forms)

    def publish(self, encode: Encode) -> None:
        plain, combined, plain_us, combined_us = self.forms
        if plain or combined:
            self._send(encode(MILLISECONDS), plain, combined)
        if plain_us or combined_us:
            self._send(encode(MICROSECONDS), plain_us, combined_us)

    def _send(self, payload: bytes, plain: set[Subscriber], combined: set[Subscriber]) -> None:
        if plain:
            frame = self._frame(payload)
            for subscriber in plain:
                subscriber.push(frame)
        if combined:
            frame = self._frame(self.wrap(payload))
            for subscriber in combined:
                subscriber.push(frame)

    def wrap(self, payload: bytes) -> bytes:
        """The combined form."""
        return self._prefix + payload + b"}"
