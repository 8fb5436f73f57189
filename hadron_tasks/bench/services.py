"""The Redis and PostgreSQL that a benchmark runs on: its own, or empty ones that are named."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import redis
from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.errors import HadronError
from hadron_tasks.local.postgres_server import PostgresServer
from hadron_tasks.local.redis_server import RedisServer
from hadron_tasks.store.migrations import upgrade
from hadron_tasks.store.partitions import ensure_partitions_ahead


@dataclass(frozen=True, slots=True)
class Services:
    """Where the benchmark's services are."""

    redis_url: str
    database_url: str
    directory: Path
    """For logs."""

    def redis(self) -> redis.Redis:
        """A client, answering bytes."""
        return redis.Redis.from_url(self.redis_url, socket_timeout=60)

    @contextmanager
    def connect(self) -> Iterator[PgConnection]:
        """A connection of its own, closed at the end."""
        with closing(psycopg2.connect(self.database_url)) as connection:
            yield connection

    def environment(self) -> dict[str, str]:
        """What a process of the fleet needs to use them."""
        return os.environ | {
            "HADRON_REDIS_URL": self.redis_url,
            "HADRON_DATABASE_URL": self.database_url,
            "HADRON_DATA_DIR": str(self.directory),
            "HADRON_VENUES": "kalshi",
        }

    def apart(self, database: int) -> Services:
        """The same PostgreSQL with another of Redis' databases: streams and queues of its own.

        Raises:
            HadronError: That one holds something.
        """
        url = urlsplit(self.redis_url)._replace(path=f"/{database}").geturl()
        _refuse_used_redis(url)
        directory = self.directory / f"redis-database-{database}"
        directory.mkdir()
        return replace(self, redis_url=url, directory=directory)

    def empty_tables(self) -> None:
        """Take all ticks away, and let no earlier write be in the way of the next round."""
        with self.connect() as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("TRUNCATE ticks, trade_keys")
                cursor.execute("CHECKPOINT")


@contextmanager
def services(redis_url: str | None, database_url: str | None) -> Iterator[Services]:
    """Services for one run: embedded ones, fsync on, unless addresses are given.

    Raises:
        HadronError: A service that is named holds something: a benchmark empties tables.
    """
    # A short path: a Unix socket's name may not be long.
    directory = Path(tempfile.mkdtemp(prefix="hadron-bench-"))
    own_redis = RedisServer(directory / "redis", ends_with_parent=True)
    own_postgres = PostgresServer(directory / "postgres", ends_with_parent=True)
    try:
        if redis_url is None:
            own_redis.start()
        else:
            _refuse_used_redis(redis_url)
        if database_url is None:
            own_postgres.start()
            database_url = own_postgres.create_database("hadron_bench")
        else:
            _refuse_used_database(database_url)
        upgrade(database_url)
        used = Services(redis_url or own_redis.url, database_url, directory)
        with used.connect() as connection:
            ensure_partitions_ahead(connection, datetime.now(UTC))
        yield used
    finally:
        own_postgres.stop()
        own_redis.stop()
        shutil.rmtree(directory, ignore_errors=True)


def _refuse_used_redis(url: str) -> None:
    with redis.Redis.from_url(url, socket_timeout=10) as client:
        if client.dbsize():
            raise HadronError(
                "The Redis that --redis-url names is not empty, or (for growth) its databases 1, 2 "
                "and so on are not. Name an empty one: a benchmark fills and empties streams."
            )


def _refuse_used_database(url: str) -> None:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        ((tables,),) = cursor.fetchall()
    if tables:
        raise HadronError(
            "The database that --database-url names holds tables. Name an empty one: a "
            "benchmark empties its tables."
        )
