"""The fleet's exporter: reads Redis and PostgreSQL when Prometheus asks, and not otherwise.

A part that cannot be read is left out and told by ``hadron_up``; the others are told all the same.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg2
import redis
import structlog
from prometheus_client import generate_latest
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from psycopg2.extensions import connection as PgConnection  # noqa: N812
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from hadron_tasks import __version__
from hadron_tasks.metrics.database import (
    STATEMENT_TIMEOUT_MS,
    Accounts,
    read_arbitrage,
    read_crawls,
    read_gaps,
    read_letters,
    read_storage,
)
from hadron_tasks.metrics.exposition import Reading, Sample, families
from hadron_tasks.metrics.feeds import read_feeds
from hadron_tasks.metrics.rest import read_rest
from hadron_tasks.metrics.server import registry_of
from hadron_tasks.metrics.services import read_counted, read_disks, read_redis
from hadron_tasks.metrics.streams import read_stream_metrics
from hadron_tasks.metrics.work import read_beat, read_tasks, read_waiting_letters, read_workers
from hadron_tasks.settings import Settings
from hadron_tasks.store.session import sqlalchemy_url

log = structlog.get_logger()

CONNECT_TIMEOUT_S = 2
READ_TIMEOUT_S = 4
"""Together well below Prometheus' own ten seconds, so that a scrape answers whatever is away."""


@dataclass(frozen=True, slots=True)
class Part:
    """Something that is read in one go, from Redis or from PostgreSQL."""

    name: str
    """What ``hadron_up`` calls it."""


@dataclass(frozen=True, slots=True)
class RedisPart(Part):
    """A part read from Redis."""

    read: Callable[[redis.Redis], Iterator[Reading]]


@dataclass(frozen=True, slots=True)
class DatabasePart(Part):
    """A part read from PostgreSQL."""

    read: Callable[[Cursor], Iterator[Reading]]


class FleetCollector(Collector):
    """Everything of the fleet, read anew for each scrape; scrapes at the same time take turns."""

    def __init__(self, settings: Settings, redis_url: str, database_url: str) -> None:
        """Collect from these two services; nothing is asked of them yet.

        Args:
            redis_url: Where the streams, queues and reports are.
            database_url: Where the accounts are.
        """
        self._lock = threading.Lock()
        self._disks = settings.metrics_volumes
        # SQLAlchemy's form of the address, which may name a driver, as libpq takes it.
        url = sqlalchemy_url(database_url).set(drivername="postgresql")
        self._database_url = url.render_as_string(hide_password=False)
        self._connection: PgConnection | None = None
        self._redis = redis.Redis.from_url(
            redis_url,
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            socket_timeout=READ_TIMEOUT_S,
        )
        venues = settings.venues
        # Each source's own state first: while that cannot be read, the rest is not tried.
        self._redis_parts = (
            RedisPart("redis", read_redis),
            RedisPart("feeds", lambda client: read_feeds(client, settings)),
            RedisPart("streams", lambda client: read_stream_metrics(client, venues)),
            RedisPart("normalising", read_counted),
            RedisPart("tasks", read_tasks),
            RedisPart("waiting_letters", read_waiting_letters),
            RedisPart("workers", read_workers),
            RedisPart("beat", read_beat),
            RedisPart("rest", read_rest),
        )
        self._database_parts = (
            DatabasePart("postgresql", read_storage),
            DatabasePart("accounts", Accounts(venues).read),
            DatabasePart("dead_letters", lambda cursor: read_letters(cursor, venues)),
            DatabasePart("gaps", lambda cursor: read_gaps(cursor, venues)),
            DatabasePart("crawls", read_crawls),
            DatabasePart("arbitrage", read_arbitrage),
        )

    def collect(self) -> list[Family]:
        """One scrape."""
        with self._lock:
            return families([*self._readings()])

    def describe(self) -> list[Family]:
        """Nothing: registering must not scrape."""
        return []

    def close(self) -> None:
        """Give the connections back."""
        self._redis.close()
        self._drop_connection()

    def _readings(self) -> Iterator[Reading]:
        yield Sample("hadron_build_info", (__version__,), 1)
        yield from read_disks(self._disks)
        yield from self._from_redis()
        yield from self._from_database()

    def _from_redis(self) -> Iterator[Reading]:
        is_away = False
        for part in self._redis_parts:
            found: list[Reading] | None = None
            if not is_away:
                try:
                    found = list(part.read(self._redis))
                except (redis.ConnectionError, redis.TimeoutError) as error:
                    is_away = True
                    _complain(part, error)
                except Exception as error:  # noqa: BLE001 - one part must not cost the others
                    _complain(part, error)
            yield from _told(part, found)

    def _from_database(self) -> Iterator[Reading]:
        is_away = False
        for part in self._database_parts:
            found: list[Reading] | None = None
            if not is_away:
                try:
                    found = self._read_database(part)
                except psycopg2.OperationalError as error:
                    is_away = self._connection is None or self._connection.closed != 0
                    _complain(part, error)
                except Exception as error:  # noqa: BLE001 - one part must not cost the others
                    _complain(part, error)
            yield from _told(part, found)

    def _read_database(self, part: DatabasePart) -> list[Reading]:
        if self._connection is None or self._connection.closed:
            self._connection = None
            self._connection = psycopg2.connect(
                self._database_url,
                connect_timeout=CONNECT_TIMEOUT_S,
                application_name="hadron-metrics",
                options=f"-c statement_timeout={STATEMENT_TIMEOUT_MS}"
                " -c default_transaction_read_only=on",
            )
        with self._connection, self._connection.cursor() as cursor:
            return list(part.read(cursor))

    def _drop_connection(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _told(part: Part, found: list[Reading] | None) -> Iterator[Reading]:
    yield Sample("hadron_up", (part.name,), found is not None)
    yield from found or ()


def _complain(part: Part, error: Exception) -> None:
    reason = str(error).strip().split("\n", 1)[0]
    log.warning("a part of the metrics cannot be read", part=part.name, reason=reason)


def exposition(collector: Collector) -> str:
    """One scrape as Prometheus' text format."""
    return generate_latest(registry_of(collector)).decode()
