"""How commands hand work to the workers that ask exchanges: whether there are any."""

from __future__ import annotations

import time

from hadron_tasks.cli.connect import celery_app, database, redis_client
from hadron_tasks.errors import HadronError
from hadron_tasks.worker_health import read_reports


def use_fleet() -> None:
    """Let the application, which reads its settings when it is imported, be that of the fleet here.

    To be called before a module of tasks is imported.

    Raises:
        HadronError: Redis or PostgreSQL cannot be reached; says what to do.
    """
    celery_app()
    with database():
        pass


def require_a_worker() -> None:
    """Refuse to begin what nobody would do.

    Raises:
        HadronError: No worker listens on the queue of what waits for exchanges.
    """
    from hadron_tasks.app import REST_QUEUE

    with redis_client() as client:
        nodes = read_reports(client)
    now_ns = time.time_ns()
    listening = {queue for node in nodes if node.is_fresh(now_ns) for queue in node.queues}
    if REST_QUEUE not in listening:
        raise HadronError(
            f"No worker listens on the queue {REST_QUEUE!r}. Start one with 'hadron up', or with: "
            f"celery -A hadron_tasks.app worker -Q {REST_QUEUE}"
        )
