"""Letters that cannot go to PostgreSQL wait in Redis, and move over when it is back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis
from letter_worker import LetterWorker
from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks import letter_room
from hadron_tasks.store.dead_tasks import DeadTask, identity_of_task

pytestmark = pytest.mark.xdist_group("dead letters")

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def letter(number: int, **changes: Any) -> DeadTask:
    return DeadTask(
        identity=identity_of_task(str(number)),
        task_id=str(number),
        task_name="test.task",
        error_type="ValueError",
        message="failed",
        first_failed_at=NOON,
        last_failed_at=NOON,
        args_json="[1]",
        kwargs_json="{}",
    ).model_copy(update=changes)


def test_no_letter_is_lost_while_postgresql_is_away(worker: LetterWorker, tmp_path: Path) -> None:
    mended, unmended = tmp_path / "mended", str(tmp_path / "unmended")
    early = worker.send("misconfigured", str(mended))
    (to_resolve,) = worker.wait_for(
        lambda: worker.letters("misconfigured", task_id=early), "the letter to resolve"
    )
    worker.wait_for(lambda: letter_room.waiting(worker.redis) == 0, "an empty room")
    mended.touch()
    worker.postgres.stop()
    try:
        failed = [worker.send("misconfigured", unmended) for _ in range(10)]
        unknown = [worker.send("unknown_while_away", n) for n in range(10)]
        past = {"hadron": {"letter": _identity_of(early)}}
        worker.send("misconfigured", str(mended), headers=past)
        worker.wait_for(lambda: letter_room.waiting(worker.redis) == 21, "21 that wait")
    finally:
        worker.postgres.start()
    # As beat does every minute.
    worker.celery.send_task(letter_room.STORE_TASK, queue="maintenance")
    worker.wait_for(lambda: letter_room.waiting(worker.redis) == 0, "an empty room")
    assert {one["task_id"] for one in worker.letters("misconfigured", args=[unmended])} == set(
        failed
    )
    assert {one["task_id"] for one in worker.letters("unknown_while_away")} == set(unknown)
    assert worker.status(to_resolve["id"]) == ("resolved", 1)


def _identity_of(task_id: str) -> str:
    return identity_of_task(task_id).hex()


def rows(connection: PgConnection, columns: str) -> list[tuple[Any, ...]]:
    with connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM dead_letters ORDER BY task_id")
        return cursor.fetchall()


def test_what_is_moved_twice_is_one_letter(client: redis.Redis, connection: PgConnection) -> None:
    for _ in range(2):  # as after a crash between the commit and the deletion
        for number in range(450):
            letter_room.put(client, letter(number))
        assert letter_room.move_over(client, connection) == 450
    assert rows(connection, "attempts, status") == [(1, "dead")] * 450


def test_one_that_postgresql_refuses_keeps_no_other_waiting(
    client: redis.Redis, connection: PgConnection
) -> None:
    letter_room.put(client, letter(1))
    # What JSON may say and jsonb cannot hold, from a writer less careful than ours.
    letter_room.put(client, letter(2, args_json='["\\u0000"]'))
    letter_room.put(client, letter(3))
    letter_room.move_over(client, connection)
    assert letter_room.waiting(client) == 0
    assert rows(connection, "task_id, args") == [("1", [1]), ("2", None), ("3", [1])]
    assert "refused the arguments" in rows(connection, "message")[1][0]


def test_a_resolution_follows_its_letter(client: redis.Redis, connection: PgConnection) -> None:
    letter_room.put(client, letter(1))
    letter_room.put(client, identity_of_task("1"))
    letter_room.put(client, letter(2))
    letter_room.move_over(client, connection)
    assert rows(connection, "task_id, status") == [("1", "resolved"), ("2", "dead")]
