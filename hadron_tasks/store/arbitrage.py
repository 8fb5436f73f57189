"""Arbitrage as it is stored: a row while it lives, brought up to date, closed when it is gone."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812
from psycopg2.extras import execute_batch

SAY_SO_EVERY = timedelta(seconds=1)
"""How often a row is written that changed in nothing but when it was last seen."""

_LIVE = """
    SELECT fingerprint, id, profit, sets, last_seen_at FROM arbitrage_opportunities
    WHERE closed_at IS NULL AND scope = ANY(%s)
"""
_LIVE_SCOPES = """
    SELECT DISTINCT scope FROM arbitrage_opportunities
    WHERE closed_at IS NULL AND last_seen_at < %s
"""
_INSERT = """
    INSERT INTO arbitrage_opportunities (kind, fingerprint, scope, assumption, legs, pays,
        profit_per_set, sets, fees, profit, best_profit, best_seen_at, first_seen_at, last_seen_at)
    VALUES (%(kind)s, %(fingerprint)s, %(scope)s, %(assumption)s, %(legs)s, %(pays)s,
        %(profit_per_set)s, %(sets)s, %(fees)s, %(profit)s, %(profit)s, %(now)s, %(now)s, %(now)s)
    ON CONFLICT (fingerprint) WHERE closed_at IS NULL DO NOTHING
"""
_UPDATE = """
    UPDATE arbitrage_opportunities SET assumption = %(assumption)s, legs = %(legs)s,
        pays = %(pays)s, profit_per_set = %(profit_per_set)s, sets = %(sets)s, fees = %(fees)s,
        profit = %(profit)s, last_seen_at = %(now)s,
        best_seen_at = CASE WHEN %(profit)s > best_profit THEN %(now)s ELSE best_seen_at END,
        best_profit = greatest(best_profit, %(profit)s)
    WHERE id = %(id)s
"""
_CLOSE = "UPDATE arbitrage_opportunities SET closed_at = %s WHERE id = ANY(%s) RETURNING {columns}"
_COLUMNS = (
    "id, kind, scope, assumption, legs, pays, sets, fees, profit, profit_per_set, best_profit,"
    " best_seen_at, first_seen_at, last_seen_at, closed_at"
)
_LIST = f"""
    SELECT {_COLUMNS} FROM arbitrage_opportunities
    WHERE (closed_at IS NULL OR NOT %(live)s) AND best_profit >= %(min_profit)s
        AND (%(kind)s IS NULL OR kind = %(kind)s)
        AND (%(since)s IS NULL OR last_seen_at >= %(since)s)
        AND (%(ticker)s IS NULL OR legs @> %(ticker)s)
    ORDER BY closed_at IS NOT NULL, profit DESC, last_seen_at DESC, id LIMIT %(limit)s
"""  # noqa: S608 - constants only
_SHOW = f"SELECT {_COLUMNS} FROM arbitrage_opportunities WHERE id = %s"  # noqa: S608 - constants only


class FoundNow(NamedTuple):
    """An arbitrage as it was found just now."""

    kind: str
    fingerprint: str
    """The same while it lives."""
    scope: str
    """Where it was found: it is gone when it is not found there again."""
    assumption: str
    legs: list[dict[str, Any]]
    pays: Decimal
    sets: Decimal
    fees: Decimal
    profit: Decimal
    profit_per_set: Decimal


class Opportunity(NamedTuple):
    """A row: an arbitrage that lives or lived."""

    id: int
    kind: str
    scope: str
    assumption: str
    legs: list[dict[str, Any]]
    pays: Decimal
    sets: Decimal
    fees: Decimal
    profit: Decimal
    profit_per_set: Decimal
    best_profit: Decimal
    best_seen_at: datetime
    first_seen_at: datetime
    last_seen_at: datetime
    closed_at: datetime | None


class Recorded(NamedTuple):
    """What became of the arbitrages in some scopes."""

    opened: list[FoundNow]
    updated: int
    closed: list[Opportunity]


def record(
    cursor: Cursor, scopes: Collection[str], found: Sequence[FoundNow], now: datetime
) -> Recorded:
    """Bring the rows of ``scopes`` in line with what was found there just now.

    Args:
        scopes: All that were looked at: what lived there and is not in ``found`` is gone.
    """
    cursor.execute(_LIVE, (list(scopes),))
    live = {fingerprint: rest for fingerprint, *rest in cursor.fetchall()}
    opened: list[FoundNow] = []
    changed: list[dict[str, Any]] = []
    for one in found:
        known = live.pop(one.fingerprint, None)
        if known is None:
            opened.append(one)
            continue
        row_id, profit, sets, last_seen_at = known
        if (profit, sets) != (one.profit, one.sets) or now - last_seen_at >= SAY_SO_EVERY:
            changed.append(_row(one, now) | {"id": row_id})
    execute_batch(cursor, _INSERT, [_row(one, now) for one in opened])
    execute_batch(cursor, _UPDATE, changed)
    closed: list[Opportunity] = []
    if live:
        gone = [row_id for row_id, *_ in live.values()]
        cursor.execute(_CLOSE.format(columns=_COLUMNS), (now, gone))
        closed = [Opportunity(*row) for row in cursor.fetchall()]
    return Recorded(opened, len(changed), closed)


def scopes_to_look_at_again(cursor: Cursor, not_seen_since: datetime) -> list[str]:
    """Where something lives that nobody looked at lately: quotes grow stale without changing."""
    cursor.execute(_LIVE_SCOPES, (not_seen_since,))
    return [scope for (scope,) in cursor.fetchall()]


def list_opportunities(
    cursor: Cursor,
    *,
    live: bool = False,
    min_profit: Decimal = Decimal(0),
    kind: str | None = None,
    since: datetime | None = None,
    ticker: str | None = None,
    limit: int = 50,
) -> list[Opportunity]:
    """Arbitrages, those that live first, the most profitable of them first.

    Args:
        min_profit: Dollars that all sets together earned at their best.
        since: Seen at or after this time.
        ticker: With a leg on this market.
    """
    wanted = None if ticker is None else json.dumps([{"ticker": ticker}])
    cursor.execute(
        _LIST,
        {
            "live": live,
            "min_profit": min_profit,
            "kind": kind,
            "since": since,
            "ticker": wanted,
            "limit": limit,
        },
    )
    return [Opportunity(*row) for row in cursor.fetchall()]


def find_opportunity(cursor: Cursor, opportunity_id: int) -> Opportunity | None:
    """One arbitrage; None where there is none with this id."""
    cursor.execute(_SHOW, (opportunity_id,))
    row = cursor.fetchone()
    return None if row is None else Opportunity(*row)


def _row(one: FoundNow, now: datetime) -> dict[str, Any]:
    return one._asdict() | {"legs": json.dumps(one.legs), "now": now}
