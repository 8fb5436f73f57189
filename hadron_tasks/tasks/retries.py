"""Whether a task that failed is tried again, and when: a pure decision.

Three kinds of error end differently. What is away and will be back (PostgreSQL, Redis, a deadlock)
is waited for however long it takes, and never becomes a dead letter. An exchange that does not
answer is waited for, but not for ever. Anything else may be a bug: it is tried a few times, then
becomes a dead letter.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import datetime

import redis
from kombu.exceptions import OperationalError

from hadron_tasks.errors import (
    AuthenticationRefused,
    ConfigurationError,
    GivenUp,
    StoreNotReady,
    StoreUnavailable,
    StreamUnavailable,
)
from hadron_tasks.store.session import is_transient
from hadron_tasks.task_past import Past
from hadron_tasks.venues.rest.errors import RestError

LONGEST_WAIT_S = 30.0
"""Waits stay far below the broker's visibility timeout of two minutes: the message of a task that
waits longer than that would be delivered a second time."""

EXCHANGE_ATTEMPTS = 250
"""How often an exchange's REST API is asked: about two hours, longer than Kalshi's weekly
maintenance."""

_OUR_SERVICES_AWAY = (
    StoreUnavailable,
    StoreNotReady,  # tasks wait for 'hadron db upgrade', as frames do
    StreamUnavailable,
    redis.ConnectionError,
    redis.TimeoutError,
    redis.exceptions.ReadOnlyError,
    redis.exceptions.OutOfMemoryError,
    OperationalError,
)
_REDIS_CANNOT_NOW = ("MISCONF", "LOADING", "NOREPLICAS", "MASTERDOWN", "BUSY ", "TRYAGAIN")
"""How Redis begins its refusals while its disk is full, it starts, or it is without its replicas
(https://github.com/redis/redis/blob/unstable/src/server.c, ``shared`` errors)."""

_HOPELESS = (ConfigurationError, AuthenticationRefused, GivenUp)
"""What waiting does not mend."""


@dataclass(frozen=True, slots=True)
class TryAgain:
    """The task is tried again after a wait, with this past."""

    wait_s: float
    past: Past


def may_pass(error: BaseException) -> bool:
    """Whether one of our own services is away for now, so that waiting is all there is to do."""
    if isinstance(error, redis.ResponseError) and str(error).startswith(_REDIS_CANNOT_NOW):
        return True
    return isinstance(error, _OUR_SERVICES_AWAY) or is_transient(error)


def decide(error: Exception, past: Past, attempts: int, now: datetime) -> TryAgain | None:
    """What to do about a task that failed: try it again, or (None) give up on it.

    Args:
        past: Before this attempt.
        attempts: How often an error that may be a bug is tried in all.
    """
    if may_pass(error):
        return TryAgain(_backoff_s(past.waits), replace(past, waits=past.waits + 1))
    if isinstance(error, _HOPELESS):
        return None
    past = replace(past, first_failed_at=past.first_failed_at or now)
    if isinstance(error, RestError):
        if not error.retryable or past.asked + 1 >= EXCHANGE_ATTEMPTS:
            return None
        wait_s = max(_backoff_s(past.asked), getattr(error, "retry_after_s", None) or 0.0)
        return TryAgain(min(wait_s, LONGEST_WAIT_S), replace(past, asked=past.asked + 1))
    if past.failures + 1 >= attempts:
        return None
    return TryAgain(_backoff_s(past.failures), replace(past, failures=past.failures + 1))


def _backoff_s(before: int) -> float:
    """1, 2, 4 ... 30 s, spread over the upper half so that many do not return at once."""
    longest = min(LONGEST_WAIT_S, 2.0 ** min(before, 10))
    return random.uniform(longest / 2, longest)
