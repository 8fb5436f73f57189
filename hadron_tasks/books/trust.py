"""Whether a rebuilt book can be trusted, and if not, since when and why. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from hadron_tasks.books.chain import Chain
from hadron_tasks.raw_stream import LOST_BY_US

IN_FLIGHT = timedelta(seconds=5)
"""How long a message may be on its way, the clocks' difference included: one that the exchange
sent before a moment may be lost in a hole that begins so much after it."""

SETTLED = timedelta(seconds=10)
"""After a hole of a whole connection: by then every book has its snapshot of the last life."""


class Doubt(StrEnum):
    """Why a book cannot be trusted."""

    HOLE = "hole"
    """Messages of its connection are missing: a gap record says so."""
    OPEN_HOLE = "open_hole"
    """Its connection is down, or the streamer is gone, and nothing has mended it yet."""
    NEWER_CHAIN = "newer_chain"
    """Another connection told changes that this one did not."""
    UNREAD_FRAMES = "unread_frames"
    """Frames about it are dead letters."""
    WAITING_FRAMES = "waiting_frames"
    """Frames received before that time are not stored yet, or may be on their way."""
    SILENCE = "silence"
    """Nothing of the venue was stored since, and no streamer tells why."""
    CORRUPT = "corrupt"
    """A level fell below nothing, or the book is crossed: something was missed, untold."""
    DRIFT = "drift"
    """The exchange's own book was found to be another."""
    UNWATCHED = "unwatched"
    """It came by no connection of ours (a recording), so nobody told its holes."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One doubt."""

    doubt: Doubt
    since: datetime
    """Until then, this does not matter."""
    words: str


@dataclass(frozen=True, slots=True)
class Trust:
    """What is to be said of a book: exact, or not and why."""

    reasons: tuple[Reason, ...] = ()

    @property
    def exact(self) -> bool:
        """Whether the book is the exchange's, to the last contract."""
        return not self.reasons

    @property
    def since(self) -> datetime | None:
        """Since when it may be another than the exchange's; None for an exact one."""
        return min((reason.since for reason in self.reasons), default=None)

    def but(self, *reasons: Reason) -> Trust:
        """The same with more doubts, the earliest first."""
        return Trust(tuple(sorted((*self.reasons, *reasons), key=lambda reason: reason.since)))


@dataclass(frozen=True, slots=True)
class Hole:
    """A hole in a connection's feed, from a gap record."""

    connection: str
    cause: str
    from_time: datetime
    """When the last message before it was received."""
    to_time: datetime
    """When the feed was whole again."""
    sid: int | None = None
    from_seq: int | None = None
    """The last number before it."""
    to_seq: int | None = None
    """The first number after it."""
    missing: int | None = None

    def __str__(self) -> str:
        what = "messages" if self.missing is None else f"{self.missing:,} messages"
        seconds = (self.to_time - self.from_time).total_seconds()
        return (
            f"{self.cause.replace('_', ' ')}: {what} missing on {self.connection} ({seconds:.1f} s)"
        )


def doubts_of_holes(chain: Chain, holes: Iterable[Hole], at: datetime) -> list[Reason]:
    """The holes that a chain has until ``at``."""
    reasons = []
    for hole in holes:
        since = _hurts_since(chain, hole, at)
        if since is not None:
            reasons.append(Reason(Doubt.HOLE, min(since, at), str(hole)))
    return reasons


def _hurts_since(chain: Chain, hole: Hole, at: datetime) -> datetime | None:
    """Since when a hole takes something from a chain; None when it does not."""
    anchor = chain.anchor
    if hole.connection != chain.connection or hole.from_time > at + IN_FLIGHT:
        return None
    if hole.sid is not None and chain.sid is not None and hole.sid != chain.sid:
        return None
    if hole.to_time < anchor.received_at:
        return None
    if hole.from_seq is not None and anchor.sequence is not None:
        # By the numbers: times alone cannot tell which of two messages of a microsecond was first.
        return hole.from_time if hole.from_seq >= anchor.sequence else None
    if hole.from_time >= anchor.received_at:
        return hole.from_time
    if hole.cause in LOST_BY_US:  # the connection lived on: what was lost is after it
        return anchor.received_at if hole.to_time > anchor.received_at else None
    # The snapshot came while the connection was coming back, perhaps to be lost once more.
    return anchor.received_at if at < hole.to_time + SETTLED else None
