"""What a venue's protocol tells a session, and what a session asks of it. No I/O here.

A conversation is one connection's protocol state from open to close: it is given every frame and
says what to send next. A venue is one class that follows :class:`Conversation` and one that
follows :class:`Endpoint`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from hadron_tasks.raw_stream import GapCause
from streamer.plan import Target
from streamer.sequence import Jump

ANSWER_WITHIN_S = 10.0
"""A command not acknowledged for so long means that the connection is of no use."""


@dataclass(frozen=True, slots=True)
class SequenceJumped:
    """Messages of one subscription are missing; the conversation asks for what mends it."""

    channel: str
    jump: Jump


@dataclass(frozen=True, slots=True)
class SubscriptionEnded:
    """The exchange ended a subscription; the conversation subscribes again."""

    channel: str
    sid: int
    cause: GapCause
    detail: str


@dataclass(frozen=True, slots=True)
class CommandRefused:
    """The exchange refused a command; what it asked for is left out from now on."""

    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class ConnectionUseless:
    """The exchange said something after which only a new connection helps."""

    cause: GapCause
    reason: str


@dataclass(frozen=True, slots=True)
class CredentialsRefused:
    """The exchange refused the credentials over an open connection."""

    reason: str


@dataclass(frozen=True, slots=True)
class MarketListed:
    """A market of the wanted books was opened, or seen to be open."""

    market: str
    event: str


@dataclass(frozen=True, slots=True)
class MarketDelisted:
    """A market ended: determined, settled or closed."""

    market: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A command was answered: there may be a next one to send."""


Event = (
    SequenceJumped
    | SubscriptionEnded
    | CommandRefused
    | ConnectionUseless
    | CredentialsRefused
    | MarketListed
    | MarketDelisted
    | Answered
)


class Conversation(Protocol):
    """One connection's protocol state."""

    frames_by_type: dict[str, int]
    """Frames received so far, by the exchange's type."""
    bytes_by_type: dict[str, int]
    """Bytes of these frames."""

    @property
    def ready(self) -> bool:
        """Whether the exchange accepted us and takes subscriptions."""

    @property
    def confirmed(self) -> frozenset[str]:
        """The items of the target that the exchange acknowledged in full."""

    @property
    def subscriptions(self) -> int:
        """Channels acknowledged."""

    @property
    def markets(self) -> int:
        """Order books acknowledged."""

    def receive(self, data: bytes, received_ns: int, /) -> Sequence[Event] | None:
        """Take one frame. None for ordinary data: this is the hot path, and raises nothing.

        Args:
            received_ns: When it came, Unix nanoseconds.
        """

    def retarget(self, target: Target) -> None:
        """What the connection is to carry from now on."""

    def refresh(self, markets: Collection[str]) -> Collection[str]:
        """Ask for fresh snapshots of these markets' books; returns those carried here."""

    def next_command(self, now: float) -> str | None:
        """What to send now; None when an answer is awaited or nothing is to be done.

        Args:
            now: Seconds by the monotonic clock.
        """

    def unanswered(self, now: float) -> str | None:
        """A command that waited longer than :data:`ANSWER_WITHIN_S`, in words."""


class Endpoint(Protocol):
    """Where one connection goes, with whose key. Its repr holds no secret."""

    venue: str
    name: str
    """The connection's name (``kalshi-1``)."""
    lease: str
    """The lease it needs (``1``, ``stocks``)."""
    remedy: str
    """What a person should do when the exchange refuses the credentials."""

    @property
    def address(self) -> str:
        """The WebSocket address."""

    def headers(self) -> Mapping[str, str]:
        """Headers of the handshake, signed now."""

    def converse(self) -> Conversation:
        """A conversation for a new connection."""

    def sent_ns(self, data: bytes) -> int | None:
        """The exchange's own time of a frame's newest message, in nanoseconds since the Unix
        epoch; None where it states none. Looked at, not parsed."""
