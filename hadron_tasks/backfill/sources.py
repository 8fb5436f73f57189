"""Where trades are fetched from: one class a venue, all alike to who asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from msgspec.structs import replace

from hadron_tasks.backfill.windows import Window
from hadron_tasks.tick import HadronTick
from hadron_tasks.venues.rest.errors import NotFound

SOURCE = "backfill"
"""What ``metadata`` calls the source of a trade that did not come by the feed."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One page's question."""

    ticker: str | None
    """None for all instruments, where the exchange has such a list."""
    window: Window
    archived: bool = False
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """One page of an exchange's trades."""

    ticks: list[HadronTick]
    """Each with a ``trade_key``; also some from just outside of the window."""
    unreadable: list[str]
    """Why others could not be had, read, or told from those that are stored."""
    cursor: str
    """For the next page; empty after the last."""


class TradeSource(Protocol):
    """An exchange's trades, by REST."""

    def page(self, ask: Ask) -> Answer:
        """Fetch one page.

        Raises:
            RestError: It could not be had.
        """

    def archived_before(self) -> datetime | None:
        """Trades made before this are in the archive; None where there is none.

        Raises:
            RestError: It could not be asked.
        """


def fetch(source: TradeSource, ask: Ask) -> Answer:
    """One page; of an instrument that the exchange does not know, an empty one that says so.

    So that one delisted name among many does not end the asking for the others.

    Raises:
        RestError: It could not be had.
    """
    try:
        return source.page(ask)
    except NotFound as error:
        if ask.ticker is None:
            raise
        return Answer([], [f"{ask.ticker}: {error}"], "")


def marked(tick: HadronTick) -> HadronTick:
    """The tick, saying that it did not come by the feed."""
    return replace(tick, metadata={**(tick.metadata or {}), "source": SOURCE})
