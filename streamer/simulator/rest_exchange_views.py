"""The simulated Kalshi's endpoints about itself and the account (Kalshi, OpenAPI 3.13)."""

from __future__ import annotations

from typing import Any

from streamer.simulator.rest_limits import DEFAULT_COST
from streamer.simulator.rest_series import filters_by_sport, tags_by_category
from streamer.simulator.rest_server import RestHandler

_WRITE_SHARE = 0.5
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
