"""What the detectors look at: groups of instruments, and the markets in them as they stand."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812

_GROUPS_OF = """
    SELECT instrument_id::text, kind, key FROM market_group_members
    WHERE instrument_id = ANY(%s::uuid[]) AND kind = ANY(%s)
"""
_KEYS_OF = "SELECT DISTINCT key FROM market_group_members WHERE kind = %s"
_MEMBERS_OF = """
    SELECT m.kind, m.key, m.ticker, m.side, m.instrument_id::text
    FROM unnest(%s::text[], %s::text[]) AS wanted (kind, key)
    JOIN market_group_members m USING (kind, key)
    ORDER BY m.kind, m.key, m.position, m.ticker
"""
_STANDING = """
    SELECT i.id::text, i.ticker, i.status, i.result, i.close_time,
        i.strike_type, i.floor_strike, i.cap_strike,
        q.price, q.bid, q.ask, q.bid_size, q.ask_size, q.received_at,
        coalesce(e.fee_type_override, s.fee_type),
        coalesce(e.fee_multiplier_override, s.fee_multiplier)
    FROM instruments i
    LEFT JOIN latest_quotes q ON q.instrument_id = i.id
    LEFT JOIN events e ON e.event_ticker = i.event_ticker
    LEFT JOIN series s ON s.ticker = e.series_ticker
    WHERE i.id = ANY(%s::uuid[])
"""

Group = tuple[str, str]
"""Kind and key."""


class GroupMember(NamedTuple):
    """A market in a group."""

    ticker: str
    side: str
    instrument_id: str


class Standing(NamedTuple):
    """An instrument as it stands: state, strikes, newest quote, fees."""

    instrument_id: str
    ticker: str
    status: str | None
    result: str | None
    close_time: datetime | None
    strike_type: str | None
    floor_strike: Decimal | None
    cap_strike: Decimal | None
    price: Decimal | None
    bid: Decimal | None
    ask: Decimal | None
    bid_size: Decimal | None
    ask_size: Decimal | None
    received_at: datetime | None
    """When its quote was last confirmed; None without one."""
    fee_type: str | None
    fee_multiplier: Decimal | None


def groups_of(
    cursor: Cursor, instrument_ids: Collection[str], kinds: Collection[str]
) -> dict[str, list[Group]]:
    """The groups of these kinds that instruments are in; an instrument in none is left out."""
    cursor.execute(_GROUPS_OF, (list(instrument_ids), list(kinds)))
    found: dict[str, list[Group]] = {}
    for instrument_id, kind, key in cursor.fetchall():
        found.setdefault(instrument_id, []).append((kind, key))
    return found


def keys_of(cursor: Cursor, kind: str) -> list[str]:
    """The keys of all groups of a kind; for kinds of which there are few."""
    cursor.execute(_KEYS_OF, (kind,))
    return [key for (key,) in cursor.fetchall()]


def members_of(cursor: Cursor, groups: Collection[Group]) -> dict[Group, list[GroupMember]]:
    """The members of groups, in their order."""
    cursor.execute(_MEMBERS_OF, ([kind for kind, _ in groups], [key for _, key in groups]))
    found: dict[Group, list[GroupMember]] = {}
    for kind, key, *member in cursor.fetchall():
        found.setdefault((kind, key), []).append(GroupMember(*member))
    return found


def standings_of(cursor: Cursor, instrument_ids: Collection[str]) -> list[Standing]:
    """Instruments as they stand; those that nobody has met are left out."""
    cursor.execute(_STANDING, (list(instrument_ids),))
    return [Standing(*row) for row in cursor.fetchall()]


class Described(NamedTuple):
    """What people call an instrument, and its event."""

    instrument_id: str
    ticker: str
    name: str
    event_ticker: str | None
    event_title: str | None


_DESCRIBED = """
    SELECT i.id::text, i.ticker, coalesce(i.display_name, i.name), i.event_ticker, e.title
    FROM instruments i LEFT JOIN events e ON e.event_ticker = i.event_ticker
    WHERE i.id = ANY(%s::uuid[])
"""
_MARKETS_CALLED = """
    SELECT id::text FROM instruments WHERE ticker = %(name)s
    UNION
    SELECT instrument_id::text FROM market_group_members
    WHERE event_ticker = %(name)s AND kind = 'event'
"""


def described(cursor: Cursor, instrument_ids: Collection[str]) -> dict[str, Described]:
    """What people call instruments, by id."""
    cursor.execute(_DESCRIBED, (list(instrument_ids),))
    return {row[0]: Described(*row) for row in cursor.fetchall()}


def markets_called(cursor: Cursor, name: str) -> list[str]:
    """The instrument with this ticker, or the markets of the event with it: their ids."""
    cursor.execute(_MARKETS_CALLED, {"name": name})
    return [instrument_id for (instrument_id,) in cursor.fetchall()]
