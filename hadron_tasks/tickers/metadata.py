"""What the exchange's REST API and lifecycle messages say of a market, its event and series.

Only the fields that a reading needs; each is optional, for a lifecycle message carries few. The
``from_api`` constructors take the API's own objects and leave out what is absent or not as it
should be: names decide, they never fail.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from hadron_tasks.tickers.parsed import Category

CATEGORIES = {
    "sports": Category.SPORTS,
    "elections": Category.ELECTIONS,
    "politics": Category.POLITICS,
    "economics": Category.ECONOMICS,
    "financials": Category.FINANCIALS,
    "commodities": Category.COMMODITIES,
    "crypto": Category.CRYPTO,
    "climate and weather": Category.WEATHER,
    "entertainment": Category.ENTERTAINMENT,
    "companies": Category.COMPANIES,
    "science and technology": Category.SCIENCE,
    "health": Category.HEALTH,
    "world": Category.WORLD,
    "social": Category.SOCIAL,
    "transportation": Category.TRANSPORTATION,
    "mentions": Category.MENTIONS,
}
"""The exchange's category names, lower case."""


@dataclass(frozen=True, slots=True)
class SelectedLeg:
    """One entry of ``mve_selected_legs``; ``title`` is the leg's own ``yes_sub_title`` if known."""

    market_ticker: str
    event_ticker: str = ""
    side: str = "yes"
    title: str = ""


@dataclass(frozen=True, slots=True)
class MarketMetadata:
    """A market as the API describes it."""

    event_ticker: str = ""
    market_type: str = ""
    """``binary`` or ``scalar``."""
    title: str = ""
    subtitle: str = ""
    yes_sub_title: str = ""
    strike_type: str = ""
    floor_strike: Decimal | None = None
    cap_strike: Decimal | None = None
    legs: tuple[SelectedLeg, ...] = field(default=())

    @classmethod
    def from_api(cls, market: Mapping[str, Any]) -> MarketMetadata:
        """A market of ``GET /markets``, or the ``additional_metadata`` of a lifecycle message."""
        return cls(
            event_ticker=_text(market, "event_ticker"),
            market_type=_text(market, "market_type"),
            title=_text(market, "title"),
            subtitle=_text(market, "subtitle"),
            yes_sub_title=_text(market, "yes_sub_title"),
            strike_type=_text(market, "strike_type"),
            floor_strike=_number(market.get("floor_strike")),
            cap_strike=_number(market.get("cap_strike")),
            legs=_legs(market.get("mve_selected_legs")),
        )


@dataclass(frozen=True, slots=True)
class EventMetadata:
    """An event as the API describes it."""

    title: str = ""
    sub_title: str = ""
    category: str = ""
    series_ticker: str = ""

    @classmethod
    def from_api(cls, event: Mapping[str, Any]) -> EventMetadata:
        """An event of ``GET /events`` or of an ``event_lifecycle`` message."""
        return cls(
            title=_text(event, "title"),
            sub_title=_text(event, "sub_title") or _text(event, "subtitle"),
            category=_text(event, "category"),
            series_ticker=_text(event, "series_ticker"),
        )


@dataclass(frozen=True, slots=True)
class SeriesMetadata:
    """A series as the API describes it."""

    title: str = ""
    category: str = ""

    @classmethod
    def from_api(cls, series: Mapping[str, Any]) -> SeriesMetadata:
        """A series of ``GET /series``."""
        return cls(title=_text(series, "title"), category=_text(series, "category"))


def _text(source: Mapping[str, Any], name: str) -> str:
    value = source.get(name)
    return " ".join(value.split()) if isinstance(value, str) else ""


def _number(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _legs(value: object) -> tuple[SelectedLeg, ...]:
    if not isinstance(value, list | tuple):
        return ()
    return tuple(
        SelectedLeg(
            _text(leg, "market_ticker"),
            _text(leg, "event_ticker"),
            _text(leg, "side") or "yes",
            _text(leg, "yes_sub_title") or _text(leg, "title"),
        )
        for leg in value
        if isinstance(leg, Mapping) and _text(leg, "market_ticker")
    )
