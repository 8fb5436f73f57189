"""Comparisons of stored trades with the exchange's: begun, advanced part by part, ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg2.extensions import connection as PgConnection  # noqa: N812
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from psycopg2.extras import Json


@dataclass(frozen=True, slots=True)
class AuditRun:
    """A row of ``audits``."""

    id: int
    venue: str
    origin: str
    from_time: datetime
    to_time: datetime
    tickers: list[str] | None
    samples: list[int] | None
    state: str
    ticker_number: int
    slice_from: datetime
    slice_s: int
    compared: int
    missing: int
    extra: int
    different: int
    unreadable: int
    gaps: int
    findings: list[dict[str, Any]]
    failures: int
    reason: str
    due_at: datetime
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class PartDone:
    """What the comparison of a part found, and where the audit goes on."""

    ticker_number: int
    slice_from: datetime
    slice_s: int
    compared: int
    missing: int
    extra: int
    different: int
    unreadable: int
    gaps: int
    findings: Sequence[dict[str, Any]]
    reason: str
    """Why something could not be read; empty when nothing was wrong."""


MOST_FINDINGS = 100
"""Kept in full of one audit; the counts are of all."""

_COLUMNS = (
    "id, venue, origin, from_time, to_time, tickers, samples, state, ticker_number, slice_from,"
    " slice_s, compared, missing, extra, different, unreadable, gaps, findings, failures, reason,"
    " due_at, started_at, finished_at"
)
_BEGIN = """
    INSERT INTO audits (venue, origin, from_time, to_time, tickers, samples, slice_from, slice_s)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING id
"""
_TAKE_DUE = """
    UPDATE audits SET due_at = now() + %s WHERE id IN (
        SELECT id FROM audits WHERE state = 'running' AND due_at <= now()
        ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED
    ) RETURNING venue, id
"""
_TAKE = f"""
    UPDATE audits SET due_at = now() + %s WHERE id = %s AND state = 'running'
    RETURNING {_COLUMNS}
"""  # noqa: S608 - column names are this module's own
# The place it was at says whether somebody else compared the part meanwhile.
_ADVANCE = """
    UPDATE audits SET ticker_number = %(ticker_number)s, slice_from = %(slice_from)s,
        slice_s = %(slice_s)s, failures = 0, due_at = now(),
        compared = compared + %(compared)s, missing = missing + %(missing)s,
        extra = extra + %(extra)s, different = different + %(different)s,
        unreadable = unreadable + %(unreadable)s, gaps = gaps + %(gaps)s,
        findings = CASE WHEN jsonb_array_length(findings) < %(most)s
            THEN findings || %(findings)s::jsonb ELSE findings END,
        reason = coalesce(nullif(%(reason)s, ''), CASE WHEN unreadable > 0 THEN reason ELSE '' END)
    WHERE id = %(id)s AND state = 'running'
        AND ticker_number = %(was_number)s AND slice_from = %(was_from)s
"""
_SHORTEN = "UPDATE audits SET slice_s = %s, due_at = now() WHERE id = %s AND state = 'running'"
_PUT_OFF = """
    UPDATE audits SET due_at = now() + %s, failures = failures + %s, reason = %s
    WHERE id = %s AND state = 'running'
"""
_END = """
    UPDATE audits SET state = %s, finished_at = now(),
        reason = CASE WHEN %s = '' THEN reason ELSE %s END
    WHERE id = %s AND state = 'running'
"""
_FIND = f"SELECT {_COLUMNS} FROM audits WHERE id = %s"  # noqa: S608 - as above
_NEWEST = f"""
    SELECT {_COLUMNS} FROM audits WHERE (%(venue)s::text IS NULL OR venue = %(venue)s)
    ORDER BY id DESC LIMIT %(limit)s
"""  # noqa: S608 - as above
_IS_RUNNING = "SELECT 1 FROM audits WHERE venue = %s AND origin = %s AND state = 'running' LIMIT 1"


def begin(
    cursor: Cursor,
    venue: str,
    origin: str,
    window: tuple[datetime, datetime],
    tickers: Sequence[str] | None,
    samples: Sequence[int] | None,
    *,
    slice_from: datetime,
    slice_s: int,
) -> int:
    """Make an audit, which begins at ``slice_from``; it is due at once."""
    since, until = window
    lists = [None if each is None else Json(list(each)) for each in (tickers, samples)]
    cursor.execute(_BEGIN, (venue, origin, since, until, *lists, slice_from, slice_s))
    (audit_id,) = cursor.fetchone() or (0,)
    return int(audit_id)


def is_running(cursor: Cursor, venue: str, origin: str) -> bool:
    """Whether one of that origin is under way."""
    cursor.execute(_IS_RUNNING, (venue, origin))
    return cursor.fetchone() is not None


def take_due(cursor: Cursor, lease: timedelta, most: int) -> list[tuple[str, int]]:
    """Venue and id of the audits whose next part is due, which they are again after ``lease``."""
    cursor.execute(_TAKE_DUE, (lease, most))
    return cursor.fetchall()


def take(connection: PgConnection, audit_id: int, lease: timedelta) -> AuditRun | None:
    """An audit to compare the next part of; None when it has ended."""
    with connection, connection.cursor() as cursor:
        cursor.execute(_TAKE, (lease, audit_id))
        row = cursor.fetchone()
    return None if row is None else AuditRun(*row)


def advance(cursor: Cursor, run: AuditRun, done: PartDone) -> bool:
    """Note a part that was compared; False when somebody else has moved it on."""
    values = {name: getattr(done, name) for name in done.__dataclass_fields__}
    values["findings"] = Json(list(done.findings)[: MOST_FINDINGS - len(run.findings)])
    was = {"id": run.id, "was_number": run.ticker_number, "was_from": run.slice_from}
    cursor.execute(_ADVANCE, {**values, **was, "most": MOST_FINDINGS})
    return cursor.rowcount == 1


def shorten(connection: PgConnection, audit_id: int, slice_s: int) -> None:
    """The part was too long: it is compared anew, shorter."""
    with connection, connection.cursor() as cursor:
        cursor.execute(_SHORTEN, (slice_s, audit_id))


def put_off(
    connection: PgConnection, audit_id: int, pause: timedelta, reason: str, *, is_failure: bool
) -> None:
    """A part could not be compared: it is due again after a pause."""
    with connection, connection.cursor() as cursor:
        cursor.execute(_PUT_OFF, (pause, int(is_failure), reason, audit_id))


def end(cursor: Cursor, audit_id: int, state: str, reason: str = "") -> None:
    """``complete``, ``stopped``, or ``refused`` with the reason."""
    cursor.execute(_END, (state, reason, reason, audit_id))


def find(connection: PgConnection, audit_id: int) -> AuditRun | None:
    """An audit as it stands."""
    with connection, connection.cursor() as cursor:
        cursor.execute(_FIND, (audit_id,))
        row = cursor.fetchone()
    return None if row is None else AuditRun(*row)


def newest(connection: PgConnection, venue: str | None, most: int) -> list[AuditRun]:
    """The audits begun last, the newest first."""
    with connection, connection.cursor() as cursor:
        cursor.execute(_NEWEST, {"venue": venue, "limit": most})
        return [AuditRun(*row) for row in cursor.fetchall()]
