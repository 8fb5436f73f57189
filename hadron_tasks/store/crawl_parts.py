"""The parts of crawls: moved on page by page, put off, broken, ended.

Whatever moves a part on names the page it is about, and does nothing when the part is elsewhere by
then: a page that two tasks store at once is stored and counted once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Literal

from psycopg2.extensions import connection as PgConnection  # noqa: N812
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from psycopg2.extras import Json

PartStatus = Literal["waiting", "running", "resting", "complete", "broken"]

MOST_NOTES = 50
"""Samples kept of what could not be read; all of it is counted."""
_ERROR_LENGTH = 500
_LOCK_CLASS = 0x6861_6372
"""Keeps these advisory locks apart from others of this database ("hacr")."""


@dataclass(frozen=True, slots=True)
class Part:
    """One list of a crawl, and how far it is."""

    run_id: int
    part: str
    stage: int
    status: PartStatus
    cursor: str
    landmark: str
    pages: int
    seen: int
    changed: int
    requests: int
    unreadable: int
    failures: int
    resent: int
    restarts: int
    rest_at_page: int | None
    error: str
    missing: list[dict[str, Any]]
    notes: list[dict[str, Any]]
    due_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class PageStored:
    """What one page moved."""

    cursor: str
    """Of the next page; empty when there is none."""
    landmark: str
    seen: int
    changed: int
    requests: int
    unreadable: list[dict[str, Any]]


_PART = ", ".join(field.name for field in fields(Part))


@contextmanager
def only_one_at(connection: PgConnection, run_id: int, part: str) -> Iterator[bool]:
    """Hold a part against other tasks; gives whether it could be had.

    The lock belongs to the database session and not to a transaction, none of which is open while
    the exchange is asked. Should the process die, so does the session, and the part is free at
    once.
    """
    key = (_LOCK_CLASS, f"{run_id}\x1f{part}")
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s))", key)
        row = cursor.fetchone()
    is_held = bool(row and row[0])
    try:
        yield is_held
    finally:
        if is_held and not connection.closed:
            connection.rollback()
            with connection, connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, hashtext(%s))", key)


def parts_of(cursor: Cursor, run_id: int) -> list[Part]:
    """The parts of a run, by stage."""
    cursor.execute(
        f"SELECT {_PART} FROM crawl_parts WHERE run_id = %s ORDER BY stage, part",  # noqa: S608
        (run_id,),
    )
    return [Part(*row) for row in cursor.fetchall()]


def read_part(cursor: Cursor, run_id: int, part: str) -> Part | None:
    """One part."""
    cursor.execute(
        f"SELECT {_PART} FROM crawl_parts WHERE run_id = %s AND part = %s",  # noqa: S608
        (run_id, part),
    )
    row = cursor.fetchone()
    return None if row is None else Part(*row)


def begin_parts(
    cursor: Cursor, run_id: int, names: Iterable[str], rest_after: int | None
) -> list[tuple[str, int]]:
    """Start parts that wait or rest.

    Args:
        rest_after: Pages after which they rest; None for no budget.

    Returns:
        Those that this call started, each with its next page.
    """
    cursor.execute(
        "UPDATE crawl_parts SET status = 'running', due_at = now(), failures = 0, resent = 0,"
        " finished_at = NULL, started_at = coalesce(started_at, now()), rest_at_page = pages + %s"
        " WHERE run_id = %s AND part = ANY(%s) AND status IN ('waiting', 'resting')"
        " RETURNING part, pages",
        (rest_after, run_id, list(names)),
    )
    return [(str(part), int(pages)) for part, pages in cursor.fetchall()]


def add_part(cursor: Cursor, run_id: int, part: str, stage: int) -> None:
    """Add a waiting part; one that is there stays as it is."""
    cursor.execute(
        "INSERT INTO crawl_parts (run_id, part, stage) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        (run_id, part, stage),
    )


def move_on(cursor: Cursor, part: Part, stored: PageStored, status: PartStatus) -> bool:
    """Count a stored page, in the transaction that stores its rows.

    Returns:
        False when the part is no longer at this page: then nothing may be committed.
    """
    cursor.execute(
        "UPDATE crawl_parts SET cursor = %s, landmark = %s, pages = pages + 1, seen = seen + %s,"
        " changed = changed + %s, requests = requests + %s, unreadable = unreadable + %s,"
        " notes = CASE WHEN jsonb_array_length(notes) < %s THEN notes || %s ELSE notes END,"
        " status = %s, failures = 0, resent = 0, error = '', due_at = now(),"
        " finished_at = CASE WHEN %s = 'complete' THEN now() END"
        " WHERE run_id = %s AND part = %s AND pages = %s AND status = 'running'",
        (
            stored.cursor,
            stored.landmark,
            stored.seen,
            stored.changed,
            stored.requests,
            len(stored.unreadable),
            MOST_NOTES,
            Json(stored.unreadable[:MOST_NOTES]),
            status,
            status,
            part.run_id,
            part.part,
            part.pages,
        ),
    )
    return cursor.rowcount == 1


def put_off(
    cursor: Cursor, part: Part, pause: timedelta, *, requests: int, failed: bool, error: str
) -> None:
    """The page that is next is asked for later."""
    cursor.execute(
        "UPDATE crawl_parts SET due_at = now() + %s, requests = requests + %s, error = %s,"
        " failures = failures + %s, resent = 0 WHERE run_id = %s AND part = %s AND pages = %s",
        (pause, requests, error[:_ERROR_LENGTH], int(failed), part.run_id, part.part, part.pages),
    )


def start_over(cursor: Cursor, part: Part, *, requests: int, error: str) -> None:
    """Read the list from its first page again; what was counted stays counted."""
    cursor.execute(
        "UPDATE crawl_parts SET cursor = '', landmark = '', restarts = restarts + 1,"
        " pages = pages + 1, failures = 0, resent = 0, requests = requests + %s, error = %s,"
        " due_at = now()"
        " WHERE run_id = %s AND part = %s AND pages = %s",
        (requests, error[:_ERROR_LENGTH], part.run_id, part.part, part.pages),
    )


def complete_part(cursor: Cursor, part: Part) -> None:
    """Nothing is left to be asked for."""
    cursor.execute(
        "UPDATE crawl_parts SET status = 'complete', finished_at = now()"
        " WHERE run_id = %s AND part = %s AND pages = %s AND status = 'running'",
        (part.run_id, part.part, part.pages),
    )


def lose(
    cursor: Cursor,
    part: Part,
    missing: list[dict[str, Any]],
    status: PartStatus,
    next_cursor: str,
    *,
    requests: int,
    error: str,
) -> None:
    """Leave the next page out: end there, or go on behind it.

    Args:
        missing: All that the part could not have by now.
        status: ``broken`` ends the part before the page; otherwise the page counts as one.
        next_cursor: Where to go on, or where a broken part would.
    """
    cursor.execute(
        "UPDATE crawl_parts SET status = %s, cursor = %s, pages = pages + %s, missing = %s,"
        " requests = requests + %s, error = %s, failures = 0, due_at = now(),"
        " finished_at = CASE WHEN %s <> 'running' THEN now() END"
        " WHERE run_id = %s AND part = %s AND pages = %s AND status = 'running'",
        (
            status,
            next_cursor,
            int(status != "broken"),
            Json(missing),
            requests,
            error[:_ERROR_LENGTH],
            status,
            part.run_id,
            part.part,
            part.pages,
        ),
    )


def retake(cursor: Cursor, part: Part, from_cursor: str) -> None:
    """Let an ended part wait for its stage again, for what it misses."""
    cursor.execute(
        "UPDATE crawl_parts SET status = 'waiting', cursor = %s, landmark = '', missing = '[]',"
        " failures = 0, error = '', due_at = now(), finished_at = NULL"
        " WHERE run_id = %s AND part = %s AND status IN ('broken', 'complete')",
        (from_cursor, part.run_id, part.part),
    )


def drop_part(cursor: Cursor, part: Part) -> None:
    """Forget a part."""
    cursor.execute(
        "DELETE FROM crawl_parts WHERE run_id = %s AND part = %s", (part.run_id, part.part)
    )


def overdue_parts(cursor: Cursor, since: timedelta) -> list[tuple[int, str, int]]:
    """Running parts whose next page should have begun so long ago: (run, part, page).

    They are due now, so the next call does not give them again.
    """
    cursor.execute(
        "UPDATE crawl_parts p SET due_at = now(), resent = resent + 1 FROM crawl_runs r"
        " WHERE p.status = 'running' AND p.due_at < now() - %s"
        " AND r.id = p.run_id AND r.status = 'running'"
        " RETURNING p.run_id, p.part, p.pages",
        (since,),
    )
    return [(int(run_id), str(part), int(pages)) for run_id, part, pages in cursor.fetchall()]


def unheard_of(cursor: Cursor, resent: int) -> list[Part]:
    """Running parts whose page was sent again more often than that, and never heard of."""
    columns = ", ".join(f"p.{field.name}" for field in fields(Part))
    cursor.execute(
        f"SELECT {columns} FROM crawl_parts p JOIN crawl_runs r ON r.id = p.run_id"  # noqa: S608
        " WHERE p.status = 'running' AND r.status = 'running' AND p.resent > %s FOR UPDATE OF p",
        (resent,),
    )
    return [Part(*row) for row in cursor.fetchall()]
