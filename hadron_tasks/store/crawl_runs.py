"""Crawls: begun, ended, taken up again, forgotten."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Literal

from psycopg2.extensions import cursor as Cursor  # noqa: N812
from psycopg2.extras import execute_values

RunStatus = Literal["running", "complete", "incomplete", "stopped"]


@dataclass(frozen=True, slots=True)
class Run:
    """One crawl."""

    id: int
    venue: str
    kind: str
    scope: str
    status: RunStatus
    since: datetime | None
    started_at: datetime
    finished_at: datetime | None


_RUN = ", ".join(field.name for field in fields(Run))


def begin_run(
    cursor: Cursor,
    venue: str,
    kind: str,
    scope: str,
    since: datetime | None,
    parts: Iterable[tuple[str, int]],
) -> int | None:
    """Make a run with its parts (name, stage), all waiting.

    Returns:
        Its id, or None when one of this kind and scope is running.
    """
    cursor.execute(
        "INSERT INTO crawl_runs (venue, kind, scope, since) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (venue, kind, scope) WHERE status = 'running' DO NOTHING RETURNING id",
        (venue, kind, scope, since),
    )
    row = cursor.fetchone()
    if row is None:
        return None
    execute_values(
        cursor,
        "INSERT INTO crawl_parts (run_id, part, stage) VALUES %s",
        [(row[0], name, stage) for name, stage in parts],
    )
    return int(row[0])


def running_run(cursor: Cursor, venue: str, kind: str, scope: str = "") -> Run | None:
    """The run of this kind and scope that has not ended."""
    cursor.execute(
        f"SELECT {_RUN} FROM crawl_runs WHERE venue = %s AND kind = %s AND scope = %s"  # noqa: S608
        " AND status = 'running'",
        (venue, kind, scope),
    )
    row = cursor.fetchone()
    return None if row is None else Run(*row)


def read_run(cursor: Cursor, run_id: int) -> Run | None:
    """One run."""
    cursor.execute(f"SELECT {_RUN} FROM crawl_runs WHERE id = %s", (run_id,))  # noqa: S608
    row = cursor.fetchone()
    return None if row is None else Run(*row)


def newest_runs(cursor: Cursor, limit: int, kind: str | None = None) -> list[Run]:
    """The runs that began last, the newest first."""
    cursor.execute(
        f"SELECT {_RUN} FROM crawl_runs WHERE kind = coalesce(%s, kind)"  # noqa: S608
        " ORDER BY id DESC LIMIT %s",
        (kind, limit),
    )
    return [Run(*row) for row in cursor.fetchall()]


def newest_ended(
    cursor: Cursor, venue: str, kinds: Iterable[str], statuses: Iterable[RunStatus]
) -> Run | None:
    """The run of these kinds that began last and has come to one of these ends."""
    cursor.execute(
        f"SELECT {_RUN} FROM crawl_runs WHERE venue = %s AND kind = ANY(%s)"  # noqa: S608
        " AND status = ANY(%s) ORDER BY started_at DESC LIMIT 1",
        (venue, list(kinds), list(statuses)),
    )
    row = cursor.fetchone()
    return None if row is None else Run(*row)


def end_run(cursor: Cursor, run_id: int, status: RunStatus) -> bool:
    """End a running run; returns whether it was one."""
    cursor.execute(
        "UPDATE crawl_runs SET status = %s, finished_at = now()"
        " WHERE id = %s AND status = 'running'",
        (status, run_id),
    )
    return cursor.rowcount == 1


def reopen_run(cursor: Cursor, run_id: int) -> None:
    """Let a run that has ended go on.

    Raises:
        psycopg2.errors.UniqueViolation: Another of its kind is running.
    """
    cursor.execute(
        "UPDATE crawl_runs SET status = 'running', finished_at = NULL"
        " WHERE id = %s AND status <> 'running'",
        (run_id,),
    )


def forget_runs(cursor: Cursor, older_than: timedelta) -> list[int]:
    """Delete the records of runs that ended so long ago; returns their ids."""
    cursor.execute(
        "DELETE FROM crawl_runs WHERE status <> 'running' AND finished_at < now() - %s"
        " RETURNING id",
        (older_than,),
    )
    return [int(row[0]) for row in cursor.fetchall()]


def unended_runs(cursor: Cursor) -> list[int]:
    """Running runs none of whose parts is at work: they should have gone on, or ended."""
    cursor.execute(
        "SELECT id FROM crawl_runs r WHERE status = 'running' AND NOT EXISTS"
        " (SELECT FROM crawl_parts WHERE run_id = r.id AND status = 'running')"
    )
    return [int(row[0]) for row in cursor.fetchall()]
