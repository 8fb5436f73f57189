"""Runs that fetch an exchange's trades: begun, advanced page by page, ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg2.extensions import connection as PgConnection  # noqa: N812
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from psycopg2.extras import Json


@dataclass(frozen=True, slots=True)
class BackfillRun:
    """A row of ``backfills``."""

    id: int
    venue: str
    origin: str
    from_time: datetime
    to_time: datetime
    tickers: list[str] | None
    state: str
    ticker_number: int
    slice_from: datetime
    archived: bool
    cursor: str
    pages: int
    fetched: int
    stored: int
    unreadable: int
    failures: int
    reason: str
    due_at: datetime
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class PageDone:
    """What a page brought, and where the run goes on."""

    ticker_number: int
    slice_from: datetime
    archived: bool
    cursor: str
    fetched: int
    stored: int
    unreadable: int
    reason: str
    """Why something on it could not be read; empty when nothing was wrong."""


_COLUMNS = (
    "id, venue, origin, from_time, to_time, tickers, state, ticker_number, slice_from, archived,"
    " cursor, pages, fetched, stored, unreadable, failures, reason, due_at, started_at,"
    " finished_at"
)
_BEGIN = """
    INSERT INTO backfills (venue, origin, from_time, to_time, tickers, slice_from)
    VALUES (%s, %s, %s, %s, %s, %s) RETURNING id
"""
_TAKE_DUE = """
    UPDATE backfills SET due_at = now() + %s WHERE id IN (
        SELECT id FROM backfills WHERE state = 'running' AND venue = %s AND due_at <= now()
        ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED
    ) RETURNING id
"""
_TAKE = f"""
    UPDATE backfills SET due_at = now() + %s WHERE id = %s AND state = 'running'
    RETURNING {_COLUMNS}
"""  # noqa: S608 - column names are this module's own
# The place it was at says whether somebody else fetched the page meanwhile.
_ADVANCE = """
    UPDATE backfills SET ticker_number = %(ticker_number)s, slice_from = %(slice_from)s,
        archived = %(archived)s, cursor = %(cursor)s, pages = pages + 1, failures = 0,
        fetched = fetched + %(fetched)s, stored = stored + %(stored)s,
        unreadable = unreadable + %(unreadable)s,
        reason = coalesce(nullif(%(reason)s, ''), CASE WHEN unreadable > 0 THEN reason ELSE '' END)
    WHERE id = %(id)s AND state = 'running' AND pages = %(pages)s
"""
_LOCK = "SELECT 1 FROM backfills WHERE id = %s AND state = 'running' AND pages = %s FOR UPDATE"
_PUT_OFF = """
    UPDATE backfills SET due_at = now() + %s, failures = failures + %s, reason = %s,
        cursor = CASE WHEN %s THEN '' ELSE cursor END
    WHERE id = %s AND state = 'running'
"""
_END = """
    UPDATE backfills SET state = %s, finished_at = now(),
        reason = CASE WHEN %s = '' THEN reason ELSE %s END
    WHERE id = %s AND state = 'running'
"""
_RESUME = """
    UPDATE backfills SET state = 'running', failures = 0, reason = '', due_at = now(),
        finished_at = NULL
    WHERE id = %s AND state = 'refused' AND origin = 'person' RETURNING id
"""
_FIND = f"SELECT {_COLUMNS} FROM backfills WHERE id = %s"  # noqa: S608 - as above
_STORED_SINCE = """
    SELECT coalesce(sum(stored), 0)::bigint FROM backfills WHERE venue = %s AND started_at >= %s
"""


def begin(
    cursor: Cursor,
    venue: str,
    origin: str,
    window: tuple[datetime, datetime],
    tickers: Sequence[str] | None,
) -> int:
    """Make a run; it is due at once."""
    since, until = window
    named = None if tickers is None else Json(list(tickers))
    cursor.execute(_BEGIN, (venue, origin, since, until, named, since))
    (run_id,) = cursor.fetchone() or (0,)
    return int(run_id)


def take_due(cursor: Cursor, venue: str, lease: timedelta, most: int) -> list[int]:
    """The runs whose next page is due, which they are again only after ``lease``."""
    cursor.execute(_TAKE_DUE, (lease, venue, most))
    return [run_id for (run_id,) in cursor.fetchall()]


def take(connection: PgConnection, run_id: int, lease: timedelta) -> BackfillRun | None:
    """A run to fetch the next page of; None when it has ended."""
    with connection, connection.cursor() as cursor:
        cursor.execute(_TAKE, (lease, run_id))
        row = cursor.fetchone()
    return None if row is None else BackfillRun(*row)


def hold(cursor: Cursor, run: BackfillRun) -> bool:
    """Lock a run until the transaction ends; False when somebody else has moved it on."""
    cursor.execute(_LOCK, (run.id, run.pages))
    return cursor.fetchone() is not None


def advance(cursor: Cursor, run: BackfillRun, done: PageDone) -> None:
    """Note a page that was stored in the same transaction."""
    values = {name: getattr(done, name) for name in done.__dataclass_fields__}
    cursor.execute(_ADVANCE, {**values, "id": run.id, "pages": run.pages})


def put_off(
    connection: PgConnection,
    run_id: int,
    pause: timedelta,
    reason: str,
    *,
    is_failure: bool,
    anew: bool,
) -> None:
    """A page could not be had: it is due again after a pause.

    Args:
        anew: Whether its slice is to be read from the first page.
    """
    with connection, connection.cursor() as cursor:
        cursor.execute(_PUT_OFF, (pause, int(is_failure), reason, anew, run_id))


def end(cursor: Cursor, run_id: int, state: str, reason: str) -> None:
    """``complete``, or ``refused`` with the reason."""
    cursor.execute(_END, (state, reason, reason, run_id))


def resume(cursor: Cursor, run_id: int) -> bool:
    """Let a run that a person asked for, and that was refused, go on where it was."""
    cursor.execute(_RESUME, (run_id,))
    return cursor.fetchone() is not None


def find(connection: PgConnection, run_id: int) -> BackfillRun | None:
    """A run as it stands."""
    with connection, connection.cursor() as cursor:
        cursor.execute(_FIND, (run_id,))
        row = cursor.fetchone()
    return None if row is None else BackfillRun(*row)


def stored_since(cursor: Cursor, venue: str, since: datetime) -> int:
    """How many trades runs that began since then have stored."""
    cursor.execute(_STORED_SINCE, (venue, since))
    (count,) = cursor.fetchone() or (0,)
    return int(count)
