"""The lists that Kalshi's REST API gives page by page, and what narrows them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal

from hadron_tasks.venues.kalshi.rest_models import Event, Market, Trade
from hadron_tasks.venues.rest.pages import Listing, Params

StatusFilter = Literal["unopened", "open", "paused", "closed", "settled"]
"""The words that filter markets; a market's ``status`` field has others."""

TICKERS_A_REQUEST = 100
"""Tickers have up to 60 characters, and servers take addresses of about 8,000."""


class _Fields:
    """A filter that is a dataclass: what is None is not said."""

    def params(self) -> Params:
        """As the query string says it."""
        said = ((field.name, getattr(self, field.name)) for field in fields(self))  # type: ignore[arg-type]
        return {name: _said(value) for name, value in said if value is not None}


@dataclass(frozen=True, slots=True)
class Everything(_Fields):
    """No filter."""


@dataclass(frozen=True, slots=True)
class MarketFilter(_Fields):
    """Narrows ``/markets``. ``min_updated_ts`` goes with ``mve_filter`` alone."""

    status: StatusFilter | None = None
    event_ticker: str | None = None
    series_ticker: str | None = None
    tickers: Collection[str] | None = None
    """At most TICKERS_A_REQUEST of them."""
    mve_filter: Literal["only", "exclude"] | None = None
    """``exclude`` leaves the combos out, which are most of what there is."""
    min_updated_ts: datetime | None = None
    min_created_ts: datetime | None = None
    max_created_ts: datetime | None = None
    min_close_ts: datetime | None = None
    max_close_ts: datetime | None = None
    min_settled_ts: datetime | None = None
    max_settled_ts: datetime | None = None

    def __post_init__(self) -> None:
        """Refuse a list of tickers that would not narrow anything, or be too long.

        Raises:
            ValueError: It names none, or more than a request takes.
        """
        if self.tickers is not None and not 1 <= len(self.tickers) <= TICKERS_A_REQUEST:
            # An empty list would be no filter at all and bring every market there is.
            raise ValueError(f"1 to {TICKERS_A_REQUEST} tickers: {len(self.tickers)} were given")


@dataclass(frozen=True, slots=True)
class EventFilter(_Fields):
    """Narrows ``/events``."""

    status: Literal["unopened", "open", "closed", "settled"] | None = None
    series_ticker: str | None = None
    with_nested_markets: bool | None = None
    min_close_ts: datetime | None = None
    min_updated_ts: datetime | None = None


@dataclass(frozen=True, slots=True)
class SeriesFilter(_Fields):
    """Narrows ``/series``."""

    category: str | None = None
    tags: str | None = None
    min_updated_ts: datetime | None = None


@dataclass(frozen=True, slots=True)
class MultivariateEventFilter(_Fields):
    """Narrows ``/events/multivariate``; series or collection, not both."""

    series_ticker: str | None = None
    collection_ticker: str | None = None
    with_nested_markets: bool | None = None


@dataclass(frozen=True, slots=True)
class TradeFilter(_Fields):
    """Narrows ``/markets/trades`` and ``/historical/trades``; times count in whole seconds."""

    ticker: str | None = None
    min_ts: datetime | None = None
    max_ts: datetime | None = None


MARKETS = Listing("/markets", "markets", Market, 1000)
EVENTS = Listing("/events", "events", Event, 200)
MULTIVARIATE_EVENTS = Listing("/events/multivariate", "events", Event, 200)
TRADES = Listing("/markets/trades", "trades", Trade, 1000)
HISTORICAL_MARKETS = Listing("/historical/markets", "markets", Market, 1000)
HISTORICAL_TRADES = Listing("/historical/trades", "trades", Trade, 1000)


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return str(int(value.timestamp()))
    if isinstance(value, str):
        return value
    return ",".join(value)
