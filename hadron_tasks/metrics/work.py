"""Readings of the workers, their queues and tasks, and of beat."""

from __future__ import annotations

import math
import time
from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import cast

import redis

from hadron_tasks import beat_health, counters, letter_room
from hadron_tasks.app import QUEUES
from hadron_tasks.counters import Counter
from hadron_tasks.metrics.exposition import Distribution, Reading, Sample
from hadron_tasks.worker_health import WorkerReport, queue_lengths, read_reports

_UNACKNOWLEDGED = "unacked"
"""Redis hash of kombu: what workers took and did not acknowledge yet."""


def read_tasks(client: redis.Redis) -> Iterator[Reading]:
    """How many tasks ended how, and how long they took.

    Raises:
        redis.RedisError: Redis cannot be reached.
    """
    for labels, count in sorted(counters.read(client, Counter.TASKS).items()):
        yield Sample("hadron_tasks_total", labels, count)
    durations: dict[str, Tally[int]] = defaultdict(Tally)
    for (task, bucket), count in counters.read(client, Counter.TASK_SECONDS).items():
        durations[task][int(bucket)] += count
    for task, buckets in sorted(durations.items()):
        yield Distribution("hadron_task_duration_seconds", (task,), buckets)


def read_waiting_letters(client: redis.Redis) -> Iterator[Reading]:
    """Dead letters on their way to PostgreSQL.

    Raises:
        redis.RedisError: Redis cannot be reached.
    """
    yield Sample("hadron_dead_letters_waiting", (), letter_room.waiting(client))


def read_workers(client: redis.Redis) -> Iterator[Reading]:
    """Queues, and the nodes that consume them.

    Raises:
        redis.RedisError: Redis cannot be reached.
    """
    now_ns = time.time_ns()
    nodes = [one for one in read_reports(client) if one.is_fresh(now_ns)]
    lengths = queue_lengths(client, QUEUES)
    for queue in QUEUES:
        mine = [one for one in nodes if queue in one.queues]
        yield Sample("hadron_queue_messages", (queue,), lengths[queue])
        for name, value in _NODE_SUMS.items():
            yield Sample(name, (queue,), sum(map(value, mine)))
    unacknowledged = cast("int", client.hlen(_UNACKNOWLEDGED))
    yield Sample("hadron_queue_unacknowledged_messages", (), unacknowledged)


_NODE_SUMS: dict[str, Callable[[WorkerReport], int]] = {
    "hadron_workers": lambda _node: 1,
    "hadron_worker_processes": lambda node: node.processes,
    "hadron_worker_tasks_active": lambda node: node.active,
}


def read_beat(client: redis.Redis) -> Iterator[Reading]:
    """Whether beat ticks, and what is late.

    Raises:
        redis.RedisError: Redis cannot be reached.
    """
    age_s = beat_health.tick_age_s(client)
    yield Sample("hadron_beat_tick_age_seconds", (), math.inf if age_s is None else age_s)
    for entry, late_s in sorted(beat_health.overdue_s(client).items()):
        yield Sample("hadron_schedule_overdue_seconds", (entry,), late_s)
