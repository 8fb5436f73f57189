"""Instruments to be asked for by name: which are due, and what came of asking.

An instrument that the fast path made has no display name until the exchange was asked about it.
One that the exchange does not know is asked for ever more rarely and at last no more; a crawl that
meets it names it all the same.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta

from psycopg2.extensions import cursor as Cursor  # noqa: N812

PAUSES = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=3),
    timedelta(hours=12),
    timedelta(days=1),
    timedelta(days=3),
    timedelta(days=7),
)
"""After each time that the exchange did not know it; then it is left alone."""


def unnamed_instruments(cursor: Cursor, venue: str, limit: int) -> list[str]:
    """Tickers that are due, the newest first: those are traded now.

    Args:
        venue: Whose instruments.
    """
    cursor.execute(
        "SELECT i.ticker FROM instruments i LEFT JOIN instrument_lookups l"
        " ON l.instrument_id = i.id"
        " WHERE i.primary_source = %s AND i.display_name IS NULL"
        " AND (l.instrument_id IS NULL OR l.next_at <= now())"
        " ORDER BY i.created_at DESC LIMIT %s",
        (venue, limit),
    )
    return [str(row[0]) for row in cursor.fetchall()]


def attempts_of(cursor: Cursor, venue: str, tickers: Sequence[str]) -> dict[str, int]:
    """How often instruments were not known; those that were never asked for are left out."""
    cursor.execute(
        "SELECT i.ticker, l.attempts FROM instruments i JOIN instrument_lookups l"
        " ON l.instrument_id = i.id WHERE i.primary_source = %s AND i.ticker = ANY(%s)"
        " ORDER BY l.next_at",
        (venue, list(tickers)),
    )
    return {str(ticker): int(attempts) for ticker, attempts in cursor.fetchall()}


def undescribed_events(cursor: Cursor, event_tickers: Collection[str]) -> list[str]:
    """Those of some events that no answer of the exchange has described yet."""
    cursor.execute(
        "SELECT ticker FROM unnest(%s::text[]) AS ticker WHERE NOT EXISTS"
        " (SELECT FROM events WHERE event_ticker = ticker AND described_at IS NOT NULL)"
        " ORDER BY ticker",
        (list(event_tickers),),
    )
    return [str(row[0]) for row in cursor.fetchall()]


def unknown_series(cursor: Cursor, tickers: Collection[str]) -> list[str]:
    """Those of some series that are not stored."""
    cursor.execute(
        "SELECT t.ticker FROM unnest(%s::text[]) AS t (ticker) WHERE NOT EXISTS"
        " (SELECT FROM series s WHERE s.ticker = t.ticker) ORDER BY t.ticker",
        (list(tickers),),
    )
    return [str(row[0]) for row in cursor.fetchall()]


def not_known(cursor: Cursor, venue: str, tickers: Sequence[str], error: str) -> None:
    """The exchange does not have these: ask again later."""
    cursor.execute(
        "INSERT INTO instrument_lookups AS l (instrument_id, next_at, error)"
        " SELECT id, now() + (%(pauses)s::interval[])[1], %(error)s FROM instruments"
        " WHERE primary_source = %(venue)s AND ticker = ANY(%(tickers)s) ORDER BY id"
        " ON CONFLICT (instrument_id) DO UPDATE SET attempts = l.attempts + 1,"
        " next_at = coalesce(now() + (%(pauses)s::interval[])[l.attempts + 1], 'infinity'),"
        " error = excluded.error",
        {"pauses": list(PAUSES), "error": error, "venue": venue, "tickers": list(tickers)},
    )


def answered(cursor: Cursor, venue: str, tickers: Sequence[str]) -> None:
    """The exchange has told about these: nothing is left to be asked, if they have a name now."""
    cursor.execute(
        "DELETE FROM instrument_lookups USING instruments i WHERE i.id = instrument_id"
        " AND i.primary_source = %s AND i.ticker = ANY(%s) AND i.display_name IS NOT NULL",
        (venue, list(tickers)),
    )


def nameless(cursor: Cursor, venue: str, tickers: Sequence[str]) -> list[str]:
    """Those of some instruments that have no display name."""
    cursor.execute(
        "SELECT ticker FROM instruments WHERE primary_source = %s AND ticker = ANY(%s)"
        " AND display_name IS NULL ORDER BY ticker",
        (venue, list(tickers)),
    )
    return [str(row[0]) for row in cursor.fetchall()]


def spare_the_unknown(cursor: Cursor, run_id: int, venue: str) -> None:
    """Leave out of what vanished what the exchange did not know when last asked, until it is due
    to be asked again."""
    cursor.execute(
        "DELETE FROM crawl_vanished v USING instrument_lookups l, instruments i"
        " WHERE v.run_id = %s AND l.next_at > now() AND i.id = l.instrument_id"
        " AND i.primary_source = %s AND i.ticker = v.ticker",
        (run_id, venue),
    )
