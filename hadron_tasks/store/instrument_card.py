"""Everything stored of an instrument: itself, its event and series, its siblings, its prices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg2.extensions import connection as PgConnection  # noqa: N812
from psycopg2.extras import RealDictCursor

Record = dict[str, Any]
"""A row by the names of its columns."""

_INSTRUMENTS = """
    SELECT id::text, ticker, venue, primary_source, asset_class, market_type, name, display_name,
           title, yes_sub_title, no_sub_title, status, status_at, open_time, close_time,
           expected_expiration_time, strike_type, floor_strike, cap_strike, result,
           settlement_value, event_ticker, external_ref, described_at, created_at, updated_at
    FROM instruments
    WHERE id IN (SELECT instrument_id FROM instrument_venue_mapping WHERE venue_instrument_id = %s)
    ORDER BY primary_source, ticker
"""
_NAMES = """
    SELECT venue, venue_instrument_id AS ticker FROM instrument_venue_mapping
    WHERE instrument_id = %s ORDER BY 1, 2
"""
_QUOTE = """
    SELECT price, price_time, bid, bid_size, ask, ask_size, quote_time,
           last_trade_price, last_trade_size, last_trade_time
    FROM latest_quotes WHERE instrument_id = %s
"""
_EVENT = """
    SELECT event_ticker, series_ticker, title, sub_title, category, mutually_exclusive, strike_date,
           external_ref
    FROM events WHERE event_ticker = %s
"""
_SERIES = """
    SELECT ticker, title, category, frequency, tags, fee_type, fee_multiplier, external_ref
    FROM series WHERE ticker = %s
"""
_SIBLINGS = """
    SELECT i.ticker, coalesce(nullif(i.yes_sub_title, ''), i.display_name, i.name) AS name,
           i.status, i.result, q.price, q.bid, q.ask
    FROM instruments i LEFT JOIN latest_quotes q ON q.instrument_id = i.id
    WHERE i.event_ticker = %s AND i.id <> %s
    ORDER BY coalesce(i.floor_strike, i.cap_strike), i.ticker LIMIT %s
"""
_LEGS = """
    SELECT coalesce(i.display_name, i.name) AS name, leg.ticker, leg.side, i.status, q.price
    FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS leg(ticker, side, place)
    LEFT JOIN instruments i ON i.primary_source = %s AND i.ticker = leg.ticker
    LEFT JOIN latest_quotes q ON q.instrument_id = i.id
    ORDER BY leg.place
"""
_COUNT = "SELECT count(*) AS number FROM instruments WHERE event_ticker = %s AND id <> %s"


@dataclass(frozen=True, slots=True)
class InstrumentCard:
    """What is known of one instrument."""

    instrument: Record
    names: list[Record]
    """What venues call it."""
    quote: Record | None
    """Its newest recorded prices."""
    event: Record | None
    series: Record | None
    siblings: list[Record]
    """The other markets of its event, by strike; the first so many."""
    siblings_in_all: int
    legs: list[Record]
    """Of a combo: the markets it is made of, by the names that are known of them."""


def instrument_cards(
    connection: PgConnection, ticker: str, *, siblings: int
) -> list[InstrumentCard]:
    """What is known of the instruments that any venue calls ``ticker``.

    Args:
        siblings: At most so many markets of the same event.
    """
    with connection, connection.cursor(cursor_factory=RealDictCursor) as cursor:
        cursor.execute(_INSTRUMENTS, (ticker,))
        found = cursor.fetchall()
        return [_card(cursor, dict(instrument), siblings) for instrument in found]


def _card(cursor: RealDictCursor, instrument: Record, siblings: int) -> InstrumentCard:
    own_id, event_ticker = instrument.pop("id"), instrument["event_ticker"]
    event = _one(cursor, _EVENT, event_ticker)
    series_ticker = (event or {}).get("series_ticker") or instrument["external_ref"].get(
        "series_ticker"
    )
    count = _one(cursor, _COUNT, event_ticker, own_id)
    return InstrumentCard(
        {"id": own_id, **instrument},
        _all(cursor, _NAMES, own_id),
        _one(cursor, _QUOTE, own_id),
        event,
        _one(cursor, _SERIES, series_ticker),
        _all(cursor, _SIBLINGS, event_ticker, own_id, siblings),
        int(count["number"]) if count else 0,
        _legs(cursor, instrument),
    )


def _legs(cursor: RealDictCursor, instrument: Record) -> list[Record]:
    legs = instrument["external_ref"].get("legs") or []
    tickers = [leg["market_ticker"] for leg in legs]
    sides = [leg["side"] for leg in legs]
    return _all(cursor, _LEGS, tickers, sides, instrument["primary_source"])


def _all(cursor: RealDictCursor, question: str, *arguments: object) -> list[Record]:
    cursor.execute(question, arguments)
    return [dict(row) for row in cursor.fetchall()]


def _one(cursor: RealDictCursor, question: str, *arguments: object) -> Record | None:
    return next(iter(_all(cursor, question, *arguments)), None)
