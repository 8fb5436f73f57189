"""Counters that all processes share, kept in Redis: what workers did, for the metrics.

One hash a counter, one field a set of labels, so that a process adds whenever it has something
and whoever reads sees the sum of all. They are for watching, not for the account: who cannot
reach Redis counts nothing and goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from typing import cast

import redis

_SEPARATOR = "\x1f"


class Counter(StrEnum):
    """What is counted, with the labels of each."""

    TASKS = "tasks"
    """task, state (``success``, ``failure``, ``retry`` ...)."""
    TASK_SECONDS = "task_seconds"
    """task, bucket of :func:`hadron_tasks.ingest.latency.bucket_of`."""
    NORMALISED = "normalised"
    """venue, tick type or lifecycle kind."""
    NORMALISATION_FAILURES = "normalisation_failures"
    """venue, error type."""
    INSTRUMENT_LOOKUPS = "instrument_lookups"
    """venue, ``hit`` or ``miss``."""
    REST_REQUESTS = "rest_requests"
    """venue, endpoint, HTTP status (or ``unreachable``, ``unreadable``)."""


Labelled = tuple[Counter, tuple[str, ...]]
"""A counter and a value of each of its labels."""


def counter_key(counter: Counter) -> str:
    """The Redis hash of a counter."""
    return f"hadron:count:{counter}"


def enqueue(pipeline: redis.client.Pipeline, counts: Mapping[Labelled, int]) -> None:
    """Add to counters when the pipeline is executed."""
    for (counter, labels), count in counts.items():
        pipeline.hincrby(counter_key(counter), _SEPARATOR.join(labels), count)


def add(client: redis.Redis, counts: Mapping[Labelled, int]) -> None:
    """Add to counters; does nothing when Redis cannot be reached."""
    if counts:
        with suppress(redis.RedisError), client.pipeline(transaction=False) as pipeline:
            enqueue(pipeline, counts)
            pipeline.execute()


def read(client: redis.Redis, counter: Counter) -> dict[tuple[str, ...], int]:
    """A counter's values by their labels.

    Raises:
        redis.RedisError: Redis cannot be reached.
    """
    stored = cast("dict[bytes, bytes]", client.hgetall(counter_key(counter)))
    return {
        tuple(field.decode("utf-8", "replace").split(_SEPARATOR)): int(count)
        for field, count in stored.items()
    }
