"""Names of instruments at venues: looking them up, and mapping one instrument on several venues."""

from __future__ import annotations

from typing import NamedTuple

from psycopg2.extensions import connection as PgConnection  # noqa: N812
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from hadron_tasks.store.instruments import NewInstrument, instrument_id

_LOOK_UP = """
    SELECT instrument_id::text FROM instrument_venue_mapping
    WHERE venue = %s AND venue_instrument_id = %s
"""
_LIST = """
    SELECT m.venue, m.venue_instrument_id, i.primary_source, i.ticker, i.asset_class,
        coalesce(i.display_name, i.name)
    FROM instrument_venue_mapping m JOIN instruments i ON i.id = m.instrument_id
    WHERE (%(every)s OR NOT (m.venue = i.primary_source AND m.venue_instrument_id = i.ticker))
        AND (%(name)s IS NULL OR m.venue_instrument_id = %(name)s OR i.ticker = %(name)s)
    ORDER BY i.primary_source, i.ticker, m.venue, m.venue_instrument_id
    LIMIT %(limit)s
"""
_ELSEWHERE = """
    SELECT m.venue_instrument_id, i.primary_source, i.ticker
    FROM instrument_venue_mapping m JOIN instruments i ON i.id = m.instrument_id
    WHERE m.venue = %s AND i.primary_source <> m.venue
"""
_ADD = """
    INSERT INTO instrument_venue_mapping AS m (instrument_id, venue, venue_instrument_id)
    VALUES (%s, %s, %s)
    ON CONFLICT (venue, venue_instrument_id) DO UPDATE SET instrument_id = EXCLUDED.instrument_id
    WHERE m.instrument_id <> EXCLUDED.instrument_id
"""
_REMOVE = """
    DELETE FROM instrument_venue_mapping m USING instruments i
    WHERE i.id = m.instrument_id AND i.primary_source <> m.venue
        AND m.venue = %s AND m.venue_instrument_id = %s
"""
_CREATE = """
    INSERT INTO instruments (id, ticker, asset_class, primary_source, venue, name, status)
    VALUES (%(id)s, %(ticker)s, %(asset_class)s, %(venue)s, %(venue)s, %(name)s, %(status)s)
    ON CONFLICT (primary_source, ticker) DO NOTHING
"""
_OWN_NAME = """
    INSERT INTO instrument_venue_mapping (instrument_id, venue, venue_instrument_id)
    SELECT id, primary_source, ticker FROM instruments
    WHERE primary_source = %s AND ticker = %s
    ON CONFLICT (venue, venue_instrument_id) DO NOTHING
"""
_VERSION = "SELECT last_value, is_called FROM instrument_mapping_version"


class Mapping(NamedTuple):
    """A name at a venue, and the instrument that it stands for."""

    venue: str
    name: str
    primary_source: str
    """The venue whose prices of the instrument count."""
    ticker: str
    """The instrument's, at its primary source."""
    asset_class: str
    display_name: str


def lookup_instrument_by_venue_id(
    connection: PgConnection, venue: str, venue_instrument_id: str
) -> str | None:
    """The id of the instrument that a venue calls so; None where there is none."""
    with connection.cursor() as cursor:
        cursor.execute(_LOOK_UP, (venue, venue_instrument_id))
        row = cursor.fetchone()
    return None if row is None else str(row[0])


def create_instrument(
    connection: PgConnection, new: NewInstrument, status: str | None = None
) -> str:
    """An instrument's id; it is made, with its own name at its venue, where it is new."""
    row = {
        "id": str(instrument_id(new.venue, new.ticker)),
        "ticker": new.ticker,
        "asset_class": new.asset_class,
        "venue": new.venue,
        "name": new.name,
        "status": status,
    }
    with connection, connection.cursor() as cursor:
        cursor.execute(_CREATE, row)
        cursor.execute(_OWN_NAME, (new.venue, new.ticker))
        cursor.execute(_LOOK_UP, (new.venue, new.ticker))
        (found,) = cursor.fetchone() or (row["id"],)
    return str(found)


def list_mappings(
    connection: PgConnection, name: str | None = None, *, every: bool = False, limit: int = 1000
) -> list[Mapping]:
    """The names of instruments, their own left out unless ``every`` one is asked for.

    Args:
        name: Only those with this name or of the instrument with this ticker.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LIST, {"name": name, "every": every, "limit": limit})
        return [Mapping(*row) for row in cursor.fetchall()]


def names_mapped_elsewhere(cursor: Cursor, venue: str) -> dict[str, tuple[str, str]]:
    """A venue's names that stand for another venue's instrument: to its venue and ticker."""
    cursor.execute(_ELSEWHERE, (venue,))
    return {name: (source, ticker) for name, source, ticker in cursor.fetchall()}


def add_mapping(cursor: Cursor, instrument_id: str, venue: str, name: str) -> bool:
    """Let a venue's name stand for an instrument; returns whether that is new."""
    cursor.execute(_ADD, (instrument_id, venue, name))
    return bool(cursor.rowcount)


def remove_mapping(cursor: Cursor, venue: str, name: str) -> bool:
    """Let a name stand for another venue's instrument no more; returns whether it did.

    When it is seen again it is an instrument's own.
    """
    cursor.execute(_REMOVE, (venue, name))
    return bool(cursor.rowcount)


def mapping_version(cursor: Cursor) -> int:
    """Another number after every change of a name that may be cached.

    A name that is new to the table changes nothing that anybody remembers.
    """
    cursor.execute(_VERSION)
    last, is_called = cursor.fetchone() or (0, False)
    return int(last) if is_called else 0
