"""Readings of what everything stands on: Redis itself, and disks."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import redis

from hadron_tasks import counters
from hadron_tasks.counters import Counter
from hadron_tasks.metrics.exposition import Reading, Sample

_COUNTED = {
    Counter.NORMALISED: "hadron_normalised_total",
    Counter.NORMALISATION_FAILURES: "hadron_normalisation_failures_total",
    Counter.INSTRUMENT_LOOKUPS: "hadron_instrument_lookups_total",
}


def read_counted(client: redis.Redis) -> Iterator[Reading]:
    """What workers count of their normalising, by type.

    Raises:
        redis.RedisError: Redis cannot be reached.
    """
    for counter, name in _COUNTED.items():
        for labels, count in sorted(counters.read(client, counter).items()):
            yield Sample(name, labels, count)


def read_redis(client: redis.Redis) -> Iterator[Reading]:
    """Memory, and whether Redis keeps what it is given.

    Raises:
        redis.RedisError: Redis cannot be reached.
    """
    info = cast("dict[str, Any]", client.info())
    limit = info["maxmemory"] or info.get("total_system_memory", 0)
    yield Sample("hadron_redis_memory_used_bytes", (), info["used_memory"])
    if limit:
        yield Sample("hadron_redis_memory_limit_bytes", (), limit)
    yield Sample("hadron_redis_clients", (), info["connected_clients"])
    yield Sample("hadron_redis_evicted_keys_total", (), info["evicted_keys"])
    yield Sample("hadron_redis_durable", (), is_durable(info))


def is_durable(info: Mapping[str, Any]) -> bool:
    """Whether Redis, by its INFO, keeps what it is given: on disk, and whatever its memory."""
    return (
        bool(info["aof_enabled"])
        and info.get("aof_last_write_status", "ok") == "ok"
        and info.get("maxmemory_policy", "noeviction") == "noeviction"
    )


def read_disks(volumes: Mapping[str, Path]) -> Iterator[Reading]:
    """Free space of the named directories' file systems; one that is not there is left out."""
    for name, path in volumes.items():
        try:
            told = os.statvfs(path)
        except OSError:
            continue
        yield Sample("hadron_disk_free_bytes", (name,), told.f_bavail * told.f_frsize)
        yield Sample("hadron_disk_size_bytes", (name,), told.f_blocks * told.f_frsize)
