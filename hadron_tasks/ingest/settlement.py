"""Taking frames off the raw stream once what they held is on the disk."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Self

from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.ingest.consumer import StreamConsumer
from hadron_tasks.store.wal_flush import flush_wal

STANDSTILL_S = 0.05
"""A disk that takes longer than this for one flush stands still, nobody knows for how long."""


class Settlement:
    """Settles entries, on a thread of its own: once they are durable they are acknowledged.

    A disk stands still for half a second now and then. Batches that waited for it one by one held
    up all that came meanwhile; so they are committed at once, and one flush settles all that were
    committed before it. Leaving the context waits for the last, and raises what went wrong.

    Args:
        connection: Older than every commit that :meth:`add` tells of; see
            :func:`~hadron_tasks.store.wal_flush.flush_wal`.
        consumer: Who read the entries.

    Raises:
        psycopg2.Error: The server went away, and may have forgotten what was committed: the entries
            were given back, and those that it still knows will be recognised.
        StreamUnavailable: Redis is away; the entries will be delivered again.
    """

    def __init__(self, connection: PgConnection, consumer: StreamConsumer) -> None:
        self._connection = connection
        self._consumer = consumer
        self._committed: deque[bytes] = deque()
        self._thread = ThreadPoolExecutor(1)
        self._asked: list[Future[None]] = []
        self._flushing_since: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()
        for asked in self._asked:
            asked.result()

    def add(self, entry_ids: Iterable[bytes]) -> None:
        """These are committed now."""
        self._committed.extend(entry_ids)
        self._asked.append(self._thread.submit(self._settle))

    @property
    def disk_stands_still(self) -> bool:
        """Whether the flush under way takes longer than flushes do."""
        since = self._flushing_since
        return since is not None and time.monotonic() - since > STANDSTILL_S

    def is_soon_done(self) -> bool:
        """Whether all that was added is settled, after a moment's wait if need be."""
        return not wait(self._asked, STANDSTILL_S).not_done

    def _settle(self) -> None:
        entry_ids = [self._committed.popleft() for _ in range(len(self._committed))]
        if not entry_ids:  # with those before
            return
        self._flushing_since = time.monotonic()
        try:
            flush_wal(self._connection)
        except BaseException:
            self._consumer.release(entry_ids)
            raise
        finally:
            self._flushing_since = None
        self._consumer.acknowledge(entry_ids)
