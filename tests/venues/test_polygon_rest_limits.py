"""Polygon's REST client keeps to the requests a minute that the plan allows a whole fleet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import redis
from pydantic import SecretStr
from simulator.rest_requests import asked_beside
from venues.kalshi_rest_clients import UNHURRIED
from venues.redis_clock import RedisClock

from hadron_tasks.venues.polygon.rest import PolygonRest, plan_limit
from hadron_tasks.venues.rest.errors import RateLimited, RequestBudgetExhausted
from hadron_tasks.venues.rest.rate_limit import Limit, SharedBucket
from streamer.simulator.polygon_rest import MinuteLimit
from streamer.simulator.simulator import Simulator


def _client(exchange: Simulator, bucket: SharedBucket, **options: Any) -> PolygonRest:
    key = SecretStr(exchange.config.polygon_api_key)
    return PolygonRest(exchange.polygon_rest_url, key, bucket, **(UNHURRIED | options))


@pytest.mark.parametrize("allowed", [1, 2, 5, 10, 19, 20, 21, 100, 6000])
def test_no_minute_sees_more_requests_than_the_plan_allows(allowed: int) -> None:
    limit = plan_limit(allowed)
    # The most that a bucket lets through in a minute: what it holds and what flows in.
    assert int(limit.capacity + 60 * limit.refill_per_s + 1e-9) <= allowed
    assert 60 * limit.refill_per_s > 0.9 * allowed


def test_a_fleet_keeps_to_five_requests_a_minute(
    client: redis.Redis, exchange: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = RedisClock(client, monkeypatch)

    def worker() -> PolygonRest:
        """With a bucket of its own, as every process has, for the same account."""
        bucket = SharedBucket(client, "Polygon", "free", plan_limit(5), sleep=clock.sleep)
        return _client(exchange, bucket, limit_wait_s=0.1)

    with worker() as first:
        assert first.market_status().market == "open"
    for passed_s in (0.0, 0.5):
        clock.advance(passed_s)
        with worker() as other, pytest.raises(RequestBudgetExhausted) as raised:
            other.market_status()
        assert str(raised.value).startswith("Polygon GET /v1/marketstatus/now: the rate limit")
        due_s = 60 / (5 * 0.95)
        assert raised.value.wait_s == pytest.approx(due_s - passed_s, abs=1e-5)
    assert clock.slept == []


def test_a_429_slows_everybody_down(
    client: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = RedisClock(client, monkeypatch)
    with asked_beside(tmp_path, rate=0.0, polygon_requests_per_minute=2) as asker:
        asker.simulator.polygon_rest.limit = MinuteLimit(2, clock.monotonic)
        # We believe in ten times as many.
        bucket = SharedBucket(client, "Polygon", "wrong", Limit(1000, 1000), sleep=clock.sleep)
        with _client(asker.simulator, bucket, limit_wait_s=0.4) as rest:
            assert rest.market_status().market == rest.market_status().market == "open"
            with pytest.raises(RateLimited, match="maximum requests per minute"):
                rest.market_status()
            with pytest.raises(RequestBudgetExhausted):
                rest.market_status()
        assert asker.simulator.polygon_rest.stats.requests == 3
        assert bucket.state().limited == 1
