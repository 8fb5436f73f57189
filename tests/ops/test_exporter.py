"""The exporter against a real Redis and a real PostgreSQL."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import redis
from exporting import Scrape
from stall_meter import StallMeter

from hadron_tasks import beat_health, counters, letter_room
from hadron_tasks.counters import Counter
from hadron_tasks.feed_health import HEALTH_KEY, ConnectionHealth, ConnectionState
from hadron_tasks.ingest.latency import bucket_of, latency_key
from hadron_tasks.local.postgres_server import PostgresServer
from hadron_tasks.local.redis_server import RedisServer
from hadron_tasks.metrics.definitions import METRICS, Endpoint, Kind
from hadron_tasks.metrics.exporter import FleetCollector, exposition
from hadron_tasks.raw_stream import GROUP, RawFrame, frame_fields, stream_key
from hadron_tasks.settings import Settings
from hadron_tasks.store.partitions import ensure_partitions_ahead
from hadron_tasks.venues.kalshi.rate_limit import TokenBucket
from hadron_tasks.worker_health import WorkerReport, write_report

pytestmark = pytest.mark.usefixtures("patient_exporter")

SECOND = 1_000_000_000
NEVER_STALE_NS = 300 * SECOND
"""By how much reports are dated ahead: however long a test takes, none is stale."""


class Exporter:
    """An exporter, and the database it reads."""

    def __init__(self, redis_url: str, database_url: str) -> None:
        self.collector = FleetCollector(Settings(), redis_url, database_url)
        self.database_url = database_url

    def scrape(self) -> Scrape:
        return Scrape(exposition(self.collector))

    def execute(self, sql: str, *values: object) -> None:
        connection = psycopg2.connect(self.database_url)
        with connection, connection.cursor() as cursor:
            cursor.execute(sql, values)
        connection.close()


@pytest.fixture
def exporter(
    client: redis.Redis, shared_redis: RedisServer, database_url: str
) -> Iterator[Exporter]:
    Path(".hadron").mkdir()
    made = Exporter(shared_redis.url, database_url)
    yield made
    made.collector.close()


def parts(scrape: Scrape) -> dict[str, float]:
    return {dict(labels)["part"]: value for labels, value in scrape.all("hadron_up").items()}


def connection(**changes: Any) -> ConnectionHealth:
    now_ns = time.time_ns()
    fields: dict[str, Any] = {
        "venue": "kalshi",
        "connection": "kalshi-1",
        "streamer": "here:1",
        "state": ConnectionState.LIVE,
        "reported_ns": now_ns + NEVER_STALE_NS,
        "connected_ns": now_ns - 100 * SECOND,
        "last_frame_ns": now_ns - 5 * SECOND,
    }
    return ConnectionHealth(**(fields | changes))


def report(client: redis.Redis, *connections: ConnectionHealth) -> None:
    for one in connections:
        client.hset(HEALTH_KEY, one.connection, one.model_dump_json())


def fill(client: redis.Redis, exporter: Exporter) -> None:
    """Something of everything."""
    report(
        client,
        connection(
            frames_by_type={"ticker": 7},
            bytes_by_type={"ticker": 700},
            exchange_latency={bucket_of(20_000_000): 3},
        ),
        connection(connection="polygon-stocks", venue="polygon", last_frame_ns=None),
    )
    client.xadd(stream_key("kalshi"), frame_fields(RawFrame(b"{}", 1, "kalshi-1")))
    client.hincrby(latency_key("kalshi"), str(bucket_of(50_000_000)), 10)
    counters.add(
        client,
        {
            (Counter.TASKS, ("hadron.drain_raw", "success")): 4,
            (Counter.TASK_SECONDS, ("hadron.drain_raw", str(bucket_of(2 * SECOND)))): 4,
            (Counter.NORMALISED, ("kalshi", "quote")): 9,
            (Counter.NORMALISATION_FAILURES, ("kalshi", "MalformedFrame")): 1,
            (Counter.INSTRUMENT_LOOKUPS, ("kalshi", "hit")): 8,
            (Counter.REST_REQUESTS, ("kalshi", "GET /markets", "200")): 2,
        },
    )
    write_report(
        client,
        WorkerReport(
            node="celery@here",
            queues=("drain", "maintenance"),
            processes=2,
            active=1,
            received=3,
            last_received_ns=time.time_ns(),
            reported_ns=time.time_ns() + NEVER_STALE_NS,
        ),
    )
    beat_health.note_tick(client)
    client.hset("hadron:beat:tidy-streams", "definition", json.dumps({"enabled": True}))
    client.hset("hadron:beat:off", "definition", json.dumps({"enabled": False}))
    overdue = {"hadron:beat:tidy-streams": time.time() - 40, "hadron:beat:off": 1}
    client.zadd(beat_health.SCHEDULE_KEY, overdue)
    TokenBucket(client, "test").acquire("GET /markets", 1)
    exporter.execute(
        "INSERT INTO ingest_counts (venue, minute, worker, frames, ticks)"
        " VALUES ('kalshi', now() - interval '1 day', 'w', 100, 90), ('kalshi', now(), 'w', 10, 9)"
    )
    exporter.execute(
        "INSERT INTO unknown_messages VALUES ('kalshi', 'surprise', 3, now(), now(), '')"
    )
    exporter.execute(
        "INSERT INTO dead_letters (kind, identity, fingerprint, venue, error_type, message)"
        " VALUES ('message', 'a', 'f', 'kalshi', 'MalformedFrame', 'm')"
    )
    exporter.execute(
        "INSERT INTO feed_gaps (id, venue, connection, cause, from_time, to_time, missing)"
        " VALUES (gen_random_uuid(), 'kalshi', 'kalshi-1', 'sequence_jump', now(), now(), 12)"
    )
    exporter.execute(
        "INSERT INTO crawl_runs (venue, kind, scope, status, started_at, finished_at) VALUES"
        " ('kalshi', 'full', '', 'complete', now() - interval '2 h', now() - interval '1 h'),"
        " ('kalshi', 'full', '', 'running', now() - interval '10 s', NULL),"
        " ('kalshi', 'series', 'KXFED', 'incomplete', now(), now())"
    )
    exporter.execute(
        "INSERT INTO crawl_parts (run_id, part, stage, pages)"
        " SELECT id, part, 0, CASE status WHEN 'running' THEN 2 ELSE 9 END"
        " FROM crawl_runs, unnest('{series,events}'::text[]) AS part"
    )


def test_everything_in_the_table_is_told_with_its_value(
    exporter: Exporter, client: redis.Redis
) -> None:
    began = time.time()
    fill(client, exporter)
    scrape = exporter.scrape()
    took_s = time.time() - began
    assert set(parts(scrape).values()) == {1.0}
    fleet = {m.name for m in METRICS.values() if m.endpoint is Endpoint.FLEET}
    histograms = {m.name for m in METRICS.values() if m.kind is Kind.HISTOGRAM}
    told = {name.removesuffix("_bucket") for name in scrape.names}
    told -= {f"{name}_{end}" for name in histograms for end in ("sum", "count")}
    assert told == fleet

    kalshi = {"venue": "kalshi"}
    first = kalshi | {"connection": "kalshi-1"}
    assert scrape.value("hadron_feed_frames_total", **first, channel="ticker") == 7
    assert scrape.value("hadron_feed_bytes_total", **first, channel="ticker") == 700
    assert scrape.value("hadron_feed_connection_state", **first, state="live") == 1
    assert scrape.value("hadron_feed_connection_state", **first, state="backing_off") == 0
    age_s = scrape.value("hadron_feed_last_frame_age_seconds", **first)
    assert age_s is not None
    assert 5 <= age_s <= 5 + took_s
    assert scrape.value("hadron_feed_exchange_latency_seconds_count", **first) == 3
    silence_s = scrape.value("hadron_venue_silence_seconds", **kalshi)
    assert silence_s is not None
    assert 5 <= silence_s <= 5 + took_s
    assert scrape.value("hadron_venue_silence_seconds", venue="polygon") == math.inf
    assert scrape.value("hadron_stream_entries", **kalshi) == 1
    assert scrape.value("hadron_stream_lag_entries", **kalshi) == 1
    assert scrape.value("hadron_ingest_frames_total", **kalshi) == 110
    assert scrape.value("hadron_ingest_ticks_total", venue="polygon") == 0
    assert scrape.value("hadron_ingest_unknown_total", **kalshi, type="surprise") == 3
    assert scrape.value("hadron_dead_letters", **kalshi, kind="message", status="dead") == 1
    assert scrape.value("hadron_dead_letters", **kalshi, kind="message", status="resolved") == 0
    assert scrape.value("hadron_feed_gap_missing_messages", **kalshi, state="open") == 12
    assert scrape.value("hadron_workers", queue="drain") == 1
    assert scrape.value("hadron_workers", queue="rest") == 0
    assert scrape.value("hadron_workers", queue="markets") == 0
    assert scrape.value("hadron_worker_processes", queue="maintenance") == 2
    (late_s,) = scrape.all("hadron_schedule_overdue_seconds").values()
    assert 40 <= late_s <= 40 + took_s
    assert scrape.value("hadron_rest_bucket_capacity_tokens", account="kalshi:test") == 100
    full = kalshi | {"kind": "full"}
    assert scrape.value("hadron_crawl_success_age_seconds", **full) == pytest.approx(3600, 0.1)
    assert scrape.value("hadron_crawl_failed", **full) == 0
    assert scrape.value("hadron_crawl_running", **full) == 1
    assert scrape.value("hadron_crawl_pages", **full) == 4
    assert len(scrape.all("hadron_crawl_failed")) == 1, "one series is no crawl to wait for"
    assert scrape["hadron_redis_durable"] == 1
    assert scrape["hadron_database_partitions_ahead"] == 0


def test_histograms_have_edges_that_count_exactly(exporter: Exporter, client: redis.Redis) -> None:
    spread_us = [900, 1_023, 1_024, 5_000, 300_000, 200_000_000]
    for latency_us in spread_us:
        client.hincrby(latency_key("kalshi"), str(bucket_of(latency_us * 1000)), 1)
    scrape = exporter.scrape()
    name = "hadron_ingest_commit_latency_seconds"
    edges = {
        float(dict(labels)["le"]): count
        for labels, count in scrape.all(f"{name}_bucket").items()
        if ("venue", "kalshi") in labels
    }
    assert len(edges) == 19
    for edge, count in edges.items():
        assert count == sum(us < edge * 1e6 for us in spread_us), edge
    total_s = sum(spread_us) / 1e6
    assert scrape.value(f"{name}_sum", venue="kalshi") == pytest.approx(total_s, rel=0.09)


def test_the_account_grows_with_minutes_that_are_remembered_and_those_that_are_not(
    exporter: Exporter,
) -> None:
    add = "INSERT INTO ingest_counts (venue, minute, worker, frames) VALUES ('kalshi', %s, %s, %s)"
    now = datetime.now(UTC)
    exporter.execute(add, now - timedelta(days=40), "a", 1000)
    exporter.execute(add, now - timedelta(minutes=5), "a", 100)
    assert exporter.scrape().value("hadron_ingest_frames_total", venue="kalshi") == 1100
    exporter.execute(add, now - timedelta(minutes=4), "b", 10)
    exporter.execute(
        "UPDATE ingest_counts SET frames = frames + 1 WHERE minute > now() - interval '6 min'"
    )
    for _ in range(2):
        assert exporter.scrape().value("hadron_ingest_frames_total", venue="kalshi") == 1112


def test_pending_entries_are_no_lag(exporter: Exporter, client: redis.Redis) -> None:
    stream = stream_key("kalshi")
    client.xgroup_create(stream, GROUP, id="0", mkstream=True)
    for number in range(5):
        client.xadd(stream, frame_fields(RawFrame(b"{}", number, "kalshi-1")))
    client.xreadgroup(GROUP, "someone", {stream: ">"}, count=2)
    scrape = exporter.scrape()
    assert scrape.value("hadron_stream_pending_entries", venue="kalshi") == 2
    assert scrape.value("hadron_stream_lag_entries", venue="kalshi") == 3


def test_dead_streamers_are_not_told_but_their_silence_is(
    exporter: Exporter, client: redis.Redis
) -> None:
    old_ns = time.time_ns() - 300 * SECOND
    report(client, connection(reported_ns=old_ns, last_frame_ns=old_ns))
    scrape = exporter.scrape()
    assert scrape.all("hadron_feed_connection_state") == {}
    assert scrape.value("hadron_venue_live_connections", venue="kalshi") == 0
    silence_s = scrape.value("hadron_venue_silence_seconds", venue="kalshi")
    assert silence_s is not None
    assert 300 <= silence_s <= (time.time_ns() - old_ns) / SECOND


def test_a_spool_counts_once_however_many_connections_report_it(
    exporter: Exporter, client: redis.Redis
) -> None:
    report(client, *(connection(connection=f"kalshi-{n}", spool_bytes=500) for n in (1, 2, 3)))
    assert exporter.scrape()["hadron_spool_bytes"] == 500


def test_letters_that_wait_for_the_database(exporter: Exporter, client: redis.Redis) -> None:
    assert exporter.scrape()["hadron_dead_letters_waiting"] == 0
    letter_room.put(client, b"the identity of a letter that is resolved")
    assert exporter.scrape()["hadron_dead_letters_waiting"] == 1


def test_partitions_ahead(exporter: Exporter) -> None:
    opened = psycopg2.connect(exporter.database_url)
    ensure_partitions_ahead(opened, datetime.now(UTC))
    opened.close()
    scrape = exporter.scrape()
    assert scrape["hadron_database_partitions_ahead"] == 3
    assert scrape["hadron_database_partitions"] == 5


def test_what_is_away_is_told_and_costs_the_rest_nothing(
    redis_server: RedisServer, own_postgres_server: PostgresServer
) -> None:
    """An empty database is away in part: it answers, and has no tables."""
    exporter = Exporter(redis_server.url, own_postgres_server.url)
    from_redis = {
        *("redis", "feeds", "streams", "normalising", "tasks", "waiting_letters"),
        *("workers", "beat", "rest"),
    }
    assert {part for part, up in parts(exporter.scrape()).items() if up} == from_redis
    own_postgres_server.stop()
    assert {part for part, up in parts(exporter.scrape()).items() if up} == from_redis
    redis_server.stop()
    with StallMeter() as meter:
        began = time.monotonic()
        scrape = exporter.scrape()
        took_s = time.monotonic() - began
    assert took_s - meter.stalled_s < 5
    assert not any(parts(scrape).values())
    assert scrape.value("hadron_disk_free_bytes", volume="data") is None  # no such directory yet
    redis_server.start()
    assert {part for part, up in parts(exporter.scrape()).items() if up} == from_redis
    exporter.collector.close()


def test_the_database_comes_back(
    redis_server: RedisServer, own_postgres_server: PostgresServer
) -> None:
    exporter = Exporter(redis_server.url, own_postgres_server.create_database("hadron"))
    own_postgres_server.kill()
    assert parts(exporter.scrape())["dead_letters"] == 0
    own_postgres_server.start()
    # No schema: reading the table fails, but it is asked.
    exporter.execute("CREATE TABLE dead_letters (venue text, kind text, status text)")
    assert parts(exporter.scrape())["dead_letters"] == 1
    exporter.collector.close()


def test_the_command_serves_until_it_is_told_to_stop(
    redis_server: RedisServer, database_url: str, tmp_path: Path
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "hadron_tasks.metrics", "--port", "0"],
        env={"HADRON_REDIS_URL": redis_server.url, "HADRON_DATABASE_URL": database_url},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        url = process.stdout.readline().split()[-1]
        with urllib.request.urlopen(url, timeout=60) as answer:
            scrape = Scrape(answer.read().decode())
        assert set(parts(scrape).values()) == {1.0}
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0
