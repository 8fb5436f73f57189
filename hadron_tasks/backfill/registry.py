"""The venues whose gaps can be filled: a new one is a module beside this one and an entry here."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from hadron_tasks.backfill import kalshi, polygon
from hadron_tasks.backfill.audit_gaps import ChannelOf
from hadron_tasks.backfill.losses import LossRules
from hadron_tasks.backfill.sources import TradeSource
from hadron_tasks.errors import ConfigurationError
from hadron_tasks.settings import Settings


@dataclass(frozen=True, slots=True)
class Recovery:
    """All that is particular to a venue in filling its gaps."""

    losses: LossRules
    recorded: Callable[[Settings], Collection[str]]
    """What the settings say is recorded of it."""
    source: Callable[[Any], TradeSource]
    """From a REST client of the venue to its trades."""
    has_list: bool
    """Whether it tells the trades of all instruments in one list; else they are asked for one by
    one."""
    channel_of: ChannelOf
    """An instrument to the channel that carries its trades."""
    books: str | None = None
    """The channel of changes of books, whose snapshots can be asked for."""


def _recorded_of_kalshi(settings: Settings) -> list[str]:
    books = ["orderbook_delta"] if settings.kalshi_books else []
    return [*settings.kalshi_channels, *books]


def _recorded_of_polygon(settings: Settings) -> list[str]:
    return settings.polygon_subscriptions


_RECOVERY = {
    "kalshi": Recovery(
        losses=kalshi.losses,
        recorded=_recorded_of_kalshi,
        source=kalshi.KalshiTrades,
        has_list=True,
        channel_of=kalshi.channel_of,
        books=kalshi.BOOKS,
    ),
    "polygon": Recovery(
        losses=polygon.losses,
        recorded=_recorded_of_polygon,
        source=polygon.PolygonTrades,
        has_list=False,
        channel_of=polygon.channel_of,
    ),
}


def recovery_of(venue: str) -> Recovery:
    """How a venue's gaps are filled.

    Raises:
        ConfigurationError: It is not known; lists those that are.
    """
    try:
        return _RECOVERY[venue]
    except KeyError:
        known = ", ".join(_RECOVERY)
        raise ConfigurationError(f"There is no venue {venue!r}; known are {known}.") from None


def recorded_of(venue: str, settings: Settings) -> Collection[str]:
    """What the settings say is recorded of a venue: channels, or subscriptions."""
    return recovery_of(venue).recorded(settings)
