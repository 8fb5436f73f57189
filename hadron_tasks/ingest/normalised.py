"""What a normaliser makes of a frame, and the protocol every venue's normaliser follows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from hadron_tasks.tick import HadronTick


@dataclass(frozen=True, slots=True)
class LifecycleEvent:
    """A message about an instrument or event itself: created, activated, settled, renamed.

    It is recorded as it came (``payload``) and changes the instrument; it is no tick.
    """

    venue: str
    ticker: str | None
    """The market it is about; None when it is about an event."""
    event_ticker: str | None
    kind: str
    """The exchange's own word: ``created``, ``determined``, ``event_lifecycle`` ..."""
    event_key: int
    """Stable identity: content and sequence, without what belongs to the connection."""
    received_ns: int
    sequence: int | None
    payload: dict[str, Any]
    """The message's body, JSON-ready: decimals as strings."""


@dataclass(slots=True)
class Normalised:
    """What a normaliser found in frames; one is filled by a whole batch."""

    ticks: list[HadronTick] = field(default_factory=list)
    lifecycle: list[LifecycleEvent] = field(default_factory=list)
    control: int = 0
    """Acknowledgements, status and error messages: for the streamer, not for the record."""
    unknown: dict[str, int] = field(default_factory=dict)
    """Messages of types we do not know, counted by type."""

    def count_unknown(self, message_type: str) -> None:
        """Count one message of a type we do not know."""
        self.unknown[message_type] = self.unknown.get(message_type, 0) + 1


@dataclass(frozen=True, slots=True)
class StateChange:
    """What an instrument's or event's messages say of it: columns that were mentioned."""

    columns: Mapping[str, Any]
    status: str | None = None
    status_at: datetime | None = None
    external_ref: Mapping[str, Any] = field(default_factory=dict)
    """What has no column of its own; merged into ``external_ref``."""


Fold = Callable[[list[LifecycleEvent]], StateChange]
"""The fold of one venue; pure, and given in the order received."""


class Normaliser(Protocol):
    """Turns one frame of a venue into ticks and lifecycle events. Pure: no I/O, no clock."""

    def __call__(
        self, data: bytes, received_ns: int, into: Normalised, connection: str = ""
    ) -> None:
        """Add what the frame holds to ``into``.

        ``connection`` is what the frame came by, as the stream tells it; empty where nobody knows.
        Ticks that belong to a sequence of messages remember it; it is part of no key. Nothing is
        added to ``into`` from a message that is malformed; the other messages of the
        same frame are added all the same.

        Raises:
            MalformedFrame: The frame, or a message in it, cannot be read; ``place`` says where.
        """
