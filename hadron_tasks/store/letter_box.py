"""Looking through dead letters, and sending them again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.raw_stream import RawFrame


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which letters are meant; what is left None does not matter."""

    ids: tuple[int, ...] | None = None
    kind: str | None = None
    task: str | None = None
    venue: str | None = None
    error: str | None = None
    """The error's type, or a part of its message."""
    fingerprint: str | None = None
    since: datetime | None = None
    statuses: tuple[str, ...] = ("dead", "retrying")
    retryable: bool = False
    """Only what can be sent again: not messages that nobody could read."""

    def where(self) -> tuple[sql.Composable, dict[str, Any]]:
        """The condition, and its parameters."""
        clauses = [sql.SQL("status = ANY(%(statuses)s)")]
        values: dict[str, Any] = {"statuses": list(self.statuses)}
        for name, clause in _CLAUSES.items():
            value = getattr(self, name)
            if value is not None:
                clauses.append(sql.SQL(clause))
                values[name] = list(value) if name == "ids" else value
        if self.retryable:
            clauses.append(sql.SQL("(kind = 'message' OR args IS NOT NULL)"))
        if self.error is not None:
            values["error_part"] = f"%{_literally(self.error)}%"
        return sql.SQL(" AND ").join(clauses), values


_CLAUSES = {
    "ids": "id = ANY(%(ids)s)",
    "kind": "kind = %(kind)s",
    "task": "task_name IN (%(task)s, 'hadron.' || %(task)s)",
    "venue": "venue = %(venue)s",
    "error": "(error_type = %(error)s OR message ILIKE %(error_part)s)",
    "fingerprint": "fingerprint = %(fingerprint)s",
    "since": "last_failed_at >= %(since)s",
}


@dataclass(frozen=True, slots=True)
class LetterGroup:
    """Letters of one cause."""

    fingerprint: str
    count: int
    kind: str
    venue: str | None
    task_name: str | None
    queue: str | None
    error_type: str
    place: str
    message: str
    """Of the newest of them."""
    first_failed_at: datetime
    last_failed_at: datetime
    newest_id: int


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter, whole."""

    id: int
    kind: str
    status: str
    fingerprint: str
    venue: str | None
    connection: str | None
    raw_frame: bytes | None
    received_at_ns: int | None
    task_id: str | None
    task_name: str | None
    args: list[Any] | None
    kwargs: dict[str, Any] | None
    queue: str | None
    error_type: str
    message: str
    place: str
    traceback: str
    attempts: int
    first_failed_at: datetime
    last_failed_at: datetime


@dataclass(frozen=True, slots=True)
class FrameAgain:
    """A frame that goes through its raw stream once more."""

    letter_id: int
    venue: str
    frame: RawFrame


@dataclass(frozen=True, slots=True)
class TaskAgain:
    """A task that is sent to its queue once more."""

    letter_id: int
    identity: bytes
    name: str
    args: list[Any]
    kwargs: dict[str, Any]
    queue: str | None


Again = FrameAgain | TaskAgain

MOST_BYTES = 8 * 1024**2
"""Frames of a batch to send again, but for the last."""

_LETTER = sql.SQL(
    "id, kind, status, fingerprint, venue, connection, raw_frame, received_at_ns, task_id,"
    " task_name, args, kwargs, queue, error_type, message, place, traceback, attempts,"
    " first_failed_at, last_failed_at"
)
# The newest letter of a group speaks for it; its number is looked up by primary key afterwards.
_GROUPS = sql.SQL("""
    SELECT g.fingerprint, g.count, d.kind, d.venue, d.task_name, d.queue, d.error_type,
           d.place, d.message, g.first_failed_at, g.last_failed_at, g.newest_id
    FROM (SELECT fingerprint, count(*), max(id) AS newest_id,
                 min(first_failed_at) AS first_failed_at, max(last_failed_at) AS last_failed_at
          FROM dead_letters WHERE {where} GROUP BY fingerprint) AS g
    JOIN dead_letters d ON d.id = g.newest_id
    ORDER BY g.last_failed_at DESC LIMIT %(limit)s
""")
# Frames may be megabytes: a batch ends where they reach a size that memory can hold.
_TAKE = sql.SQL("""
    WITH next AS (
        SELECT id, coalesce(octet_length(raw_frame), 0) AS size FROM dead_letters
        WHERE {where} AND id > %(after)s ORDER BY id LIMIT %(batch)s FOR UPDATE SKIP LOCKED
    ), batch AS (
        SELECT id, sum(size) OVER (ORDER BY id) - size AS size_before FROM next
    )
    UPDATE dead_letters SET status = 'retrying', retried_at = now()
    WHERE id IN (SELECT id FROM batch WHERE size_before < %(most_bytes)s)
    RETURNING id, kind, venue, raw_frame, received_at_ns, connection,
              identity, task_name, args, kwargs, queue
""")
_GIVE_BACK = """
    UPDATE dead_letters SET status = 'dead' WHERE id = ANY(%s) AND status = 'retrying'
"""
_GIVE_UP_WAITING = """
    UPDATE dead_letters SET status = 'dead'
    WHERE status = 'retrying' AND retried_at < now() - %s
"""


def groups(connection: PgConnection, chosen: Chosen, limit: int) -> list[LetterGroup]:
    """Letters by cause, the newest cause first."""
    where, values = chosen.where()
    with connection, connection.cursor() as cursor:
        cursor.execute(_GROUPS.format(where=where), values | {"limit": limit})
        return [LetterGroup(*row) for row in cursor.fetchall()]


def count(connection: PgConnection, chosen: Chosen) -> int:
    """How many letters are meant."""
    where, values = chosen.where()
    with connection, connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("SELECT count(*) FROM dead_letters WHERE {where}").format(where=where), values
        )
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def statistics(connection: PgConnection) -> list[dict[str, Any]]:
    """How many letters there are by status, kind, venue or task, and error."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT status, kind, coalesce(task_name, venue) AS source, error_type, count(*)"
            " FROM dead_letters GROUP BY 1, 2, 3, 4 ORDER BY 1, 5 DESC, 3, 4"
        )
        names = ("status", "kind", "source", "error_type", "count")
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def letters(connection: PgConnection, chosen: Chosen, *, page: int = 100) -> Iterator[Letter]:
    """The letters meant, oldest first, read a page at a time."""
    where, values = chosen.where()
    query = sql.SQL(
        "SELECT {columns} FROM dead_letters WHERE {where} AND id > %(after)s"
        " ORDER BY id LIMIT %(page)s"
    ).format(columns=_LETTER, where=where)
    after = 0
    while True:
        with connection, connection.cursor() as cursor:
            cursor.execute(query, values | {"after": after, "page": page})
            rows = cursor.fetchall()
        for row in rows:
            yield Letter(*_with_bytes(row))
        if len(rows) < page:
            return
        after = rows[-1][0]


def take_for_retry(
    connection: PgConnection, chosen: Chosen, *, after: int, batch: int
) -> list[Again]:
    """Mark the next letters as being retried, and give what is to be sent, in order.

    It carries its letter's number or identity: done, the letter is resolved; failed again, it is
    dead again.

    Args:
        after: The last letter number taken before.
    """
    where, values = replace(chosen, retryable=True).where()
    with connection, connection.cursor() as cursor:
        cursor.execute(
            _TAKE.format(where=where),
            values | {"after": after, "batch": batch, "most_bytes": MOST_BYTES},
        )
        rows = cursor.fetchall()
    return sorted((_again(row) for row in rows), key=lambda one: one.letter_id)


def give_back(connection: PgConnection, letter_ids: list[int]) -> None:
    """Mark letters that were taken and not sent as dead again."""
    with connection, connection.cursor() as cursor:
        cursor.execute(_GIVE_BACK, (letter_ids,))


def give_up_waiting(connection: PgConnection, longest: timedelta) -> int:
    """Mark as dead again what was sent long ago and never heard of; returns how many.

    Nothing is wrong when it is heard of after all: what was done is resolved all the same.
    """
    with connection, connection.cursor() as cursor:
        cursor.execute(_GIVE_UP_WAITING, (longest,))
        return int(cursor.rowcount)


def discard(connection: PgConnection, chosen: Chosen) -> int:
    """Mark letters as looked at and not wanted; they stay in the table. Returns how many."""
    where, values = chosen.where()
    with connection, connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("UPDATE dead_letters SET status = 'discarded' WHERE {where}").format(
                where=where
            ),
            values,
        )
        return int(cursor.rowcount)


def _again(row: tuple[Any, ...]) -> Again:
    letter_id, kind, venue, raw, received_ns, connection, identity, name, args, kwargs, queue = row
    if kind == "message":
        frame = RawFrame(bytes(raw), received_ns, connection, letter_id)
        return FrameAgain(letter_id, venue, frame)
    return TaskAgain(letter_id, bytes(identity), name, args, kwargs or {}, queue)


def _with_bytes(row: tuple[Any, ...]) -> list[Any]:
    return [bytes(value) if isinstance(value, memoryview) else value for value in row]


def _literally(words: str) -> str:
    return words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
