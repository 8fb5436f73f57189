"""How commands hand work to the workers that ask exchanges: whether there are any."""

from __future__ import annotations

from hadron_tasks.cli.connect import celery_app, database
from hadron_tasks.errors import HadronError

WORKER_ANSWERS_WITHIN_S = 2.0


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
    app = celery_app()
    from hadron_tasks.app import REST_QUEUE

    queues = app.control.inspect(timeout=WORKER_ANSWERS_WITHIN_S).active_queues() or {}
    listening = {queue["name"] for found in queues.values() for queue in found}
    if REST_QUEUE not in listening:
        raise HadronError(
            f"No worker listens on the queue {REST_QUEUE!r}. Start one with 'hadron up', or with: "
            f"celery -A hadron_tasks.app worker -Q {REST_QUEUE}"
        )
