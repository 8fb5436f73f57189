"""Draining a raw stream: batch after batch until it is empty or the time is up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import redis
from psycopg2.extensions import connection as PgConnection  # noqa: N812
from sqlalchemy import Engine

from hadron_tasks.errors import StoreUnavailable, StreamUnavailable
from hadron_tasks.ingest.batch import BatchWriter
from hadron_tasks.ingest.consumer import Delivery, StreamConsumer
from hadron_tasks.ingest.latency import histogram, latency_key
from hadron_tasks.raw_stream import active_drains_key, drains_wanted, stream_key
from hadron_tasks.store.accounts import Counts
from hadron_tasks.store.session import raw_connection

IDLE_S = 0.25
"""A drain that found nothing for so long ends: its process is free for other work."""

GATHER_BELOW = 200
GATHER_S = 0.02
"""A batch smaller than GATHER_BELOW waits so long for company before the next read: a commit for
every handful of frames would cost far more than the little latency this adds."""

ACTIVE_GRACE_S = 5.0
"""How long past its budget a drain counts as at work; a killed one is forgotten after it."""

COOL_DOWN_S = 2.0
"""How long a drain that found no database keeps its place, so that no other tries at once."""


class Drain:
    """Moves a venue's frames from its raw stream to the tables.

    Args:
        client: A Redis client without ``decode_responses``.
        engine: The database.
        writer: Keeps this process's caches from one drain to the next.
        venue: Whose stream.
        consumer_name: Unique to this process.
        batch: Most frames in one transaction.
    """

    def __init__(
        self,
        client: redis.Redis,
        engine: Engine,
        writer: BatchWriter,
        venue: str,
        consumer_name: str,
        *,
        batch: int,
    ) -> None:
        self._client = client
        self._engine = engine
        self._writer = writer
        self._venue = venue
        self._consumer = StreamConsumer(client, venue, consumer_name)
        self._batch = batch

    def run(self, budget_s: float, *, linger: bool = True) -> Counts:
        """Drain until the stream was empty for ``IDLE_S`` or ``budget_s`` is spent.

        Args:
            linger: False ends as soon as the stream is caught up with: for a drain that helps
                another one, whose process other venues may be waiting for.

        Raises:
            StoreUnavailable: PostgreSQL is away; what was read is given back to the stream.
            StreamUnavailable: Redis is away; what was committed stays so, and is recognised
                when it is delivered again.
        """
        total = Counts()
        deadline = time.monotonic() + budget_s
        # The database first: entries that cannot be stored should not be read at all.
        with raw_connection(self._engine) as connection:
            while abandoned := self._consumer.claim_abandoned(self._batch):
                total.add(self._store(connection, abandoned))
                if time.monotonic() > deadline:
                    return total
            while (left_s := deadline - time.monotonic()) > 0:
                deliveries = self._consumer.read(self._batch, int(min(left_s, IDLE_S) * 1000))
                if not deliveries:
                    break
                total.add(self._store(connection, deliveries))
                if not linger and len(deliveries) < self._batch:
                    break
                if len(deliveries) < GATHER_BELOW:
                    time.sleep(min(GATHER_S, max(0.0, deadline - time.monotonic())))
        return total

    def _store(self, connection: PgConnection, deliveries: list[Delivery]) -> Counts:
        entry_ids = [delivery.entry_id for delivery in deliveries]
        try:
            counts = self._writer.write(connection, [delivery.entry for delivery in deliveries])
        except BaseException:
            # Whatever it was, the entries are not done; without this they would wait for
            # CLAIM_AFTER_MS. When Redis is away too, that is what happens.
            with suppress(StreamUnavailable):
                self._consumer.release(entry_ids)
            raise
        committed_ns = time.time_ns()
        self._consumer.acknowledge(entry_ids)
        self._record_latency(deliveries, committed_ns)
        return counts

    def _record_latency(self, deliveries: list[Delivery], committed_ns: int) -> None:
        buckets = histogram((d.entry.received_ns for d in deliveries), committed_ns)
        key = latency_key(self._venue)
        with suppress(redis.RedisError), self._client.pipeline(transaction=False) as pipeline:
            for bucket, count in buckets.items():
                pipeline.hincrby(key, str(bucket), count)
            pipeline.execute()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a drain stands among those at work on its venue."""

    wanted: int
    """How many drains the backlog is worth, at least one."""
    active: int
    """How many are at work, this one included."""

    @property
    def is_surplus(self) -> bool:
        """There are enough without this one: its poke came late."""
        return self.active > self.wanted

    @property
    def is_helper(self) -> bool:
        """Another drain stays on the stream when this one has caught up."""
        return self.active > 1


@contextmanager
def counted_as_active(
    client: redis.Redis, venue: str, drain_id: str, budget_s: float, max_parallel: int
) -> Iterator[Place]:
    """Count a drain among those at work on a venue while the body runs.

    Raises:
        StreamUnavailable: Redis cannot be reached.
    """
    key = active_drains_key(venue)
    now = time.time()
    try:
        with client.pipeline(transaction=True) as pipeline:
            pipeline.zremrangebyscore(key, "-inf", now)
            pipeline.zadd(key, {drain_id: now + budget_s + ACTIVE_GRACE_S})
            pipeline.zcard(key)
            pipeline.xlen(stream_key(venue))
            _, _, active, backlog = pipeline.execute()
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise StreamUnavailable(f"Redis is not available now ({error}).") from error
    stays_until: float | None = None
    try:
        yield Place(max(1, drains_wanted(backlog, max_parallel)), active)
    except StoreUnavailable:
        # Stay counted for a moment: without it every frame that arrives would start a drain that
        # cannot store it either.
        stays_until = time.time() + COOL_DOWN_S
        raise
    finally:
        with suppress(redis.RedisError):
            if stays_until is None:
                client.zrem(key, drain_id)
            else:
                client.zadd(key, {drain_id: stays_until})


def drains_missing(client: redis.Redis, venue: str, max_parallel: int) -> int:
    """How many more drains a venue's backlog is worth than are at work now."""
    with client.pipeline(transaction=False) as pipeline:
        pipeline.xlen(stream_key(venue))
        pipeline.zcount(active_drains_key(venue), time.time(), "+inf")
        backlog, active = pipeline.execute()
    return max(0, drains_wanted(backlog, max_parallel) - int(active))
