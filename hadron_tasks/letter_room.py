"""The waiting room of dead letters: a Redis stream where they wait for PostgreSQL.

A worker's main process puts letters here, since it must not wait for a database, and so does a task
that finds PostgreSQL away. What is in the room is moved over by the task ``hadron.store_letters``;
an entry is deleted after the commit, and one that is moved twice is the same letter.
"""

from __future__ import annotations

import redis
from psycopg2 import DataError
from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.errors import StreamUnavailable
from hadron_tasks.store.dead_tasks import DeadTask, resolve_tasks, write_dead_tasks

ROOM_KEY = "hadron:letters"
STORE_TASK = "hadron.store_letters"
MOVED_AT_ONCE = 200

_LETTER = b"l"
_RESOLVED = b"r"

Waiting = DeadTask | bytes
"""A letter, or the identity of one whose retry succeeded."""


def put(client: redis.Redis, what: Waiting) -> bool:
    """Leave a letter, or the identity of a resolved one, in the waiting room.

    Returns:
        Whether the room was empty before.

    Raises:
        StreamUnavailable: Redis cannot be reached or takes no more data.
    """
    if isinstance(what, bytes):
        fields = {_RESOLVED: what}
    else:
        fields = {_LETTER: what.model_dump_json().encode("utf-8", "backslashreplace")}
    try:
        with client.pipeline(transaction=True) as pipeline:
            pipeline.xadd(ROOM_KEY, fields)  # type: ignore[arg-type]
            pipeline.xlen(ROOM_KEY)
            return bool(pipeline.execute()[1] == 1)
    except redis.RedisError as error:
        raise StreamUnavailable(f"Redis cannot take a dead letter now ({error}).") from error


def waiting(client: redis.Redis) -> int:
    """How many entries wait."""
    return int(client.xlen(ROOM_KEY))  # type: ignore[arg-type]


def move_over(client: redis.Redis, connection: PgConnection) -> int:
    """Move everything that waits to PostgreSQL, a batch a transaction; returns how much it was.

    Raises:
        redis.RedisError: Redis cannot be reached; what was committed is recognised next time.
    """
    moved = 0
    while entries := client.xrange(ROOM_KEY, count=MOVED_AT_ONCE):
        found = [_read(fields) for _, fields in entries]  # type: ignore[union-attr]
        try:
            _store(connection, found)
        except DataError:
            # One that PostgreSQL refuses must not keep the others waiting.
            connection.rollback()
            for one in found:
                _store_at_any_price(connection, one)
        client.xdel(ROOM_KEY, *(entry_id for entry_id, _ in entries))  # type: ignore[union-attr]
        moved += len(found)
    return moved


def _store(connection: PgConnection, found: list[Waiting]) -> None:
    with connection, connection.cursor() as cursor:
        write_dead_tasks(cursor, [one for one in found if isinstance(one, DeadTask)])
        resolve_tasks(cursor, [one for one in found if isinstance(one, bytes)])


def _store_at_any_price(connection: PgConnection, one: Waiting) -> None:
    try:
        _store(connection, [one])
    except DataError as error:
        connection.rollback()
        if isinstance(one, bytes):
            raise
        body = one.model_dump_json().encode("utf-8", "backslashreplace")
        reason = f"{one.message}\n(PostgreSQL refused the arguments: {error})"
        bare = one.model_copy(
            update={"args_json": None, "kwargs_json": None, "body": body, "message": reason}
        )
        _store(connection, [bare])


def _read(fields: dict[bytes, bytes]) -> Waiting:
    letter = fields.get(_LETTER)
    return fields[_RESOLVED] if letter is None else DeadTask.model_validate_json(letter)
