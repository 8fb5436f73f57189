"""Sending dead letters again: frames through their raw stream, tasks to their queue.

Each carries the mark of its letter, by which the outcome finds its way back. Nothing is flooded:
who sends asks :meth:`LetterSender.full` first and waits while live work is waiting already.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import cast

import redis
from celery import Celery
from kombu.exceptions import OperationalError

from hadron_tasks.pokes import DrainPoker
from hadron_tasks.raw_stream import frame_fields, stream_key
from hadron_tasks.store.letter_box import Again, FrameAgain, TaskAgain
from hadron_tasks.task_past import Past

MOST_ENTRIES_WAITING = 20_000
"""A raw stream with more entries is full: live frames come first."""
MOST_TASKS_WAITING = 1_000
"""A queue with more tasks is full."""

DEFAULT_QUEUE = "maintenance"


class LetterSender:
    """Sends dead letters again.

    Args:
        client: A Redis client without ``decode_responses``.
        redis_url: The same Redis, for Celery.
    """

    def __init__(self, client: redis.Redis, redis_url: str) -> None:
        self._client = client
        self._celery = Celery("hadron", broker=redis_url)
        self._celery.conf.update(task_ignore_result=True, task_serializer="json")
        self._poker = DrainPoker(redis_url)
        self._queues: set[str] = set()

    def full(self) -> list[str]:
        """The streams and queues that should take no more for now."""
        streams = cast("list[bytes]", list(self._client.scan_iter(stream_key("*"))))
        crowded = [key.decode() for key in streams if self._length(key) > MOST_ENTRIES_WAITING]
        return crowded + [
            queue
            for queue in sorted(self._queues)
            if cast("int", self._client.llen(queue)) > MOST_TASKS_WAITING
        ]

    def send(self, letters: Sequence[Again]) -> None:
        """Send letters to where they came from.

        Raises:
            redis.RedisError: Redis cannot be reached; some may have been sent.
            kombu.exceptions.OperationalError: The same, of a task.
        """
        self._send_frames([one for one in letters if isinstance(one, FrameAgain)])
        self._send_tasks([one for one in letters if isinstance(one, TaskAgain)])

    def close(self) -> None:
        """Give the connections back."""
        self._poker.close()
        self._celery.close()

    def _send_frames(self, frames: Sequence[FrameAgain]) -> None:
        with self._client.pipeline(transaction=False) as pipeline:
            for one in frames:
                pipeline.xadd(stream_key(one.venue), frame_fields(one.frame))  # type: ignore[arg-type]
            pipeline.execute()
        for venue in {one.venue for one in frames}:
            with suppress(OperationalError):  # beat pokes, too
                self._poker.poke(venue)

    def _send_tasks(self, tasks: Iterable[TaskAgain]) -> None:
        with self._celery.producer_or_acquire() as producer:
            for one in tasks:
                queue = one.queue or DEFAULT_QUEUE
                self._queues.add(queue)
                self._celery.send_task(
                    one.name,
                    args=one.args,
                    kwargs=one.kwargs,
                    queue=queue,
                    headers=Past(letter=one.identity).headers(),
                    producer=producer,
                )

    def _length(self, key: bytes) -> int:
        return cast("int", self._client.xlen(key))
