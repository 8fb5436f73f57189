"""What a gap lost, channel by channel, and what of it can be had from the exchange again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class State(StrEnum):
    """Of a gap, or of one channel of it."""

    OPEN = "open"
    BACKFILLED = "backfilled"
    UNRECOVERABLE = "unrecoverable"


@dataclass(frozen=True, slots=True)
class Loss:
    """One channel of a gap."""

    channel: str
    reason: str = ""
    """Why what it lost cannot be recovered, or not all of it; empty where it can."""
    is_fetched: bool = False
    """Whether it carries trades, which are fetched. At most one channel of a gap does."""
    tickers: tuple[str, ...] | None = None
    """The instruments whose trades are fetched; None for all of the venue in one list."""
    seen_of: str | None = None
    """Where the exchange has no list of all: the asset class of which those instruments are
    fetched that traded around the gap."""


class Told(Protocol):
    """What of a gap says what it lost."""

    @property
    def channel(self) -> str | None:
        """What of the connection; None for all of it."""

    @property
    def carried(self) -> Sequence[str] | None:
        """What the connection carried, where that is known."""

    @property
    def connection(self) -> str:
        """Its name."""

    @property
    def tickers(self) -> Sequence[str] | None:
        """The only instruments concerned, where that is known."""


class LossRules(Protocol):
    """What a venue's gaps lose."""

    def __call__(self, gap: Told, recorded: Collection[str]) -> list[Loss]:
        """The channels of a gap.

        Args:
            gap: The gap.
            recorded: What the settings say is recorded of the venue: what a gap lost that does
                not tell.
        """


def state_of(channels: Collection[State]) -> State:
    """A gap's state from its channels'.

    It is recovered when all of it is; trades alone do not make it so.
    """
    if State.OPEN in channels:
        return State.OPEN
    if set(channels) == {State.BACKFILLED}:
        return State.BACKFILLED
    return State.UNRECOVERABLE
