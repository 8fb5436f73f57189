"""Moving dead letters from the waiting room to PostgreSQL."""

from __future__ import annotations

from datetime import timedelta

from hadron_tasks import letter_room
from hadron_tasks.app import app
from hadron_tasks.store import letter_box
from hadron_tasks.store.session import raw_connection
from hadron_tasks.tasks.base import HadronTask, Report
from hadron_tasks.tasks.connections import engine, redis_client

LONGEST_RETRY = timedelta(hours=1)
"""A letter sent again longer ago than this counts as dead again."""


@app.task(name=letter_room.STORE_TASK, base=HadronTask, is_poke=True)  # type: ignore[untyped-decorator]
def store_letters() -> Report:
    """Move the dead letters that wait in Redis to PostgreSQL; see to retries never heard of."""
    with raw_connection(engine()) as connection:
        return {
            "moved": letter_room.move_over(redis_client(), connection),
            "unheard_of": letter_box.give_up_waiting(connection, LONGEST_RETRY),
        }
