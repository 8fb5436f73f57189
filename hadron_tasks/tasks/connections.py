"""What the tasks of one process share: made at the first task, since a pool process must not share
what it forked with."""

from __future__ import annotations

from functools import cache

import redis
from sqlalchemy import Engine

from hadron_tasks.settings import get_settings
from hadron_tasks.store.session import engine_for
from hadron_tasks.venues.kalshi.rest import KalshiRest


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
