"""A database with markets in it, for tests of what watches them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.store.instruments import instrument_id

LISTED = """
    INSERT INTO instruments (id, ticker, asset_class, primary_source, venue, name, event_ticker,
        status, strike_type, floor_strike, cap_strike, close_time, external_ref)
    VALUES (%(id)s, %(ticker)s, %(asset_class)s, %(venue)s, %(venue)s, %(ticker)s, %(event)s,
        %(status)s, %(strike_type)s, %(floor)s, %(cap)s, %(close_time)s, %(external_ref)s)
    ON CONFLICT (primary_source, ticker) DO UPDATE SET status = EXCLUDED.status,
        strike_type = EXCLUDED.strike_type, floor_strike = EXCLUDED.floor_strike,
        cap_strike = EXCLUDED.cap_strike, updated_at = now()
"""
NAMED = """
    INSERT INTO instrument_venue_mapping (instrument_id, venue, venue_instrument_id)
    VALUES (%(id)s, %(venue)s, %(ticker)s) ON CONFLICT DO NOTHING
"""
EVENT = """
    INSERT INTO events (event_ticker, series_ticker, title, mutually_exclusive)
    VALUES (%s, split_part(%s, '-', 1), %s, %s)
    ON CONFLICT (event_ticker) DO UPDATE SET mutually_exclusive = EXCLUDED.mutually_exclusive,
        updated_at = now()
"""
QUOTED = """
    INSERT INTO latest_quotes (instrument_id, venue, price, bid, ask, bid_size, ask_size,
        received_at)
    VALUES (%(id)s, %(venue)s, %(price)s, %(bid)s, %(ask)s, %(size)s, %(size)s, %(at)s)
    ON CONFLICT (instrument_id) DO UPDATE SET bid = EXCLUDED.bid, ask = EXCLUDED.ask,
        price = EXCLUDED.price, bid_size = EXCLUDED.bid_size, ask_size = EXCLUDED.ask_size,
        received_at = EXCLUDED.received_at
"""


def kalshi(ticker: str) -> str:
    """The id of a market's instrument."""
    return str(instrument_id("kalshi", ticker))


def polygon(ticker: str) -> str:
    return str(instrument_id("polygon", ticker))


def list_market(
    connection: PgConnection,
    ticker: str,
    event: str | None = "",
    *,
    venue: str = "kalshi",
    legs: Sequence[tuple[str, str]] = (),
    **stated: Any,
) -> None:
    """A market as a crawl lists it; ``event`` None for one that was only seen on the stream."""
    described = {
        "id": str(instrument_id(venue, ticker)),
        "ticker": ticker,
        "venue": venue,
        "asset_class": "other",
        "event": ticker.rpartition("-")[0] if event == "" else event,
        "status": "active",
        "strike_type": None,
        "floor": None,
        "cap": None,
        "close_time": None,
        "external_ref": json.dumps(
            {"legs": [{"market_ticker": leg, "side": side} for leg, side in legs]} if legs else {}
        ),
    }
    with connection, connection.cursor() as cursor:
        cursor.execute(LISTED, described | stated)
        cursor.execute(NAMED, described)


def list_event(connection: PgConnection, event: str, *, exclusive: bool | None = None) -> None:
    with connection, connection.cursor() as cursor:
        cursor.execute(EVENT, (event, event, f"Title of {event}", exclusive))


def put_quote(
    connection: PgConnection,
    ticker: str,
    bid: str | None = None,
    ask: str | None = None,
    *,
    venue: str = "kalshi",
    price: str | None = None,
    size: str = "100",
    at: datetime | None = None,
) -> None:
    row = {
        "id": str(instrument_id(venue, ticker)),
        "venue": venue,
        "price": price,
        "bid": bid,
        "ask": ask,
        "size": Decimal(size),
        # Fresh for as long as a test may take.
        "at": at or datetime.now(UTC) + timedelta(minutes=5),
    }
    with connection, connection.cursor() as cursor:
        cursor.execute(QUOTED, row)


def select(connection: PgConnection, sql: str, *values: object) -> list[tuple[Any, ...]]:
    with connection, connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()
