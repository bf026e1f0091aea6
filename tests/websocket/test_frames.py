"""An account's events as frames of its sockets."""

from tandem.apps.websocket import EVENTS_PER_PIECE, SHARED_HEADS, framed, text_frame
from tandem.trading.user_stream import Burst

COUNT = 2 * EVENTS_PER_PIECE + 1


def burst() -> Burst:
    made = Burst()
    made.events = [b"%d" % number for number in range(COUNT)]
    return made


def test_every_event_is_one_frame_in_order() -> None:
    pieces = list(framed(burst(), b"<", b">"))
    assert len(pieces) == 3
    assert b"".join(pieces) == b"".join(text_frame(b"<%d>" % number) for number in range(COUNT))


def test_sockets_with_one_head_share_the_pieces() -> None:
    told = burst()
    first, second, other = (list(framed(told, head, b"")) for head in (b"1", b"1", b"2"))
    assert all(one is two for one, two in zip(first, second, strict=True))
    assert other[0] != first[0]


def test_pieces_are_made_when_they_are_asked_for_and_kept_for_a_few_heads() -> None:
    """Who is cut off at the first piece costs one piece; a thousand heads cost no more memory than a few."""
    told = burst()
    for number in range(SHARED_HEADS + 10):
        assert next(framed(told, b"%d" % number, b""))
    assert [len(pieces) for pieces in told.made.values()] == [1] * SHARED_HEADS
    last = list(framed(told, b"last", b""))
    assert len(last) == 3
    assert len(told.made) == SHARED_HEADS
