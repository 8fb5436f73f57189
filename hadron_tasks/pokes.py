"""Pokes: the small Celery messages that tell a worker that a raw stream has data.

A poke carries no data, so a lost or repeated one costs nothing: a lost one is followed by the
next, a surplus one finds enough drains at work and ends.
"""

from __future__ import annotations

from celery import Celery

DRAIN_TASK = "hadron.drain_raw"
DRAIN_QUEUE = "drain"
POKE_EXPIRES_S = 10
"""A poke that waited longer than this is dropped: newer ones have come since."""


class DrainPoker:
    """Sends pokes. Opens its broker connection with the first one."""

    def __init__(self, redis_url: str) -> None:
        self._celery = Celery("hadron", broker=redis_url)
        self._celery.conf.update(
            task_ignore_result=True,
            task_serializer="json",
            # One try: a poke that fails is followed by the next. By default it is tried for six
            # seconds, and a streamer that is to end meanwhile would wait for that.
            broker_transport_options={
                "socket_timeout": 5,
                "socket_connect_timeout": 5,
                "max_retries": 0,
            },
        )

    def poke(self, venue: str) -> None:
        """Ask for one drain task on ``venue``.

        Raises:
            kombu.exceptions.OperationalError: The broker cannot be reached.
        """
        self._celery.send_task(
            DRAIN_TASK, args=[venue], queue=DRAIN_QUEUE, expires=POKE_EXPIRES_S, retry=False
        )

    def close(self) -> None:
        """Give the broker connection back."""
        self._celery.close()
