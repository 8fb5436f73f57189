"""The contract between streamers and workers: one Redis Stream a venue.

A stream entry is a frame as received, untouched, or a few frames of one connection side by side
(:mod:`hadron_tasks.frame_pack`). Streamers append with XADD; drain tasks read as the consumer group
``drain``, and after the database commit acknowledge and delete in one step, so the stream's length
is the backlog. A consumer group alone gives at-least-once; the keys of :mod:`hadron_tasks.tick`
make it exactly-once in the database. Publishers may therefore append a frame again, in whatever
company, whenever they are not sure that Redis kept it, as long as its receive time, bytes and
connection stay the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from uuid import UUID

import msgspec
from pydantic import BaseModel, ConfigDict

from hadron_tasks.frame_pack import pack_frames, unpack_frames

GROUP = "drain"
"""The consumer group of the drain tasks."""

_FRAME = b"f"
_PACK = b"p"
_RECEIVED = b"t"
_CONNECTION = b"c"
_KIND = b"k"
_LETTER = b"l"
GAP_KIND = b"gap"
"""The kind of an entry that is a gap record; a frame's has none."""


_LIFE_MARK = "#"


def connection_life(connection: str, opened_ns: int) -> str:
    """What a connection is called in the stream from when it was opened until it is lost.

    A connection (``kalshi-1``) is opened again and again, and the exchange numbers subscriptions
    and messages anew each time: ``kalshi-1#19a3f0c2b1e`` is one of its lives.
    """
    return f"{connection}{_LIFE_MARK}{opened_ns // 1_000_000:x}"


def connection_of(life: str) -> str:
    """The connection that a life is one of; any other text is returned as it is."""
    return life.partition(_LIFE_MARK)[0]


def is_life(connection: str) -> bool:
    """Whether a text is what :func:`connection_life` makes."""
    return _LIFE_MARK in connection


def stream_key(venue: str) -> str:
    """The Redis key of a venue's raw stream."""
    return f"hadron:raw:{venue}"


def active_drains_key(venue: str) -> str:
    """A sorted set of the drain tasks at work on a venue: member task id, score deadline.

    The deadline is in Unix seconds, so the count of live ones is ``ZCOUNT key now +inf``.
    """
    return f"hadron:drains:{venue}"


ENTRIES_PER_DRAIN = 1_000
"""Backlog at which one more drain task is worth its process. When it grows, entries are packs:
about half a second of its work."""


def drains_wanted(backlog: int, max_parallel: int) -> int:
    """How many drain tasks should be at work on a stream with ``backlog`` entries."""
    if backlog <= 0:
        return 0
    return min(max_parallel, 1 + backlog // ENTRIES_PER_DRAIN)


class RawFrame(msgspec.Struct, frozen=True, gc=False):
    """One WebSocket frame as received."""

    data: bytes
    received_ns: int
    """Nanoseconds since the Unix epoch, UTC, by the streamer's clock."""
    connection: str
    """The connection it came by, and in which of its lives (:func:`connection_life`)."""
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
    REDIS_LOSS = "redis_loss"
    """Redis came back older than what it had acknowledged, by more than can be sent again."""
    AUDIT = "audit"
    """A comparison with the exchange's own trades found some that are not stored."""


LOST_BY_US = frozenset({GapCause.SPOOL_LOSS, GapCause.REDIS_LOSS})
"""Causes behind the socket: the connection lived on, and the exchange sends no new snapshot."""


class FeedGap(BaseModel):
    """A hole in what the exchange sent to us: a row of ``feed_gaps``, sent through the stream.

    ``gap_id`` is chosen by the streamer, so a redelivered record is the same row.
    """

    model_config = ConfigDict(frozen=True)

    gap_id: UUID
    venue: str
    connection: str
    channel: str | None = None
    """What of the connection it concerns; None when it concerns all that the connection carried."""
    carried: tuple[str, ...] | None = None
    """What that was: the channels, or the venue's subscriptions; None when nobody knows."""
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


class GapEntry(msgspec.Struct, frozen=True, gc=False):
    """A gap record travelling in the stream among the frames."""

    data: bytes
    received_ns: int
    connection: str


Entry = RawFrame | GapEntry

Fields = dict[bytes, bytes | int]


def frame_fields(frame: RawFrame) -> Fields:
    """The XADD fields of a frame."""
    fields = entry_fields(frame.data, frame.received_ns, frame.connection.encode())
    if frame.letter_id is not None:
        fields[_LETTER] = frame.letter_id
    return fields


def entry_fields(data: bytes, received_ns: int, connection: bytes, kind: bytes = b"") -> Fields:
    """The XADD fields of a frame, or of something of another kind, from its parts."""
    fields: Fields = {_FRAME: data, _RECEIVED: received_ns, _CONNECTION: connection}
    if kind:
        fields[_KIND] = kind
    return fields


def pack_fields(frames: Sequence[bytes], received_ns: Sequence[int], connection: bytes) -> Fields:
    """The XADD fields of several frames of one connection."""
    return {_PACK: pack_frames(frames, received_ns), _CONNECTION: connection}


def gap_fields(gap: FeedGap) -> Fields:
    """The XADD fields of a gap record."""
    return entry_fields(
        gap.model_dump_json().encode(), gap.to_ns, gap.connection.encode(), GAP_KIND
    )


def parse_entries(fields: Mapping[bytes, bytes]) -> list[Entry]:
    """What an entry of the stream holds, as read back (with ``decode_responses`` off).

    Raises:
        KeyError: A field is missing, so it was not written by the functions above.
        ValueError: The receive time is not a number, or the pack is torn.
    """
    connection = fields[_CONNECTION].decode("utf-8", "replace")
    packed = fields.get(_PACK)
    if packed is not None:
        return [RawFrame(data, at, connection) for data, at in unpack_frames(packed)]
    data, received_ns = fields[_FRAME], int(fields[_RECEIVED])
    if fields.get(_KIND) == GAP_KIND:
        return [GapEntry(data, received_ns, connection)]
    letter = fields.get(_LETTER)
    return [RawFrame(data, received_ns, connection, None if letter is None else int(letter))]
