"""Flower's configuration, which it runs when it starts (``app.py`` tells it where this is).

Flower asks the workers once, when it starts, which queues they read, and waits a second for their
answers: of a fleet that starts beside it, it would know some queues and leave out the rest. Here
its broker page and its API list the application's own, whoever has answered.
"""

from __future__ import annotations

from flower.views import BaseHandler


def _queue_names(handler: BaseHandler) -> list[str]:
    return sorted(queue.name for queue in handler.capp.conf.task_queues)


BaseHandler.get_active_queue_names = _queue_names
