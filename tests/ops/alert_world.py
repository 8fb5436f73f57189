"""A fleet's state in a real Redis and PostgreSQL, well or broken on purpose, scraped over time."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import psycopg2
import redis
from exporting import Labels, Scrape

from hadron_tasks import beat_health
from hadron_tasks.feed_health import HEALTH_KEY, ConnectionHealth, ConnectionState
from hadron_tasks.ingest.latency import bucket_of, latency_key
from hadron_tasks.metrics.exporter import FleetCollector, exposition
from hadron_tasks.settings import Settings
from hadron_tasks.store.partitions import ensure_partitions_ahead
from hadron_tasks.venues.kalshi.rate_limit import TokenBucket
from hadron_tasks.worker_health import WORKERS_KEY, WorkerReport, write_report

SECOND = 1_000_000_000
_NEVER_STALE_NS = 300 * SECOND
"""By how much reports are dated ahead: however long it takes until the scrape, nobody is gone."""
_TARGET = frozenset({("job", "hadron"), ("instance", "metrics:9309")})
_TABLES = ("dead_letters", "feed_gaps", "crawl_runs", "ingest_counts", "unknown_messages")


@dataclass
class Timeline:
    """Scrapes, each held for some minutes: one sample a minute of every series."""

    minutes: int = 0
    series: dict[tuple[str, Labels], dict[int, float]] = field(default_factory=dict)
    last: Scrape | None = None

    def hold(self, scrape: Scrape | None, minutes: int) -> None:
        """Go on for ``minutes`` with what a scrape told; None is a scrape that failed."""
        samples = {} if scrape is None else dict(scrape.samples)
        samples["up", frozenset()] = float(scrape is not None)
        for (name, labels), value in samples.items():
            told = self.series.setdefault((name, labels | _TARGET), {})
            told.update({self.minutes + n: value for n in range(minutes)})
        self.minutes += minutes
        self.last = scrape

    def input_series(self, names: set[str] | None = None) -> list[dict[str, str]]:
        """The series as promtool reads them, only those of ``names`` when given."""
        return [
            {"series": _selector(name, labels), "values": self._values(told)}
            for (name, labels), told in self.series.items()
            if names is None or name in names
        ]

    def _values(self, told: dict[int, float]) -> str:
        """One word a minute. A series that is not told any more ends at once, as in Prometheus."""
        words = []
        for minute in range(self.minutes):
            if minute in told:
                words.append(_word(told[minute]))
            else:
                words.append("stale" if minute - 1 in told else "_")
        return " ".join(words)


class World:
    """What the exporter reads. :meth:`heal` makes all well; tests break one thing at a time."""

    def __init__(self, client: redis.Redis, database_url: str, settings: Settings) -> None:
        self.client = client
        self.database_url = database_url
        self.settings = settings
        self.redis_url = "redis://{host}:{port}/{db}".format(**client.get_connection_kwargs())
        self.collector = FleetCollector(settings, self.redis_url, database_url)
        self.is_served = True
        self.database = psycopg2.connect(database_url)

    def scrape(self) -> Scrape | None:
        """What Prometheus would get; None while nobody answers."""
        return Scrape(exposition(self.collector)) if self.is_served else None

    def read_from(self, *, redis_url: str | None = None, database_url: str | None = None) -> None:
        """Have the exporter read other services: unreachable ones, say."""
        self.collector.close()
        self.collector = FleetCollector(
            self.settings, redis_url or self.redis_url, database_url or self.database_url
        )

    def heal(self) -> None:
        """Everything as it should be."""
        self.client.flushall()
        self.client.config_set("appendonly", "yes")
        self.client.config_set("maxmemory", 2 * 1024**3)
        self.client.config_set("maxmemory-policy", "noeviction")
        self.execute("; ".join(f"DELETE FROM {table}" for table in _TABLES))
        self.make_partitions()
        self.read_from()
        self.is_served = True
        self.connect("kalshi", "kalshi-1")
        self.connect("polygon", "polygon-crypto")
        self.start_worker("drain", "maintenance")
        self.start_worker("rest")
        self.start_worker("markets")
        beat_health.note_tick(self.client)
        self.schedule("tidy-streams", late_s=0)
        TokenBucket(self.client, "test").acquire("GET /markets", 1)
        self.commit(latency_s=0.05)
        self.crawl("complete", ended_hours_ago=2)

    def connect(self, venue: str, connection: str, **changes: Any) -> None:
        """A connection's report: live and receiving, but for ``changes``."""
        now_ns = time.time_ns()
        fields: dict[str, Any] = {
            "venue": venue,
            "connection": connection,
            "streamer": "here:1",
            "state": ConnectionState.LIVE,
            "reported_ns": now_ns + _NEVER_STALE_NS,
            "connected_ns": now_ns - 3600 * SECOND,
            "last_frame_ns": now_ns - SECOND // 2,
        }
        report = ConnectionHealth(**(fields | changes))
        self.client.hset(HEALTH_KEY, connection, report.model_dump_json())

    def start_worker(self, *queues: str) -> None:
        now_ns = time.time_ns()
        write_report(
            self.client,
            WorkerReport(
                node=f"{queues[0]}@here",
                queues=queues,
                processes=2,
                active=0,
                received=1,
                last_received_ns=now_ns,
                reported_ns=now_ns + _NEVER_STALE_NS,
            ),
        )

    def stop_worker(self, queue: str) -> None:
        self.client.hdel(WORKERS_KEY, f"{queue}@here")

    def schedule(self, name: str, *, late_s: float) -> None:
        self.client.hset(f"{beat_health.KEY_PREFIX}{name}", "definition", json.dumps({}))
        due = {f"{beat_health.KEY_PREFIX}{name}": time.time() + (60 if not late_s else -late_s)}
        self.client.zadd(beat_health.SCHEDULE_KEY, due)

    def commit(self, *, latency_s: float) -> None:
        for venue in self.settings.venues:
            bucket = str(bucket_of(int(latency_s * SECOND)))
            self.client.hincrby(latency_key(venue), bucket, 1000)

    def crawl(self, status: str, *, ended_hours_ago: float) -> None:
        self.execute(
            "INSERT INTO crawl_runs (venue, kind, status, started_at, finished_at) VALUES"
            " ('kalshi', 'full', %s, now() - %s * interval '1 hour' - interval '5 min',"
            " now() - %s * interval '1 hour')",
            status,
            ended_hours_ago,
            ended_hours_ago,
        )

    def make_partitions(self) -> None:
        ensure_partitions_ahead(self.database, datetime.now(UTC))

    def close(self) -> None:
        self.collector.close()
        self.database.close()

    def execute(self, sql: str, *values: object) -> None:
        with self.database, self.database.cursor() as cursor:
            cursor.execute(sql, values)


def _selector(name: str, labels: Labels) -> str:
    inside = ", ".join(f"{key}={json.dumps(value)}" for key, value in sorted(labels))
    return f"{name}{{{inside}}}"


def _word(value: float) -> str:
    if value == float("inf"):
        return "Inf"
    return repr(int(value)) if value == int(value) else repr(value)
