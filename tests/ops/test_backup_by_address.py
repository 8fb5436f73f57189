"""Backup and restore by address: an older copy of one server beside a newer one of the other."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import documented
import psycopg2
import pytest
import redis
from compose_file import ROOT
from local_containers import POSTGRES_BIN

from hadron_tasks.ingest.batch import BatchWriter
from hadron_tasks.ingest.drain import Drain
from hadron_tasks.local.postgres_server import PostgresServer
from hadron_tasks.local.redis_server import RedisServer, redis_server_binary
from hadron_tasks.raw_stream import RawFrame, frame_fields, stream_key
from hadron_tasks.store.accounts import Counts
from hadron_tasks.store.instruments import InstrumentCache
from hadron_tasks.store.session import engine_for
from hadron_tasks.venues.registry import rules_for

NOON_NS = 1_795_176_000_000_000_000
BACKUP = "backups/2026-11-21"
PROGRAMS = f"{redis_server_binary().parent}:{POSTGRES_BIN}"


def publish(url: str, first: int, count: int) -> None:
    """Quotes, deltas without a time of their own, and one frame that nobody can read."""
    frames = [
        b'{"type":"orderbook_delta","sid":1,"seq":%d,"msg":{"market_ticker":"KXA","side":"yes",'
        b'"price_dollars":"0.4000","delta_fp":"1.00"}}' % number
        for number in range(first, first + count)
    ]
    frames.append(
        b'{"type":"ticker","msg":{"market_ticker":"KXA","price_dollars":"high%d"}}' % first
    )
    with redis.Redis.from_url(url) as client:
        for number, frame in enumerate(frames, first):
            entry = frame_fields(RawFrame(frame, NOON_NS + number, "kalshi-1"))
            client.xadd(stream_key("kalshi"), entry)  # type: ignore[arg-type]


def drain(redis_url: str, database_url: str) -> Counts:
    writer = BatchWriter(rules_for("kalshi"), InstrumentCache(100), "test")
    with redis.Redis.from_url(redis_url) as client:
        return Drain(client, engine_for(database_url), [writer], "kalshi", "test", batch=100).run(5)


def stored(database_url: str) -> dict[str, list[Any]]:
    """What a reader of the database sees, whatever made it."""
    found = {}
    opened = psycopg2.connect(database_url)
    with opened.cursor() as cursor:
        for table, columns in {
            "ticks": "*",
            "instruments": "id, ticker, name",
            "dead_letters": "identity::text, raw_frame::text, received_at_ns, attempts",
        }.items():
            cursor.execute(f"SELECT {columns} FROM {table} ORDER BY 1, 2, 3")
            found[table] = [tuple(map(str, row)) for row in cursor.fetchall()]
    opened.close()
    return found


class Servers:
    """A pair of servers, and the guide's procedures at their addresses."""

    def __init__(self, redis_server: RedisServer, database_url: str, directory: Path) -> None:
        self.redis, self.database_url, self.directory = redis_server, database_url, directory
        if not (directory / "deploy").exists():
            shutil.copytree(ROOT / "deploy", directory / "deploy")

    def backs_up(self, name: str) -> None:
        self._does(
            "backup by address",
            {
                "redis://redis.internal:6379/0": self.redis.url,
                "postgresql://hadron@postgres.internal:5432/hadron": f"'{self.database_url}'",
                BACKUP: name,
            },
        )

    def restores(self, name: str) -> None:
        """Into this database, and into a Redis that is started afterwards."""
        self.redis.directory.mkdir()
        self._does(
            "restore by address",
            {
                "postgresql://hadron@new-postgres.internal:5432/hadron": f"'{self.database_url}'",
                "/var/lib/redis": str(self.redis.directory),
                BACKUP: name,
            },
        )
        self.redis.start()

    def _does(self, procedure: str, instead: Mapping[str, str]) -> None:
        documented.run(
            documented.DEPLOYMENT, procedure, self.directory, programs=PROGRAMS, instead=instead
        )


@pytest.fixture
def servers(redis_server: RedisServer, database_url: str, tmp_path: Path) -> Servers:
    return Servers(redis_server, database_url, tmp_path)


@pytest.fixture
def new_servers(postgres_server: PostgresServer, servers: Servers) -> Iterator[Servers]:
    """Empty ones, of which the Redis does not run yet."""
    name = servers.database_url.rpartition("?")[0].rpartition("/")[2]
    database_url = postgres_server.create_database(f"{name}_restored", template="template0")
    server = RedisServer(servers.directory / "new-redis")
    yield Servers(server, database_url, servers.directory)
    server.stop()


def mixed(directory: Path, redis_of: str, postgres_of: str) -> str:
    """A backup of which each half is of another moment."""
    made = directory / "backups" / "mixed"
    made.mkdir()
    sums = ""
    for name, of in {"redis.rdb": redis_of, "postgres.dump": postgres_of}.items():
        content = (directory / of / name).read_bytes()
        (made / name).write_bytes(content)
        sums += f"{hashlib.sha256(content).hexdigest()}  {name}\n"
    (made / "SHA256SUMS").write_text(sums)
    return "backups/mixed"


def test_an_older_redis_beside_a_newer_postgres_doubles_nothing(
    servers: Servers, new_servers: Servers
) -> None:
    publish(servers.redis.url, 0, 20)
    drain(servers.redis.url, servers.database_url)
    publish(servers.redis.url, 100, 30)
    with redis.Redis.from_url(servers.redis.url) as client:
        client.set("hadron:kept", "as it was")
    servers.backs_up("backups/before")
    drain(servers.redis.url, servers.database_url)
    servers.backs_up("backups/after")
    expected = stored(servers.database_url)
    assert len(expected["ticks"]) == 50
    assert len(expected["dead_letters"]) == 2

    new_servers.restores(mixed(servers.directory, "backups/before", "backups/after"))
    again = drain(new_servers.redis.url, new_servers.database_url)
    assert again.frames == 31
    assert again.ticks == 0
    assert stored(new_servers.database_url) == expected
    with redis.Redis.from_url(new_servers.redis.url) as client:
        assert client.get("hadron:kept") == b"as it was"
        # What comes now is durable again.
        assert client.info("persistence")["aof_enabled"] == 1  # type: ignore[index]
    new_servers.redis.restart()
    with redis.Redis.from_url(new_servers.redis.url) as client:
        assert client.xlen(stream_key("kalshi")) == 0


def test_what_is_there_is_never_written_over(servers: Servers, new_servers: Servers) -> None:
    publish(servers.redis.url, 0, 3)
    servers.backs_up(BACKUP)
    with pytest.raises(AssertionError, match="never writes over another"):
        servers.backs_up(BACKUP)
    redis_directory = servers.directory / "empty"
    redis_directory.mkdir()
    restore = ["sh", "deploy/restore.sh", BACKUP]

    def refusal(**addresses: str) -> str:
        done = subprocess.run(
            restore,
            cwd=servers.directory,
            env={**os.environ, "PATH": f"{PROGRAMS}:{os.environ['PATH']}", **addresses},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 1
        return done.stderr

    assert "the database is not empty" in refusal(
        HADRON_DATABASE_URL=servers.database_url, REDIS_DATA_DIR=str(redis_directory)
    )
    assert "not an empty one" in refusal(REDIS_DATA_DIR=str(servers.redis.directory))
    told = refusal(HADRON_DATABASE_URL="postgresql://hadron:sesame@db/hadron")
    assert "a password stands in an address" in told
    assert "sesame" not in told
    assert list(redis_directory.iterdir()) == []

    dump = servers.directory / BACKUP / "postgres.dump"
    content = bytearray(dump.read_bytes())
    content[len(content) // 2] ^= 1
    dump.write_bytes(content)
    assert "was damaged" in refusal(HADRON_DATABASE_URL=new_servers.database_url)
    (servers.directory / BACKUP / "SHA256SUMS").unlink()
    assert "no whole backup" in refusal(HADRON_DATABASE_URL=new_servers.database_url)


def test_every_procedure_of_the_page_is_run_by_a_test() -> None:
    tests = "".join(
        (Path(__file__).parent / name).read_text()
        for name in ("test_deployment_guide.py", "test_backup_by_address.py")
    )
    for name in documented.procedures(documented.DEPLOYMENT):
        assert f'"{name}"' in tests, f"no test runs the procedure {name!r}"
