"""What the parts can do by themselves: the floor that Hadron is compared with."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import cast

from psycopg2.extensions import connection as PgConnection  # noqa: N812
from redis import Redis

from hadron_tasks.bench.frames import batches
from hadron_tasks.bench.measure import Figure
from hadron_tasks.bench.services import Services
from hadron_tasks.ingest.latency import histogram
from hadron_tasks.raw_stream import RawFrame, frame_fields
from hadron_tasks.store.copy_text import TICK_COLUMNS, copy_in
from hadron_tasks.store.tick_rows import text_of

_COPY = f"COPY ticks ({', '.join(TICK_COLUMNS)}) FROM STDIN"
_STREAM = "bench:floor"
_GROUP = "floor"
COMMIT_EVERY_NS = 50_000_000


def copy_ready_rows(
    figure: Figure, connection: PgConnection, lines: Sequence[str], batch: int
) -> None:
    """COPY of rows whose text is made already, a transaction a batch, into the same table."""
    texts = [text_of(some) for some in batches(lines, batch)]
    with figure.timing(len(lines)):
        for text in texts:
            with connection, connection.cursor() as cursor:
                copy_in(cursor, _COPY, text)


def append_frames(figure: Figure, client: Redis, frames: Sequence[RawFrame], batch: int) -> None:
    """XADD of the same frames, pipelined."""
    client.delete(_STREAM)
    with figure.timing(len(frames)):
        for some in batches(frames, batch):
            with client.pipeline(transaction=False) as pipeline:
                for frame in some:
                    pipeline.xadd(_STREAM, frame_fields(frame))  # type: ignore[arg-type]
                pipeline.execute()


def read_frames(figure: Figure, client: Redis, count: int, batch: int) -> None:
    """XREADGROUP, XACK and XDEL of what :func:`append_frames` left."""
    client.xgroup_create(_STREAM, _GROUP, id="0")
    read = 0
    with figure.timing(count):
        while read < count:
            reply = client.xreadgroup(_GROUP, "bench", {_STREAM: ">"}, count=batch)
            entries = cast(list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]], reply)[0][1]
            ids = [entry_id for entry_id, _ in entries]
            with client.pipeline(transaction=False) as pipeline:
                pipeline.xack(_STREAM, _GROUP, *ids)
                pipeline.xdel(_STREAM, *ids)
                pipeline.execute()
            read += len(ids)
    client.delete(_STREAM)


def decode_json(figure: Figure, frames: Sequence[RawFrame]) -> None:
    """The standard library's JSON decoder, its result thrown away."""
    with figure.timing(len(frames)):
        for frame in frames:
            json.loads(frame.data)


class Commits:
    """Commits a row of its own every :data:`COMMIT_EVERY_NS`, in a thread, beside what is measured.

    What is committed meanwhile can take no less: where the disk stands still, so does everything.
    One that is held up by the one before is timed from when it was due, as a frame is from when it
    was received: else a disk that stands still for a second would be seen once, not twenty times.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._ended = threading.Event()
        self.latency: Counter[int] = Counter()
        """From when each was due to its end, as :func:`~hadron_tasks.ingest.latency.histogram`."""

    @contextmanager
    def running(self) -> Iterator[Commits]:
        """Begun on entry, ended on exit."""
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            thread.join()

    def _run(self) -> None:
        with self._services.connect() as connection:
            with connection, connection.cursor() as cursor:
                cursor.execute("CREATE TABLE IF NOT EXISTS bench_commits (at timestamptz)")
            due_ns = time.time_ns()
            while not self._ended.wait(max(0.0, (due_ns - time.time_ns()) / 1e9)):
                with connection, connection.cursor() as cursor:
                    cursor.execute("INSERT INTO bench_commits VALUES (now())")
                self.latency.update(histogram([(due_ns, 1)], time.time_ns()))
                due_ns += COMMIT_EVERY_NS
