"""The rate limit that all workers share, against a real Redis."""

from __future__ import annotations

import threading
import time

import pytest
import redis

from hadron_tasks.errors import StreamUnavailable
from hadron_tasks.local.redis_server import RedisServer
from hadron_tasks.venues.kalshi.rate_limit import (
    CAPACITY_SHARE,
    REFILL_SHARE,
    AccountBudget,
    TokenBucket,
)
from hadron_tasks.venues.rest.errors import RequestBudgetExhausted
from hadron_tasks.venues.rest.rate_limit import FIRST_PAUSE_S, SLOWED_TO, Grant

MARKETS = "GET /markets"


def _bucket(client: redis.Redis, account: str = "test") -> TokenBucket:
    return TokenBucket(client, account, jitter=lambda: 0.0)


def _filled(client: redis.Redis, refill_per_s: int, capacity: int) -> TokenBucket:
    """A bucket that has been idle long enough to be full."""
    bucket = _bucket(client)
    bucket.learn(AccountBudget(refill_per_s, capacity))
    bucket.acquire(MARKETS, 1)
    client.hset(bucket.key, "tokens", capacity * CAPACITY_SHARE)
    return bucket


def _about(seconds: float) -> tuple[float, float]:
    """No sooner, and no later than a busy machine may be."""
    return seconds - 0.02, seconds + 0.4


def _timed(bucket: TokenBucket, endpoint: str = MARKETS, within_s: float = 5) -> float:
    began = time.monotonic()
    bucket.acquire(endpoint, within_s)
    return time.monotonic() - began


def test_a_full_bucket_gives_at_once_and_then_at_its_refill(client: redis.Redis) -> None:
    bucket = _filled(client, 200, 160)  # of which we use 190 a second and 80
    at_once = sum(_timed(bucket) for _ in range(8))
    assert at_once < 8 * 10 / (200 * REFILL_SHARE) / 2
    spaced = sum(_timed(bucket) for _ in range(10))
    least, most = _about(10 * 10 / (200 * REFILL_SHARE) - at_once)
    assert least < spaced < most


def test_a_bucket_never_seen_is_nearly_empty_and_of_the_basic_tier(client: redis.Redis) -> None:
    bucket = _bucket(client)
    first = _timed(bucket)
    least, most = _about(10 / (200 * REFILL_SHARE))
    assert least < first + _timed(bucket) < most
    assert bucket.state().budget_age_s is None


def test_many_workers_together_keep_to_it(client: redis.Redis, shared_redis: RedisServer) -> None:
    refill, capacity = 1000, 100
    _filled(client, refill, capacity)
    granted: list[float] = []

    def work() -> None:
        with redis.Redis.from_url(shared_redis.url) as own:
            bucket = TokenBucket(own, "test")
            for _ in range(15):
                bucket.acquire(MARKETS, 10)
                granted.append(time.monotonic())

    workers = [threading.Thread(target=work) for _ in range(8)]
    began = time.monotonic()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(granted) == 120
    took = max(granted) - began
    least, most = _about((1200 - 50) / (refill * REFILL_SHARE))
    assert least < took < most + 1
    # At no moment more than what the exchange's bucket would hold and gain until then.
    for count, moment in enumerate(sorted(granted), 1):
        assert count * 10 <= capacity + refill * (moment - began)


def test_a_deadline_that_cannot_be_kept_is_told_at_once_and_costs_nothing(
    client: redis.Redis,
) -> None:
    bucket = _filled(client, 10, 10)
    client.hset(bucket.key, "tokens", 0)
    spent = bucket.state().tokens_spent
    began = time.monotonic()
    with pytest.raises(RequestBudgetExhausted, match="GET /markets") as refused:
        bucket.acquire(MARKETS, 0.5)
    assert time.monotonic() - began < 0.2
    assert 0.5 < refused.value.wait_s < 1.1
    assert refused.value.retryable
    assert bucket.state().tokens_spent == spent


def test_a_429_empties_the_bucket_for_everybody(client: redis.Redis) -> None:
    bucket, other = _filled(client, 1000, 100), _bucket(client)
    grant = bucket.acquire(MARKETS, 1)
    pause = bucket.close_for_a_moment(grant)
    assert pause == pytest.approx(FIRST_PAUSE_S, abs=0.01)
    # Until it opens, and then for the first tokens at two thirds of the refill.
    least, most = _about(FIRST_PAUSE_S + 10 / (950 * SLOWED_TO))
    assert least < _timed(other) < most
    assert other.state().limited == 1
    assert other.state().pace == pytest.approx(SLOWED_TO, abs=0.02)
    # Another account's bucket knows nothing of it.
    assert _timed(_bucket(client, "another")) < 0.3


def test_who_was_waiting_waits_anew(client: redis.Redis) -> None:
    bucket = _filled(client, 40, 10)
    grant = bucket.acquire(MARKETS, 1)  # leaves nothing: the next waits a quarter of a second
    waits: list[float] = []
    waiting = threading.Thread(target=lambda: waits.append(_timed(_bucket(client))))
    waiting.start()
    time.sleep(0.15)
    bucket.close_for_a_moment(grant, retry_after_s=0.6)
    waiting.join()
    assert waits[0] > 0.15 + 0.6


def test_429s_of_one_stretch_count_as_one(client: redis.Redis) -> None:
    bucket = _filled(client, 1000, 100)
    grants = [bucket.acquire(MARKETS, 1) for _ in range(4)]
    for grant in grants:
        bucket.close_for_a_moment(grant)
    assert float(client.hget(bucket.key, "pace") or 0) == pytest.approx(SLOWED_TO)
    assert bucket.state().limited == 4


def test_pauses_double_while_429s_keep_coming(client: redis.Redis) -> None:
    bucket = _filled(client, 1000, 100)
    epoch = bucket.acquire(MARKETS, 1).epoch
    pauses = [
        bucket.close_for_a_moment(Grant(MARKETS, stretch, 0)) for stretch in range(epoch, epoch + 8)
    ]
    assert pauses == pytest.approx([0.5, 1, 2, 4, 8, 16, 30, 30], abs=0.1)
    client.hset(bucket.key, "struck_at", 0)  # long ago
    client.hset(bucket.key, "closed_until", 0)
    assert bucket.close_for_a_moment(Grant(MARKETS, epoch + 8, 0)) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(
    ("asked_s", "paused_s"), [(0.9, 0.9), (0, 0.5), (-5, 0.5), (1e9, 300), (None, 0.5)]
)
def test_retry_after_is_honoured_within_reason(
    client: redis.Redis, asked_s: float | None, paused_s: float
) -> None:
    bucket = _filled(client, 1000, 100)
    grant = bucket.acquire(MARKETS, 1)
    assert bucket.close_for_a_moment(grant, asked_s) == pytest.approx(paused_s, abs=0.05)


def test_the_pace_comes_back(client: redis.Redis) -> None:
    bucket = _filled(client, 1000, 100)
    bucket.close_for_a_moment(bucket.acquire(MARKETS, 1))
    seconds, _ = client.time()  # type: ignore[misc]
    client.hset(bucket.key, mapping={"closed_until": seconds - 200, "at": seconds - 200})
    bucket.acquire(MARKETS, 1)
    assert bucket.state().pace == 1


def test_endpoints_cost_what_they_cost(client: redis.Redis) -> None:
    bucket = _bucket(client)
    costs = {"GET /trade-api/v2/markets/:ticker/orderbook": 40, "GET /events": 5, "GET /free": 0}
    bucket.learn(AccountBudget(100_000, 100_000, default_cost=20, costs=costs))

    def cost(endpoint: str) -> float:
        before = bucket.state().tokens_spent
        bucket.acquire(endpoint, 5)
        return bucket.state().tokens_spent - before

    assert cost("GET /markets") == 20
    assert cost("GET /markets/{ticker}/orderbook") == 40
    assert cost("GET /events") == 5
    assert cost("GET /free") == 0
    age = bucket.state().budget_age_s
    assert age is not None
    assert age <= 2
    bucket.learn(AccountBudget(100_000, 100_000))
    assert cost("GET /events") == 10


def test_a_request_dearer_than_the_bucket_is_let_through_when_it_is_full(
    client: redis.Redis,
) -> None:
    bucket = _bucket(client)
    bucket.learn(AccountBudget(1000, 20, costs={"GET /dear": 300}))
    assert _timed(bucket, "GET /dear") < 0.2
    # And its whole cost is paid off before the next.
    least, most = _about(300 / 950)
    assert least < _timed(bucket) < most


def test_without_redis_it_says_so(redis_server: RedisServer) -> None:
    bucket = _bucket(redis.Redis.from_url(redis_server.url))
    grant = bucket.acquire(MARKETS, 1)
    redis_server.stop()
    for attempt in (
        lambda: bucket.acquire(MARKETS, 1),
        lambda: bucket.close_for_a_moment(grant),
        lambda: bucket.learn(AccountBudget()),
        bucket.state,
    ):
        with pytest.raises(StreamUnavailable, match="Redis"):
            attempt()


def test_a_redis_that_comes_back_empty_is_no_matter(client: redis.Redis) -> None:
    bucket = _filled(client, 1000, 100)
    client.flushall()
    client.script_flush()
    assert _timed(bucket) < 0.1
