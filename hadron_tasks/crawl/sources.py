"""What each part of a crawl asks for next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, cast

from psycopg2.extensions import cursor as Cursor  # noqa: N812

from hadron_tasks.crawl.asks import (
    DOCUMENTS,
    AllSeries,
    Ask,
    Document,
    EventsPage,
    Fetched,
    Limits,
    MarketsNamed,
    MarketsPage,
    OneSeries,
)
from hadron_tasks.crawl.plan import PartKind, kind_of, narrowed_to
from hadron_tasks.crawl.polygon_asks import next_by_name, next_tickers
from hadron_tasks.crawl.series_walk import Place
from hadron_tasks.store.catalogue_facts import series_after, series_with_events_after
from hadron_tasks.store.crawl_parts import Part
from hadron_tasks.store.crawl_runs import Run
from hadron_tasks.store.crawl_seen import find_vanished, next_vanished
from hadron_tasks.store.lookups import spare_the_unknown
from hadron_tasks.venues.kalshi.fields import VENUE
from hadron_tasks.venues.kalshi.rest import KalshiRest
from hadron_tasks.venues.kalshi.rest_listings import (
    TICKERS_A_REQUEST,
    EventFilter,
    MarketFilter,
    StatusFilter,
)

EventStatus = Literal["unopened", "open", "closed"]
SETTLED = ("finalized",)
"""The status of markets that are in no list that a crawl reads."""
COMBO_PREFIX = "KXMVE"
"""How the tickers of combos begin, which full crawls leave out."""


def next_ask(db: Cursor, run: Run, part: Part) -> Ask[Any] | None:
    """What the part's next page asks; None when nothing is left to ask."""
    return _CHOICES[kind_of(part.part)](_Choice(db, run, part))


@dataclass(frozen=True, slots=True)
class InSeries:
    """A page of the list of one series, in a walk through all of them."""

    page: EventsPage | MarketsPage
    place: Place
    series: str

    @property
    def instead(self) -> str | None:
        """The next series."""
        return str(self.place.within(self.series, ""))

    def fetch(self, rest: KalshiRest) -> Fetched:
        """Ask for the page. Behind a series that is through, the next is yet to be chosen."""
        fetched = self.page.fetch(rest)
        return replace(fetched, cursor=str(self.place.within(self.series, fetched.cursor)))

    def __str__(self) -> str:
        return str(self.page)


@dataclass(frozen=True, slots=True)
class _Choice:
    db: Cursor
    run: Run
    part: Part

    def limits(self) -> Ask[Any]:
        return Limits()

    def documents(self) -> Ask[Any]:
        names = list(DOCUMENTS)
        place = names.index(self.part.cursor) if self.part.cursor else 0
        following = names[place + 1] if place + 1 < len(names) else ""
        return Document(names[place], following)

    def series(self) -> Ask[Any]:
        return OneSeries(self.run.scope) if self.run.scope else AllSeries(self.run.since)

    def events(self) -> EventsPage:
        if self.run.scope:
            narrow = EventFilter(series_ticker=self.run.scope)
        elif self.run.since is not None:
            narrow = EventFilter(min_updated_ts=self.run.since)
        else:
            narrow = EventFilter(status=self._event_status())
        return EventsPage(narrow, self.part.cursor)

    def markets(self) -> MarketsPage:
        if self.run.scope:
            narrow = MarketFilter(series_ticker=self.run.scope)
        elif self.run.since is not None:
            # The exchange takes this filter together with mve_filter=exclude and nothing else.
            narrow = MarketFilter(min_updated_ts=self.run.since, mve_filter="exclude")
        else:
            narrow = MarketFilter(status=self._market_status(), mve_filter="exclude")
        return MarketsPage(narrow, self.part.cursor)

    def combos(self) -> Ask[Any]:
        return MarketsPage(MarketFilter(status="open", mve_filter="only"), self.part.cursor)

    def by_series(self) -> Ask[Any] | None:
        place = Place.read(self.part.cursor)
        if self.part.part.startswith("markets"):
            series = place.choose(partial(series_with_events_after, self.db))
        else:
            series = place.choose(partial(series_after, self.db))
        if series is None:
            return None
        page: EventsPage | MarketsPage
        if self.part.part.startswith("markets"):
            narrow = MarketFilter(
                status=self._market_status(), series_ticker=series, mve_filter="exclude"
            )
            page = MarketsPage(narrow, place.cursor)
        else:
            page = EventsPage(
                EventFilter(status=self._event_status(), series_ticker=series), place.cursor
            )
        return InSeries(page, place, series)

    def vanished(self) -> Ask[Any] | None:
        run = self.run
        if not self.part.pages:
            find_vanished(
                self.db, run.id, VENUE, run.started_at, ended=SETTLED, unlisted=(COMBO_PREFIX,)
            )
            spare_the_unknown(self.db, run.id, VENUE)
        tickers = next_vanished(self.db, run.id, self.part.cursor, TICKERS_A_REQUEST)
        return MarketsNamed(tuple(tickers), following=tickers[-1]) if tickers else None

    def _market_status(self) -> StatusFilter:
        # The plan's words are those of the exchange's filter.
        return cast(StatusFilter, narrowed_to(self.part.part))

    def _event_status(self) -> EventStatus:
        return cast(EventStatus, narrowed_to(self.part.part))


_CHOICES: dict[PartKind, Callable[[_Choice], Ask[Any] | None]] = {
    "limits": _Choice.limits,
    "documents": _Choice.documents,
    "series": _Choice.series,
    "events": _Choice.events,
    "markets": _Choice.markets,
    "combos": _Choice.combos,
    "vanished": _Choice.vanished,
    "by-series": _Choice.by_series,
    "tickers": lambda choice: next_tickers(choice.db, choice.part),
    "by-name": lambda choice: next_by_name(choice.db, choice.run, choice.part),
}
