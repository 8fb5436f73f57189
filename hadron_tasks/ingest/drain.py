"""Draining a raw stream: batch after batch until it is empty or the time is up."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass

import redis
from sqlalchemy import Engine

from hadron_tasks import counters, quote_changes
from hadron_tasks.errors import StreamUnavailable
from hadron_tasks.frame_pack import MAX_FRAMES
from hadron_tasks.ingest.batch import BatchWriter
from hadron_tasks.ingest.consumer import Delivery, StreamConsumer
from hadron_tasks.ingest.latency import histogram, latency_key
from hadron_tasks.ingest.settlement import Settlement
from hadron_tasks.raw_stream import active_drains_key, drains_wanted, stream_key
from hadron_tasks.store.accounts import Counts
from hadron_tasks.store.session import KEPT_CONNECTIONS, raw_connection

IDLE_S = 0.25
"""A drain that found nothing for so long ends: its process is free for other work."""

WRITTEN_AT_ONCE = KEPT_CONNECTIONS - 1
"""Batches that a drain has under way at a time, each with a connection of its own: while PostgreSQL
is waited for with some, another is made ready. Six are no faster, and take 34 MB more. One more
connection settles what was committed."""

GATHER_BELOW = 200
GATHER_S = 0.02
"""A batch smaller than GATHER_BELOW waits so long for company before the next read: a commit for
every handful of frames would cost far more than the little latency this adds."""

ACTIVE_FOR_S = 3.0
"""How long a drain counts as at work after it last said so, which it does with every batch. A
killed one is forgotten after it, and another takes its place."""

STAY_S = 10.0
"""How much longer than it should a drain goes on while the disk stands still. It could not end,
only wait: rather what comes meanwhile is stored than that it waits, too."""

COOL_DOWN_S = 2.0
"""How long a drain that found no database keeps its place, so that no other tries at once."""


class Drain:
    """Moves a venue's frames from its raw stream to the tables.

    Args:
        client: A Redis client without ``decode_responses``.
        engine: The database.
        writers: As many batches are written at a time, each on a connection of its own; they keep
            this process's caches from one drain to the next.
        venue: Whose stream.
        consumer_name: Unique to this process.
        batch: Most frames in one transaction.
    """

    def __init__(
        self,
        client: redis.Redis,
        engine: Engine,
        writers: Sequence[BatchWriter],
        venue: str,
        consumer_name: str,
        *,
        batch: int,
    ) -> None:
        self._client = client
        self._engine = engine
        self._writers = writers
        self._venue = venue
        self._consumer = StreamConsumer(client, venue, consumer_name)
        self._batch = batch
        self._few = max(1, batch // MAX_FRAMES)
        """Entries that make no more than a batch, however many frames are in each."""

    def run(
        self,
        budget_s: float,
        *,
        linger: bool = True,
        still_here: Callable[[], None] = lambda: None,
    ) -> Counts:
        """Drain until the stream was empty for ``IDLE_S`` or ``budget_s`` is spent.

        If the disk stands still then it goes on, for up to :data:`STAY_S`.

        Args:
            linger: False ends as soon as the stream is caught up with: for a drain that helps
                another one, whose process other venues may be waiting for.
            still_here: Called with every batch.

        Raises:
            StoreUnavailable: PostgreSQL is away; what was read is given back to the stream.
            StreamUnavailable: Redis is away; what was committed stays so, and is recognised
                when it is delivered again.
        """
        deadline = time.monotonic() + budget_s
        # Opened before anything is read: entries that cannot be stored should not be. And before
        # anything is committed: see flush_wal.
        with (
            raw_connection(self._engine) as connection,
            Settlement(connection, self._consumer) as settlement,
        ):
            return self._drain(_Term(deadline, linger, settlement, still_here))

    def _drain(self, term: _Term) -> Counts:
        total = Counts()
        while abandoned := self._consumer.claim_abandoned(self._few):
            term.still_here()
            for batch in _transactions(abandoned, self._batch):
                total.add(self._store(self._writers[0], batch, term.settlement))
            if time.monotonic() > term.deadline:
                return total
        with ThreadPoolExecutor(len(self._writers)) as threads:
            total.add(self._read_on(term, threads))
            while not term.can_end():
                total.add(self._read_on(term, threads))
        return total

    def _read_on(self, term: _Term, threads: ThreadPoolExecutor) -> Counts:
        """Read and store until there is nothing more to do, or no more time."""
        total = Counts()
        # While PostgreSQL is waited for with one batch, others are made ready.
        writing: dict[Future[Counts], BatchWriter] = {}
        idle = deque(self._writers)
        wanted = self._few
        while time.monotonic() < term.deadline or term.must_stay:
            deliveries = self._consumer.read(wanted, int(IDLE_S * 1000))
            term.still_here()
            for batch in _transactions(deliveries, self._batch):
                if not idle:
                    for written in wait(writing, return_when=FIRST_COMPLETED).done:
                        idle.append(writing.pop(written))
                        total.add(self._result(written, deliveries))
                writer = idle.popleft()
                writing[threads.submit(self._store, writer, batch, term.settlement)] = writer
            caught_up = not deliveries if term.linger else len(deliveries) < wanted
            if caught_up and not term.must_stay:
                break
            frames = sum(len(delivery.entries) for delivery in deliveries)
            # What comes next may be packed otherwise: no more than twice of what this was.
            likely = self._batch * len(deliveries) // max(1, frames)
            wanted = max(self._few, min(likely, 2 * len(deliveries)))
            if frames < GATHER_BELOW:
                time.sleep(GATHER_S)
        for written in writing:
            total.add(written.result())
        return total

    def _result(self, written: Future[Counts], deliveries: Sequence[Delivery]) -> Counts:
        """What came of a batch; if it failed, ``deliveries`` go back too."""
        try:
            return written.result()
        except BaseException:
            self._release(deliveries)
            raise

    def _store(
        self, writer: BatchWriter, deliveries: Sequence[Delivery], settlement: Settlement
    ) -> Counts:
        """Store a batch in one transaction, which is then to be settled."""
        entries = [entry for delivery in deliveries for entry in delivery.entries]
        try:
            with raw_connection(self._engine) as connection:
                counts = writer.write(connection, entries)
        except BaseException:
            self._release(deliveries)
            raise
        committed_ns = time.time_ns()
        settlement.add(delivery.entry_id for delivery in deliveries)
        self._count(writer, deliveries, committed_ns)
        return counts

    def _release(self, deliveries: Sequence[Delivery]) -> None:
        self._consumer.release([delivery.entry_id for delivery in deliveries])

    def _count(
        self, writer: BatchWriter, deliveries: Sequence[Delivery], committed_ns: int
    ) -> None:
        # The frames of an entry count with their oldest one's latency: it is nearly theirs, and
        # never better than the truth.
        received = ((entries[0].received_ns, len(entries)) for _entry_id, entries in deliveries)
        buckets = histogram(received, committed_ns)
        key = latency_key(self._venue)
        with suppress(redis.RedisError), self._client.pipeline(transaction=False) as pipeline:
            for bucket, count in buckets.items():
                pipeline.hincrby(key, str(bucket), count)
            counters.enqueue(pipeline, writer.tallies.take())
            quote_changes.enqueue(pipeline, writer.quoted)
            writer.quoted.clear()
            pipeline.execute()


@dataclass(frozen=True, slots=True)
class _Term:
    """How long a drain goes on."""

    deadline: float
    linger: bool
    settlement: Settlement
    still_here: Callable[[], None]

    @property
    def must_stay(self) -> bool:
        """Whether to end now would be to wait for a disk that stands still."""
        return self.settlement.disk_stands_still and not self._has_stayed

    def can_end(self) -> bool:
        """Whether all is settled, or will not be for long; waits a moment to see."""
        return self.settlement.is_soon_done() or self._has_stayed

    @property
    def _has_stayed(self) -> bool:
        return time.monotonic() > self.deadline + STAY_S


def _transactions(deliveries: Sequence[Delivery], batch: int) -> Iterator[list[Delivery]]:
    """``deliveries`` in runs of about ``batch`` frames: an entry may hold more than was thought."""
    run: list[Delivery] = []
    frames = 0
    for delivery in deliveries:
        run.append(delivery)
        frames += len(delivery.entries)
        if frames >= batch:
            yield run
            run, frames = [], 0
    if run:
        yield run


class Place:
    """A drain's place among those at work on its venue, held from :meth:`take` to :meth:`leave`."""

    def __init__(
        self, client: redis.Redis, venue: str, drain_id: str, wanted: int, active: int
    ) -> None:
        self._client = client
        self._key = active_drains_key(venue)
        self._drain_id = drain_id
        self.is_surplus = active > wanted
        """There are enough drains without this one: its poke came late."""
        self.is_helper = active > 1
        """Another drain stays on the stream when this one has caught up."""

    @classmethod
    def take(cls, client: redis.Redis, venue: str, drain_id: str, max_parallel: int) -> Place:
        """Count among the drains at work on ``venue``.

        Raises:
            StreamUnavailable: Redis cannot be reached.
        """
        key = active_drains_key(venue)
        now = time.time()
        try:
            with client.pipeline(transaction=True) as pipeline:
                pipeline.zremrangebyscore(key, "-inf", now)
                pipeline.zadd(key, {drain_id: now + ACTIVE_FOR_S})
                pipeline.zcard(key)
                pipeline.xlen(stream_key(venue))
                _, _, active, backlog = pipeline.execute()
        except (redis.ConnectionError, redis.TimeoutError) as error:
            raise StreamUnavailable(f"Redis is not available now ({error}).") from error
        wanted = max(1, drains_wanted(backlog, max_parallel))
        return cls(client, venue, drain_id, wanted, active)

    def keep(self, for_s: float = ACTIVE_FOR_S) -> None:
        """Count for ``for_s`` more seconds."""
        with suppress(redis.RedisError):
            self._client.zadd(self._key, {self._drain_id: time.time() + for_s})

    def leave(self) -> None:
        """Count no more."""
        with suppress(redis.RedisError):
            self._client.zrem(self._key, self._drain_id)


def drains_missing(client: redis.Redis, venue: str, max_parallel: int) -> int:
    """How many more drains a venue's backlog is worth than are at work now."""
    with client.pipeline(transaction=False) as pipeline:
        pipeline.xlen(stream_key(venue))
        pipeline.zcount(active_drains_key(venue), time.time(), "+inf")
        backlog, active = pipeline.execute()
    return max(0, drains_wanted(backlog, max_parallel) - int(active))
