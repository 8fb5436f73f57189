"""Reading ticks back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg2.extensions import connection as PgConnection  # noqa: N812


@dataclass(frozen=True, slots=True)
class StoredTick:
    """A row of ``ticks``."""

    event_time: datetime
    event_key: int
    received_at: datetime
    venue: str
    tick_type: str
    price: Decimal | None
    raw_price: str | None
    size: Decimal | None
    side: str | None
    bid: Decimal | None
    ask: Decimal | None
    bid_size: Decimal | None
    ask_size: Decimal | None
    sequence: int | None
    metadata: dict[str, Any] | None


_FIND = """
    SELECT DISTINCT instrument_id::text FROM instrument_venue_mapping
    WHERE venue_instrument_id = %s ORDER BY 1
"""
# Newest first with a limit, then turned round: the index gives the newest without reading all.
_TICKS = """
    SELECT * FROM (
        SELECT event_time, event_key, received_at, venue, tick_type, price, raw_price, size, side,
               bid, ask, bid_size, ask_size, sequence, metadata
        FROM ticks
        WHERE instrument_id = ANY(%(ids)s::uuid[])
            AND (%(since)s::timestamptz IS NULL OR event_time >= %(since)s)
            AND (%(received_since)s::timestamptz IS NULL
                 OR (received_at >= %(received_since)s
                     AND event_time >= %(received_since)s::timestamptz - interval '1 day'))
            AND (%(tick_type)s::text IS NULL OR tick_type = %(tick_type)s)
        ORDER BY event_time DESC, sequence DESC NULLS LAST, event_key DESC LIMIT %(limit)s
    ) AS newest ORDER BY event_time, sequence NULLS FIRST, event_key
"""


def find_instruments(connection: PgConnection, ticker: str) -> list[str]:
    """The ids of the instruments that any venue calls ``ticker``."""
    with connection, connection.cursor() as cursor:
        cursor.execute(_FIND, (ticker,))
        return [instrument_id for (instrument_id,) in cursor.fetchall()]


def ticks_of(
    connection: PgConnection,
    instrument_ids: list[str],
    *,
    since: datetime | None = None,
    received_since: datetime | None = None,
    tick_type: str | None = None,
    limit: int,
) -> list[StoredTick]:
    """The newest ticks of some instruments, in the order of their event time."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            _TICKS,
            {
                "ids": instrument_ids,
                "since": since,
                "received_since": received_since,
                "tick_type": tick_type,
                "limit": limit,
            },
        )
        return [StoredTick(*row) for row in cursor.fetchall()]
