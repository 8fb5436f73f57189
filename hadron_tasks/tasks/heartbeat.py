"""A worker node's report of itself, written by its consumer's own loop."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import redis
from celery import bootsteps
from celery.worker import state

from hadron_tasks.app import app
from hadron_tasks.settings import get_settings
from hadron_tasks.worker_health import (
    REPORT_EVERY_S,
    WorkerReport,
    withdraw_report,
    write_report,
)


class Heartbeat(bootsteps.StartStopStep):  # type: ignore[misc]
    """Reports while the consumer is connected to the broker and its loop turns."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._timer: Any = None
        self._received = 0
        self._last_received_ns = time.time_ns()
        # Not the tasks' shared client: pool processes are forked from this one.
        self._client = redis.Redis.from_url(
            get_settings().redis_url.get_secret_value(),
            socket_timeout=2,
            socket_connect_timeout=2,
        )

    def start(self, consumer: Any) -> None:
        """The consumer is connected."""
        self._report(consumer)
        self._timer = consumer.timer.call_repeatedly(REPORT_EVERY_S, self._report, (consumer,))

    def stop(self, consumer: Any) -> None:
        """The connection is lost, or the worker stops."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        with suppress(redis.RedisError):
            withdraw_report(self._client, consumer.hostname)

    shutdown = stop

    def _report(self, consumer: Any) -> None:
        now_ns = time.time_ns()
        received = sum(state.total_count.values())
        if received != self._received:
            self._received, self._last_received_ns = received, now_ns
        report = WorkerReport(
            node=consumer.hostname,
            queues=tuple(sorted(consumer.app.amqp.queues.consume_from)),
            processes=consumer.pool.num_processes,
            active=len(state.active_requests),
            received=received,
            last_received_ns=self._last_received_ns,
            reported_ns=now_ns,
        )
        with suppress(redis.RedisError):
            write_report(self._client, report)


app.steps["consumer"].add(Heartbeat)
