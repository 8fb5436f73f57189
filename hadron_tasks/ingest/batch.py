"""One batch: raw frames in, committed rows out. What a frame breaks, only that frame suffers."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock

from psycopg2.errors import DeadlockDetected
from psycopg2.extensions import connection as PgConnection  # noqa: N812
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from hadron_tasks.errors import StoreNotReady
from hadron_tasks.ingest.decode import Decoded, decode, refused
from hadron_tasks.ingest.normalised import Normalised
from hadron_tasks.ingest.tallies import Tallies
from hadron_tasks.ingest.venue_rules import VenueRules
from hadron_tasks.raw_stream import Entry
from hadron_tasks.store import accounts, lifecycle
from hadron_tasks.store.accounts import Counts
from hadron_tasks.store.dead_letters import resolve_letters, write_dead_frames
from hadron_tasks.store.instruments import InstrumentCache, resolve_instruments
from hadron_tasks.store.latest_quotes import Newest, newest_of, write_latest
from hadron_tasks.store.mapping import mapping_version
from hadron_tasks.store.partitions import KnownPartitions
from hadron_tasks.store.session import blames_the_data, is_transient
from hadron_tasks.store.tick_rows import TickRows
from hadron_tasks.store.ticks import write_ticks
from hadron_tasks.store.wal_flush import COMMIT_AT_ONCE
from hadron_tasks.tick import HadronTick

READ_AT_ONCE = 128
"""Frames of which rows are made before the next are read: so few that all that is made of them on
the way stays in the processor's cache."""

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
class _Ready:
    """A batch of which all is made that can be made before it is written."""

    decoded: Decoded
    """Without its ticks."""
    rows: TickRows = field(default_factory=TickRows)
    newest: Newest = field(default_factory=lambda: newest_of({}))
    subjects: Mapping[str, str] = field(default_factory=dict)
    """The ids of the instruments that lifecycle messages are about, by ticker."""


class BatchWriter:
    """Writes batches of one venue, one at a time; keeps the caches of this process.

    Args:
        rules: What is particular to the venue.
        cache: Instrument ids; shared by all writers of the process.
        worker: This process's name in the accounts.
        waits_for_disk: False commits at once; what was written may be forgotten again unless a
            :func:`~hadron_tasks.store.wal_flush.flush_wal` follows.
    """

    def __init__(
        self,
        rules: VenueRules,
        cache: InstrumentCache,
        worker: str,
        *,
        waits_for_disk: bool = True,
    ) -> None:
        self._rules = rules
        self._cache = cache
        self._worker = worker
        self._waits_for_disk = waits_for_disk
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
            ready = self._make_ready(connection, entries)
            for _ in range(MOST_DEADLOCKS):
                try:
                    return self._store(connection, ready, frames=len(entries))
                except DeadlockDetected:
                    # With another batch that holds the same messages, received by another
                    # connection: that one goes on, and this one's are recognised after it.
                    time.sleep(AFTER_DEADLOCK_S)
            return self._store(connection, ready, frames=len(entries))
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not hold up the rest
            self._give_up_if_hopeless(connection, error)
            # The one refusal that is nobody's fault: a partition or mapping that was dropped.
            self._partitions.forget()
            with self._cache.lock:
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
            return self._store(connection, self._make_ready(connection, [entry]), frames=1)
        except Exception as error:  # noqa: BLE001 - kept with its frame
            self._give_up_if_hopeless(connection, error)
            letter = refused(self._rules.venue, entry, error)
        return self._store(connection, _Ready(letter), frames=1)

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

    def _make_ready(self, connection: PgConnection, entries: Sequence[Entry]) -> _Ready:
        """Read frames and make rows of them, a few at a time."""
        venue, cache = self._rules.venue, self._cache
        with self._cache_kept_up(connection):
            known, elsewhere = cache.known(venue), cache.elsewhere(venue)
        decoded, rows = Decoded(), TickRows()
        unknown: defaultdict[str, list[HadronTick]] = defaultdict(list)
        with _COMPUTING:
            for start in range(0, len(entries), READ_AT_ONCE):
                decode(self._rules, entries[start : start + READ_AT_ONCE], decoded)
                ticks = decoded.found.ticks
                self._partitions.ensure(connection, [tick.event_us for tick in ticks])
                ids = list(map(known.get, [tick.ticker for tick in ticks]))
                if unknown or None in ids:
                    rows.add(_set_aside(ids, ticks, unknown))
                else:
                    rows.add(zip(ids, ticks, strict=True))  # type: ignore[arg-type]
                ticks.clear()
            newest = newest_of(rows.telling, elsewhere)
        subjects = {event.ticker for event in decoded.found.lifecycle if event.ticker is not None}
        found: dict[str, str] = {}
        if unknown or subjects:
            found, also_elsewhere = self._look_up(connection, unknown.keys() | subjects)
            elsewhere = {*elsewhere, *also_elsewhere}
        if unknown:
            with _COMPUTING:
                rows.add((found[ticker], tick) for ticker in unknown for tick in unknown[ticker])
                newest = newest_of(rows.telling, elsewhere)
        self.tallies.looked_up(len(rows.lines) - len(unknown), len(unknown))
        return _Ready(decoded, rows, newest, found)

    def _look_up(
        self, connection: PgConnection, tickers: Collection[str]
    ) -> tuple[dict[str, str], Collection[str]]:
        """An instrument's id for each ticker, and the instruments that another venue prices."""
        venue, cache = self._rules.venue, self._cache
        with self._cache_kept_up(connection):
            found = resolve_instruments(connection, cache, venue, tickers, self._rules.describe)
            return found, cache.elsewhere(venue)

    @contextmanager
    def _cache_kept_up(self, connection: PgConnection) -> Iterator[None]:
        """The cache, as new as the mapping, and nobody else's meanwhile."""
        # From the mapping's version to what was found in it: a thread that met a newer version in
        # between would be left with what is true no more.
        with self._cache.lock:
            with connection, connection.cursor() as cursor:
                self._cache.keep_up(mapping_version(cursor))
            yield

    def _store(self, connection: PgConnection, ready: _Ready, *, frames: int) -> Counts:
        decoded, found, rows = ready.decoded, ready.decoded.found, ready.rows
        venue = self._rules.venue
        now = datetime.now(UTC)
        with connection, connection.cursor() as cursor:
            if not self._waits_for_disk:
                cursor.execute(COMMIT_AT_ONCE)
            written = write_ticks(cursor, rows)
            new_lifecycle = self._write_lifecycle(cursor, found, ready.subjects)
            dead = write_dead_frames(cursor, decoded.dead)
            resolve_letters(cursor, decoded.resolved)
            accounts.add_gaps(cursor, decoded.gaps)
            accounts.add_unknown(cursor, venue, now, decoded.unknown)
            counts = Counts(
                frames=frames,
                ticks=written,
                duplicates=len(rows.lines) - written + len(found.lifecycle) - new_lifecycle,
                lifecycle=new_lifecycle,
                control=found.control,
                unknown=sum(count for count, _ in decoded.unknown.values()),
                dead_letters=dead,
                gaps=len(decoded.gaps),
            )
            write_latest(cursor, ready.newest)
            # Last: every batch of this process waits for the one that holds this row.
            accounts.add_counts(cursor, venue, self._worker, now, counts)
        self.quoted.update(ready.newest.instrument_ids)
        self.tallies.stored(rows.types, found.lifecycle, decoded.dead)
        return counts

    def _write_lifecycle(self, cursor: Cursor, found: Normalised, ids: Mapping[str, str]) -> int:
        """``ids``: of the instruments that it is about, by ticker, and perhaps of others."""
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


def _set_aside(
    ids: Iterable[str | None],
    ticks: Iterable[HadronTick],
    unknown: defaultdict[str, list[HadronTick]],
) -> list[tuple[str, HadronTick]]:
    """Ticks with their ids; those that have none, and all later ones of these, are set aside."""
    known = []
    for instrument_id, tick in zip(ids, ticks, strict=True):
        if instrument_id is None or tick.ticker in unknown:
            unknown[tick.ticker].append(tick)
        else:
            known.append((instrument_id, tick))
    return known
