"""The catalogue: series, events and instruments as venues describe them, written in bulk.

An answer of a venue is as of the moment it was asked for; messages that were received later know
better. So an older answer changes neither a newer status nor any column that a newer message has
filled, and :mod:`~hadron_tasks.store.lifecycle` keeps older messages from undoing a newer answer.

In one transaction write instruments before events and events before series, and each at most
once: whoever writes locks rows in that order, and so never deadlocks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from typing import TypeVar

from psycopg2.extensions import cursor as Cursor  # noqa: N812

from hadron_tasks.store.catalogue_rows import EventRow, InstrumentRow, Refused, SeriesRow, Written
from hadron_tasks.store.copy_text import NULL, json_text, text, value
from hadron_tasks.store.instruments import map_instruments
from hadron_tasks.store.staged_upsert import Line, StagedUpsert, Stored

Row = TypeVar("Row", SeriesRow, EventRow, InstrumentRow)

_SERIES = StagedUpsert(
    table="series",
    key="ticker",
    key_type="text",
    conflict=("ticker",),
    stated=("title", "category", "frequency", "tags", "fee_type", "fee_multiplier"),
    merged=("external_ref",),
    defaults=(("tags", "'[]'"), ("external_ref", "'{}'")),
)
_EVENTS = StagedUpsert(
    table="events",
    key="event_ticker",
    key_type="text",
    conflict=("event_ticker",),
    staged_only=("venue",),
    stated=(
        "series_ticker",
        "title",
        "sub_title",
        "category",
        "mutually_exclusive",
        "collateral_return_type",
        "strike_date",
    ),
    merged=("external_ref",),
    defaults=(("external_ref", "'{}'"),),
    newer_message=(
        "EXISTS (SELECT FROM lifecycle_events l WHERE l.event_ticker = s.event_ticker"
        " AND l.ticker IS NULL AND l.venue = s.venue AND l.received_at > s.described_at)"
    ),
    streamed=("series_ticker", "title", "sub_title", "collateral_return_type"),
)
_STREAMED = (
    "status",
    "name",
    "event_ticker",
    "title",
    "yes_sub_title",
    "no_sub_title",
    "open_time",
    "close_time",
    "expected_expiration_time",
    "strike_type",
    "floor_strike",
    "cap_strike",
    "result",
    "settlement_value",
)
_INSTRUMENTS = StagedUpsert(
    table="instruments",
    key="id",
    key_type="uuid",
    conflict=("primary_source", "ticker"),
    fixed=("ticker", "asset_class", "primary_source", "venue"),
    stated=("display_name", "market_type", "keywords", *_STREAMED),
    merged=("external_ref",),
    defaults=(("external_ref", "'{}'"),),
    newer_message=(
        "EXISTS (SELECT FROM lifecycle_events l WHERE l.venue = s.venue AND l.ticker = s.ticker"
        " AND l.received_at > s.described_at)"
    ),
    streamed=_STREAMED,
    has_status=True,
    digested=True,
)


def upsert_series(cursor: Cursor, rows: Sequence[SeriesRow]) -> Written:
    """Write series that are new or different, in the cursor's open transaction."""
    return _upsert(cursor, _SERIES, rows, _series_line)


def upsert_events(cursor: Cursor, rows: Sequence[EventRow]) -> Written:
    """Write events that are new or different, in the cursor's open transaction."""
    return _upsert(cursor, _EVENTS, rows, _event_line)


def upsert_instruments(cursor: Cursor, rows: Sequence[InstrumentRow]) -> Written:
    """Write instruments that are new or different, in the cursor's open transaction.

    New ones get their name at their venue, too.
    """
    return _upsert(cursor, _INSTRUMENTS, rows, _instrument_line)


def _upsert(
    cursor: Cursor, table: StagedUpsert, rows: Sequence[Row], line_of: Callable[[Row], Line]
) -> Written:
    lines: dict[str, Line] = {}
    refused: list[Refused] = []
    for row in rows:
        try:
            line = line_of(row)
        except ValueError as error:  # half a surrogate pair, say
            refused.append(Refused(_ticker(row), str(error)))
        else:
            lines[line.key] = line
    stored: Stored = table.write(cursor, list(lines.values()))
    if table is _INSTRUMENTS and stored.inserted:
        map_instruments(cursor, stored.inserted)
    return Written(
        seen=len(lines) + len(refused),
        inserted=len(stored.inserted),
        updated=len(stored.updated),
        refused=(*refused, *stored.refused),
    )


def _ticker(row: SeriesRow | EventRow | InstrumentRow) -> str:
    return row.event_ticker if isinstance(row, EventRow) else row.ticker


def _series_line(row: SeriesRow) -> Line:
    return Line(
        row.ticker,
        row.ticker,
        (
            f"{text(row.ticker)}\t{text(row.title)}\t{text(row.category)}\t{text(row.frequency)}\t"
            f"{json_text(row.tags)}\t{text(row.fee_type)}\t{value(row.fee_multiplier)}\t"
            f"{json_text(row.external_ref)}\n"
        ).encode(),
    )


def _event_line(row: EventRow) -> Line:
    return Line(
        row.event_ticker,
        row.event_ticker,
        (
            f"{text(row.event_ticker)}\t{_time(row.described_at)}\t{row.venue}\t"
            f"{text(row.series_ticker)}\t{text(row.title)}\t{text(row.sub_title)}\t"
            f"{text(row.category)}\t{_flag(row.mutually_exclusive)}\t"
            f"{text(row.collateral_return_type)}\t{_time(row.strike_date)}\t"
            f"{json_text(row.external_ref)}\n"
        ).encode(),
    )


def _instrument_line(row: InstrumentRow) -> Line:
    said = (
        f"{text(row.ticker)}\t{row.asset_class}\t{row.venue}\t{row.venue}\t"
        f"{text(row.display_name)}\t{text(row.market_type)}\t{text(row.keywords)}\t"
        f"{text(row.status)}\t{text(row.name)}\t{text(row.event_ticker)}\t{text(row.title)}\t"
        f"{text(row.yes_sub_title)}\t{text(row.no_sub_title)}\t{_time(row.open_time)}\t"
        f"{_time(row.close_time)}\t{_time(row.expected_expiration_time)}\t"
        f"{text(row.strike_type)}\t{value(row.floor_strike)}\t{value(row.cap_strike)}\t"
        f"{text(row.result)}\t{value(row.settlement_value)}\t{json_text(row.external_ref)}\n"
    ).encode()
    key = row.id
    digest = int.from_bytes(blake2b(said, digest_size=8).digest(), signed=True)
    begins = f"{key}\t{digest}\t{_time(row.described_at)}\t".encode()
    return Line(key, row.ticker, begins + said, digest)


# Markets of one event share their times.
@lru_cache(maxsize=4096)
def _time(moment: datetime | None) -> str:
    return NULL if moment is None else moment.isoformat()


def _flag(said: bool | None) -> str:
    return NULL if said is None else str(said)
