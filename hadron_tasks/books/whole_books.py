"""Books that come whole with every message (Polygon's crypto books): nothing to rebuild.

Each message is the book of one exchange that the vendor listens to. It is right as of its own
time; whether it changed since, the next message tells.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.books.order_book import Ladder
from hadron_tasks.books.recorded import Asked, levels
from hadron_tasks.store import book_reader
from hadron_tasks.store.book_reader import RecordedInstrument


@dataclass(frozen=True, slots=True)
class WholeBook:
    """The last book that was told until a time."""

    instrument: RecordedInstrument
    ladder: Ladder
    event_time: datetime
    received_at: datetime
    exchange: int | None
    """The vendor's number of the exchange it is of."""


def last_whole_book(
    connection: PgConnection, instrument: RecordedInstrument, asked: Asked
) -> WholeBook | None:
    """The last book of an instrument until a time; None when there is none."""
    one = instrument.instrument_id
    newest = book_reader.newest_snapshots(connection, [one], asked.event_limit)
    if not newest:
        return None
    *_, last = book_reader.book_rows(connection, newest, asked.event_limit)
    metadata = last.metadata or {}
    exchange = metadata.get("exchange")
    ladder = Ladder(
        bids=tuple(sorted(levels(metadata.get("bids")), reverse=True)),
        asks=tuple(sorted(levels(metadata.get("asks")))),
    )
    return WholeBook(
        instrument,
        ladder,
        last.event_time,
        last.received_at,
        exchange if isinstance(exchange, int) else None,
    )
