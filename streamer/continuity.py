"""Holes of one connection's feed: opened where it broke, closed when it is whole again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from uuid import UUID, uuid5

from hadron_tasks.raw_stream import FeedGap, GapCause
from streamer.sequence import Jump

_NAMESPACE = UUID("6e0e3f5e-6f5f-4b52-9d1b-3a4f3fd2c8f1")


def gap_record(
    *,
    venue: str,
    connection: str,
    cause: GapCause,
    from_ns: int,
    to_ns: int,
    channel: str | None = None,
    carried: Collection[str] | None = None,
    sid: int | None = None,
    jump: Jump | None = None,
    missing: int | None = None,
    detail: str = "",
) -> FeedGap:
    """A gap record whose id follows from where the hole begins, so a repeated one is one row."""
    from_seq, to_seq = (jump.last_seq, jump.next_seq) if jump else (None, None)
    identity: tuple[object, ...] = (
        *(venue, connection, channel, cause.value, from_ns, sid, from_seq, to_seq),
    )
    if cause is GapCause.REDIS_LOSS:
        # Every streamer that ever held the connection tells it up to what it knew itself.
        identity += (to_ns,)
    return FeedGap(
        gap_id=uuid5(_NAMESPACE, "|".join(map(str, identity))),
        venue=venue,
        connection=connection,
        channel=channel,
        carried=None if carried is None else tuple(sorted(carried)),
        sid=sid,
        cause=cause,
        from_ns=min(from_ns, to_ns),
        to_ns=to_ns,
        from_seq=from_seq,
        to_seq=to_seq,
        missing=jump.missing if jump else missing,
        detail=detail,
    )


@dataclass(frozen=True, slots=True)
class Hole:
    """A hole whose end is not known yet."""

    from_ns: int
    cause: GapCause
    sid: int | None = None
    detail: str = ""
    carried: frozenset[str] | None = None
    """What the connection carried when it broke; None when nobody knows."""

    def and_also(self, later: Hole) -> Hole:
        """This hole, after another break before it ended: all that either carried is missing."""
        if self.carried is None or later.carried is None:
            return replace(self, carried=None)
        return replace(self, carried=self.carried | later.carried)


@dataclass(frozen=True, slots=True)
class History:
    """What the fleet knows of the connection's past, this process' own included."""

    last_ns: int | None
    """Receive time of the last frame before the break; None when there never was one."""
    cause: GapCause
    everything_taken: bool = False
    """Whether other connections carry all that this one carried, and recorded the hole."""
    items: frozenset[str] = frozenset()
    """What an earlier holder of the connection carried and nobody has taken over."""


class Continuity:
    """The open holes of one connection: of one channel each, or (None) of the whole connection."""

    def __init__(self, venue: str, connection: str) -> None:
        self._venue = venue
        self._connection = connection
        self._holes: dict[str | None, Hole] = {}

    @property
    def open_since_ns(self) -> int | None:
        """Where the oldest open hole begins; None when the feed is whole."""
        return min((hole.from_ns for hole in self._holes.values()), default=None)

    @property
    def channels(self) -> list[str | None]:
        """What has an open hole."""
        return list(self._holes)

    def broke(self, channel: str | None, hole: Hole) -> None:
        """Note a break. A hole already open stays: its beginning and cause are the true ones."""
        earlier = self._holes.get(channel)
        self._holes[channel] = hole if earlier is None else earlier.and_also(hole)

    def whole(self, channel: str | None, to_ns: int) -> FeedGap | None:
        """The channel (None: the connection) is subscribed again: the record of its hole."""
        hole = self._holes.pop(channel, None)
        if hole is None:
            return None
        return gap_record(
            venue=self._venue,
            connection=self._connection,
            cause=hole.cause,
            from_ns=hole.from_ns,
            to_ns=to_ns,
            channel=channel,
            carried=hole.carried,
            sid=hole.sid,
            detail=hole.detail,
        )

    def discard(self) -> None:
        """Drop the open holes: others carry everything that was carried here, and recorded it."""
        self._holes.clear()
