"""A task that ends its process every time must not be started for ever.

A task whose process was killed is delivered again, which is right when the process was to blame and
wrong when the task is: each start of a task that was delivered before is counted in Redis, and the
count is forgotten when the task ends, however it ends. What is left are starts without an end.
"""

from __future__ import annotations

import redis

from hadron_tasks.errors import StreamUnavailable

MOST_DEATHS = 3
"""Processes that a task may end before it is a dead letter: one may be chance, three are not."""

_REMEMBERED_FOR_S = 86_400


def deaths_before(client: redis.Redis, task_id: str) -> int:
    """Count the start of a redelivered task; returns how many processes it has ended before.

    Raises:
        StreamUnavailable: Redis cannot be reached.
    """
    try:
        with client.pipeline(transaction=True) as pipeline:
            pipeline.incr(_key(task_id))
            pipeline.expire(_key(task_id), _REMEMBERED_FOR_S)
            return int(pipeline.execute()[0])
    except redis.RedisError as error:
        raise StreamUnavailable(f"Redis cannot count a start now ({error}).") from error


def ended(client: redis.Redis, task_id: str) -> None:
    """The task ended without ending its process.

    Raises:
        redis.RedisError: Redis cannot be reached; the count is forgotten after a day.
    """
    client.delete(_key(task_id))


def _key(task_id: str) -> str:
    return f"hadron:starts:{task_id}"
