"""One simulated Kalshi for the tests of a module, and what stands between it and them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from simulator.rest_requests import asked_beside
from venues.kalshi_rest_clients import client_of

from hadron_tasks.local.redis_server import RedisServer
from hadron_tasks.venues.kalshi.rate_limit import AccountBudget, TokenBucket
from hadron_tasks.venues.kalshi.rest import KalshiRest
from streamer.simulator.simulator import Simulator


@pytest.fixture
def redis_url(shared_redis: RedisServer, client: redis.Redis) -> str:
    """The address of an empty Redis."""
    return shared_redis.url


@pytest.fixture
def bucket(client: redis.Redis) -> TokenBucket:
    """A bucket that is never empty."""
    found = TokenBucket(client, "test")
    found.learn(AccountBudget(100_000, 100_000))
    return found


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with asked_beside(tmp_path_factory.mktemp("exchange"), keys=2, rest_markets=1345) as asker:
        yield asker.simulator


@pytest.fixture
def exchange(shared: Simulator) -> Iterator[Simulator]:
    """One exchange for all tests, without faults and with fresh counts."""
    shared.rest.stats.__init__()  # type: ignore[misc]
    yield shared
    shared.rest.faults.clear()


@pytest.fixture
def rest(exchange: Simulator, bucket: TokenBucket) -> Iterator[KalshiRest]:
    with client_of(exchange, bucket) as client:
        yield client
