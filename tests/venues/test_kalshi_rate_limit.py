"""The rate limit that all workers share, against a real Redis."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import redis
from venues.redis_clock import RedisClock

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


@pytest.fixture
def clock(client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> RedisClock:
    return RedisClock(client, monkeypatch)


def _bucket(client: redis.Redis, clock: RedisClock, account: str = "test") -> TokenBucket:
    return TokenBucket(client, account, sleep=clock.sleep, jitter=lambda: 0.0)


def _filled(
    client: redis.Redis, clock: RedisClock, refill_per_s: int, capacity: int
) -> TokenBucket:
    """A bucket that has been idle long enough to be full."""
    bucket = _bucket(client, clock)
    bucket.learn(AccountBudget(refill_per_s, capacity))
    bucket.acquire(MARKETS, 1)
    client.hset(bucket.key, "tokens", capacity * CAPACITY_SHARE)
    return bucket


def _wait(bucket: TokenBucket, endpoint: str = MARKETS, within_s: float = 5) -> float:
    return bucket.acquire(endpoint, within_s).waited_s


def _exactly(seconds: float) -> Any:
    """But for the microseconds of Redis' clock."""
    return pytest.approx(seconds, abs=1e-5)


def test_a_full_bucket_gives_at_once_and_then_at_its_refill(
    client: redis.Redis, clock: RedisClock
) -> None:
    bucket = _filled(client, clock, 200, 160)  # of which we use 190 a second and 80
    assert [_wait(bucket) for _ in range(8)] == [0] * 8
    assert clock.slept == []
    spaced = [_wait(bucket) for _ in range(10)]
    assert spaced == [_exactly(10 / (200 * REFILL_SHARE))] * 10
    assert clock.slept == spaced


def test_a_bucket_never_seen_is_nearly_empty_and_of_the_basic_tier(
    client: redis.Redis, clock: RedisClock
) -> None:
    bucket = _bucket(client, clock)
    assert [_wait(bucket), _wait(bucket)] == [0, _exactly(10 / (200 * REFILL_SHARE))]
    assert bucket.state().budget_age_s is None


def test_many_workers_together_keep_to_it(client: redis.Redis, shared_redis: RedisServer) -> None:
    """By the real clock: Redis', which all of them share."""
    refill, capacity, at_work = 1000, 100, 8
    full = TokenBucket(client, "test")
    full.learn(AccountBudget(refill, capacity))
    full.acquire(MARKETS, 1)
    client.hset(full.key, "tokens", capacity * CAPACITY_SHARE)
    granted: list[float] = []
    waits: list[float] = []

    def work() -> None:
        with redis.Redis.from_url(shared_redis.url) as own:
            bucket = TokenBucket(own, "test")
            for _ in range(15):
                waits.append(bucket.acquire(MARKETS, 10).waited_s)
                granted.append(_redis_time(own))

    workers = [threading.Thread(target=work) for _ in range(at_work)]
    began = _redis_time(client)
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(granted) == 120
    assert max(granted) - began > (1200 - 50) / (refill * REFILL_SHARE) - 0.02
    # Nobody waits for more than for those who wait already: the grant is not left unused.
    assert max(waits) < at_work * 10 / (refill * REFILL_SHARE) + 0.01
    # At no moment more than what the exchange's bucket would hold and gain until then.
    for count, moment in enumerate(sorted(granted), 1):
        assert count * 10 <= capacity + refill * (moment - began)


def _redis_time(client: redis.Redis) -> float:
    seconds, microseconds = client.time()  # type: ignore[misc]
    return float(seconds + microseconds / 1_000_000)


def test_a_deadline_that_cannot_be_kept_is_told_at_once_and_costs_nothing(
    client: redis.Redis, clock: RedisClock
) -> None:
    bucket = _filled(client, clock, 10, 10)
    client.hset(bucket.key, "tokens", 0)
    spent = bucket.state().tokens_spent
    with pytest.raises(RequestBudgetExhausted, match="GET /markets") as refused:
        bucket.acquire(MARKETS, 0.5)
    assert clock.slept == []
    assert refused.value.wait_s == _exactly(10 / (10 * REFILL_SHARE))
    assert refused.value.retryable
    assert bucket.state().tokens_spent == spent


def test_a_429_empties_the_bucket_for_everybody(client: redis.Redis, clock: RedisClock) -> None:
    bucket, other = _filled(client, clock, 1000, 100), _bucket(client, clock)
    grant = bucket.acquire(MARKETS, 1)
    pause = bucket.close_for_a_moment(grant)
    assert pause == _exactly(FIRST_PAUSE_S)
    # Until it opens, and then for the first tokens at two thirds of the refill.
    assert _wait(other) == _exactly(FIRST_PAUSE_S + 10 / (950 * SLOWED_TO))
    assert other.state().limited == 1
    assert other.state().pace == pytest.approx(SLOWED_TO, abs=0.02)
    # Another account's bucket knows nothing of it.
    assert _wait(_bucket(client, clock, "another")) == 0


def test_who_was_waiting_waits_anew(client: redis.Redis, clock: RedisClock) -> None:
    bucket = _filled(client, clock, 40, 10)
    client.hset(bucket.key, "tokens", 10)
    grant = bucket.acquire(MARKETS, 1)  # leaves nothing: the next waits a quarter of a second

    def sleep(seconds: float) -> None:
        if clock.slept:
            clock.sleep(seconds)
            return
        # In the midst of its first sleep.
        clock.sleep(0.15)
        bucket.close_for_a_moment(grant, retry_after_s=0.6)
        clock.advance(seconds - 0.15)

    TokenBucket(client, "test", sleep=sleep).acquire(MARKETS, 5)
    first_s, tokens_s = 10 / (40 * REFILL_SHARE), 10 / (40 * REFILL_SHARE * SLOWED_TO)
    assert clock.monotonic() == _exactly(0.15 + 0.6 + tokens_s)
    assert clock.slept == [0.15, _exactly(0.6 + tokens_s - (first_s - 0.15))]


def test_429s_of_one_stretch_count_as_one(client: redis.Redis, clock: RedisClock) -> None:
    bucket = _filled(client, clock, 1000, 100)
    grants = [bucket.acquire(MARKETS, 1) for _ in range(4)]
    for grant in grants:
        bucket.close_for_a_moment(grant)
    assert float(client.hget(bucket.key, "pace") or 0) == pytest.approx(SLOWED_TO)
    assert bucket.state().limited == 4


def test_pauses_double_while_429s_keep_coming(client: redis.Redis, clock: RedisClock) -> None:
    bucket = _filled(client, clock, 1000, 100)
    epoch = bucket.acquire(MARKETS, 1).epoch
    pauses = [
        bucket.close_for_a_moment(Grant(MARKETS, stretch, 0)) for stretch in range(epoch, epoch + 8)
    ]
    assert pauses == pytest.approx([0.5, 1, 2, 4, 8, 16, 30, 30])
    client.hset(bucket.key, "struck_at", 0)  # long ago
    client.hset(bucket.key, "closed_until", 0)
    assert bucket.close_for_a_moment(Grant(MARKETS, epoch + 8, 0)) == _exactly(0.5)


@pytest.mark.parametrize(
    ("asked_s", "paused_s"), [(0.9, 0.9), (0, 0.5), (-5, 0.5), (1e9, 300), (None, 0.5)]
)
def test_retry_after_is_honoured_within_reason(
    client: redis.Redis, clock: RedisClock, asked_s: float | None, paused_s: float
) -> None:
    bucket = _filled(client, clock, 1000, 100)
    grant = bucket.acquire(MARKETS, 1)
    assert bucket.close_for_a_moment(grant, asked_s) == _exactly(paused_s)


def test_the_pace_comes_back(client: redis.Redis, clock: RedisClock) -> None:
    bucket = _filled(client, clock, 1000, 100)
    bucket.close_for_a_moment(bucket.acquire(MARKETS, 1))
    clock.advance(200)
    bucket.acquire(MARKETS, 1)
    assert bucket.state().pace == 1


def test_endpoints_cost_what_they_cost(client: redis.Redis, clock: RedisClock) -> None:
    bucket = _bucket(client, clock)
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
    assert bucket.state().budget_age_s == 0
    clock.advance(60)
    assert bucket.state().budget_age_s == 60
    bucket.learn(AccountBudget(100_000, 100_000))
    assert cost("GET /events") == 10


def test_a_request_dearer_than_the_bucket_is_let_through_when_it_is_full(
    client: redis.Redis, clock: RedisClock
) -> None:
    bucket = _bucket(client, clock)
    bucket.learn(AccountBudget(1000, 20, costs={"GET /dear": 300}))
    assert _wait(bucket, "GET /dear") == 0
    # And its whole cost is paid off before the next.
    assert _wait(bucket) == _exactly(300 / 950)


def test_without_redis_it_says_so(redis_server: RedisServer) -> None:
    bucket = TokenBucket(redis.Redis.from_url(redis_server.url), "test")
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


def test_a_redis_that_comes_back_empty_is_no_matter(client: redis.Redis, clock: RedisClock) -> None:
    bucket = _filled(client, clock, 1000, 100)
    client.flushall()
    client.script_flush()
    clock.advance(0)
    assert _wait(bucket) == 0
    assert clock.slept == []
