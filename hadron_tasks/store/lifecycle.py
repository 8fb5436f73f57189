"""Messages about instruments and events: kept as they came, and applied to what they are about.

An instrument's state is a fold over its lifecycle messages in the order they were received. The
fold is done again whenever a message arrives, so redelivery and workers that overtake each other
do no harm. Where a venue's description is newer than a message, the message only says what the
description left open.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
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
_LOCK = """
    SELECT id::text, described_at FROM instruments WHERE id = ANY(%s::uuid[]) ORDER BY id FOR UPDATE
"""
_LOCK_EVENTS = """
    SELECT event_ticker, described_at FROM events
    WHERE event_ticker = ANY(%s) ORDER BY event_ticker FOR UPDATE
"""
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
    described = dict(cursor.fetchall())
    cursor.execute(_HISTORY, (venue, list(instrument_ids)))
    for ticker, history in _by_subject(venue, cursor.fetchall(), subject=0).items():
        own_id = instrument_ids[ticker]
        before, since = _around(described.get(own_id), history)
        if before:
            _fill_in(cursor, "instruments", "id", own_id, fold(before))
        _overrule(cursor, "instruments", "id", own_id, fold(since))
        _set_status(cursor, own_id, fold(history))


def apply_to_events(cursor: Cursor, venue: str, event_tickers: Iterable[str], fold: Fold) -> None:
    """Fold the stored messages of some events into their rows; makes the rows."""
    tickers = sorted(set(event_tickers))
    cursor.execute(
        "INSERT INTO events (event_ticker) SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING",
        (tickers,),
    )
    cursor.execute(_LOCK_EVENTS, (tickers,))
    described = dict(cursor.fetchall())
    cursor.execute(_EVENT_HISTORY, (venue, tickers))
    for ticker, history in _by_subject(venue, cursor.fetchall(), subject=1).items():
        before, since = _around(described.get(ticker), history)
        if before:
            _fill_in(cursor, "events", "event_ticker", ticker, fold(before))
        _overrule(cursor, "events", "event_ticker", ticker, fold(since))


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


def _around(
    described_at: datetime | None, history: list[LifecycleEvent]
) -> tuple[list[LifecycleEvent], list[LifecycleEvent]]:
    """The messages that a description is newer than, and the others."""
    if described_at is None:
        return [], history
    described_ns = to_ns(described_at)
    before = [event for event in history if event.received_ns <= described_ns]
    return before, history[len(before) :]


def _overrule(cursor: Cursor, table: str, key: str, key_value: str, change: StateChange) -> None:
    """Messages know better than what is stored."""
    _update(cursor, table, key, key_value, change, "{name} = %s", "{name} IS DISTINCT FROM %s")
    if change.external_ref:
        cursor.execute(
            "UPDATE instruments SET external_ref = external_ref || %s, updated_at = now()"
            " WHERE id = %s AND NOT external_ref @> %s",
            (_json(change.external_ref), key_value, _json(change.external_ref)),
        )


def _fill_in(cursor: Cursor, table: str, key: str, key_value: str, change: StateChange) -> None:
    """What is stored knows better than messages."""
    settings = "{name} = coalesce({name}, %s)"
    _update(cursor, table, key, key_value, change, settings, "{name} IS NULL AND %s IS NOT NULL")
    if change.external_ref:
        cursor.execute(
            "UPDATE instruments SET external_ref = %s || external_ref, updated_at = now()"
            " WHERE id = %s AND NOT external_ref ?& %s",
            (_json(change.external_ref), key_value, list(change.external_ref)),
        )


def _set_status(cursor: Cursor, instrument_id: str, change: StateChange) -> None:
    if change.status is None:
        return
    cursor.execute(
        "UPDATE instruments SET status = %s, status_at = %s, updated_at = now()"
        " WHERE id = %s AND (status_at IS NULL OR status_at <= %s)"
        " AND status IS DISTINCT FROM %s",
        (change.status, change.status_at, instrument_id, change.status_at, change.status),
    )


def _update(
    cursor: Cursor,
    table: str,
    key: str,
    key_value: str,
    change: StateChange,
    setting: str,
    condition: str,
) -> None:
    """Set the columns that were mentioned, where the condition holds for one of them."""
    columns = dict(change.columns)
    if not columns:
        return
    names = [sql.Identifier(name) for name in columns]
    cursor.execute(
        sql.SQL(
            "UPDATE {table} SET {settings}, updated_at = now() WHERE {key} = %s AND ({any})"
        ).format(
            table=sql.Identifier(table),
            key=sql.Identifier(key),
            settings=sql.SQL(", ").join(sql.SQL(setting).format(name=name) for name in names),
            any=sql.SQL(" OR ").join(sql.SQL(condition).format(name=name) for name in names),
        ),
        [*columns.values(), key_value, *columns.values()],
    )


def _json(document: Mapping[str, Any]) -> Json:
    return Json(document, dumps=lambda value: to_json(value).decode())
