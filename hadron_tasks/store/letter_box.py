"""Looking through dead letters, and sending them again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
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

    def where(self) -> tuple[sql.Composable, dict[str, Any]]:
        """The condition, and its parameters."""
        clauses = [sql.SQL("status = ANY(%(statuses)s)")]
        values: dict[str, Any] = {"statuses": list(self.statuses)}
        for name, clause in _CLAUSES.items():
            value = getattr(self, name)
            if value is not None:
                clauses.append(sql.SQL(clause))
                values[name] = list(value) if name == "ids" else value
        if self.error is not None:
            values["error_part"] = f"%{_literally(self.error)}%"
        return sql.SQL(" AND ").join(clauses), values


_CLAUSES = {
    "ids": "id = ANY(%(ids)s)",
    "kind": "kind = %(kind)s",
    "task": "task_name = %(task)s",
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


_LETTER = sql.SQL(
    "id, kind, status, fingerprint, venue, connection, raw_frame, received_at_ns, task_id,"
    " task_name, args, kwargs, queue, error_type, message, place, traceback, attempts,"
    " first_failed_at, last_failed_at"
)
# The newest letter of a group speaks for it; its number is looked up by primary key afterwards.
_GROUPS = sql.SQL("""
    SELECT g.fingerprint, g.count, d.kind, d.venue, d.task_name, d.error_type, d.place,
           d.message, g.first_failed_at, g.last_failed_at, g.newest_id
    FROM (SELECT fingerprint, count(*), max(id) AS newest_id,
                 min(first_failed_at) AS first_failed_at, max(last_failed_at) AS last_failed_at
          FROM dead_letters WHERE {where} GROUP BY fingerprint) AS g
    JOIN dead_letters d ON d.id = g.newest_id
    ORDER BY g.last_failed_at DESC LIMIT %(limit)s
""")
_TAKE = sql.SQL("""
    UPDATE dead_letters SET status = 'retrying'
    WHERE id IN (SELECT id FROM dead_letters WHERE {where} AND kind = 'message' AND id > %(after)s
                 ORDER BY id LIMIT %(batch)s FOR UPDATE SKIP LOCKED)
    RETURNING id, venue, raw_frame, received_at_ns, connection
""")


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
            "SELECT status, kind, coalesce(venue, task_name) AS source, error_type, count(*)"
            " FROM dead_letters GROUP BY 1, 2, 3, 4 ORDER BY 1, 5 DESC, 3, 4"
        )
        names = ("status", "kind", "source", "error_type", "count")
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def letters(connection: PgConnection, chosen: Chosen, *, page: int = 500) -> Iterator[Letter]:
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
) -> list[tuple[str, RawFrame]]:
    """Mark the next messages as being retried, and give their venues and frames.

    They carry their letter's number: stored, it is resolved; failed again, it is dead again.

    Args:
        after: The last letter number taken before.
    """
    where, values = chosen.where()
    with connection, connection.cursor() as cursor:
        cursor.execute(_TAKE.format(where=where), values | {"after": after, "batch": batch})
        taken = sorted(cursor.fetchall())
    return [
        (venue, RawFrame(bytes(frame), received_ns, connection_name, letter_id))
        for letter_id, venue, frame, received_ns, connection_name in taken
    ]


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


def _with_bytes(row: tuple[Any, ...]) -> list[Any]:
    return [bytes(value) if isinstance(value, memoryview) else value for value in row]


def _literally(words: str) -> str:
    return words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
