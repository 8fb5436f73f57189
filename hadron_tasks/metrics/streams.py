"""Readings of the raw streams: how much waits, for how long, and how fast it was committed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import redis

from hadron_tasks.metrics.exposition import Distribution, Reading, Sample
from hadron_tasks.status import read_streams


def read_stream_metrics(client: redis.Redis, venues: Sequence[str]) -> Iterator[Reading]:
    """Backlog and commit latency of every venue.

    Raises:
        redis.RedisError: Redis cannot be reached.
    """
    for stream in read_streams(client, venues):
        label = (stream.venue,)
        yield Sample("hadron_stream_entries", label, stream.backlog)
        yield Sample("hadron_stream_pending_entries", label, stream.pending)
        # What is committed is deleted, so the rest was not read yet.
        yield Sample("hadron_stream_lag_entries", label, max(0, stream.backlog - stream.pending))
        yield Sample("hadron_stream_oldest_entry_age_seconds", label, stream.oldest_s or 0.0)
        yield Sample("hadron_stream_drains", label, stream.active_drains)
        if stream.latency:
            yield Distribution("hadron_ingest_commit_latency_seconds", label, stream.latency)
