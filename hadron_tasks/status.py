"""What the fleet is doing now: read from Redis and PostgreSQL, for people and programs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import redis
from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.feed_health import HEALTH_KEY, ConnectionHealth, is_fresh, parse_reports
from hadron_tasks.ingest.latency import latency_key, quantile_ms
from hadron_tasks.raw_stream import GROUP, active_drains_key, stream_key


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """One venue's way from the sockets to the stream."""

    venue: str
    backlog: int
    """Entries in the stream: not read yet, or read and not committed yet."""
    pending: int
    """Of these, read by a drain and not committed yet."""
    oldest_s: float | None
    """Age of the oldest entry, seconds; None when the stream is empty."""
    active_drains: int
    connections: tuple[ConnectionHealth, ...]
    latency: Mapping[int, int] = field(repr=False)
    """Buckets of receive-to-commit latency since the beginning of time."""

    @property
    def frames(self) -> int:
        """Frames received by the streamers that report now."""
        return sum(one.frames for one in self.connections)


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """One venue's account in PostgreSQL, since the beginning of time."""

    venue: str
    frames: int
    ticks: int
    duplicates: int
    lifecycle: int
    control: int
    unknown: int
    dead_letters: int
    open_gaps: int
    instruments: int


def read_streams(client: redis.Redis, venues: Sequence[str]) -> list[StreamStatus]:
    """The state of the raw streams and connections.

    Raises:
        redis.RedisError: Redis cannot be reached.
    """
    health = _read_health(client)
    return [_read_stream(client, venue, health) for venue in venues]


def _read_health(client: redis.Redis) -> list[ConnectionHealth]:
    stored: dict[bytes, bytes] = client.hgetall(HEALTH_KEY)  # type: ignore[assignment]
    return parse_reports(stored.values())


def oldest_waiting(client: redis.Redis, venue: str) -> datetime | None:
    """When the oldest frame came into the raw stream that is not stored yet; None when all are.

    Raises:
        redis.RedisError: Redis cannot be reached.
    """
    first: Any = client.xrange(stream_key(venue), count=1)
    if not first:
        return None
    return datetime.fromtimestamp(int(first[0][0].partition(b"-")[0]) / 1000, UTC)


def _read_stream(client: redis.Redis, venue: str, health: list[ConnectionHealth]) -> StreamStatus:
    stream = stream_key(venue)
    with client.pipeline(transaction=False) as pipeline:
        pipeline.xlen(stream)
        pipeline.xrange(stream, count=1)
        pipeline.zcount(active_drains_key(venue), time.time(), "+inf")
        pipeline.hgetall(latency_key(venue))
        pipeline.exists(stream)
        backlog, first, active, latency, exists = pipeline.execute()
    oldest_ms = int(first[0][0].partition(b"-")[0]) if first else None
    return StreamStatus(
        venue=venue,
        backlog=backlog,
        pending=_pending(client, stream) if exists else 0,
        oldest_s=None if oldest_ms is None else max(0.0, time.time() - oldest_ms / 1000),
        active_drains=active,
        connections=tuple(one for one in health if one.venue == venue and is_fresh(one)),
        latency={int(bucket): int(count) for bucket, count in latency.items()},
    )


def _pending(client: redis.Redis, stream: str) -> int:
    try:
        summary: dict[str, Any] = client.xpending(stream, GROUP)  # type: ignore[assignment]
    except redis.ResponseError:  # no drain has ever read it
        return 0
    return int(summary["pending"])


_STORE = """
    SELECT coalesce(sum(frames), 0), coalesce(sum(ticks), 0), coalesce(sum(duplicates), 0),
           coalesce(sum(lifecycle), 0), coalesce(sum(control), 0), coalesce(sum(unknown), 0),
           (SELECT count(*) FROM dead_letters
             WHERE venue = %(venue)s AND status IN ('dead', 'retrying')),
           (SELECT count(*) FROM feed_gaps WHERE venue = %(venue)s AND state = 'open'),
           (SELECT count(*) FROM instrument_venue_mapping WHERE venue = %(venue)s)
    FROM ingest_counts WHERE venue = %(venue)s
"""


def read_store(connection: PgConnection, venues: Sequence[str]) -> list[StoreStatus]:
    """The accounts of the venues."""
    statuses = []
    with connection, connection.cursor() as cursor:
        for venue in venues:
            cursor.execute(_STORE, {"venue": venue})
            row = cursor.fetchone() or ()
            statuses.append(StoreStatus(venue, *(int(count) for count in row)))
    return statuses


def recent_latency_ms(
    before: Mapping[int, int], now: Mapping[int, int], share: float
) -> float | None:
    """A latency quantile of the frames committed between two readings, in milliseconds."""
    # Counter's subtraction keeps what grew, which is what was committed since.
    return quantile_ms(Counter(dict(now)) - Counter(dict(before)), share)
