"""What the disk does while something is measured: a commit that waits for it, frames that do."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hadron_tasks.bench.services import Services
from hadron_tasks.ingest.latency import bucket_of
from hadron_tasks.raw_stream import stream_key

EVERY_NS = 50_000_000


class Looks:
    """Takes a latency every :data:`EVERY_NS`, in a thread, beside what is measured.

    Args:
        look: Takes one; told when it was due, and in nanoseconds, as all here.
    """

    def __init__(self, look: Callable[[int], int]) -> None:
        self._look = look
        self._ended = threading.Event()
        self.latency: Counter[int] = Counter()
        """In buckets, as :mod:`~hadron_tasks.ingest.latency` has them."""

    @contextmanager
    def running(self) -> Iterator[Looks]:
        """Begun on entry, ended on exit."""
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            thread.join()

    def _run(self) -> None:
        due_ns = time.time_ns()
        while not self._ended.wait(max(0.0, (due_ns - time.time_ns()) / 1e9)):
            self.latency[bucket_of(self._look(due_ns))] += 1
            due_ns += EVERY_NS


@contextmanager
def commits(services: Services) -> Iterator[Looks]:
    """Commits of one row, each of which waits until it is on the disk.

    One that is held up by the one before is timed from when it was due, as a frame is from when it
    was received: else a disk that stands still for a second would be seen once, not twenty times.
    """
    with services.connect() as connection:
        with connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE IF NOT EXISTS bench_commits (at timestamptz)")

        def commit(due_ns: int) -> int:
            with connection, connection.cursor() as cursor:
                cursor.execute("INSERT INTO bench_commits VALUES (now())")
            return time.time_ns() - due_ns

        with Looks(commit).running() as looks:
            yield looks


@contextmanager
def unsettled(services: Services, venue: str) -> Iterator[Looks]:
    """How old the oldest entry of a stream is whose rows are not known to be on the disk."""
    with services.redis() as client:

        def age(_due_ns: int) -> int:
            oldest = client.xrange(stream_key(venue), count=1)
            if not oldest:
                return 0
            entry_id: bytes = oldest[0][0]
            return time.time_ns() - int(entry_id.partition(b"-")[0]) * 1_000_000

        with Looks(age).running() as looks:
            yield looks
