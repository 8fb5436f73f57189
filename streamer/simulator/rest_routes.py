"""Which endpoint of the simulated Kalshi's REST API answers at which path."""

from __future__ import annotations

from typing import Any

from tornado.web import HTTPError

from streamer.simulator.rest_catalogue_views import (
    EventsView,
    EventView,
    HistoricalMarketsView,
    HistoricalMarketView,
    MarketsView,
    MarketView,
    MultivariateEventsView,
    SeriesListView,
    SeriesView,
)
from streamer.simulator.rest_exchange_views import (
    AccountLimitsView,
    EndpointCostsView,
    ScheduleView,
    SportsView,
    StatusView,
    TagsView,
)
from streamer.simulator.rest_market_data_views import (
    CutoffView,
    HistoricalTradesView,
    OrderbooksView,
    OrderbookView,
    TradesView,
)
from streamer.simulator.rest_server import PREFIX, RestHandler, RestSide


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
