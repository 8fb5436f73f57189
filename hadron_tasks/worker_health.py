"""What every Celery worker node tells about itself in Redis, for metrics and checks.

One hash for the fleet, a field a node. The consumer's own loop writes it every few seconds, so a
node that is stuck or cannot reach the broker falls silent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import redis
from pydantic import BaseModel, ConfigDict, ValidationError

WORKERS_KEY = "hadron:workers"
"""Redis hash: node name -> :class:`WorkerReport` as JSON."""

REPORT_EVERY_S = 5.0
REPORT_STALE_AFTER_S = 20.0
FORGOTTEN_AFTER_S = 3600.0
"""A node that was silent for so long is taken off the hash by the next that reports."""

NOT_CONSUMING_AFTER_S = 60.0
"""An idle node that received nothing for so long, while its queue holds messages, is stuck."""


class WorkerReport(BaseModel):
    """One worker node's report."""

    model_config = ConfigDict(extra="ignore")

    node: str
    """``name@host``."""
    queues: tuple[str, ...]
    processes: int
    """Size of its pool."""
    active: int
    """Tasks it runs just now."""
    received: int
    """Tasks it received since it started."""
    last_received_ns: int
    """When it last received one, or started; nanoseconds since the Unix epoch."""
    reported_ns: int

    @property
    def host(self) -> str:
        """The machine or container it runs on."""
        return self.node.rpartition("@")[2]

    def is_fresh(self, now_ns: int) -> bool:
        """Whether the node is still there."""
        return now_ns - self.reported_ns < REPORT_STALE_AFTER_S * 1e9

    def is_stuck(self, waiting: Mapping[str, int], now_ns: int) -> bool:
        """Whether it leaves messages lying although it has a process free.

        Args:
            waiting: Messages in each queue.
        """
        return (
            self.active < self.processes
            and any(waiting.get(queue) for queue in self.queues)
            and now_ns - self.last_received_ns > NOT_CONSUMING_AFTER_S * 1e9
        )


def write_report(client: redis.Redis, report: WorkerReport) -> None:
    """Write a node's report, and forget nodes that are long gone.

    Raises:
        redis.RedisError: Redis cannot be reached.
    """
    client.hset(WORKERS_KEY, report.node, report.model_dump_json())
    oldest_ns = report.reported_ns - FORGOTTEN_AFTER_S * 1e9
    gone = [other.node for other in read_reports(client) if other.reported_ns < oldest_ns]
    if gone:
        client.hdel(WORKERS_KEY, *gone)


def withdraw_report(client: redis.Redis, node: str) -> None:
    """Take a node's report away: it stops.

    Raises:
        redis.RedisError: Redis cannot be reached.
    """
    client.hdel(WORKERS_KEY, node)


def read_reports(client: redis.Redis) -> list[WorkerReport]:
    """Every node's last report, stale ones too, by name.

    Raises:
        redis.RedisError: Redis cannot be reached.
    """
    stored = cast("dict[bytes, bytes]", client.hgetall(WORKERS_KEY))
    found = []
    for document in stored.values():
        try:
            found.append(WorkerReport.model_validate_json(document))
        except ValidationError:  # of another version
            continue
    return sorted(found, key=lambda report: report.node)


def queue_lengths(client: redis.Redis, queues: tuple[str, ...]) -> dict[str, int]:
    """Messages that wait in Celery's queues.

    Raises:
        redis.RedisError: Redis cannot be reached.
    """
    with client.pipeline(transaction=False) as pipeline:
        for queue in queues:
            pipeline.llen(queue)
        return dict(zip(queues, pipeline.execute(), strict=True))
