"""The base of every task: what is retried, how often, and how it ends."""

from __future__ import annotations

from typing import Any

from celery import Task

from hadron_tasks.errors import StoreNotReady, StoreUnavailable, StreamUnavailable


class HadronTask(Task):  # type: ignore[misc]
    """Tries again while a service is away, with growing pauses and jitter.

    Pauses stay well below the broker's visibility timeout: a longer one would be run twice.
    """

    abstract = True
    autoretry_for = (StoreUnavailable, StreamUnavailable)
    max_retries = 5
    retry_backoff = 1
    retry_backoff_max = 20
    retry_jitter = True
    throws = (StoreUnavailable, StoreNotReady, StreamUnavailable)
    """Expected now and then: logged in a line, without a traceback."""


Report = dict[str, Any]
"""What a task returns: counts, JSON-ready, short enough to read in Flower."""
