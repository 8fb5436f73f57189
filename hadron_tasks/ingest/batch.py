"""One batch: raw frames in, committed rows out. What a frame breaks, only that frame suffers."""

from __future__ import annotations

import time
import traceback
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock

import psycopg2
from psycopg2.errors import DeadlockDetected
from psycopg2.extensions import connection as PgConnection  # noqa: N812
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from pydantic import ValidationError

from hadron_tasks.errors import MalformedFrame, StoreNotReady
from hadron_tasks.ingest.normalised import Normalised
from hadron_tasks.ingest.tallies import Tallies
from hadron_tasks.ingest.venue_rules import VenueRules
from hadron_tasks.raw_stream import Entry, FeedGap, GapEntry, RawFrame
from hadron_tasks.store import accounts, lifecycle
from hadron_tasks.store.accounts import Counts
from hadron_tasks.store.dead_letters import DeadFrame, resolve_letters, write_dead_frames
from hadron_tasks.store.instruments import InstrumentCache, ids_in_order
from hadron_tasks.store.latest_quotes import newest_of, write_latest
from hadron_tasks.store.mapping import mapping_version
from hadron_tasks.store.partitions import KnownPartitions
from hadron_tasks.store.session import blames_the_data, is_transient
from hadron_tasks.store.ticks import rows_of, write_ticks

MOST_DEADLOCKS = 4
"""How many a batch may lose, one after the other, before its frames go back to the stream."""
AFTER_DEADLOCK_S = 0.1
"""Who lost a deadlock and asks again at once may have the rows before the other one wakes up to
take them, and then both wait for each other again."""

_COMPUTING = Lock()
"""Held while a batch is computed: one at a time in a process, whose interpreter runs one thread at
a time. Batches that took turns every half a millisecond drove each other's data out of the
processor's cache, and were all done at once, with nothing left to compute while PostgreSQL worked
(measured: a frame took 12 to 18 % more of the process' time)."""


@dataclass(slots=True)
class Decoded:
    """A batch after its frames were read, before anything is written."""

    found: Normalised = field(default_factory=Normalised)
    gaps: list[FeedGap] = field(default_factory=list)
    dead: list[DeadFrame] = field(default_factory=list)
    unknown: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    """Unknown message type to how many came and a frame that holds one."""
    resolved: list[int] = field(default_factory=list)
    """Dead letters whose frames, tried again, could be read."""


class BatchWriter:
    """Writes batches of one venue, one at a time; keeps the caches of this process.

    Args:
        rules: What is particular to the venue.
        cache: Instrument ids; shared by all writers of the process.
        worker: This process's name in the accounts.
    """

    def __init__(self, rules: VenueRules, cache: InstrumentCache, worker: str) -> None:
        self._rules = rules
        self._cache = cache
        self._worker = worker
        self._partitions = KnownPartitions()
        self.tallies = Tallies(rules.venue)
        self.quoted: set[str] = set()
        """Instruments whose newest state changed, until somebody tells of it."""

    def write(self, connection: PgConnection, entries: Sequence[Entry]) -> Counts:
        """Store a batch in one transaction and commit it.

        A frame that cannot be stored is found by halving the batch, and becomes a dead letter.

        Raises:
            psycopg2.Error: The database is away or gave way (see ``is_transient``); nothing of
                the batch's current half is stored, and the same entries may be given again.
            StoreNotReady: The database cannot store anything; says what to do.
        """
        try:
            with _COMPUTING:
                decoded = decode(self._rules, entries)
            for _ in range(MOST_DEADLOCKS):
                try:
                    return self._store(connection, decoded, frames=len(entries))
                except DeadlockDetected:
                    # With another batch that holds the same messages, received by another
                    # connection: that one goes on, and this one's are recognised after it.
                    time.sleep(AFTER_DEADLOCK_S)
            return self._store(connection, decoded, frames=len(entries))
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not hold up the rest
            self._give_up_if_hopeless(connection, error)
            # The one refusal that is nobody's fault: a partition or mapping that was dropped.
            self._partitions.forget()
            self._cache.clear()
            if len(entries) == 1:
                return self._store_alone(connection, entries[0])
        middle = len(entries) // 2
        counts = self.write(connection, entries[:middle])
        counts.add(self.write(connection, entries[middle:]))
        return counts

    def _store_alone(self, connection: PgConnection, entry: Entry) -> Counts:
        """Try a refused frame once more by itself; refused again, it becomes a dead letter."""
        try:
            return self._store(connection, decode(self._rules, [entry]), frames=1)
        except Exception as error:  # noqa: BLE001 - kept with its frame
            self._give_up_if_hopeless(connection, error)
            refused = _refused(self._rules.venue, entry, error)
        return self._store(connection, refused, frames=1)

    def _give_up_if_hopeless(self, connection: PgConnection, error: Exception) -> None:
        """Raise unless storing less, or nothing of a frame but its dead letter, may succeed."""
        if is_transient(error):
            raise error
        connection.rollback()
        if not blames_the_data(error):
            raise StoreNotReady(
                f"PostgreSQL cannot store ticks: {str(error).strip()}. If the schema is missing "
                "or old, run: hadron db upgrade. Frames wait in the stream."
            ) from error

    def _store(self, connection: PgConnection, decoded: Decoded, *, frames: int) -> Counts:
        found = decoded.found
        venue = self._rules.venue
        subjects = [event.ticker for event in found.lifecycle if event.ticker is not None]
        tickers = [tick.ticker for tick in found.ticks]
        ids, elsewhere = self._resolve(connection, tickers + subjects)
        self._partitions.ensure(connection, [tick.event_us for tick in found.ticks])
        with _COMPUTING:
            rows = rows_of(zip(ids, found.ticks, strict=False))  # the subjects' ids follow
            newest = newest_of(rows, elsewhere)
        now = datetime.now(UTC)
        with connection, connection.cursor() as cursor:
            written = write_ticks(cursor, rows)
            new_lifecycle = self._write_lifecycle(
                cursor, found, dict(zip(subjects, ids[len(tickers) :], strict=True))
            )
            dead = write_dead_frames(cursor, decoded.dead)
            resolve_letters(cursor, decoded.resolved)
            accounts.add_gaps(cursor, decoded.gaps)
            accounts.add_unknown(cursor, venue, now, decoded.unknown)
            counts = Counts(
                frames=frames,
                ticks=written,
                duplicates=len(rows) - written + len(found.lifecycle) - new_lifecycle,
                lifecycle=new_lifecycle,
                control=found.control,
                unknown=sum(count for count, _ in decoded.unknown.values()),
                dead_letters=dead,
                gaps=len(decoded.gaps),
            )
            write_latest(cursor, newest)
            # Last: every batch of this process waits for the one that holds this row.
            accounts.add_counts(cursor, venue, self._worker, now, counts)
        self.quoted.update(newest.instrument_ids)
        self.tallies.stored(found, decoded.dead)
        return counts

    def _resolve(
        self, connection: PgConnection, tickers: Sequence[str]
    ) -> tuple[list[str], Collection[str]]:
        """An instrument's id for each ticker, and the instruments that another venue prices."""
        venue, cache = self._rules.venue, self._cache
        # From the mapping's version to what was found in it: a thread that met a newer version in
        # between would be left with what is true no more.
        with cache.lock:
            with connection, connection.cursor() as cursor:
                cache.keep_up(mapping_version(cursor))
            before = cache.missed
            ids = ids_in_order(connection, cache, venue, tickers, self._rules.describe)
            missed = cache.missed - before
            elsewhere = cache.elsewhere(venue)
        self.tallies.looked_up(len(tickers) - missed, missed)
        return ids, elsewhere

    def _write_lifecycle(self, cursor: Cursor, found: Normalised, ids: dict[str, str]) -> int:
        """``ids``: of the instruments that it is about, by ticker."""
        if not found.lifecycle:
            return 0
        new = lifecycle.write_lifecycle(cursor, found.lifecycle)
        venue = self._rules.venue
        lifecycle.apply_to_instruments(cursor, venue, ids, self._rules.fold_market)
        about_events = {
            event.event_ticker
            for event in found.lifecycle
            if event.ticker is None and event.event_ticker is not None
        }
        if about_events:
            lifecycle.apply_to_events(cursor, venue, about_events, self._rules.fold_event)
        return new


def decode(rules: VenueRules, entries: Sequence[Entry]) -> Decoded:
    """Normalise a batch's frames and read its gap records. Pure; never raises for a bad frame."""
    decoded = Decoded()
    found = decoded.found
    normalise = rules.normalise
    for entry in entries:
        if isinstance(entry, GapEntry):
            _read_gap(rules.venue, entry, decoded)
            continue
        try:
            normalise(entry.data, entry.received_ns, found, entry.connection)
            if entry.letter_id is not None:
                decoded.resolved.append(entry.letter_id)
        except MalformedFrame as error:
            decoded.dead.append(
                DeadFrame(rules.venue, entry, "MalformedFrame", error.reason, error.place)
            )
        except Exception as error:  # noqa: BLE001 - our own fault: the frame is kept for a retry
            decoded.dead.append(
                DeadFrame(
                    rules.venue,
                    entry,
                    type(error).__name__,
                    str(error),
                    _fault_place(error),
                    traceback.format_exc(),
                )
            )
        if found.unknown:
            for message_type, count in found.unknown.items():
                before, sample = decoded.unknown.get(message_type, (0, entry.data))
                decoded.unknown[message_type] = (before + count, sample)
            found.unknown.clear()
    return decoded


def _read_gap(venue: str, entry: GapEntry, decoded: Decoded) -> None:
    try:
        decoded.gaps.append(FeedGap.model_validate_json(entry.data))
    except ValidationError as error:
        frame = RawFrame(entry.data, entry.received_ns, entry.connection)
        decoded.dead.append(DeadFrame(venue, frame, "MalformedGapRecord", str(error)))


def _fault_place(error: BaseException) -> str:
    """The function that raised: what letters of one bug share, whatever the frame."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].name}" if frames else ""


def _refused(venue: str, entry: Entry, error: Exception) -> Decoded:
    """A batch of one frame that cannot be stored, as its dead letter."""
    from_database = isinstance(error, psycopg2.Error)
    letter = DeadFrame(
        venue,
        RawFrame(entry.data, entry.received_ns, entry.connection),
        type(error).__name__,
        str(error).strip(),
        "postgresql" if from_database else _fault_place(error),
        "" if from_database else "".join(traceback.format_exception(error)),
    )
    return Decoded(dead=[letter])
