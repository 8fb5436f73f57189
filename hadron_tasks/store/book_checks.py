"""What comparing rebuilt order books with the exchange's own has shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from psycopg2.extensions import connection as PgConnection  # noqa: N812
from psycopg2.extras import Json, execute_values


@dataclass(frozen=True, slots=True)
class BookCheck:
    """One comparison."""

    instrument_id: str
    checked_at: datetime
    """When the exchange was asked."""
    agreed: bool
    via: str
    """What the rebuilt book came by."""
    since: datetime
    """Its snapshot's time, or the last check that agreed: what is wrong went wrong after it."""
    differences: list[Any] | None = None
    """The levels that differ: side, price, size here, size at the exchange."""


class Checks(NamedTuple):
    """The comparisons that matter for a book at a time."""

    agreed: BookCheck | None = None
    """The last one until then that agreed."""
    differed: BookCheck | None = None
    """The last one that found a difference which may have been there then."""


_WRITE = """
    INSERT INTO book_checks (instrument_id, checked_at, agreed, via, since, differences)
    VALUES %s ON CONFLICT DO NOTHING
"""
# A difference found later, too, when what is wrong may have gone wrong before.
_ABOUT = """
    SELECT found.* FROM unnest(%(ids)s::uuid[]) AS wanted (id), LATERAL (
        (SELECT instrument_id::text, checked_at, agreed, via, since, differences FROM book_checks
        WHERE instrument_id = wanted.id AND agreed AND checked_at <= %(at)s
        ORDER BY checked_at DESC LIMIT 1)
        UNION ALL
        (SELECT instrument_id::text, checked_at, agreed, via, since, differences FROM book_checks
        WHERE instrument_id = wanted.id AND NOT agreed AND since <= %(at)s
        ORDER BY checked_at DESC LIMIT 1)
    ) AS found
"""
_PRUNE = "DELETE FROM book_checks WHERE checked_at < %s"


def write_checks(connection: PgConnection, checks: Sequence[BookCheck]) -> None:
    """Store comparisons."""
    rows = [
        (
            one.instrument_id,
            one.checked_at,
            one.agreed,
            one.via,
            one.since,
            None if one.differences is None else Json(one.differences),
        )
        for one in checks
    ]
    with connection, connection.cursor() as cursor:
        execute_values(cursor, _WRITE, rows, template="(%s::uuid, %s, %s, %s, %s, %s)")


def checks_about(
    connection: PgConnection, instrument_ids: Sequence[str], at: datetime
) -> dict[str, Checks]:
    """What comparisons say of each instrument's book at a time, where there were any."""
    agreed: dict[str, BookCheck] = {}
    differed: dict[str, BookCheck] = {}
    with connection, connection.cursor() as cursor:
        cursor.execute(_ABOUT, {"ids": list(instrument_ids), "at": at})
        for row in cursor.fetchall():
            check = BookCheck(*row)
            (agreed if check.agreed else differed)[check.instrument_id] = check
    return {one: Checks(agreed.get(one), differed.get(one)) for one in agreed.keys() | differed}


def prune_checks(connection: PgConnection, before: datetime) -> int:
    """Forget comparisons made before a time; returns how many."""
    with connection, connection.cursor() as cursor:
        cursor.execute(_PRUNE, (before,))
        return int(cursor.rowcount)
