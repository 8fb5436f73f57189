"""The book of a market as it was recorded: rebuilt from the database, with what is known of it.

In one or two queries a book, however many books are asked for: the last snapshots, then everything
from them on. Only when another connection's messages are needed, too, are there two more.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import groupby

from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.books.chain import Chain, Change, Message, Snapshot
from hadron_tasks.books.feed_now import FeedNow, doubts_of_feed
from hadron_tasks.books.order_book import Level, Side
from hadron_tasks.books.rebuild import Attempt, Rebuilt, rebuild
from hadron_tasks.books.trust import IN_FLIGHT, Doubt, Hole, Reason
from hadron_tasks.store import book_reader
from hadron_tasks.store.book_checks import BookCheck, Checks, checks_about
from hadron_tasks.store.book_reader import BookRow, RecordedInstrument
from hadron_tasks.times import from_ns, to_ns

VENUE = "kalshi"
CHANNELS = ("orderbook_delta",)
"""What gap records call the channel of the books."""

LATE = timedelta(minutes=5)
"""A change after a snapshot may state a time before the snapshot's: that is our clock's, and the
snapshot may have waited in a socket."""

_AHEAD = timedelta(days=1)
"""How far the exchange's clock may be ahead of ours."""
_MOST_LAG = timedelta(seconds=10)
_MARK = b"orderbook"


@dataclass(frozen=True, slots=True)
class Asked:
    """Which moment's books are wanted."""

    at: datetime | None
    """By the exchange's clock; None for the latest that is completely stored."""
    feed: FeedNow | None
    """Read before the database; None when Redis cannot be asked."""

    @property
    def stored_until(self) -> datetime:
        """Receive time until which everything is stored, as far as is known."""
        return datetime.now(UTC) if self.feed is None else self.feed.stored_until

    @property
    def moment(self) -> datetime:
        """The books' time."""
        return self.stored_until if self.at is None else self.at

    @property
    def event_limit(self) -> datetime:
        """The latest event time of a message that counts."""
        return datetime.now(UTC) + _AHEAD if self.at is None else self.at


@dataclass(frozen=True, slots=True)
class RecordedBook:
    """A market's book at a time, and what is known of it."""

    instrument: RecordedInstrument
    rebuilt: Rebuilt
    agreed_at: datetime | None
    """When it was last found to be the exchange's own, since its snapshot."""


def rebuild_recorded(
    connection: PgConnection, instruments: Sequence[RecordedInstrument], asked: Asked
) -> Iterator[RecordedBook]:
    """The books of some Kalshi markets; those of which there is no snapshot are left out."""
    by_id = {one.instrument_id: one for one in instruments}
    anchored = book_reader.newest_snapshots(connection, list(by_id), asked.event_limit)
    if not anchored:
        return
    holes = _holes(connection, min(anchored.values()) - LATE, asked.moment)
    last_stored = book_reader.last_minute_stored(connection, VENUE)
    checks = checks_about(connection, list(anchored), asked.moment)
    attempts = list(_attempts(connection, anchored, holes, asked))
    for instrument_id, first in attempts:
        instrument = by_id[instrument_id]
        best = _with_older_snapshots(connection, instrument_id, first, holes, asked).best
        if best is None:
            continue
        known = checks.get(instrument_id, Checks())
        doubts = [
            *doubts_of_feed(best.chain, asked.feed, last_stored, asked.moment),
            *_doubts_of_time(best.chain, asked),
            *_doubts_of_letters(connection, instrument.ticker, best.chain, asked.moment),
            *_doubts_of_checks(best.chain, known.differed),
        ]
        trusted = replace(best, trust=best.trust.but(*doubts))
        yield RecordedBook(instrument, trusted, _agreed_at(best.chain, known.agreed))


def _attempts(
    connection: PgConnection, since: Mapping[str, datetime], holes: list[Hole], asked: Asked
) -> Iterator[tuple[str, Attempt]]:
    starts = {instrument_id: moment - LATE for instrument_id, moment in since.items()}
    rows = book_reader.book_rows(connection, starts, asked.event_limit)
    for instrument_id, own in groupby(rows, key=lambda row: row.instrument_id):
        messages = list(_messages(own, asked.stored_until))
        yield instrument_id, rebuild(messages, holes, asked.moment)


def _with_older_snapshots(
    connection: PgConnection, instrument_id: str, first: Attempt, holes: list[Hole], asked: Asked
) -> Attempt:
    """Try again from further back when another connection may know better."""
    if not first.unanchored or (first.best is not None and first.best.trust.exact):
        return first
    vias = sorted(first.unanchored)
    older = book_reader.newest_snapshots(connection, [instrument_id], asked.event_limit, vias)
    again = dict(_attempts(connection, older, holes, asked))
    return again.get(instrument_id, first)


def _messages(rows: Iterable[BookRow], stored_until: datetime) -> Iterator[Message]:
    """Rows as messages, without those among which some may still be missing."""
    for row in rows:
        if row.received_at >= stored_until:
            continue
        via = row.via or ""
        if row.tick_type == "book_snapshot":
            metadata = row.metadata or {}
            yield Snapshot(
                row.event_time,
                row.received_at,
                row.sequence,
                via,
                levels(metadata.get("yes")),
                levels(metadata.get("no")),
            )
        elif row.price is not None and row.size is not None and row.side in ("yes", "no"):
            side: Side = "yes" if row.side == "yes" else "no"
            yield Change(
                row.event_time, row.received_at, row.sequence, via, side, row.price, row.size
            )


def levels(listed: object) -> tuple[Level, ...]:
    """The levels of a snapshot's metadata."""
    if not isinstance(listed, list):
        return ()
    return tuple(Level(Decimal(price), Decimal(size)) for price, size in listed)


def _holes(connection: PgConnection, since: datetime, until: datetime) -> list[Hole]:
    rows = book_reader.holes(connection, VENUE, CHANNELS, since, until + IN_FLIGHT)
    return [
        Hole(
            connection=row.connection,
            cause=row.cause,
            from_time=row.from_time,
            to_time=row.to_time,
            sid=row.sid,
            from_seq=row.from_seq,
            to_seq=row.to_seq,
            missing=row.missing,
        )
        for row in rows
    ]


def _doubts_of_time(chain: Chain, asked: Asked) -> list[Reason]:
    """Whether everything that belongs to the moment can be stored yet."""
    stored_until = asked.stored_until
    if asked.at is None:
        lag = datetime.now(UTC) - stored_until
        if lag < _MOST_LAG:
            return []
        words = f"what was received since then ({lag.total_seconds():.0f} s) is not stored yet"
        return [Reason(Doubt.WAITING_FRAMES, stored_until, words)]
    if asked.at + IN_FLIGHT <= stored_until:
        return []
    words = "messages of that moment may still be on their way, or wait to be stored"
    since = min(asked.at, max(stored_until, chain.anchor.received_at))
    return [Reason(Doubt.WAITING_FRAMES, since, words)]


def _doubts_of_letters(
    connection: PgConnection, ticker: str, chain: Chain, at: datetime
) -> list[Reason]:
    """Book messages of the chain that could not be read, as far as they may be this market's."""
    life = chain.via.partition("/")[0]
    found = book_reader.unread_frames(
        connection, VENUE, life, _MARK, to_ns(chain.anchor.received_at), to_ns(at + IN_FLIGHT)
    )
    for letter in found:
        if ticker.encode() in letter.frame or not _is_json(letter.frame):
            words = f"a message of its book was not understood: dead letter {letter.letter_id}"
            since = min(from_ns(letter.received_at_ns), at)
            return [Reason(Doubt.UNREAD_FRAMES, since, words)]
    return []


def _doubts_of_checks(chain: Chain, check: BookCheck | None) -> list[Reason]:
    """Whether the exchange's own book was found to be another since the snapshot."""
    if check is None or check.via != chain.via or check.checked_at < chain.anchor.received_at:
        return []
    words = f"the exchange's own book was another at {check.checked_at:%H:%M:%S}"
    return [Reason(Doubt.DRIFT, max(check.since, chain.anchor.received_at), words)]


def _agreed_at(chain: Chain, check: BookCheck | None) -> datetime | None:
    if check is None or check.via != chain.via or check.checked_at < chain.anchor.received_at:
        return None
    return check.checked_at


def _is_json(frame: bytes) -> bool:
    try:
        json.loads(frame)
    except ValueError:
        return False
    return True
