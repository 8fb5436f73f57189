"""Rows of the catalogue, neutral of any venue: what a venue's answer says, ready to be stored.

A field that is None was not said, and leaves what is stored as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from hadron_tasks.store.instruments import instrument_id


class SeriesRow(NamedTuple):
    """A row of ``series``."""

    ticker: str
    title: str | None = None
    category: str | None = None
    frequency: str | None = None
    tags: list[str] | None = None
    fee_type: str | None = None
    fee_multiplier: Decimal | None = None
    external_ref: dict[str, Any] | None = None
    """What has no column; merged into what is stored, key by key."""


class EventRow(NamedTuple):
    """A row of ``events``."""

    venue: str
    """Whose lifecycle messages may say something newer."""
    event_ticker: str
    described_at: datetime
    """As of when this was so; see :class:`InstrumentRow`."""
    series_ticker: str | None = None
    title: str | None = None
    sub_title: str | None = None
    category: str | None = None
    mutually_exclusive: bool | None = None
    collateral_return_type: str | None = None
    strike_date: datetime | None = None
    external_ref: dict[str, Any] | None = None


class InstrumentRow(NamedTuple):
    """A row of ``instruments``, with its name at its venue."""

    venue: str
    """The venue that defines it, which is also where it trades."""
    ticker: str
    asset_class: str
    described_at: datetime
    """As of when this was so. Messages received later know better; earlier ones do not."""
    name: str
    display_name: str | None = None
    status: str | None = None
    market_type: str | None = None
    event_ticker: str | None = None
    title: str | None = None
    yes_sub_title: str | None = None
    no_sub_title: str | None = None
    open_time: datetime | None = None
    close_time: datetime | None = None
    expected_expiration_time: datetime | None = None
    strike_type: str | None = None
    floor_strike: Decimal | None = None
    cap_strike: Decimal | None = None
    result: str | None = None
    settlement_value: Decimal | None = None
    keywords: str | None = None
    """The words to find it by, of :func:`hadron_tasks.store.words.keywords`."""
    external_ref: dict[str, Any] | None = None

    @property
    def id(self) -> str:
        """The id that the instrument has in every database."""
        return str(instrument_id(self.venue, self.ticker))


@dataclass(frozen=True, slots=True)
class SeriesFacts:
    """What a stored series adds to the names of its markets."""

    ticker: str
    title: str = ""
    category: str = ""
    frequency: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EventFacts:
    """What a stored event adds to the names of its markets."""

    event_ticker: str
    series_ticker: str = ""
    title: str = ""
    sub_title: str = ""
    category: str = ""
    mutually_exclusive: bool | None = None
    series: SeriesFacts | None = None


class Refused(NamedTuple):
    """A row that could not be stored; the others of its page were."""

    key: str
    """Its ticker."""
    reason: str


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a page of rows."""

    seen: int = 0
    """Given, repeats counted once."""
    inserted: int = 0
    updated: int = 0
    """Stored before, and now different."""
    refused: tuple[Refused, ...] = ()

    @property
    def changed(self) -> int:
        """Rows written; the others were stored already, just so."""
        return self.inserted + self.updated
