"""The simulated Kalshi's endpoints for series, events and markets (Kalshi, OpenAPI 3.13)."""

from __future__ import annotations

from itertools import islice
from typing import Any

from tornado.web import HTTPError

from streamer.simulator.combo_markets import COLLECTION
from streamer.simulator.combo_markets import SERIES as COMBO_SERIES
from streamer.simulator.rest_catalogue import COMBOS, EVENT_SECTIONS, SECTIONS
from streamer.simulator.rest_forms import event_body
from streamer.simulator.rest_market import RestEvent, RestMarket
from streamer.simulator.rest_queries import (
    DEFAULT_PAGE,
    MOST_MARKETS_A_PAGE,
    MarketQuery,
    WrongQuery,
    cursor_after,
    flag,
    limit,
    one_of,
    read_cursor,
    seconds,
)
from streamer.simulator.rest_series import series_body
from streamer.simulator.rest_server import RestHandler

MOST_EVENTS_A_PAGE = 200
_EVENT_STATUSES = ("unopened", "open", "closed", "settled")


class SeriesListView(RestHandler):
    """All of them at once."""

    route = "/series"

    async def get(self) -> None:
        category, tag = self.argument("category"), self.argument("tags")
        after = seconds(self.argument, "min_updated_ts")
        listed_s = self.rest.catalogue.bulk.listed_s
        bodies = [series_body(t, listed_s) for t in self.rest.catalogue.series_tickers()]
        found = [
            body
            for body in bodies
            if category in ("", body["category"])
            and (not tag or tag in body["tags"])
            and (after is None or listed_s > after)
        ]
        await self.answer({"series": found})


class SeriesView(RestHandler):
    """One series."""

    route = "/series/{series_ticker}"

    async def get(self, ticker: str) -> None:
        if ticker not in self.rest.catalogue.series_tickers():
            raise HTTPError(404, "no such series")
        body = series_body(ticker, self.rest.catalogue.bulk.listed_s)
        await self.answer({"series": body})


class EventsView(RestHandler):
    """Events that are no combos."""

    route = "/events"

    async def get(self) -> None:
        status = one_of(self.argument, "status", _EVENT_STATUSES)
        closes_after = seconds(self.argument, "min_close_ts")
        updated_after = seconds(self.argument, "min_updated_ts")
        series_ticker = self.argument("series_ticker")
        nested = flag(self.argument, "with_nested_markets")
        size = limit(self.argument, MOST_EVENTS_A_PAGE, MOST_EVENTS_A_PAGE)
        start = read_cursor(self.argument, EVENT_SECTIONS)
        catalogue = self.rest.catalogue

        def is_wanted(event: RestEvent) -> bool:
            if updated_after is not None and event.updated_s <= updated_after:
                return False
            if not status and closes_after is None:
                return True
            markets = catalogue.markets_of(event.ticker)
            if status and not _has_status(markets, status):
                return False
            return closes_after is None or any(m.close_s > closes_after for m in markets)

        with_bulk = catalogue.bulk.may_have_events(status, updated_after)
        events = catalogue.events(start, is_wanted, series_ticker, with_bulk=with_bulk)
        found = list(islice(events, size + 1))
        bodies = [self.event_with_markets(event, nested=nested) for _, _, event in found[:size]]
        await self.answer({"events": bodies, "cursor": cursor_after(found, size)})

    def event_with_markets(self, event: RestEvent, *, nested: bool) -> dict[str, Any]:
        """The event, with its markets if they are asked for."""
        body = event_body(event)
        if nested:
            body["markets"] = [
                self.rest.form.market(market)
                for market in self.rest.catalogue.markets_of(event.ticker)
                if not self.rest.catalogue.is_archived(market)
            ]
        return body


class MultivariateEventsView(EventsView):
    """Combos."""

    route = "/events/multivariate"

    async def get(self) -> None:
        series_ticker = self.argument("series_ticker")
        collection = self.argument("collection_ticker")
        if series_ticker and collection:
            raise WrongQuery("series_ticker and collection_ticker do not go together")
        nested = flag(self.argument, "with_nested_markets")
        size = limit(self.argument, DEFAULT_PAGE, MOST_EVENTS_A_PAGE)
        _, position = read_cursor(self.argument, (COMBOS,))
        is_ours = series_ticker in ("", COMBO_SERIES) and collection in ("", COLLECTION)
        events = self.rest.catalogue.combo_events(position) if is_ours else iter(())
        found = [(COMBOS, after, event) for after, event in islice(events, size + 1)]
        bodies = [self.event_with_markets(event, nested=nested) for _, _, event in found[:size]]
        await self.answer({"events": bodies, "cursor": cursor_after(found, size)})


class EventView(EventsView):
    """One event, with its markets beside it or within."""

    route = "/events/{event_ticker}"

    async def get(self, ticker: str) -> None:  # type: ignore[override]
        event = self.rest.catalogue.event(ticker)
        if event is None:
            raise HTTPError(404, "no such event")
        body = self.event_with_markets(event, nested=True)
        markets = body["markets"]
        if not flag(self.argument, "with_nested_markets"):
            del body["markets"]
        await self.answer({"event": body, "markets": markets})


class MarketsView(RestHandler):
    """Markets that have not moved to the archive."""

    route = "/markets"
    archived = False

    async def get(self) -> None:
        query = MarketQuery.read(self.argument)
        size = limit(self.argument, DEFAULT_PAGE, MOST_MARKETS_A_PAGE)
        start = read_cursor(self.argument, SECTIONS)
        markets = self.rest.catalogue.markets(query, start, archived=self.archived)
        found = list(islice(markets, size + 1))
        bodies = [self.rest.form.market(market) for _, _, market in found[:size]]
        await self.answer({"markets": bodies, "cursor": cursor_after(found, size)})


class HistoricalMarketsView(MarketsView):
    """Markets that have."""

    route = "/historical/markets"
    archived = True


class MarketView(RestHandler):
    """One market."""

    route = "/markets/{ticker}"
    archived = False

    async def get(self, ticker: str) -> None:
        market = self.rest.catalogue.market(ticker)
        if market is None or self.rest.catalogue.is_archived(market) is not self.archived:
            raise HTTPError(404, "no such market")
        await self.answer({"market": self.rest.form.market(market)})


class HistoricalMarketView(MarketView):
    """One market of the archive."""

    route = "/historical/markets/{ticker}"
    archived = True


def _has_status(markets: list[RestMarket], word: str) -> bool:
    """An event is settled when all its markets are, otherwise what any of them is."""
    if word == "settled":
        return bool(markets) and all(market.has_status(word) for market in markets)
    return any(market.has_status(word) for market in markets)
