"""From the sockets to a venue's raw stream: in order, and never dropped.

Entries wait in memory while one batch is on its way to Redis, so batches grow with the load and
nothing lingers. When Redis gives no acknowledgement, the batch and all that follows go to the
disk spool; when it is back, the spool empties before newer entries pass.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import redis.asyncio as redis
import structlog
from redis.exceptions import RedisError

from hadron_tasks.errors import StreamUnavailable
from hadron_tasks.raw_stream import FeedGap, stream_key
from streamer.acknowledged import MARK_KIND, Acknowledged, forgotten_before, received_ns
from streamer.append_link import Appended, AppendLink, gap_entry
from streamer.memory_mark import MemoryMark
from streamer.spool import Entry, Spool, orphans
from streamer.spool_losses import SpoolLosses

log = structlog.get_logger()

BATCH_BYTES = 4 * 1024**2
"""Most bytes in one write to Redis: it serves nobody else meanwhile."""
QUEUE_ENTRIES = 20_000
"""Entries in memory at which the sockets are not read for a moment: TCP holds the rest."""
SLOW_BATCH_S = 0.5
"""A Redis that takes so long for a batch, with the queue full, is relieved by the spool."""
KEEP_ACKNOWLEDGED_S = 5.0
"""With ``appendfsync everysec`` a killed Redis loses up to two seconds of acknowledged writes."""
RETRY_S = 0.25
WATCH_S = 1.0
ADOPT_EVERY_S = 10.0


@dataclass(frozen=True, slots=True)
class PublisherOptions:
    """What a publisher is set up with; the meaning of each is in the settings."""

    redis_url: str
    spool_root: Path
    """The venue's directory of spools, one of each streamer."""
    streamer: str
    flush_max_frames: int
    memory_mark: float
    spool_max_bytes: int
    keep_acknowledged_s: float = KEEP_ACKNOWLEDGED_S
    """How long what Redis acknowledged is kept, to be sent again when it forgets it."""


class Publisher:
    """Publishes one venue's entries. ``put`` is called from the event loop's thread only."""

    def __init__(
        self,
        venue: str,
        options: PublisherOptions,
        on_appended: Callable[[str, Appended], None] = lambda _venue, _appended: None,
    ) -> None:
        """Open the spool and adopt those of dead streamers on this disk.

        Args:
            on_appended: Told of the stream's backlog after each batch.
        """
        self.venue = venue
        self._options = options
        self._on_appended = on_appended
        self._log = log.bind(venue=venue)
        self._queue: list[Entry] = []
        self._wake = asyncio.Event()
        self._sleeping = False
        self._in_flight = 0
        self._batch_took_s = 0.0
        self._waiting_for_room: list[Callable[[], None]] = []
        self._link: AppendLink | None = None
        self._run_id: str | None = None
        self._acknowledged = Acknowledged(venue, options.keep_acknowledged_s)
        self._memory = MemoryMark(options.memory_mark, self._log)
        self._spooling = False
        self._losses = SpoolLosses(venue)
        self._stopping = False
        self._next_attempt = 0.0
        self._next_adoption = 0.0
        self._redis = redis.Redis.from_url(
            options.redis_url, socket_timeout=5, socket_connect_timeout=2
        )
        started = f"{options.streamer}-{time.time_ns():x}".replace(":", "-")
        self._own_spool = options.spool_root / started
        self._spool = Spool(self._own_spool)
        self._adopt()
        self.published = 0
        """Entries acknowledged by Redis."""

    @property
    def idle(self) -> bool:
        """Whether everything put so far is acknowledged by Redis."""
        return not self._queue and not self._in_flight and self._spool.empty

    @property
    def queued(self) -> int:
        """Entries in memory."""
        return len(self._queue)

    @property
    def full(self) -> bool:
        """Whether enough waits in memory: read no more until there is room."""
        return len(self._queue) >= QUEUE_ENTRIES

    def when_room(self, resume: Callable[[], None]) -> None:
        """Call ``resume`` when the queue has room again."""
        self._waiting_for_room.append(resume)

    @property
    def losses_told(self) -> int:
        """How often a loss on this way was over and told: what builds upon every frame, as order
        books do, is to begin anew then."""
        return self._losses.times_told

    @property
    def judged_run_id(self) -> str | None:
        """The life of Redis that was held against what we know; only of that one may anybody say
        that a feed is safe until now."""
        return self._run_id if self._link is not None else None

    @property
    def spool_bytes(self) -> int:
        """Bytes waiting on disk."""
        return self._spool.bytes

    def put(self, entry: Entry) -> None:
        """Take one entry to publish. Never blocks."""
        self._queue.append(entry)
        if self._sleeping:
            self._wake.set()

    def put_gap(self, gap: FeedGap) -> None:
        """Take a gap record to publish, in order with the frames."""
        self._log.warning(
            "feed gap",
            connection=gap.connection,
            channel=gap.channel,
            cause=gap.cause.value,
            seconds=round((gap.to_ns - gap.from_ns) / 1e9, 3),
            missing=gap.missing,
        )
        self.put(gap_entry(gap))

    async def run(self) -> None:
        """Publish until :meth:`close`."""
        watch = asyncio.create_task(self._watch())
        try:
            while not (self._stopping and self.idle):
                await self._step()
                if self._stopping and self._queue_is_safe():
                    break
        finally:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch

    async def close(self, task: asyncio.Task[None], within_s: float) -> bool:
        """Publish what is left, or leave it in the spool; whether Redis has everything.

        Args:
            task: The one that runs :meth:`run`.
            within_s: How long Redis may take before the rest stays in the spool.
        """
        self._stopping = True
        self._wake.set()
        await asyncio.wait({task}, timeout=within_s)
        if not task.done():
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        complete = self.idle
        if self._queue:
            self._to_spool(self._take_queue())
        await self._drop_link()
        await self._redis.aclose()
        self._spool.close()
        return complete

    async def _step(self) -> None:
        """One turn: a batch from the spool or from memory, or a wait for either."""
        if not self._spooling and not self._queue and self._link is not None:
            await self._sleep(None)
        if self._link is None and time.monotonic() >= self._next_attempt:
            await self._connect()
        usable = self._link is not None and not self._memory.exceeded
        too_slow = self.full and self._batch_took_s > SLOW_BATCH_S
        if self._spooling or not usable or too_slow:
            await self._spool_turn(usable)
        elif self._queue:
            await self._direct_turn()

    async def _sleep(self, at_most_s: float | None) -> None:
        """Wait for something to do."""
        self._wake.clear()
        self._sleeping = True
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), at_most_s)
        finally:
            self._sleeping = False

    async def _direct_turn(self) -> None:
        batch = self._take_batch()
        acknowledged = False
        try:
            acknowledged = await self._append(batch)
        finally:
            if not acknowledged:
                # Perhaps stored, perhaps not: it goes first when Redis is back.
                self._to_spool(batch)

    async def _spool_turn(self, usable: bool) -> None:
        if self._queue:
            self._to_spool(self._take_queue())
        if not usable:
            await self._sleep(RETRY_S)
            # Frames that come one by one are collected for a moment: one write, not many.
            await asyncio.sleep(0.02)
            return
        batch = self._spool.peek(self._options.flush_max_frames, BATCH_BYTES)
        if self._spool.torn:
            self._report_torn()
        if batch and await self._append_spooled(batch):
            self._spool.discard()
        if self._spool.empty:
            self._spooling = False
            self._queue[:0] = self._losses.untold(time.time_ns())
            self._losses.told()
            self._log.info("spool is empty; frames go straight to Redis")

    async def _append_spooled(self, batch: Sequence[Entry]) -> bool:
        """Append, and tell what Redis forgot of all that came before it went to the spool."""
        link = self._link
        if link is None or batch[0][3] != MARK_KIND:
            return await self._append(batch)
        try:
            safe_until = await link.continuity()
        except StreamUnavailable as error:
            await self._refused(error)
            return False
        gaps = forgotten_before(self.venue, batch[0], safe_until)
        self._note_forgotten(gaps)
        batch = [*map(gap_entry, gaps), *batch[1:]]
        return not batch or await self._append(batch)

    def _note_forgotten(self, gaps: Sequence[FeedGap]) -> None:
        if gaps:
            self._losses.told_elsewhere()
            self._log.error(
                "Redis is older than what it had acknowledged; the stretch is told as gaps",
                connections=sorted(gap.connection for gap in gaps),
                seconds=round(max(gap.to_ns - gap.from_ns for gap in gaps) / 1e9, 1),
            )

    async def _refused(self, error: StreamUnavailable) -> None:
        self._log.warning("Redis takes no frames; they go to the spool", reason=str(error))
        self._next_attempt = time.monotonic() + RETRY_S
        await self._drop_link()

    async def _append(self, batch: Sequence[Entry]) -> bool:
        """Whether Redis acknowledged the batch."""
        link = self._link
        if link is None:
            return False
        self._in_flight = len(batch)
        began = time.monotonic()
        try:
            appended = await link.append(self.venue, batch)
        except StreamUnavailable as error:
            await self._refused(error)
            return False
        finally:
            self._in_flight = 0
        now = time.monotonic()
        self._batch_took_s = now - began
        self._acknowledged.add(batch, now)
        self.published += len(batch)
        self._on_appended(self.venue, appended)
        return True

    async def _connect(self) -> None:
        """Open a link; to another life of Redis, append again what the last may have lost."""
        try:
            link = await AppendLink.open(self._options.redis_url)
        except StreamUnavailable as error:
            if not self._spooling:
                self._log.warning("Redis is away; frames go to the spool", reason=str(error))
            self._next_attempt = time.monotonic() + RETRY_S
            return
        if self._run_id not in (None, link.run_id):
            try:
                await self._catch_up(link)
            except StreamUnavailable as error:
                self._log.warning("Redis is not ready yet", reason=str(error))
                self._next_attempt = time.monotonic() + RETRY_S
                await link.close()
                return
        self._run_id = link.run_id
        self._link = link

    async def _catch_up(self, link: AppendLink) -> None:
        """Tell what another life of Redis forgot, and append again what is at hand of it.

        Raises:
            StreamUnavailable: It does not take it; whoever meets it next begins anew.
        """
        # Before any frame: those raise Redis' word on up to when a feed is safe.
        gaps = self._acknowledged.forgotten(await link.continuity())
        if gaps:
            await link.append(self.venue, [gap_entry(gap) for gap in gaps])
            self._note_forgotten(gaps)
        batches = self._acknowledged.again()
        for batch in batches:
            await link.append(self.venue, batch, again=True)
        self._acknowledged.sent_again(time.monotonic())
        again = sum(map(len, batches))
        self._log.warning("Redis was restarted; appended the last frames again", frames=again)

    async def _drop_link(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            await link.close()

    async def _watch(self) -> None:
        """Once a second: Redis' memory, whether it is the same Redis, and orphaned spools."""
        while True:
            await asyncio.sleep(WATCH_S)
            if time.monotonic() >= self._next_adoption and not self._stopping:
                self._adopt()
            acknowledged = {} if self._spooling else self._acknowledged.last()
            try:
                # In one go, so that both are said by the same life of Redis.
                pipeline = self._redis.pipeline(transaction=False)
                info, oldest = await (
                    pipeline.info().xrange(stream_key(self.venue), count=1).execute()
                )
            except (RedisError, OSError):
                continue
            self._memory.note(info["used_memory"], info["maxmemory"])
            link = self._link
            if info["run_id"] == self._run_id:
                self._acknowledged.note_stored(received_ns(oldest), acknowledged)
            elif link is not None and not self._in_flight:
                await self._drop_link()
            self._wake.set()

    def _take_queue(self) -> list[Entry]:
        taken, self._queue = self._queue, []
        self._tell_room()
        return taken

    def _take_batch(self) -> list[Entry]:
        most = self._options.flush_max_frames
        batch = self._queue[:most]
        size = sum(len(entry[0]) for entry in batch)
        while size > BATCH_BYTES and len(batch) > 1:
            size -= len(batch.pop()[0])
        del self._queue[: len(batch)]
        self._tell_room()
        return batch

    def _tell_room(self) -> None:
        # Before the batch is on its way, so that reading goes on while Redis works.
        if self._waiting_for_room and not self.full:
            resumes, self._waiting_for_room = self._waiting_for_room, []
            for resume in resumes:
                resume()

    def _queue_is_safe(self) -> bool:
        """When stopping: whether what is left is on disk and Redis does not take it."""
        return self._spooling and not self._queue and (self._link is None or self._memory.exceeded)

    def _to_spool(self, entries: list[Entry]) -> None:
        if not self._spooling:
            self._spooling = True
        if self._spool.bytes >= self._options.spool_max_bytes:
            self._lose(entries)
            return
        try:
            mark = self._acknowledged.mark() if self._spool.begins_segment else []
            self._spool.append([*mark, *self._losses.untold(entries[0][1]), *entries])
        except OSError as error:
            self._log.error("the spool's disk takes no more", reason=str(error))
            self._lose(entries)
            return
        self._losses.told()
        self._losses.spooled(entries)
        self._acknowledged.handed_on(entries)

    def _lose(self, entries: Sequence[Entry]) -> None:
        if not self._losses.pending:
            self._log.error(
                "the spool is full; frames are lost until Redis is back",
                spool_bytes=self._spool.bytes,
                remedy="bring Redis back, or raise HADRON_SPOOL_MAX_BYTES",
            )
        self._losses.lose(entries)

    def _report_torn(self) -> None:
        for segment in self._spool.torn:
            self._log.warning(
                "a spool segment ended in a torn record; it was cut", bytes_cut=segment.bytes_cut
            )
            for gap in self._losses.torn(segment):
                self.put_gap(gap)
        self._spool.torn.clear()

    def _adopt(self) -> None:
        self._next_adoption = time.monotonic() + ADOPT_EVERY_S
        for orphan in orphans(self._options.spool_root, self._own_spool):
            with contextlib.suppress(BlockingIOError, FileNotFoundError):
                taken = self._spool.adopt(orphan)
                self._spooling = self._spooling or taken > 0
                self._log.warning("adopted the spool of a dead streamer", bytes=taken)
