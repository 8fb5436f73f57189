"""What the tasks of one process share: made at the first task, since a pool process must not share
what it forked with."""

from __future__ import annotations

from functools import cache

import redis
from sqlalchemy import Engine

from hadron_tasks.settings import get_settings
from hadron_tasks.store.session import engine_for
from hadron_tasks.venues.kalshi.rest import KalshiRest
from hadron_tasks.venues.polygon.rest import PolygonRest

LIMIT_WAIT_S = 1.0
"""How long a task waits for Polygon's rate limit before it comes back later."""


@cache
def redis_client() -> redis.Redis:
    """Redis, answering bytes."""
    return redis.Redis.from_url(
        get_settings().redis_url.get_secret_value(),
        socket_timeout=10,
        socket_connect_timeout=5,
        health_check_interval=30,
    )


def engine() -> Engine:
    """PostgreSQL."""
    return engine_for(get_settings().database_url.get_secret_value())


@cache
def kalshi_rest() -> KalshiRest:
    """Kalshi's REST API, within the rate limit that all processes share.

    Raises:
        ConfigurationError: No address, or a key that cannot be used.
    """
    return KalshiRest.from_settings(get_settings(), redis_client())


@cache
def polygon_rest() -> PolygonRest:
    """Polygon's REST API, within the rate limit that all processes share.

    Its limit may be a few requests a minute: who finds it used up is told so at once rather than
    held up, so that one venue's wait is not another's.

    Raises:
        ConfigurationError: There is no key.
    """
    return PolygonRest.from_settings(get_settings(), redis_client(), limit_wait_s=LIMIT_WAIT_S)


CRAWL_PATIENCE_S = 30.0
"""A page is one or two requests, and its task has 90 seconds."""
CRAWL_LIMIT_WAIT_S = 5.0
"""When the rate limit asks for more, the worker does something else meanwhile."""


@cache
def crawling_rest() -> KalshiRest:
    """Kalshi's REST API for tasks that come again rather than wait.

    Raises:
        ConfigurationError: No address, or a key that cannot be used.
    """
    return KalshiRest.from_settings(
        get_settings(),
        redis_client(),
        patience_s=CRAWL_PATIENCE_S,
        limit_wait_s=CRAWL_LIMIT_WAIT_S,
    )
