"""What one page of a crawl asks the exchange, and what came back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar

from hadron_tasks.venues.kalshi.fields import VENUE as KALSHI
from hadron_tasks.venues.kalshi.rest import KalshiRest
from hadron_tasks.venues.kalshi.rest_listings import (
    EVENTS,
    HISTORICAL_MARKETS,
    MARKETS,
    EventFilter,
    MarketFilter,
    SeriesFilter,
)
from hadron_tasks.venues.kalshi.rest_models import Event, Market, Series
from hadron_tasks.venues.polygon.rest_models import Ticker
from hadron_tasks.venues.rest.client import RestClient
from hadron_tasks.venues.rest.pages import Rejected
from hadron_tasks.venues.rest.values import RestModel

Rest = TypeVar("Rest", bound=RestClient, contravariant=True)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What an answer held, ready to be stored."""

    series: Sequence[Series] = ()
    events: Sequence[Event] = ()
    markets: Sequence[Market] = ()
    documents: dict[str, Any] = field(default_factory=dict)
    """By name: what comes in one piece."""
    tickers: Mapping[str, Ticker] = field(default_factory=dict)
    """Polygon's reference, by our name of the instrument."""
    unknown: Sequence[str] = ()
    """What was asked for by name and the exchange does not have."""
    rejected: Sequence[Rejected] = ()
    cursor: str = ""
    """Where the next page begins, as the part counts; empty after the last."""
    venue: str = KALSHI
    """Who answered."""


class Ask(Protocol[Rest]):
    """One page's worth of questions to one exchange."""

    @property
    def instead(self) -> str | None:
        """The cursor to go on with when this cannot be had; empty to end there, None where the
        next cursor could only have come from the answer."""

    def fetch(self, rest: Rest) -> Fetched:
        """Ask.

        Raises:
            RestError: It could not be had.
        """

    def __str__(self) -> str:
        """For people: ``GET /markets status=open``."""


@dataclass(frozen=True, slots=True)
class EventsPage:
    """One page of events."""

    narrow: EventFilter
    cursor: str
    instead: str | None = None

    def fetch(self, rest: KalshiRest) -> Fetched:
        """Ask for up to 200."""
        page = rest.page(EVENTS, self.narrow, self.cursor)
        return Fetched(events=page.items, rejected=page.rejected, cursor=page.cursor)

    def __str__(self) -> str:
        return _described(EVENTS.path, self.narrow.params())


@dataclass(frozen=True, slots=True)
class MarketsPage:
    """One page of markets."""

    narrow: MarketFilter
    cursor: str
    instead: str | None = None

    def fetch(self, rest: KalshiRest) -> Fetched:
        """Ask for up to 1,000."""
        page = rest.page(MARKETS, self.narrow, self.cursor)
        return Fetched(markets=page.items, rejected=page.rejected, cursor=page.cursor)

    def __str__(self) -> str:
        return _described(MARKETS.path, self.narrow.params())


@dataclass(frozen=True, slots=True)
class MarketsNamed:
    """Markets by name: those that trade or have just settled, then the archive for the rest."""

    tickers: tuple[str, ...]
    following: str = ""
    """The cursor after these."""

    @property
    def instead(self) -> str | None:
        """These can be left out."""
        return self.following

    def fetch(self, rest: KalshiRest) -> Fetched:
        """Ask for up to a hundred; twice when some are not there the first time."""
        page = rest.page(MARKETS, MarketFilter(tickers=self.tickers))
        markets, rejected = list(page.items), list(page.rejected)
        left = self._not_among(markets)
        if left and not rejected:
            archived = rest.page(HISTORICAL_MARKETS, MarketFilter(tickers=left))
            markets += archived.items
            rejected += archived.rejected
            left = self._not_among(markets)
        return Fetched(markets=markets, unknown=left, rejected=rejected, cursor=self.following)

    def _not_among(self, markets: Sequence[Market]) -> tuple[str, ...]:
        found = {market.ticker for market in markets}
        return tuple(ticker for ticker in self.tickers if ticker not in found)

    def __str__(self) -> str:
        return f"GET /markets of {len(self.tickers)} tickers from {self.tickers[0]}"


@dataclass(frozen=True, slots=True)
class AllSeries:
    """Every series, or those that changed: one answer, however many there are."""

    since: datetime | None
    instead: str | None = None

    def fetch(self, rest: KalshiRest) -> Fetched:
        """Ask once."""
        page = rest.series(SeriesFilter(min_updated_ts=self.since))
        return Fetched(series=page.items, rejected=page.rejected)

    def __str__(self) -> str:
        return "GET /series"


@dataclass(frozen=True, slots=True)
class OneSeries:
    """One series by name."""

    ticker: str
    instead: str | None = None

    def fetch(self, rest: KalshiRest) -> Fetched:
        """Ask once."""
        return Fetched(series=[rest.one_series(self.ticker)])

    def __str__(self) -> str:
        return f"GET /series/{self.ticker}"


@dataclass(frozen=True, slots=True)
class Limits:
    """What the account is granted; kept in Redis for every worker's rate limit."""

    instead: str | None = None

    def fetch(self, rest: KalshiRest) -> Fetched:
        """Ask for costs and, where there is a key, limits."""
        rest.learn_limits()
        return Fetched()

    def __str__(self) -> str:
        return "GET /account/limits"


@dataclass(frozen=True, slots=True)
class Document:
    """Something that comes in one piece."""

    name: str
    following: str

    @property
    def instead(self) -> str | None:
        """It can be left out."""
        return self.following

    def fetch(self, rest: KalshiRest) -> Fetched:
        """Ask once."""
        found = DOCUMENTS[self.name](rest).model_dump(mode="json")
        return Fetched(documents={self.name: found}, cursor=self.following)

    def __str__(self) -> str:
        return f"the exchange's {self.name}"


DOCUMENTS: dict[str, Callable[[KalshiRest], RestModel]] = {
    "status": KalshiRest.exchange_status,
    "schedule": KalshiRest.exchange_schedule,
    "tags_by_categories": KalshiRest.tags_by_category,
    "filters_by_sport": KalshiRest.filters_by_sport,
}


def _described(path: str, params: dict[str, str]) -> str:
    said = " ".join(f"{name}={value}" for name, value in params.items())
    return f"GET {path} {said}".rstrip()
