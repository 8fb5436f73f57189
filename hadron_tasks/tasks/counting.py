"""Every task that ends is counted in Redis, with how it ended and how long it took."""

from __future__ import annotations

import time
from typing import Any

from celery.signals import task_postrun, task_prerun

from hadron_tasks import counters
from hadron_tasks.counters import Counter
from hadron_tasks.ingest.latency import bucket_of
from hadron_tasks.tasks.connections import redis_client

_began_ns: dict[str, int] = {}
"""By task id, in the process that runs it."""


@task_prerun.connect  # type: ignore[untyped-decorator]
def _note_begin(task_id: str, **_: Any) -> None:
    _began_ns[task_id] = time.monotonic_ns()


@task_postrun.connect  # type: ignore[untyped-decorator]
def _count(task_id: str, task: Any, state: str | None = None, **_: Any) -> None:
    took_ns = time.monotonic_ns() - _began_ns.pop(task_id, time.monotonic_ns())
    counters.add(
        redis_client(),
        {
            (Counter.TASKS, (task.name, (state or "unknown").lower())): 1,
            (Counter.TASK_SECONDS, (task.name, str(bucket_of(took_ns)))): 1,
        },
    )
