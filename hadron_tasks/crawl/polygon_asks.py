"""Polygon's reference data, of the instruments that were seen: what is asked for next.

The exchange lists tens of thousands of tickers in alphabetical order, a thousand a page, and of its
free plan's five requests a minute every one counts. So a list is not read from end to end: each
page begins at the next instrument that was seen (``ticker.gte``), which costs as many requests as
``next_url`` would where all were seen, and one each where they stand far apart. That there is no
``next_url`` ends the list. What no list has is asked for by name: stocks traded over the counter,
and what was delisted.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg2.extensions import cursor as Cursor  # noqa: N812

from hadron_tasks.crawl.asks import Fetched
from hadron_tasks.crawl.plan import narrowed_to
from hadron_tasks.crawl.polygon_rows import DELISTED
from hadron_tasks.store import crawl_parts
from hadron_tasks.store.catalogue_facts import tickers_of_class
from hadron_tasks.store.crawl_parts import Part
from hadron_tasks.store.crawl_runs import Run
from hadron_tasks.store.crawl_seen import find_vanished, next_vanished
from hadron_tasks.store.lookups import spare_the_unknown
from hadron_tasks.venues.polygon.fields import VENUE
from hadron_tasks.venues.polygon.rest import TICKERS, PolygonRest
from hadron_tasks.venues.polygon.rest_lists import TickerFilter
from hadron_tasks.venues.polygon.rest_models import Ticker
from hadron_tasks.venues.polygon.symbols import asset_class, reference_ticker
from hadron_tasks.venues.rest.errors import AnswerUnreadable
from hadron_tasks.venues.rest.pages import Page, Rejected

MARKET_OF_CLASS = {"equity": "stocks", "index": "indices", "crypto": "crypto", "forex": "fx"}
"""Which list an instrument stands in. Options say all there is in their symbols; futures are in
none."""
_CLASS_OF_MARKET = {market: name for name, market in MARKET_OF_CLASS.items()}
_LOOKED_THROUGH = 100
_DELISTED_NEXT = "delisted? "
"""Begins a cursor: the instrument behind it does not trade."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Instruments that something is to be learnt of."""

    names: Mapping[str, str]
    """Our name by the reference's spelling."""
    order: Sequence[str]
    """The reference's spellings in its order."""

    @classmethod
    def of(cls, instruments: Iterable[str]) -> Wanted:
        """By our names."""
        names = {reference_ticker(name): name for name in instruments}
        return cls(names, sorted(names))

    def from_on(self, spelling: str) -> str | None:
        """The first at or after a spelling."""
        place = bisect_left(self.order, spelling)
        return self.order[place] if place < len(self.order) else None

    def after(self, spelling: str) -> str:
        """The first after a spelling; empty when there is none."""
        place = bisect_right(self.order, spelling)
        return self.order[place] if place < len(self.order) else ""

    def between(self, first: str, end: str) -> list[str]:
        """Our names of those from ``first`` to before ``end``; an empty end is none."""
        places = slice(
            bisect_left(self.order, first), bisect_left(self.order, end) if end else None
        )
        return [self.names[spelling] for spelling in self.order[places]]


@dataclass(frozen=True, slots=True)
class TickersFrom:
    """The page of a market's list that begins at an instrument; of it, those that are wanted."""

    market: str
    start: str
    wanted: Wanted
    instead: str | None = None

    def fetch(self, rest: PolygonRest) -> Fetched:
        """Ask for up to a thousand."""
        page = rest.tickers(TickerFilter(at_least=self.start, market=self.market))
        names = self.wanted.names
        return Fetched(
            tickers={names[said.ticker]: said for said in page.items if said.ticker in names},
            rejected=[found for found in page.rejected if self._is_wanted(found)],
            cursor=self.wanted.after(self._last_of(page)) if page.cursor else "",
            venue=VENUE,
        )

    def _last_of(self, page: Page[Ticker]) -> str:
        """Where the page ends."""
        ends = [said.ticker for said in page.items[-1:]]
        ends += [spelling for found in page.rejected if (spelling := _spelling(found))]
        if not ends:
            raise AnswerUnreadable(f"GET {TICKERS}", "a page of which no ticker can be read")
        return max(self.start, *ends)

    def _is_wanted(self, found: Rejected) -> bool:
        spelling = _spelling(found)
        return spelling is None or spelling in self.wanted.names

    def __str__(self) -> str:
        return f"GET {TICKERS} market={self.market} ticker.gte={self.start}"


@dataclass(frozen=True, slots=True)
class TickerNamed:
    """One instrument by name, among those that trade or among those that were delisted."""

    instrument: str
    is_active: bool

    @property
    def instead(self) -> str | None:
        """It can be left out."""
        return self.instrument

    def fetch(self, rest: PolygonRest) -> Fetched:
        """Ask once: a second question may have to wait for the rate limit."""
        spelling = reference_ticker(self.instrument)
        page = rest.tickers(TickerFilter(ticker=spelling, active=self.is_active))
        rejected = page.rejected
        found = next((said for said in page.items if said.ticker == spelling), None)
        if found is not None:
            return Fetched(tickers={self.instrument: found}, cursor=self.instrument, venue=VENUE)
        if self.is_active and not rejected:
            return Fetched(cursor=f"{_DELISTED_NEXT}{self.instrument}", venue=VENUE)
        unknown = () if rejected else (self.instrument,)
        return Fetched(unknown=unknown, rejected=rejected, cursor=self.instrument, venue=VENUE)

    def __str__(self) -> str:
        active = str(self.is_active).lower()
        return f"GET {TICKERS} ticker={reference_ticker(self.instrument)} active={active}"


def next_tickers(db: Cursor, part: Part) -> TickersFrom | None:
    """The next page of a market's list; None when no instrument of it is left."""
    market = narrowed_to(part.part)
    wanted = Wanted.of(tickers_of_class(db, VENUE, _CLASS_OF_MARKET[market]))
    start = wanted.from_on(part.cursor)
    return None if start is None else TickersFrom(market, start, wanted)


def next_by_name(db: Cursor, run: Run, part: Part) -> TickerNamed | None:
    """The next instrument that none of the lists had; None when none is left."""
    if not part.pages:
        find_vanished(db, run.id, VENUE, run.started_at, ended=(DELISTED,), unlisted=("O:",))
        spare_the_unknown(db, run.id, VENUE)
    after = part.cursor
    if after.startswith(_DELISTED_NEXT):
        return TickerNamed(after.removeprefix(_DELISTED_NEXT), is_active=False)
    read = _lists_read(db, run)
    while found := next_vanished(db, run.id, after, _LOOKED_THROUGH):
        for instrument in found:
            if MARKET_OF_CLASS.get(asset_class(instrument)) in read:
                return TickerNamed(instrument, is_active=True)
        after = found[-1]
    return None


def _lists_read(db: Cursor, run: Run) -> set[str]:
    """Of a list that broke nobody knows what it has not: not everything is then asked by name."""
    parts = crawl_parts.parts_of(db, run.id)
    return {narrowed_to(part.part) for part in parts if part.status == "complete"}


def _spelling(found: Rejected) -> str | None:
    said: Any = found.raw.get("ticker") if isinstance(found.raw, dict) else None
    return said if isinstance(said, str) else None
