"""Groups of markets as they are stored: which changed, who is in them, and writing them anew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812

MOST_AT_ONCE = 20_000
"""Changed instruments in one round of grouping; those of one transaction are never parted."""

_STATE = "SELECT grouped_until, version FROM market_grouping WHERE venue = %s"

# A row's updated_at is when its transaction began, so one that began before and ends later must
# not be passed over. One that is open for long is no writer of ours.
_HORIZON = """
    SELECT least(now(), min(xact_start)) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND xact_start > now() - interval '5 minutes'
"""
_UNTIL = """
    SELECT max(updated_at) FROM (
        SELECT updated_at FROM instruments
        WHERE primary_source = %s AND updated_at >= %s AND updated_at < %s
        ORDER BY updated_at LIMIT %s
    ) AS first_ones HAVING count(*) = %s
"""
_CHANGED = """
    SELECT i.id::text, i.ticker, i.event_ticker FROM instruments i
    WHERE i.primary_source = %(venue)s AND i.updated_at >= %(since)s AND i.updated_at < %(until)s
    UNION
    SELECT i.id::text, i.ticker, i.event_ticker FROM events e
    JOIN instruments i ON i.event_ticker = e.event_ticker AND i.primary_source = %(venue)s
    WHERE e.updated_at >= %(since)s AND e.updated_at < %(until)s
"""
_OF_EVENTS = """
    WITH wanted AS (
        SELECT id FROM instruments WHERE event_ticker = ANY(%(events)s)
        UNION
        SELECT instrument_id FROM market_group_members
            WHERE event_ticker = ANY(%(events)s) AND kind = 'event'
        UNION
        SELECT unnest(%(ids)s::uuid[])
    )
    SELECT i.id::text, i.ticker, i.event_ticker, e.mutually_exclusive, i.strike_type,
        i.floor_strike, i.cap_strike, i.external_ref -> 'legs'
    FROM wanted JOIN instruments i USING (id)
    LEFT JOIN events e ON e.event_ticker = i.event_ticker
    WHERE i.primary_source = %(venue)s
    ORDER BY i.ticker
"""
_MAKE_STAGING = """
    CREATE TEMPORARY TABLE IF NOT EXISTS market_groups_staging
        (LIKE market_group_members) ON COMMIT DELETE ROWS
"""
_STAGE = """
    INSERT INTO market_groups_staging (kind, key, ticker, side, instrument_id, position,
        event_ticker)
    SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::uuid[], %s::numeric[],
        %s::text[])
"""
_DELETE = """
    DELETE FROM market_group_members m WHERE m.event_ticker = ANY(%s) AND NOT EXISTS (
        SELECT FROM market_groups_staging s WHERE s.kind = m.kind AND s.key = m.key
            AND s.ticker = m.ticker AND s.side = m.side)
"""
_INSERT = """
    INSERT INTO market_group_members AS m
        (kind, key, ticker, side, instrument_id, position, event_ticker)
    SELECT kind, key, ticker, side, instrument_id, position, event_ticker
    FROM market_groups_staging ORDER BY kind, key, ticker, side
    ON CONFLICT (kind, key, ticker, side) DO UPDATE SET position = EXCLUDED.position,
        instrument_id = EXCLUDED.instrument_id, event_ticker = EXCLUDED.event_ticker
    WHERE (m.position, m.instrument_id, m.event_ticker)
        IS DISTINCT FROM (EXCLUDED.position, EXCLUDED.instrument_id, EXCLUDED.event_ticker)
"""
_ADVANCE = """
    INSERT INTO market_grouping AS g (venue, grouped_until, version) VALUES (%s, %s, 1)
    ON CONFLICT (venue) DO UPDATE SET grouped_until = EXCLUDED.grouped_until,
        version = g.version + CASE WHEN %s THEN 1 ELSE 0 END
"""
_FORGET = "DELETE FROM market_grouping WHERE venue = %s"


class Listed(NamedTuple):
    """A market that was listed or changed."""

    instrument_id: str
    ticker: str
    event_ticker: str | None


class ListedMarket(NamedTuple):
    """A market with what its groups follow from."""

    instrument_id: str
    ticker: str
    event_ticker: str | None
    mutually_exclusive: bool | None
    strike_type: str | None
    floor_strike: Decimal | None
    cap_strike: Decimal | None
    legs: list[dict[str, Any]] | None


class Member(NamedTuple):
    """A row of ``market_group_members``."""

    kind: str
    key: str
    ticker: str
    side: str
    instrument_id: str
    position: Decimal
    event_ticker: str


def grouping_version(cursor: Cursor, venue: str) -> int:
    """Raised whenever a group of the venue changes."""
    cursor.execute(_STATE, (venue,))
    row = cursor.fetchone()
    return 0 if row is None else int(row[1])


def take_changed(cursor: Cursor, venue: str) -> tuple[list[Listed], datetime]:
    """The next markets that changed since they were grouped, and until when these are all."""
    cursor.execute(_STATE, (venue,))
    row = cursor.fetchone()
    since: datetime | str = "-infinity" if row is None else row[0]
    cursor.execute(_HORIZON)
    (until,) = cursor.fetchone() or (None,)
    cursor.execute(_UNTIL, (venue, since, until, MOST_AT_ONCE, MOST_AT_ONCE))
    if (full := cursor.fetchone()) is not None:
        # Just behind the last one, so that all of its transaction are in this round.
        cursor.execute("SELECT %s + interval '1 microsecond'", (full[0],))
        (until,) = cursor.fetchone() or (until,)
    cursor.execute(_CHANGED, {"venue": venue, "since": since, "until": until})
    return [Listed(*found) for found in cursor.fetchall()], until


def markets_of(
    cursor: Cursor, venue: str, events: Sequence[str], instrument_ids: Sequence[str]
) -> list[ListedMarket]:
    """All markets of the events, and those named."""
    cursor.execute(
        _OF_EVENTS, {"venue": venue, "events": list(events), "ids": list(instrument_ids)}
    )
    return [ListedMarket(*row) for row in cursor.fetchall()]


def replace_groups(cursor: Cursor, events: Sequence[str], members: Iterable[Member]) -> int:
    """Make the groups that these events' markets are in anew; returns how many rows changed."""
    rows = list(members)
    cursor.execute(_MAKE_STAGING)
    columns = [list(column) for column in zip(*rows, strict=True)] or [[]] * 7
    cursor.execute(_STAGE, columns)
    cursor.execute(_DELETE, (list(events),))
    changed = cursor.rowcount
    cursor.execute(_INSERT)
    changed += cursor.rowcount
    cursor.execute("DELETE FROM market_groups_staging")
    return changed


def grouped_until(cursor: Cursor, venue: str, until: datetime, *, changed: bool) -> None:
    """Note how far grouping has come."""
    cursor.execute(_ADVANCE, (venue, until, changed))


def group_again(cursor: Cursor, venue: str) -> None:
    """Let all of a venue's markets be grouped anew: what groups follow from has changed."""
    cursor.execute(_FORGET, (venue,))
