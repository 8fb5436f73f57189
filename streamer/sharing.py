"""How streamers share a venue's keys: which are handed over, and which holes a move leaves."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from hadron_tasks.raw_stream import FeedGap, GapCause
from streamer.continuity import gap_record
from streamer.plan import channel_of

HAND_OVER_AFTER_S = 2.0
"""How long another streamer must have been seen before keys are handed over to it."""


class Surplus:
    """Which keys a process is to hand over, having held more than its share for a while."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._since: float | None = None

    def choose(self, held: Collection[str], share: int) -> set[str]:
        """The leases to give up; empty while nobody else has been seen for long enough.

        Args:
            held: The leases of this process.
            share: How many of them are its own.
        """
        surplus = len(held) - share
        if surplus <= 0:
            self._since = None
            return set()
        now = self._now()
        if self._since is None:
            self._since = now
        if now - self._since < HAND_OVER_AFTER_S:
            return set()
        return set(sorted(held)[-surplus:])


@dataclass(frozen=True, slots=True)
class Move:
    """How what a connection carried came to another one."""

    cause: GapCause
    """Why it is down."""
    from_ns: int
    """When it was last heard."""
    to_name: str
    """The connection that carries it now."""


def moved_gaps(
    venue: str, connection: str, taken: Collection[str], move: Move
) -> Iterator[FeedGap]:
    """A gap record for each channel of the items that moved away from a connection."""
    for channel in sorted(set(map(channel_of, taken))):
        yield gap_record(
            venue=venue,
            connection=connection,
            cause=move.cause,
            from_ns=move.from_ns,
            to_ns=time.time_ns(),
            channel=channel,
            detail=f"moved to {move.to_name}",
        )
