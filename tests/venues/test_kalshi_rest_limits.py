"""The REST client keeps to the limits that the exchange sets for a whole fleet."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from simulator.rest_requests import PLENTY, asked_beside
from venues.kalshi_rest_clients import client_of, strike
from venues.redis_clock import RedisClock, Turns

from hadron_tasks.venues.kalshi.rate_limit import REFILL_SHARE, TokenBucket
from hadron_tasks.venues.rest.errors import (
    RateLimited,
    RequestBudgetExhausted,
)
from streamer.simulator.rest_limits import Bucket
from streamer.simulator.simulator import Simulator

WORKERS = 6
REQUESTS_EACH = 6


def test_a_429_slows_everybody_down_and_the_request_comes_through(
    exchange: Simulator, bucket: TokenBucket
) -> None:
    strike(exchange, "status", status=429, retry_after="0.7", form="plain")
    with client_of(exchange, bucket) as rest:
        began = time.monotonic()
        assert rest.exchange_status().exchange_active
    assert time.monotonic() - began > 0.7
    assert bucket.state().limited == 1
    assert bucket.state().pace < 1


def test_a_429_that_stays_is_told_when_patience_ends(
    exchange: Simulator, bucket: TokenBucket
) -> None:
    strike(exchange, "status", count=100, status=429, retry_after="290")
    patience = {"patience_s": 120.0, "limit_wait_s": 600.0}
    with client_of(exchange, bucket, **patience) as rest, pytest.raises(RateLimited) as raised:
        rest.exchange_status()
    assert raised.value.retry_after_s == 290
    assert exchange.rest.stats.requests == 1


def test_a_budget_that_is_used_up_sends_nothing(exchange: Simulator, bucket: TokenBucket) -> None:
    bucket.close_for_a_moment(bucket.acquire("GET /markets", 1), 290)
    with client_of(exchange, bucket) as rest, pytest.raises(RequestBudgetExhausted):
        rest.exchange_status()
    assert exchange.rest.stats.requests == 0


@contextmanager
def _limited_exchange(directory: Path, **options: Any) -> Iterator[Simulator]:
    with asked_beside(directory, **(PLENTY | options)) as asker:
        yield asker.simulator


def _crawl_side_by_side(exchange: Simulator, url: str) -> list[float]:
    """Several workers with clients of their own, all of one account.

    Returns:
        Every wait for the rate limit.
    """
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        time.sleep(seconds)

    def work() -> None:
        with redis.Redis.from_url(url) as own:
            rest = client_of(exchange, TokenBucket(own, "fleet", sleep=wait), sleep=time.sleep)
            with rest:
                for _ in range(REQUESTS_EACH):
                    rest.exchange_status()

    workers = [threading.Thread(target=work) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return waits


def test_a_fleet_with_right_limits_never_meets_a_429(tmp_path: Path, redis_url: str) -> None:
    options = {"rest_refill_per_s": 250, "rest_capacity": 200}
    with _limited_exchange(tmp_path / "exchange", **options) as exchange:
        with redis.Redis.from_url(redis_url) as client:
            with client_of(exchange, TokenBucket(client, "fleet")) as rest:
                rest.learn_limits()
            waits = _crawl_side_by_side(exchange, redis_url)
        stats = exchange.rest.stats
        assert stats.limited == 0
        assert stats.by_endpoint["GET /exchange/status"] == WORKERS * REQUESTS_EACH
        # Nor is the grant left unused: nobody waits for more than for those who wait already.
        assert 0 < max(waits) < WORKERS * 10 / (250 * REFILL_SHARE) + 0.02


def test_a_fleet_with_limits_twice_the_truth_ends_without_a_storm(
    tmp_path: Path, client: redis.Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Time passes in waits alone: no fleet could go faster.
    clock = RedisClock(client, monkeypatch)
    turns = Turns(clock, WORKERS)

    def crawl() -> None:
        with redis.Redis.from_url(redis_url) as own:
            bucket = TokenBucket(own, "fleet", sleep=turns.sleep)
            with client_of(exchange, bucket, sleep=turns.sleep) as rest:
                for _ in range(20):
                    rest.exchange_status()

    options = {"rest_refill_per_s": 1000, "rest_capacity": 100, "rest_announced_per_s": 2000}
    with _limited_exchange(tmp_path / "exchange", **options) as exchange:
        exchange.rest.limits._account = Bucket(1000, 100, clock.monotonic)
        with client_of(exchange, TokenBucket(client, "fleet")) as rest:
            assert rest.learn_limits().refill_per_s == 2000
        workers = [threading.Thread(target=turns.work, args=(crawl,)) for _ in range(WORKERS)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        stats = exchange.rest.stats
        assert stats.by_endpoint["GET /exchange/status"] == 120
        assert 0 < stats.limited < 20
