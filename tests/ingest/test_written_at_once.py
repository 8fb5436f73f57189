"""Two batches of one process are written at a time, and neither harms the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import Any

import psycopg2
import pytest
import redis
from psycopg2.errors import DeadlockDetected
from psycopg2.extensions import connection as PgConnection  # noqa: N812
from quote_frames import KNOWN, append_quotes, quote_frame

from hadron_tasks.errors import StoreUnavailable
from hadron_tasks.ingest.batch import MOST_DEADLOCKS, BatchWriter
from hadron_tasks.ingest.drain import Drain
from hadron_tasks.market_watch import mapping
from hadron_tasks.raw_stream import Entry, stream_key
from hadron_tasks.store.accounts import Counts
from hadron_tasks.store.instruments import InstrumentCache, NewInstrument, instrument_id
from hadron_tasks.store.session import engine_for
from hadron_tasks.venues.registry import rules_for

BATCH = 50
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = %s"


def select(connection: PgConnection, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection, connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


class MeetingWriter(BatchWriter):
    """Writes its first batch once another writer has begun one, too."""

    meeting = threading.Barrier(2, timeout=30)
    batches = 0

    def write(self, connection: PgConnection, entries: Sequence[Entry]) -> Counts:
        self.batches += 1
        if self.batches == 1:
            self.meeting.wait()
        return super().write(connection, entries)


class CutOffWriter(MeetingWriter):
    """Has no server any more when it is to write its second batch."""

    def write(self, connection: PgConnection, entries: Sequence[Entry]) -> Counts:
        if self.batches == 1:
            with closing(psycopg2.connect(connection.dsn)) as other:
                select(other, "SELECT pg_terminate_backend(%s)", connection.info.backend_pid)
        return super().write(connection, entries)


def test_a_server_lost_with_one_batch_costs_none(
    client: redis.Redis, connection: PgConnection, database_url: str
) -> None:
    frames = 40 * BATCH
    append_quotes(client, frames)
    cache, rules = InstrumentCache(10), rules_for("kalshi")
    engine = engine_for(database_url)

    meeting = [MeetingWriter(rules, cache, "test"), CutOffWriter(rules, cache, "test")]
    with pytest.raises(StoreUnavailable):
        Drain(client, engine, meeting, "kalshi", "test", batch=BATCH).run(60)
    assert client.xlen(stream_key("kalshi")) > 0

    writers = [BatchWriter(rules, cache, "test") for _ in range(2)]
    Drain(client, engine, writers, "kalshi", "test", batch=BATCH).run(60)
    assert client.xlen(stream_key("kalshi")) == 0
    assert select(connection, "SELECT count(*) FROM ticks") == [(frames,)]
    assert select(connection, "SELECT sum(ticks), sum(dead_letters) FROM ingest_counts") == [
        (frames, 0)
    ]


class HeldUpWriter(BatchWriter):
    """Writes no batch before it is let go."""

    let_go = threading.Event()
    frames = 0

    def write(self, connection: PgConnection, entries: Sequence[Entry]) -> Counts:
        self.frames += len(entries)
        assert self.let_go.wait(30)
        return super().write(connection, entries)


def test_a_drain_goes_on_with_others_while_one_batch_waits(
    client: redis.Redis, connection: PgConnection, database_url: str
) -> None:
    frames = 20 * BATCH
    append_quotes(client, frames)
    cache, rules = InstrumentCache(10), rules_for("kalshi")
    held_up, free = HeldUpWriter(rules, cache, "test"), BatchWriter(rules, cache, "test")
    drain = Drain(client, engine_for(database_url), [held_up, free], "kalshi", "test", batch=BATCH)
    with ThreadPoolExecutor(1) as thread:
        drained = thread.submit(drain.run, 60)
        while client.xlen(stream_key("kalshi")) > max(1, held_up.frames):
            assert not drained.done()
            time.sleep(0.02)
        held_up.let_go.set()
        assert drained.result(30).ticks == frames
    assert select(connection, "SELECT count(*) FROM ticks") == [(frames,)]


def test_a_batch_that_waits_for_a_quote_holds_up_no_other(
    connection: PgConnection, database_url: str
) -> None:
    cache, rules = InstrumentCache(10), rules_for("kalshi")
    busy, free = (BatchWriter(rules, cache, "test") for _ in range(2))
    busy.write(connection, [quote_frame(1)])
    with (
        ThreadPoolExecutor(2) as threads,
        closing(psycopg2.connect(database_url)) as second,
        closing(psycopg2.connect(database_url)) as watching,
        closing(psycopg2.connect(database_url)) as elsewhere,
    ):
        with elsewhere.cursor() as cursor:
            cursor.execute("SELECT * FROM latest_quotes FOR UPDATE")
        waiting = threads.submit(busy.write, connection, [quote_frame(2)])
        while select(watching, WAITING, watching.info.dbname) == [(0,)]:
            assert not waiting.done()
            time.sleep(0.02)
        # Of the same process, and counted in the same minute (or the next, which is no harder).
        new = [quote_frame(3, "KXTEST-26NOV21-NEW")]
        assert threads.submit(free.write, second, new).result(30).ticks == 1
        assert not waiting.done()
        elsewhere.rollback()
        assert waiting.result(30).ticks == 1


def test_batches_with_the_same_messages_in_another_order_are_stored_once(
    connection: PgConnection, database_url: str
) -> None:
    """Each waits for a row of the other: PostgreSQL ends one of them, which then goes on."""
    writer = BatchWriter(rules_for("kalshi"), InstrumentCache(10), "test")
    both = [quote_frame(1), quote_frame(2)]
    writer.write(connection, both)
    with connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE kept AS SELECT * FROM ticks")
        cursor.execute("DELETE FROM ticks")
    insert = "INSERT INTO ticks SELECT * FROM kept ORDER BY event_time {} LIMIT 1"
    with (
        closing(psycopg2.connect(database_url)) as other,
        closing(psycopg2.connect(database_url)) as watching,
        ThreadPoolExecutor(1) as thread,
        other.cursor() as cursor,
    ):
        with connection, connection.cursor() as ours:
            ours.execute("SET deadlock_timeout = '5s'")
        cursor.execute("SET deadlock_timeout = '60s'")
        cursor.execute(insert.format("DESC"))
        written = thread.submit(writer.write, connection, both)
        while select(watching, WAITING, watching.info.dbname) == [(0,)]:
            assert not written.done()
            time.sleep(0.02)
        cursor.execute(insert.format("ASC"))
        other.commit()
        counts = written.result(30)
    assert (counts.ticks, counts.duplicates, counts.dead_letters) == (0, 2, 0)
    assert select(connection, "SELECT count(*) FROM ticks") == [(2,)]


class LosingWriter(BatchWriter):
    """Loses so many deadlocks, one after the other."""

    left = 0

    def _store(self, *args: Any, **kwargs: Any) -> Counts:
        if self.left:
            self.left -= 1
            raise DeadlockDetected
        return super()._store(*args, **kwargs)


def test_who_loses_deadlock_after_deadlock_gives_its_frames_back(connection: PgConnection) -> None:
    writer = LosingWriter(rules_for("kalshi"), InstrumentCache(10), "test")
    writer.left = MOST_DEADLOCKS
    assert writer.write(connection, [quote_frame(1), quote_frame(2)]).ticks == 2
    writer.left = MOST_DEADLOCKS + 1
    with pytest.raises(DeadlockDetected):
        writer.write(connection, [quote_frame(3)])
    assert select(connection, "SELECT count(*) FROM ticks") == [(2,)]
    assert select(connection, "SELECT count(*) FROM dead_letters") == [(0,)]


def test_a_mapping_changed_while_one_looks_up_is_known_to_both(
    connection: PgConnection, database_url: str
) -> None:
    cache, rules = InstrumentCache(10), rules_for("kalshi")
    home = BatchWriter(rules, cache, "test")
    home.write(connection, [quote_frame(1)])
    cache.clear()
    with closing(psycopg2.connect(database_url)) as second, ThreadPoolExecutor(1) as thread:

        def describe(venue: str, ticker: str) -> NewInstrument:
            # The name that is known was looked up a moment ago.
            with closing(psycopg2.connect(database_url)) as operator:
                mapping.add(operator, ("polygon", "X:BTC-USD"), ("kalshi", KNOWN))
            written.append(thread.submit(home.write, second, [quote_frame(2)]))
            with pytest.raises(TimeoutError):
                written[0].result(0.5)
            return rules.describe(venue, ticker)

        written: list[Any] = []
        looking = BatchWriter(replace(rules, describe=describe), cache, "test")
        looking.write(connection, [quote_frame(3), quote_frame(4, "KXTEST-26NOV21-NEW")])
        written[0].result(30)
        home.write(connection, [quote_frame(5)])
    found = "SELECT count(*) FROM ticks WHERE instrument_id = %s"
    assert select(connection, found, str(instrument_id("polygon", "X:BTC-USD"))) == [(2,)]
    assert select(connection, found, str(instrument_id("kalshi", KNOWN))) == [(2,)]
