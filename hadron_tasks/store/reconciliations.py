"""Prices beside what their underlyings imply, as they are stored, and what they are made of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812
from psycopg2.extras import execute_values

_TO_RECONCILE = """
    SELECT m.key, m.instrument_id::text FROM market_group_members m
    JOIN instruments i ON i.id = m.instrument_id
    WHERE m.kind = 'underlying' AND i.close_time > %(now)s AND i.close_time <= %(until)s
        AND (i.status IS NULL OR i.status IN ('active', 'open'))
        AND i.strike_type IN ('greater', 'greater_or_equal', 'less', 'less_or_equal', 'between')
        AND (%(ticker)s IS NULL OR m.ticker = %(ticker)s)
"""
_PRICES = """
    SELECT DISTINCT ON (bucket) event_time, price FROM (
        SELECT date_bin(make_interval(secs => %(step)s), event_time, 'epoch') AS bucket, event_time,
            price
        FROM ticks
        WHERE instrument_id = %(instrument)s::uuid AND event_time >= %(since)s
            AND event_time <= %(until)s AND price > 0 AND tick_type <> 'bar'
    ) AS priced
    ORDER BY bucket, event_time
"""
_INSERT = """
    INSERT INTO price_reconciliations (instrument_id, computed_at, underlying_id, spot,
        market_probability, model_probability, difference, inputs) VALUES %s
    ON CONFLICT DO NOTHING
"""
_NEWEST = """
    SELECT r.instrument_id::text, r.computed_at, r.underlying_id::text, r.spot,
        r.market_probability, r.model_probability, r.difference, r.inputs
    FROM price_reconciliations r JOIN instruments i ON i.id = r.instrument_id
    WHERE i.ticker = %s ORDER BY r.computed_at DESC LIMIT %s
"""
_DROP = "DELETE FROM price_reconciliations WHERE computed_at < %s"


class Reconciliation(NamedTuple):
    """A row of ``price_reconciliations``."""

    instrument_id: str
    computed_at: datetime
    underlying_id: str
    spot: Decimal | None
    market_probability: Decimal | None
    model_probability: Decimal | None
    difference: Decimal | None
    """Of the market's from the model's."""
    inputs: dict[str, Any]
    """All that it was computed from."""


def markets_to_reconcile(
    cursor: Cursor, now: datetime, until: datetime, ticker: str | None = None
) -> dict[str, list[str]]:
    """Markets that close from now to ``until``: by underlying (``polygon:I:SPX``), their ids."""
    cursor.execute(_TO_RECONCILE, {"now": now, "until": until, "ticker": ticker})
    found: dict[str, list[str]] = {}
    for underlying, instrument_id in cursor.fetchall():
        found.setdefault(underlying, []).append(instrument_id)
    return found


def prices_since(
    cursor: Cursor, instrument_id: str, since: datetime, until: datetime, step_s: float
) -> list[tuple[datetime, Decimal]]:
    """The first recorded price of each ``step_s`` seconds in which there was one."""
    cursor.execute(
        _PRICES, {"instrument": instrument_id, "since": since, "until": until, "step": step_s}
    )
    return list(cursor.fetchall())


def write_reconciliations(cursor: Cursor, rows: Sequence[Reconciliation]) -> None:
    """Store rows."""
    if rows:
        execute_values(
            cursor,
            _INSERT,
            [(*row[:-1], json.dumps(row.inputs)) for row in rows],
            template="(%s::uuid, %s, %s::uuid, %s, %s, %s, %s, %s)",
        )


def newest_reconciliations(cursor: Cursor, ticker: str, limit: int) -> list[Reconciliation]:
    """The newest rows of a market, newest first."""
    cursor.execute(_NEWEST, (ticker, limit))
    return [Reconciliation(*row) for row in cursor.fetchall()]


def drop_reconciliations(cursor: Cursor, before: datetime) -> int:
    """Delete the rows computed before a time; returns how many there were."""
    cursor.execute(_DROP, (before,))
    return cursor.rowcount
