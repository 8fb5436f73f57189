"""Reading stored trades back by when they were made: to compare them, and to see what traded."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812


class StoredTrade(NamedTuple):
    """A trade with an id, as it is stored."""

    ticker: str
    trade_key: int
    event_time: datetime
    price: Decimal | None
    size: Decimal | None
    side: str | None
    trade_id: str | None


# By trade_keys, whose index on time finds a stretch of all instruments; each tick is then found by
# its primary key. A key without its tick is no stored trade.
_OF_ALL = """
    SELECT m.venue_instrument_id, k.trade_key, t.event_time, t.price, t.size, t.side,
           t.metadata->>'trade_id'
    FROM trade_keys k
    JOIN ticks t ON t.instrument_id = k.instrument_id AND t.event_time = k.event_time
        AND t.event_key = k.trade_key
    JOIN instrument_venue_mapping m ON m.instrument_id = k.instrument_id AND m.venue = %(venue)s
    WHERE k.event_time >= %(since)s AND k.event_time < %(until)s
        AND t.event_time >= %(since)s AND t.event_time < %(until)s AND t.venue = %(venue)s
"""
_OF_ONE = """
    SELECT m.venue_instrument_id, t.event_key, t.event_time, t.price, t.size, t.side,
           t.metadata->>'trade_id'
    FROM instrument_venue_mapping m JOIN ticks t ON t.instrument_id = m.instrument_id
    WHERE m.venue = %(venue)s AND m.venue_instrument_id = %(ticker)s
        AND t.event_time >= %(since)s AND t.event_time < %(until)s
        AND t.tick_type = 'trade' AND t.venue = %(venue)s
        AND t.metadata->>'trade_id' IS NOT NULL
"""
_TRADED = """
    SELECT m.venue_instrument_id FROM trade_keys k
    JOIN instrument_venue_mapping m ON m.instrument_id = k.instrument_id AND m.venue = %(venue)s
    JOIN instruments i ON i.id = k.instrument_id
    WHERE k.event_time >= %(since)s AND k.event_time < %(until)s
        AND (%(asset_class)s::text IS NULL OR i.asset_class = %(asset_class)s)
    GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT %(most)s
"""


def stored_trades(
    cursor: Cursor, venue: str, since: datetime, until: datetime, ticker: str | None
) -> list[StoredTrade]:
    """A venue's stored trades from ``since`` to before ``until``, of one instrument or of all.

    Only those with an id: others cannot be told apart.
    """
    values = {"venue": venue, "since": since, "until": until, "ticker": ticker}
    cursor.execute(_OF_ALL if ticker is None else _OF_ONE, values)
    return [StoredTrade(*row) for row in cursor.fetchall()]


def traded(
    cursor: Cursor,
    venue: str,
    since: datetime,
    until: datetime,
    most: int,
    asset_class: str | None = None,
) -> list[str]:
    """The instruments of which trades are stored of that time, the busiest first."""
    values: dict[str, object] = {"venue": venue, "since": since, "until": until, "most": most}
    cursor.execute(_TRADED, {**values, "asset_class": asset_class})
    return [ticker for (ticker,) in cursor.fetchall()]
