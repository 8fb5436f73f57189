"""Frames stay in the stream until their rows are on the disk, and hold nothing up meanwhile."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import psycopg2
import pytest
import redis
from crashing_postgres import await_recovery, crash, write_only_when_told
from psycopg2.extensions import connection as PgConnection  # noqa: N812
from quote_frames import append_quotes

from hadron_tasks.errors import StoreUnavailable
from hadron_tasks.ingest import drain, settlement
from hadron_tasks.ingest.batch import BatchWriter
from hadron_tasks.ingest.drain import Drain
from hadron_tasks.local.postgres_server import PostgresServer
from hadron_tasks.raw_stream import stream_key
from hadron_tasks.store.instruments import InstrumentCache
from hadron_tasks.store.migrations import upgrade
from hadron_tasks.store.session import engine_for
from hadron_tasks.store.wal_flush import flush_wal
from hadron_tasks.venues.registry import rules_for

FRAMES, BATCH = 200, 50
BUDGET_S = 0.2
STREAM = stream_key("kalshi")


def drain_into(client: redis.Redis, database_url: str) -> Drain:
    cache, rules = InstrumentCache(10), rules_for("kalshi")
    writers = [BatchWriter(rules, cache, "test", waits_for_disk=False) for _ in range(2)]
    return Drain(client, engine_for(database_url), writers, "kalshi", "test", batch=BATCH)


def ask(database_url: str, sql: str) -> Any:
    with closing(psycopg2.connect(database_url)) as opened, opened.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]  # type: ignore[index]


def stored(database_url: str) -> int:
    return int(ask(database_url, "SELECT count(*) FROM ticks"))


def await_rows(database_url: str, count: int) -> None:
    deadline = time.monotonic() + 30
    while stored(database_url) < count:
        assert time.monotonic() < deadline, f"{stored(database_url)} of {count} rows"


class StandingDisk:
    """A disk of which every flush stands still until it is told to go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.flushing = threading.Semaphore(0)
        self.may_go_on = threading.Semaphore(0)
        monkeypatch.setattr(settlement, "flush_wal", self._flush)

    def _flush(self, connection: PgConnection) -> None:
        self.flushing.release()
        assert self.may_go_on.acquire(timeout=60)
        flush_wal(connection)

    def await_flush(self) -> None:
        assert self.flushing.acquire(timeout=60)


def test_rows_are_seen_before_they_are_on_the_disk_and_frames_stay_until_then(
    client: redis.Redis, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = StandingDisk(monkeypatch)
    append_quotes(client, FRAMES)
    with ThreadPoolExecutor(1) as thread:
        drained = thread.submit(drain_into(client, database_url).run, 60)
        while stored(database_url) < FRAMES:
            assert not drained.done()
        assert client.xlen(STREAM) == FRAMES
        disk.may_go_on.release(1000)
        assert drained.result(60).ticks == FRAMES
    assert client.xlen(STREAM) == 0


@pytest.mark.parametrize("linger", [True, False], ids=["the only drain", "a helper"])
def test_a_drain_stays_while_the_disk_stands_still(
    linger: bool, client: redis.Redis, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain, "STAY_S", 60)
    disk = StandingDisk(monkeypatch)
    append_quotes(client, FRAMES)
    run = drain_into(client, database_url).run
    with ThreadPoolExecutor(1) as thread:
        drained = thread.submit(run, BUDGET_S, linger=linger)
        try:
            for number in range(1, 4):
                disk.await_flush()
                time.sleep(2 * BUDGET_S)  # as after a whole drain: it should have ended
                append_quotes(client, FRAMES, first=number * FRAMES)
                await_rows(database_url, (number + 1) * FRAMES)
                disk.may_go_on.release()  # and the next flush stands still at once
        finally:
            disk.may_go_on.release(1000)
        assert drained.result(60).ticks == 4 * FRAMES
    assert client.xlen(STREAM) == 0


def test_a_drain_does_not_stay_for_ever(
    client: redis.Redis, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain, "STAY_S", BUDGET_S)
    disk = StandingDisk(monkeypatch)
    reads_no_more = threading.Event()
    leave = settlement.Settlement.__exit__

    def tell_and_leave(*args: Any) -> None:
        reads_no_more.set()
        leave(*args)

    monkeypatch.setattr(settlement.Settlement, "__exit__", tell_and_leave)
    append_quotes(client, FRAMES)
    with ThreadPoolExecutor(1) as thread:
        drained = thread.submit(drain_into(client, database_url).run, BUDGET_S)
        try:
            disk.await_flush()
            assert reads_no_more.wait(30)
            assert client.xlen(STREAM) == FRAMES, "left as if the disk had moved"
            assert not drained.done()
        finally:
            disk.may_go_on.release(1000)
        ticks = drained.result(60).ticks
    assert client.xlen(STREAM) == FRAMES - ticks


def test_what_a_crashed_server_forgot_is_still_in_the_stream(
    client: redis.Redis, own_postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    database_url = own_postgres_server.create_database("hadron")
    upgrade(database_url)
    write_only_when_told(own_postgres_server)
    draining = drain_into(client, database_url)
    # The first frame makes a partition and an instrument, for which the disk is waited for.
    append_quotes(client, 1)
    draining.run(60)
    append_quotes(client, FRAMES)
    crashed = threading.Event()

    def crash_before(one: PgConnection) -> None:
        while not crashed.is_set():
            if stored(database_url) == FRAMES:
                crash(database_url)
                crashed.set()
        flush_wal(one)

    monkeypatch.setattr(settlement, "flush_wal", crash_before)
    with pytest.raises(StoreUnavailable) as told:
        draining.run(60)
    assert str(told.value).count("PostgreSQL") == 1
    monkeypatch.undo()
    await_recovery(database_url)
    assert stored(database_url) == 1, "the crash took nothing back"
    assert client.xlen(STREAM) == FRAMES

    counts = drain_into(client, database_url).run(60)
    assert stored(database_url) == FRAMES
    assert ask(database_url, "SELECT sum(ticks) FROM ingest_counts") == FRAMES
    assert counts.dead_letters == 0
    assert client.xlen(STREAM) == 0
