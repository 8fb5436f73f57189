"""Hadron's own stages: reading frames, writing rows, and real workers that do it all."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import redis
from psycopg2.extensions import connection as PgConnection  # noqa: N812
from pydantic import SecretStr

from hadron_tasks.app import make_app
from hadron_tasks.bench.frames import CONNECTION, batches
from hadron_tasks.bench.measure import Figure
from hadron_tasks.bench.processes import children, cpu_s, peak_mb
from hadron_tasks.bench.services import Services
from hadron_tasks.errors import HadronError
from hadron_tasks.frame_pack import MAX_FRAMES
from hadron_tasks.ingest.batch import BatchWriter
from hadron_tasks.ingest.decode import Decoded, decode
from hadron_tasks.pokes import DRAIN_QUEUE, DRAIN_TASK
from hadron_tasks.raw_stream import (
    RawFrame,
    active_drains_key,
    pack_fields,
    stream_key,
)
from hadron_tasks.settings import Settings
from hadron_tasks.store.instruments import InstrumentCache, resolve_instruments
from hadron_tasks.store.tick_rows import rows_of
from hadron_tasks.store.wal_flush import flush_wal
from hadron_tasks.venues.registry import rules_for

VENUE = "kalshi"
PACKS_A_WRITE = 100
READY_S = 60.0
STALLED_S = 60.0
LOOK_S = 0.01
"""Between two looks at the stream: each takes a tenth of a millisecond from who is measured."""


def ready_rows(connection: PgConnection, frames: Sequence[RawFrame]) -> list[str]:
    """The ticks of frames as lines of COPY text."""
    rules = rules_for(VENUE)
    ticks = decode(rules, frames).found.ticks
    cache = InstrumentCache(1_000_000)
    tickers = {tick.ticker for tick in ticks}
    ids = resolve_instruments(connection, cache, VENUE, tickers, rules.describe)
    return rows_of((ids[tick.ticker], tick) for tick in ticks).lines


def normalise(figure: Figure, frames: Sequence[RawFrame]) -> None:
    """From frames to ticks, nothing else."""
    rules = rules_for(VENUE)
    decoded = Decoded()
    with figure.timing(len(frames)):
        decoded = decode(rules, frames)
    if len(decoded.found.ticks) != len(frames):
        raise HadronError("The benchmark's frames were not all read; this is a bug.")


def write(figure: Figure, connection: PgConnection, frames: Sequence[RawFrame], batch: int) -> None:
    """From frames in memory to durable rows, in this process: reading them included."""
    cache = InstrumentCache(1_000_000)
    writer = BatchWriter(rules_for(VENUE), cache, "bench", waits_for_disk=False)
    with figure.timing(len(frames)):
        for some in batches(frames, batch):
            writer.write(connection, some)
        flush_wal(connection)


class Workers:
    """Real Celery workers, one pool process each, that drain when they are poked.

    Args:
        services: What they work on.
        count: How many.
    """

    def __init__(self, services: Services, count: int) -> None:
        self.count = count
        self._services = services
        self._client = services.redis()
        self._processes: list[subprocess.Popen[bytes]] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        """Started on entry; ended on exit, whatever happened."""
        try:
            for number in range(1, self.count + 1):
                self._processes.append(self._start(number))
            yield
        finally:
            for process in self._processes:
                process.terminate()
            for process in self._processes:
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            self._processes.clear()

    def drain(self, figure: Figure | None, frames: Sequence[RawFrame]) -> None:
        """Put frames on the stream, let the workers store them, and time it from the first read
        until all rows are on the disk: what is done of batches that are under way cannot be seen.

        Raises:
            HadronError: The workers stopped before the stream was empty; names their logs.
        """
        self._wait_until_idle()
        stream = stream_key(VENUE)
        self._load(stream, frames)
        self._poke()
        seconds = self._watch(stream)
        if figure is not None:
            figure.rounds.append(len(frames) / seconds)

    def _load(self, stream: str, frames: Sequence[RawFrame]) -> None:
        """Append frames in packs, as a streamer does when frames come faster than Redis answers."""
        with self._client.pipeline(transaction=False) as pipeline:
            for number, some in enumerate(batches(frames, MAX_FRAMES)):
                times = [frame.received_ns for frame in some]
                fields = pack_fields([frame.data for frame in some], times, CONNECTION.encode())
                pipeline.xadd(stream, fields)  # type: ignore[arg-type]
                if number % PACKS_A_WRITE == PACKS_A_WRITE - 1:
                    pipeline.execute()
            pipeline.execute()

    def peak_memory_mb(self) -> float:
        """The most that any pool process has used, megabytes resident."""
        return max(map(peak_mb, self._pool_pids()))

    def cpu_s(self) -> float:
        """CPU seconds of all pool processes so far."""
        return sum(map(cpu_s, self._pool_pids()))

    def _start(self, number: int) -> subprocess.Popen[bytes]:
        with (self._log(number)).open("ab") as log:
            return subprocess.Popen(
                [
                    *(sys.executable, "-m", "celery", "-A", "hadron_tasks.app", "worker"),
                    *("-n", f"bench-{number}@%h", "-Q", DRAIN_QUEUE, "-c", "1", "-E"),
                    *("--without-gossip", "--without-mingle"),
                ],
                env=self._services.environment(),
                cwd=self._services.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _log(self, number: int) -> Path:
        return self._services.directory / f"worker-{number}.log"

    def _pool_pids(self) -> list[int]:
        return [pid for process in self._processes for pid in children(process.pid)]

    def _poke(self) -> None:
        app = make_app(Settings(redis_url=SecretStr(self._services.redis_url)))
        for _ in range(self.count):
            app.send_task(DRAIN_TASK, args=[VENUE], queue=DRAIN_QUEUE)
        app.close()

    def _wait_until_idle(self) -> None:
        deadline = time.monotonic() + READY_S
        while self._client.zcount(active_drains_key(VENUE), time.time(), "+inf"):
            if time.monotonic() > deadline:
                raise HadronError("A drain did not end.")
            time.sleep(0.05)

    def _watch(self, stream: str) -> float:
        """Seconds from the moment a worker began to read until the stream is empty."""
        began, is_read = time.perf_counter(), False
        moved_at, before = time.monotonic(), -1
        while left := stream_length(self._client, stream):
            if not is_read and (is_read := self._is_read(stream)):
                began = time.perf_counter()
            if left != before:
                moved_at, before = time.monotonic(), left
            elif time.monotonic() - moved_at > STALLED_S:
                raise HadronError(
                    f"The workers stand still; see {self._log(1)}\n{self._log(1).read_text()}"
                )
            time.sleep(LOOK_S)
        return time.perf_counter() - began

    def _is_read(self, stream: str) -> bool:
        groups = cast("list[dict[str, int]]", self._client.xinfo_groups(stream))
        return any(group["pending"] for group in groups)


def stream_length(client: redis.Redis, stream: str) -> int:
    """Entries that wait in a stream."""
    return cast(int, client.xlen(stream))
