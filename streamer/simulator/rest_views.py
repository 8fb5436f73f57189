"""The endpoints of the simulated Kalshi's REST API (Kalshi, OpenAPI 3.13)."""

from __future__ import annotations

from itertools import islice
from typing import Any

from tornado.web import HTTPError

from streamer.simulator.combo_markets import COLLECTION
from streamer.simulator.combo_markets import SERIES as COMBO_SERIES
from streamer.simulator.rest_catalogue import COMBOS, EVENT_SECTIONS, LIVE, SECTIONS
from streamer.simulator.rest_forms import event_body, second
from streamer.simulator.rest_limits import DEFAULT_COST
from streamer.simulator.rest_market import RestEvent, RestMarket
from streamer.simulator.rest_queries import (
    MarketQuery,
    WrongQuery,
    flag,
    limit,
    one_of,
    read_cursor,
    seconds,
    write_cursor,
)
from streamer.simulator.rest_series import filters_by_sport, series_body, tags_by_category
from streamer.simulator.rest_server import PREFIX, RestHandler, RestSide

MOST_MARKETS_A_PAGE = 1000
MOST_EVENTS_A_PAGE = 200
MOST_BOOKS = 100
_DEFAULT_PAGE = 100
_WRITE_SHARE = 0.5
_EVENT_STATUSES = ("unopened", "open", "closed", "settled")
_HOURS = [{"open_time": "00:00", "close_time": "00:00"}]
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class StatusView(RestHandler):
    """Always open."""

    route = "/exchange/status"

    async def get(self) -> None:
        await self.answer({"exchange_active": True, "trading_active": True})


class ScheduleView(RestHandler):
    """Round the clock, without maintenance."""

    route = "/exchange/schedule"

    async def get(self) -> None:
        week: dict[str, Any] = dict.fromkeys(_DAYS, _HOURS)
        week |= {"start_time": "2025-01-01T00:00:00Z", "end_time": "2099-01-01T00:00:00Z"}
        await self.answer({"schedule": {"standard_hours": [week], "maintenance_windows": []}})


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
        await self.answer({"events": bodies, "cursor": _cursor_after(found, size)})

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
        size = limit(self.argument, _DEFAULT_PAGE, MOST_EVENTS_A_PAGE)
        _, position = read_cursor(self.argument, (COMBOS,))
        is_ours = series_ticker in ("", COMBO_SERIES) and collection in ("", COLLECTION)
        events = self.rest.catalogue.combo_events(position) if is_ours else iter(())
        found = [(COMBOS, after, event) for after, event in islice(events, size + 1)]
        bodies = [self.event_with_markets(event, nested=nested) for _, _, event in found[:size]]
        await self.answer({"events": bodies, "cursor": _cursor_after(found, size)})


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
        size = limit(self.argument, _DEFAULT_PAGE, MOST_MARKETS_A_PAGE)
        start = read_cursor(self.argument, SECTIONS)
        markets = self.rest.catalogue.markets(query, start, archived=self.archived)
        found = list(islice(markets, size + 1))
        bodies = [self.rest.form.market(market) for _, _, market in found[:size]]
        await self.answer({"markets": bodies, "cursor": _cursor_after(found, size)})


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


class TradesView(RestHandler):
    """Trades of the WebSocket's markets, the newest first."""

    route = "/markets/trades"
    archived = False

    async def get(self) -> None:
        size = limit(self.argument, _DEFAULT_PAGE, MOST_MARKETS_A_PAGE)
        start = read_cursor(self.argument, (LIVE,))[1] if self.argument("cursor") else None
        first = seconds(self.argument, "min_ts")
        last = seconds(self.argument, "max_ts")
        cutoff_us = self.rest.catalogue.cutoff_s * 1_000_000
        from_us = None if first is None else first * 1_000_000
        # A trade within the last second asked for is one that is asked for.
        until_us = None if last is None else (last + 1) * 1_000_000
        if self.archived:
            until_us = cutoff_us if until_us is None else min(until_us, cutoff_us)
        else:
            from_us = cutoff_us if from_us is None else max(from_us, cutoff_us)
        trades = self.rest.exchange.tape.newest_first(
            ticker=self.argument("ticker"), before=start, from_us=from_us, until_us=until_us
        )
        found = [(LIVE, trade.number, trade) for trade in islice(trades, size + 1)]
        bodies = [self.rest.form.trade(trade) for _, _, trade in found[:size]]
        await self.answer({"trades": bodies, "cursor": _cursor_after(found, size)})


class HistoricalTradesView(TradesView):
    """Trades that have moved to the archive."""

    route = "/historical/trades"
    archived = True


class CutoffView(RestHandler):
    """Where the archive begins."""

    route = "/historical/cutoff"

    async def get(self) -> None:
        moment = second(self.rest.catalogue.cutoff_s)
        names = ("market_settled_ts", "trades_created_ts", "orders_updated_ts")
        await self.answer(dict.fromkeys(names, moment))


class OrderbookView(RestHandler):
    """One market's book."""

    route = "/markets/{ticker}/orderbook"
    needs_key = True

    async def get(self, ticker: str) -> None:
        if self.rest.catalogue.market(ticker) is None:
            raise HTTPError(404, "no such market")
        said = self.argument("depth") or "0"
        if not (said.isascii() and said.isdecimal()) or int(said) > MOST_BOOKS:
            raise WrongQuery("depth must be 0 to 100")
        await self.answer(self.rest.form.book(self.book(ticker), int(said)))

    def book(self, ticker: str) -> tuple[dict[int, int], dict[int, int]]:
        """The book of a market; one that does not trade on the WebSocket has one level a side."""
        live = self.rest.exchange.markets.get(ticker)
        if live is not None:
            return live.yes, live.no
        market = self.rest.catalogue.market(ticker)
        if market is None:
            return {}, {}
        no_bid = 1000 - market.yes_ask
        return {market.yes_bid: market.yes_bid_size}, {no_bid: market.yes_ask_size}


class OrderbooksView(OrderbookView):
    """The books of up to a hundred markets."""

    route = "/markets/orderbooks"

    async def get(self) -> None:  # type: ignore[override]
        tickers = self.get_query_arguments("tickers")
        if not 1 <= len(tickers) <= MOST_BOOKS:
            raise WrongQuery("tickers must name 1 to 100 markets")
        known = [t for t in tickers if self.rest.catalogue.market(t) is not None]
        books = [{"ticker": t, **self.rest.form.book(self.book(t), 0)} for t in known]
        await self.answer({"orderbooks": books})


class TagsView(RestHandler):
    """The tags of each category."""

    route = "/search/tags_by_categories"

    async def get(self) -> None:
        tags = tags_by_category(self.rest.catalogue.series_tickers())
        await self.answer({"tags_by_categories": tags})


class SportsView(RestHandler):
    """The competitions of each sport."""

    route = "/search/filters_by_sport"

    async def get(self) -> None:
        await self.answer(filters_by_sport())


class AccountLimitsView(RestHandler):
    """What the account may ask: today's buckets, and the requests a second of OpenAPI 3.13."""

    route = "/account/limits"
    needs_key = True

    async def get(self) -> None:
        limits = self.rest.limits
        refill = round(self.rest.announced_per_s or limits.refill_per_s)
        capacity = round(limits.capacity * refill / limits.refill_per_s)
        writing = max(1, round(refill * _WRITE_SHARE))
        await self.answer(
            {
                "usage_tier": "basic",
                "read_limit": max(1, refill // DEFAULT_COST),
                "write_limit": max(1, writing // DEFAULT_COST),
                "read": {"refill_rate": refill, "bucket_capacity": capacity},
                "write": {"refill_rate": writing, "bucket_capacity": writing},
                "grants": [],
            }
        )


class EndpointCostsView(RestHandler):
    """Endpoints that do not cost the default."""

    route = "/account/endpoint_costs"

    async def get(self) -> None:
        costs = [
            dict(zip(("method", "path"), endpoint.split(" ", 1), strict=True), cost=cost)
            for endpoint, cost in self.rest.limits.costs.items()
        ]
        await self.answer({"default_cost": DEFAULT_COST, "endpoint_costs": costs})


class UnknownView(RestHandler):
    """Whatever else is asked for."""

    route = "/*"

    async def get(self, _: str) -> None:
        raise HTTPError(404, "no such endpoint")


_VIEWS: tuple[type[RestHandler], ...] = (
    StatusView,
    ScheduleView,
    SeriesListView,
    SeriesView,
    EventsView,
    MultivariateEventsView,
    EventView,
    MarketsView,
    TradesView,
    OrderbooksView,
    OrderbookView,
    MarketView,
    CutoffView,
    HistoricalMarketsView,
    HistoricalTradesView,
    HistoricalMarketView,
    TagsView,
    SportsView,
    AccountLimitsView,
    EndpointCostsView,
)


def rest_routes(rest: RestSide) -> list[tuple[str, type[RestHandler], dict[str, Any]]]:
    """The routes for a tornado application; the first that matches a path is taken."""
    patterns = [(_pattern(view.route), view) for view in _VIEWS]
    patterns.append((r"/(.*)", UnknownView))
    return [(PREFIX + pattern, view, {"rest": rest}) for pattern, view in patterns]


def _pattern(route: str) -> str:
    parts = (r"([^/]+)" if part.startswith("{") else part for part in route.split("/"))
    return "/".join(parts)


def _has_status(markets: list[RestMarket], word: str) -> bool:
    """An event is settled when all its markets are, otherwise what any of them is."""
    if word == "settled":
        return bool(markets) and all(market.has_status(word) for market in markets)
    return any(market.has_status(word) for market in markets)


def _cursor_after(found: list[tuple[str, int, Any]], size: int) -> str:
    """Where the page after this one begins; empty when there is none."""
    if len(found) <= size:
        return ""
    section, after, _ = found[size - 1]
    return write_cursor(section, after)
