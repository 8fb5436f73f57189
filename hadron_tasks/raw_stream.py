"""The contract between streamers and workers: one Redis Stream a venue, one entry a frame.

A stream entry is a frame as received, untouched. Streamers append with XADD; drain tasks read as
the consumer group ``drain``, acknowledge after the database commit, and then delete, so the
stream's length is the backlog. A consumer group alone gives at-least-once; the keys of
:mod:`hadron_tasks.tick` make it exactly-once in the database. Publishers may therefore append a
frame again whenever they are not sure that Redis kept it, as long as its receive time, bytes and
connection stay the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from pydantic import BaseModel, ConfigDict

GROUP = "drain"
"""The consumer group of the drain tasks."""

_FRAME = b"f"
_RECEIVED = b"t"
_CONNECTION = b"c"
_KIND = b"k"
_LETTER = b"l"
_GAP = b"gap"


def stream_key(venue: str) -> str:
    """The Redis key of a venue's raw stream."""
    return f"hadron:raw:{venue}"


def active_drains_key(venue: str) -> str:
    """A sorted set of the drain tasks at work on a venue: member task id, score deadline.

    The deadline is in Unix seconds, so the count of live ones is ``ZCOUNT key now +inf``.
    """
    return f"hadron:drains:{venue}"


FRAMES_PER_DRAIN = 5_000
"""Backlog at which one more drain task is worth its process: about half a second of its work."""


def drains_wanted(backlog: int, max_parallel: int) -> int:
    """How many drain tasks should be at work on a stream with ``backlog`` entries."""
    if backlog <= 0:
        return 0
    return min(max_parallel, 1 + backlog // FRAMES_PER_DRAIN)


class RawFrame(NamedTuple):
    """One WebSocket frame as received."""

    data: bytes
    received_ns: int
    """Nanoseconds since the Unix epoch, UTC, by the streamer's clock."""
    connection: str
    """The connection it came by (``kalshi-1``, ``polygon-stocks``)."""
    letter_id: int | None = None
    """The dead letter that this frame is a retry of."""


class GapCause(StrEnum):
    """Why messages are missing from the feed."""

    SEQUENCE_JUMP = "sequence_jump"
    DISCONNECT = "disconnect"
    BUFFER_OVERFLOW = "buffer_overflow"
    """The exchange ended a subscription because this client read too slowly (code 25)."""
    CHANNEL_ERROR = "channel_error"
    """The exchange ended a subscription for a reason of its own (code 10)."""
    STREAMER_DEATH = "streamer_death"
    SHUTDOWN = "shutdown"
    SPOOL_LOSS = "spool_loss"


class FeedGap(BaseModel):
    """A hole in what the exchange sent to us: a row of ``feed_gaps``, sent through the stream.

    ``gap_id`` is chosen by the streamer, so a redelivered record is the same row.
    """

    model_config = ConfigDict(frozen=True)

    gap_id: UUID
    venue: str
    connection: str
    channel: str | None = None
    sid: int | None = None
    cause: GapCause
    from_ns: int
    """Receive time of the last frame known to be safe, nanoseconds since the Unix epoch."""
    to_ns: int
    """When the feed was whole again, nanoseconds since the Unix epoch."""
    from_seq: int | None = None
    """Last sequence number before the hole."""
    to_seq: int | None = None
    """First sequence number after the hole."""
    missing: int | None = None
    """Messages known to be missing; None when nobody can know."""
    detail: str = ""


class GapEntry(NamedTuple):
    """A gap record travelling in the stream among the frames."""

    data: bytes
    received_ns: int
    connection: str


Entry = RawFrame | GapEntry

Fields = dict[bytes, bytes | int]


def frame_fields(frame: RawFrame) -> Fields:
    """The XADD fields of a frame."""
    fields: Fields = {
        _FRAME: frame.data,
        _RECEIVED: frame.received_ns,
        _CONNECTION: frame.connection.encode(),
    }
    if frame.letter_id is not None:
        fields[_LETTER] = frame.letter_id
    return fields


def gap_fields(gap: FeedGap) -> Fields:
    """The XADD fields of a gap record."""
    return {
        _FRAME: gap.model_dump_json().encode(),
        _RECEIVED: gap.to_ns,
        _CONNECTION: gap.connection.encode(),
        _KIND: _GAP,
    }


def parse_entry(fields: Mapping[bytes, bytes]) -> Entry:
    """An entry of the stream as read back (with ``decode_responses`` off).

    Raises:
        KeyError: A field is missing, so it was not written by :func:`frame_fields`.
        ValueError: The receive time is not a number.
    """
    data, received_ns = fields[_FRAME], int(fields[_RECEIVED])
    connection = fields[_CONNECTION].decode("utf-8", "replace")
    if fields.get(_KIND) == _GAP:
        return GapEntry(data, received_ns, connection)
    letter = fields.get(_LETTER)
    return RawFrame(data, received_ns, connection, None if letter is None else int(letter))
