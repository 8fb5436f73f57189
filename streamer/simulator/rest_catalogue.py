"""Every market, event and series that the simulated REST API tells of, filtered and in order.

Three sections, one after the other: the bulk markets, which only REST knows; the markets that
trade on the WebSocket, in the order they were listed, so that new ones come last; the combos. A
page ends where the next one begins, and a position stays valid while markets change: nothing is
ever removed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

from streamer.simulator.bulk_markets import FAMILIES, RUNGS, BulkMarkets
from streamer.simulator.combo_markets import SERIES as COMBO_SERIES
from streamer.simulator.combo_markets import ComboMarkets
from streamer.simulator.kalshi_exchange import KalshiExchange
from streamer.simulator.rest_market import RestEvent, RestMarket, live_event, live_market
from streamer.simulator.rest_queries import MarketQuery

BULK, LIVE, COMBOS = "bulk", "live", "combos"
SECTIONS = (BULK, LIVE, COMBOS)
EVENT_SECTIONS = (BULK, LIVE)
T = TypeVar("T")

Placed = Iterator[tuple[str, int, T]]
"""A section, the position after the item, and the item."""


class Catalogue:
    """What there is, from wherever it comes."""

    def __init__(
        self, exchange: KalshiExchange, bulk: BulkMarkets, combos: ComboMarkets, cutoff_s: int
    ) -> None:
        self.exchange = exchange
        self.bulk = bulk
        self.combos = combos
        self.cutoff_s = cutoff_s
        """Markets settled and trades made before then are only under ``/historical``."""

    # Markets

    def market(self, ticker: str) -> RestMarket | None:
        """The market of this name."""
        live = self.exchange.markets.get(ticker)
        if live is not None:
            return live_market(live)
        number = self.bulk.market_number(ticker)
        if number is not None:
            return self.bulk.market(number)
        number = self.combos.market_number(ticker)
        return None if number is None else self.combos.market(number)

    def each_combo(self) -> Iterator[RestMarket]:
        """All combos."""
        return (self.combos.market(number) for number in range(self.combos.count))

    def is_archived(self, market: RestMarket) -> bool:
        """Whether it has moved to ``/historical``."""
        return 0 < market.settled_s < self.cutoff_s

    def markets(
        self, query: MarketQuery, start: tuple[str, int], *, archived: bool
    ) -> Placed[RestMarket]:
        """Those that match, from a position on."""
        for section, after, market in self._markets(query, start):
            if self.is_archived(market) is archived and _matches(market, query):
                yield section, after, market

    def _markets(self, query: MarketQuery, start: tuple[str, int]) -> Placed[RestMarket]:
        if query.tickers:
            # The filter keeps its order, so a position in it is a position in the answer.
            for place, ticker in enumerate(query.tickers[start[1] :], start[1]):
                found = self.market(ticker)
                if found is not None:
                    yield BULK, place + 1, found
            return
        section, position = start
        if section == BULK:
            yield from self._bulk_markets(query, position)
            section, position = LIVE, 0
        if section == LIVE:
            if query.combos != "only":
                for place, live in _from(self.exchange.markets.values(), position):
                    yield LIVE, place + 1, live_market(live)
            position = 0
        if query.combos != "exclude":
            for number in range(position, self.combos.count):
                yield COMBOS, number + 1, self.combos.market(number)

    def _bulk_markets(self, query: MarketQuery, position: int) -> Placed[RestMarket]:
        if query.combos == "only" or query.status in ("unopened", "paused", "closed"):
            return
        if not _within(self.bulk.listed_s, query.min_created, query.max_created):
            return
        settled = query.status == "settled" or query.min_settled or query.max_settled
        numbers = self.bulk.numbers(
            position,
            event_ticker=query.event_ticker,
            series_ticker=query.series_ticker,
            settled=bool(settled),
            updated_after_s=query.min_updated,
        )
        for number in numbers:
            yield BULK, number + 1, self.bulk.market(number)

    # Events

    def event(self, ticker: str) -> RestEvent | None:
        """The event of this name; combos, too."""
        live = self.exchange.all_events.get(ticker)
        if live is not None:
            return live_event(live)
        number = self.bulk.event_number(ticker)
        if number is not None:
            return self.bulk.event(number)
        number = self.combos.event_number(ticker)
        return None if number is None else self.combos.event(number)

    def markets_of(self, event_ticker: str) -> list[RestMarket]:
        """The markets of an event."""
        live = self.exchange.all_events.get(event_ticker)
        if live is not None:
            return [live_market(market) for market in live.markets]
        number = self.bulk.event_number(event_ticker)
        if number is not None:
            first = number * RUNGS
            return [self.bulk.market(n) for n in range(first, min(first + RUNGS, self.bulk.count))]
        number = self.combos.event_number(event_ticker)
        return [] if number is None else [self.combos.market(number)]

    def events(
        self,
        start: tuple[str, int],
        is_wanted: Callable[[RestEvent], bool],
        series_ticker: str,
        *,
        with_bulk: bool,
    ) -> Placed[RestEvent]:
        """Events that are no combos, from a position on."""
        section, position = start
        if section == BULK and not with_bulk:
            section, position = LIVE, 0
        if section == BULK:
            for number in self._bulk_events(position, series_ticker):
                event = self.bulk.event(number)
                if is_wanted(event):
                    yield BULK, number + 1, event
            position = 0
        for place, live in _from(self.exchange.all_events.values(), position):
            event = live_event(live)
            if is_wanted(event) and series_ticker in ("", event.series_ticker):
                yield LIVE, place + 1, event

    def _bulk_events(self, position: int, series_ticker: str) -> Iterable[int]:
        if not series_ticker:
            return range(position, self.bulk.event_count)
        numbers = (
            range(place, self.bulk.event_count, len(FAMILIES))
            for place, family in enumerate(FAMILIES)
            if family.series == series_ticker
        )
        return (number for number in next(numbers, range(0)) if number >= position)

    def combo_events(self, position: int) -> Iterator[tuple[int, RestEvent]]:
        """Combos from a position on, each with the position after it."""
        for number in range(position, self.combos.count):
            yield number + 1, self.combos.event(number)

    # Series

    def series_tickers(self) -> list[str]:
        """Every series that has an event."""
        bulk = [family.series for family in FAMILIES[: self.bulk.event_count]]
        live = [event.series_ticker for event in self.exchange.all_events.values()]
        combos = [COMBO_SERIES] if self.combos.count else []
        return list(dict.fromkeys((*bulk, *live, *combos)))


def _from(items: Iterable[T], position: int) -> Iterator[tuple[int, T]]:
    return enumerate(islice(items, position, None), position)


def _matches(market: RestMarket, query: MarketQuery) -> bool:
    if query.status and not market.has_status(query.status):
        return False
    if query.event_ticker not in ("", market.event.ticker):
        return False
    if query.series_ticker not in ("", market.event.series_ticker):
        return False
    if query.combos and (query.combos == "only") is not bool(market.collection):
        return False
    if query.min_updated is not None and market.updated_s <= query.min_updated:
        return False
    settled_s = market.settled_s
    return (
        _within(market.created_s, query.min_created, query.max_created)
        and _within(market.close_s, query.min_close, query.max_close)
        and _within(settled_s or None, query.min_settled, query.max_settled)
    )


def _within(moment_s: int | None, after_s: int | None, before_s: int | None) -> bool:
    if after_s is None and before_s is None:
        return True
    if moment_s is None:
        return False
    return (after_s is None or moment_s > after_s) and (before_s is None or moment_s < before_s)
