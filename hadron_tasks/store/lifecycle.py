"""Messages about instruments and events: kept as they came, and applied to what they are about.

An instrument's state is a fold over its lifecycle messages in the order they were received. The
fold is done again whenever a message arrives, so redelivery and workers that overtake each other
do no harm.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from psycopg2.extras import Json, execute_values
from pydantic_core import to_json

from hadron_tasks.ingest.normalised import Fold, LifecycleEvent, StateChange
from hadron_tasks.times import from_ns, to_ns

_INSERT = """
    INSERT INTO lifecycle_events
        (venue, event_key, ticker, event_ticker, kind, sequence, received_at, payload)
    VALUES %s ON CONFLICT DO NOTHING
"""
_LOCK = "SELECT id FROM instruments WHERE id = ANY(%s::uuid[]) ORDER BY id FOR UPDATE"
_HISTORY = """
    SELECT ticker, event_ticker, kind, event_key, sequence, received_at, payload
    FROM lifecycle_events WHERE venue = %s AND ticker = ANY(%s)
    ORDER BY received_at, sequence NULLS FIRST, event_key
"""
_EVENT_HISTORY = """
    SELECT ticker, event_ticker, kind, event_key, sequence, received_at, payload
    FROM lifecycle_events WHERE venue = %s AND event_ticker = ANY(%s) AND ticker IS NULL
    ORDER BY received_at, sequence NULLS FIRST, event_key
"""


def write_lifecycle(cursor: Cursor, events: list[LifecycleEvent]) -> int:
    """Store messages that are not stored yet; returns how many were."""
    by_key = {(event.venue, event.event_key): event for event in events}
    if not by_key:
        return 0
    execute_values(
        cursor,
        _INSERT,
        [
            (
                event.venue,
                event.event_key,
                event.ticker,
                event.event_ticker,
                event.kind,
                event.sequence,
                from_ns(event.received_ns),
                _json(event.payload),
            )
            for _, event in sorted(by_key.items())
        ],
        page_size=len(by_key),
    )
    return int(cursor.rowcount)


def apply_to_instruments(
    cursor: Cursor, venue: str, instrument_ids: Mapping[str, str], fold: Fold
) -> None:
    """Fold the stored messages of some instruments into their rows.

    Args:
        instrument_ids: Ticker at the venue to instrument id.
    """
    # The lock makes a second worker wait until the first has committed, and see its messages.
    cursor.execute(_LOCK, (sorted(instrument_ids.values()),))
    cursor.execute(_HISTORY, (venue, list(instrument_ids)))
    for ticker, history in _by_subject(venue, cursor.fetchall(), subject=0).items():
        _update_instrument(cursor, instrument_ids[ticker], fold(history))


def apply_to_events(cursor: Cursor, venue: str, event_tickers: Iterable[str], fold: Fold) -> None:
    """Fold the stored messages of some events into their rows; makes the rows."""
    tickers = sorted(set(event_tickers))
    cursor.execute(
        "INSERT INTO events (event_ticker) SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING",
        (tickers,),
    )
    cursor.execute(
        "SELECT 1 FROM events WHERE event_ticker = ANY(%s) ORDER BY event_ticker FOR UPDATE",
        (tickers,),
    )
    cursor.execute(_EVENT_HISTORY, (venue, tickers))
    for ticker, history in _by_subject(venue, cursor.fetchall(), subject=1).items():
        _update(cursor, "events", "event_ticker", ticker, dict(fold(history).columns))


def _by_subject(
    venue: str, rows: list[tuple[Any, ...]], *, subject: int
) -> dict[str, list[LifecycleEvent]]:
    histories: dict[str, list[LifecycleEvent]] = {}
    for row in rows:
        ticker, event_ticker, kind, event_key, sequence, received_at, payload = row
        histories.setdefault(row[subject], []).append(
            LifecycleEvent(
                venue=venue,
                ticker=ticker,
                event_ticker=event_ticker,
                kind=kind,
                event_key=event_key,
                received_ns=to_ns(received_at),
                sequence=sequence,
                payload=payload,
            )
        )
    return histories


def _update_instrument(cursor: Cursor, instrument_id: str, change: StateChange) -> None:
    columns = dict(change.columns)
    _update(cursor, "instruments", "id", instrument_id, columns)
    if change.external_ref:
        cursor.execute(
            "UPDATE instruments SET external_ref = external_ref || %s"
            " WHERE id = %s AND NOT external_ref @> %s",
            (_json(change.external_ref), instrument_id, _json(change.external_ref)),
        )
    if change.status is not None:
        cursor.execute(
            "UPDATE instruments SET status = %s, status_at = %s, updated_at = now()"
            " WHERE id = %s AND (status_at IS NULL OR status_at <= %s)"
            " AND status IS DISTINCT FROM %s",
            (change.status, change.status_at, instrument_id, change.status_at, change.status),
        )


def _update(cursor: Cursor, table: str, key: str, key_value: str, columns: dict[str, Any]) -> None:
    if not columns:
        return
    names = list(columns)
    cursor.execute(
        sql.SQL(
            "UPDATE {table} SET {settings}, updated_at = now() WHERE {key} = %s AND ({differs})"
        ).format(
            table=sql.Identifier(table),
            key=sql.Identifier(key),
            settings=sql.SQL(", ").join(
                sql.SQL("{} = %s").format(sql.Identifier(name)) for name in names
            ),
            differs=sql.SQL(" OR ").join(
                sql.SQL("{} IS DISTINCT FROM %s").format(sql.Identifier(name)) for name in names
            ),
        ),
        [*columns.values(), key_value, *columns.values()],
    )


def _json(document: Mapping[str, Any]) -> Json:
    return Json(document, dumps=lambda value: to_json(value).decode())
