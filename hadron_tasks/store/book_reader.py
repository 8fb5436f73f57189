"""Reading back what order books are rebuilt from: snapshots, changes after them, and holes.

Every query gives an instrument and a range of event time, which is the primary key's index, and
touches only the partitions of that range. Several instruments are read in one query.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from psycopg2.extensions import connection as PgConnection  # noqa: N812
from psycopg2.extensions import cursor as Cursor  # noqa: N812

_FETCH_ROWS = 5_000
MOST_UNREAD = 1_000
"""Dead frames looked at for one book."""


class RecordedInstrument(NamedTuple):
    """An instrument as one venue names it."""

    instrument_id: str
    venue: str
    ticker: str
    name: str
    status: str | None


class BookRow(NamedTuple):
    """A tick of a book."""

    instrument_id: str
    tick_type: str
    event_time: datetime
    received_at: datetime
    sequence: int | None
    via: str | None
    """Connection, life and sid, where the tick remembers them."""
    side: str | None
    price: Decimal | None
    size: Decimal | None
    metadata: dict[str, Any] | None
    """Of a snapshot: its levels. Not read for a change."""


class HoleRow(NamedTuple):
    """A gap record that may concern a book."""

    connection: str
    cause: str
    from_time: datetime
    to_time: datetime
    sid: int | None
    from_seq: int | None
    to_seq: int | None
    missing: int | None


class UnreadFrame(NamedTuple):
    """A frame that may be of a book and could not be read."""

    letter_id: int
    received_at_ns: int
    frame: bytes


_FIND = """
    SELECT m.instrument_id::text, m.venue, m.venue_instrument_id,
           coalesce(i.display_name, i.title, i.name), i.status
    FROM instrument_venue_mapping m JOIN instruments i ON i.id = m.instrument_id
    WHERE m.venue_instrument_id = ANY(%(tickers)s)
        AND (%(venue)s::text IS NULL OR m.venue = %(venue)s)
    ORDER BY m.venue, m.venue_instrument_id
"""
# For each instrument the index is read from `at` backwards until a snapshot comes.
_NEWEST = """
    SELECT wanted.id, newest.event_time
    FROM unnest(%(ids)s::uuid[]) AS wanted (id), LATERAL (
        SELECT event_time FROM ticks
        WHERE instrument_id = wanted.id AND event_time <= %(at)s AND tick_type = 'book_snapshot'
            AND (%(vias)s::text[] IS NULL OR metadata->>'via' = ANY(%(vias)s))
        ORDER BY event_time DESC LIMIT 1
    ) AS newest
"""
# OFFSET 0 keeps the planner from making a join of it, which would read whole partitions; the bound
# over all instruments lets it leave out older ones.
_ROWS = """
    SELECT t.instrument_id::text, t.tick_type, t.event_time, t.received_at, t.sequence,
           t.metadata->>'via', t.side, t.price, t.size,
           CASE WHEN t.tick_type = 'book_snapshot' THEN t.metadata END
    FROM unnest(%(ids)s::uuid[], %(since)s::timestamptz[]) AS wanted (id, since), LATERAL (
        SELECT * FROM ticks
        WHERE instrument_id = wanted.id AND event_time >= wanted.since AND event_time <= %(at)s
            AND event_time >= %(earliest)s AND tick_type IN ('book_snapshot', 'book_delta')
        OFFSET 0
    ) AS t ORDER BY wanted.id
"""
_FIRST = """
    SELECT min(event_time) FROM ticks
    WHERE instrument_id = %s AND tick_type IN ('book_snapshot', 'book_delta')
"""
_HOLES = """
    SELECT connection, cause, from_time, to_time, sid, from_seq, to_seq, missing FROM feed_gaps
    WHERE venue = %(venue)s AND from_time <= %(until)s AND to_time >= %(since)s
        AND (channel IS NULL OR channel = ANY(%(channels)s))
    ORDER BY from_time
"""
_UNREAD = """
    SELECT id, received_at_ns, raw_frame FROM dead_letters
    WHERE kind = 'message' AND status <> 'resolved' AND venue = %(venue)s
        AND connection = %(connection)s
        AND received_at_ns >= %(since_ns)s AND received_at_ns <= %(until_ns)s
        AND first_failed_at >= to_timestamp(%(since_ns)s / 1e9) - interval '1 hour'
        AND position(%(mark)s::bytea IN raw_frame) > 0
    ORDER BY received_at_ns LIMIT %(limit)s
"""
_LAST_MINUTE = "SELECT max(minute) FROM ingest_counts WHERE venue = %s"


def find_recorded(
    connection: PgConnection, tickers: Sequence[str], venue: str | None = None
) -> list[RecordedInstrument]:
    """The instruments that venues (or one venue) call by these tickers."""
    with connection, connection.cursor() as cursor:
        cursor.execute(_FIND, {"tickers": list(tickers), "venue": venue})
        return [RecordedInstrument(*row) for row in cursor.fetchall()]


def newest_snapshots(
    connection: PgConnection,
    instrument_ids: Sequence[str],
    at: datetime,
    vias: Sequence[str] | None = None,
) -> dict[str, datetime]:
    """The event time of each instrument's last snapshot until ``at``, if it has one.

    Args:
        vias: Only snapshots that came by one of these.
    """
    with connection, connection.cursor() as cursor:
        given = None if vias is None else list(vias)
        cursor.execute(_NEWEST, {"ids": list(instrument_ids), "at": at, "vias": given})
        return {str(instrument_id): moment for instrument_id, moment in cursor.fetchall()}


def book_rows(
    connection: PgConnection, since: Mapping[str, datetime], at: datetime
) -> Iterator[BookRow]:
    """The book ticks of each instrument, one by one, from its own time on until ``at``.

    They are fetched as they are used, so that a long history needs little memory; the transaction
    lasts until the last is taken.
    """
    values = {
        "ids": list(since),
        "since": list(since.values()),
        "earliest": min(since.values(), default=at),
        "at": at,
    }
    with connection, connection.cursor(name="book_rows") as cursor:
        cursor.itersize = _FETCH_ROWS
        cursor.execute(_ROWS, values)
        for row in cursor:
            yield BookRow(*row)


def first_book_tick(connection: PgConnection, instrument_id: str) -> datetime | None:
    """When the recording of an instrument's book began; None when there is none."""
    with connection, connection.cursor() as cursor:
        cursor.execute(_FIRST, (instrument_id,))
        return _only(cursor)


def holes(
    connection: PgConnection,
    venue: str,
    channels: Sequence[str],
    since: datetime,
    until: datetime,
) -> list[HoleRow]:
    """The gap records of a venue's whole connections, or of these channels, that touch a time."""
    values = {"venue": venue, "channels": list(channels), "since": since, "until": until}
    with connection, connection.cursor() as cursor:
        cursor.execute(_HOLES, values)
        return [HoleRow(*row) for row in cursor.fetchall()]


def unread_frames(
    connection: PgConnection, venue: str, life: str, mark: bytes, since_ns: int, until_ns: int
) -> list[UnreadFrame]:
    """Dead frames of one life of a connection that hold ``mark``, the oldest first."""
    values = {
        "venue": venue,
        "connection": life,
        "mark": mark,
        "since_ns": since_ns,
        "until_ns": until_ns,
        "limit": MOST_UNREAD,
    }
    with connection, connection.cursor() as cursor:
        cursor.execute(_UNREAD, values)
        return [UnreadFrame(letter, at, bytes(frame)) for letter, at, frame in cursor.fetchall()]


def last_minute_stored(connection: PgConnection, venue: str) -> datetime | None:
    """The last minute in which any frame of a venue was stored."""
    with connection, connection.cursor() as cursor:
        cursor.execute(_LAST_MINUTE, (venue,))
        return _only(cursor)


def _only(cursor: Cursor) -> datetime | None:
    row = cursor.fetchone()
    moment: datetime | None = row[0] if row else None
    return moment
