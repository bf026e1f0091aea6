"""An account's events as frames of its sockets."""

from tandem.apps.websocket import (
    EVENTS_PER_PIECE,
    MAX_HANDED_BYTES,
    SHARED_HEADS,
    Message,
    Socket,
    SocketLimits,
    Sockets,
    framed,
    text_frame,
)
from tandem.platform.clock import ManualClock
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


class Wire:
    """A transport to a client who reads when it is told to."""

    def __init__(self) -> None:
        self.waiting = b""
        self.is_aborted = False

    def write(self, data: bytes) -> None:
        self.waiting += data

    def get_write_buffer_size(self) -> int:
        return len(self.waiting)

    def is_closing(self) -> bool:
        return self.is_aborted

    def abort(self) -> None:
        self.is_aborted = True

    def take(self) -> bytes:
        taken, self.waiting = self.waiting, b""
        return taken


def open_socket(wire: Wire) -> Socket:
    async def send(_: Message) -> None:
        raise AssertionError("nothing is sent around the transport")

    extensions = {"tandem.transport": wire, "tandem.on_drained": []}
    sockets = Sockets(ManualClock(), SocketLimits(max_waiting_bytes=2 * MAX_HANDED_BYTES))
    return Socket({"extensions": extensions}, send, sockets, wants_microseconds=False)


def large_burst() -> Burst:
    made = Burst()
    made.events = [b"x" * 1000] * 1000
    return made


async def test_who_reads_may_take_its_time_with_one_large_burst() -> None:
    wire, told = Wire(), large_burst()
    socket = open_socket(wire)
    socket.push_burst(told, b"<", b">")
    socket.push_text(b"after")
    taken = b""
    while not taken.endswith(text_frame(b"after")):
        assert not wire.is_aborted
        taken += wire.take()
        socket.flush()
    assert taken == b"".join(framed(told, b"<", b">")) + text_frame(b"after")


async def test_who_does_not_read_is_cut_off_at_the_second_burst() -> None:
    wire = Wire()
    socket = open_socket(wire)
    socket.push_burst(large_burst())
    assert not wire.is_aborted
    socket.push_burst(large_burst())
    assert (wire.is_aborted, socket.is_cut_off) == (True, True)


async def test_who_has_read_all_has_no_more_room_than_before() -> None:
    wire = Wire()
    socket = open_socket(wire)
    socket.push_burst(large_burst())
    while wire.take():
        socket.flush()
    for _ in range(300):
        socket.push_text(b"x" * 1000)
    socket.flush()
    assert wire.is_aborted


async def test_a_burst_that_nobody_shares_has_to_fit() -> None:
    wire, told = Wire(), large_burst()
    for number in range(SHARED_HEADS):
        next(framed(told, b"%d" % number, b""))
    open_socket(wire).push_burst(told, b"own", b"")
    assert wire.is_aborted
