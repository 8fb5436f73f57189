"""The lists that Kalshi's REST API gives page by page, what narrows them, and what a page holds."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Generic, Literal, Protocol, TypeVar

from pydantic import ValidationError

from hadron_tasks.errors import MalformedFrame
from hadron_tasks.venues import wire
from hadron_tasks.venues.kalshi.rest_models import Event, Market, Trade
from hadron_tasks.venues.kalshi.rest_values import RestModel

Item = TypeVar("Item", bound=RestModel)

StatusFilter = Literal["unopened", "open", "paused", "closed", "settled"]
"""The words that filter markets; a market's ``status`` field has others."""

Params = dict[str, str]

TICKERS_A_REQUEST = 100
"""Tickers have up to 60 characters, and servers take addresses of about 8,000."""


class Filter(Protocol):
    """What narrows a list."""

    def params(self) -> Params:
        """As the query string says it."""


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


@dataclass(frozen=True, slots=True)
class Listing(Generic[Item]):
    """A paginated endpoint."""

    path: str
    field: str
    """Where in the answer the items are."""
    model: type[Item]
    page_size: int
    """The largest the exchange gives."""


MARKETS = Listing("/markets", "markets", Market, 1000)
EVENTS = Listing("/events", "events", Event, 200)
MULTIVARIATE_EVENTS = Listing("/events/multivariate", "events", Event, 200)
TRADES = Listing("/markets/trades", "trades", Trade, 1000)
HISTORICAL_MARKETS = Listing("/historical/markets", "markets", Market, 1000)
HISTORICAL_TRADES = Listing("/historical/trades", "trades", Trade, 1000)


@dataclass(frozen=True, slots=True)
class Rejected:
    """An item of a page that cannot be read; the others of its page can."""

    raw: Any
    """As decoded."""
    reason: str


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page of a list."""

    items: list[Item]
    cursor: str
    """For the next page; empty after the last."""
    rejected: list[Rejected]


def read_items(
    model: type[Item], documents: list[Any], *, may_hold_nul: bool
) -> tuple[list[Item], list[Rejected]]:
    """Validate each item by itself, so that a bad one does not take its page with it.

    Args:
        model: What each should be.
        documents: The items as decoded.
        may_hold_nul: Whether to look for NUL characters, which PostgreSQL cannot store.
    """
    items: list[Item] = []
    rejected: list[Rejected] = []
    for document in documents:
        try:
            if may_hold_nul:
                wire.reject_nul(document)
            items.append(model.model_validate(document))
        except ValidationError as error:
            rejected.append(Rejected(document, describe(error)))
        except MalformedFrame as error:
            rejected.append(Rejected(document, str(error)))
    return items, rejected


def describe(error: ValidationError) -> str:
    """One line: which fields are wrong, and how."""
    faults = error.errors(include_url=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, f['loc'])) or 'all of it'}: {f['msg']}" for f in faults)


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return str(int(value.timestamp()))
    if isinstance(value, str):
        return value
    return ",".join(value)
