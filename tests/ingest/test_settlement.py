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
from hadron_tasks.ingest import settlement
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


def test_rows_are_seen_before_they_are_on_the_disk_and_frames_stay_until_then(
    client: redis.Redis, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    append_quotes(client, FRAMES)
    disk_moves_again = threading.Event()

    def slow(one: PgConnection) -> None:
        assert disk_moves_again.wait(60)
        flush_wal(one)

    monkeypatch.setattr(settlement, "flush_wal", slow)
    with ThreadPoolExecutor(1) as thread:
        drained = thread.submit(drain_into(client, database_url).run, 60)
        while stored(database_url) < FRAMES:
            assert not drained.done()
        assert client.xlen(STREAM) == FRAMES
        disk_moves_again.set()
        assert drained.result(60).ticks == FRAMES
    assert client.xlen(STREAM) == 0


def test_a_drain_stays_while_the_disk_stands_still(
    client: redis.Redis, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    append_quotes(client, FRAMES)
    disk_stands_still, disk_moves_again = threading.Event(), threading.Event()

    def slow(one: PgConnection) -> None:
        disk_stands_still.set()
        assert disk_moves_again.wait(60)
        flush_wal(one)

    monkeypatch.setattr(settlement, "flush_wal", slow)
    budget_s = 0.1
    with ThreadPoolExecutor(1) as thread:
        drained = thread.submit(drain_into(client, database_url).run, budget_s)
        assert disk_stands_still.wait(60)
        time.sleep(10 * budget_s)
        append_quotes(client, FRAMES, first=FRAMES)
        deadline = time.monotonic() + 60
        while stored(database_url) < 2 * FRAMES:
            assert time.monotonic() < deadline, "who has no more to do but wait stores nothing"
        disk_moves_again.set()
        assert drained.result(60).ticks == 2 * FRAMES
    assert client.xlen(STREAM) == 0


def test_what_a_crashed_server_forgot_is_still_in_the_stream(
    client: redis.Redis, own_postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    database_url = own_postgres_server.create_database("hadron")
    upgrade(database_url)
    write_only_when_told(own_postgres_server)
    drain = drain_into(client, database_url)
    # The first frame makes a partition and an instrument, for which the disk is waited for.
    append_quotes(client, 1)
    drain.run(60)
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
        drain.run(60)
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
