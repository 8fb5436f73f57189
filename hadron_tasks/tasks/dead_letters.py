"""Moving dead letters from the waiting room to PostgreSQL."""

from __future__ import annotations

from hadron_tasks import letter_room
from hadron_tasks.app import app
from hadron_tasks.store.session import raw_connection
from hadron_tasks.tasks.base import HadronTask, Report
from hadron_tasks.tasks.connections import engine, redis_client


@app.task(name=letter_room.STORE_TASK, base=HadronTask, is_poke=True)  # type: ignore[untyped-decorator]
def store_letters() -> Report:
    """Move the dead letters that wait in Redis to PostgreSQL."""
    if not letter_room.waiting(redis_client()):
        return {"moved": 0}
    with raw_connection(engine()) as connection:
        return {"moved": letter_room.move_over(redis_client(), connection)}
