"""Real services for the tests: a Redis and a PostgreSQL for the session, or of a test's own."""

from __future__ import annotations

import importlib
import itertools
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2
import pytest
import redis
from hypothesis import HealthCheck, settings
from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.local.postgres_server import PostgresServer
from hadron_tasks.local.redis_server import RedisServer
from hadron_tasks.redaction import forget_configured_values
from hadron_tasks.settings import get_settings
from hadron_tasks.store.migrations import upgrade

# How long an example takes says how busy the machine is, not whether the code is right. Nor does
# how long examples take to draw: at the half minute that is "too slow" a machine stood still.
settings.register_profile("hadron", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("hadron")

# The console of the commands takes its width from COLUMNS when it is made; made without, it asks
# each time. So no test decides how wide those after it are.
os.environ.pop("COLUMNS", None)
importlib.import_module("hadron_tasks.cli.output")

# Tests start some hundred Python processes: told to keep no bytecode, each would compile all of
# Hadron again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

_database_numbers = itertools.count(1)

TEMPLATE = "hadron_template"
"""A migrated, empty database that each test's database is copied from."""


HEAVY_FLEETS = frozenset(
    {
        "test_storm",
        "test_nothing_is_lost",
        "test_planted_arbitrage",
        "test_compose_fleet",
        "test_deployment_guide",
    }
)
"""Tests of fleets in which so much flows, or so much is to happen in time, that they want a core
for themselves; and such as take so long that the run would end with one worker waiting."""


# First, for xdist reads the groups before conftests are asked.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Heavy fleets run one at a time, from the start, on one test worker.

    The others do all the rest meanwhile. The light fleets come last, on all; those of a module
    that share a fleet on one.
    """
    order = {}
    for item in items:
        if item.get_closest_marker("fleet") is None:
            order[item] = 1
            continue
        is_heavy = item.path.stem in HEAVY_FLEETS
        order[item] = 0 if is_heavy else 2
        if is_heavy or "start_shared_fleet" in item.fixturenames:  # type: ignore[attr-defined]
            group = "heavy fleets" if is_heavy else item.path.stem
            item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=order.__getitem__)


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """A shell starts its background jobs deaf to SIGINT, and so would be all that tests start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No test sees this machine's keys or .env, nor leaves its own settings behind."""
    for name in os.environ:
        if name.startswith(("HADRON_", "KALSHI_", "POLYGON_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    get_settings.cache_clear()
    forget_configured_values()
    yield
    get_settings.cache_clear()
    forget_configured_values()


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """An empty Redis of the test's own, which it may kill and restart."""
    server = RedisServer(tmp_path / "redis")
    server.start()
    yield server
    server.kill()  # in order takes it a tenth of a second, and nobody will read what it held


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """The session's Redis; tests that stop theirs take ``redis_server`` instead.

    It holds what the test before left there, unless ``client`` is asked for, too.
    """
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def client(shared_redis: RedisServer) -> Iterator[redis.Redis]:
    """A client of the session's Redis, which it finds empty."""
    with redis.Redis.from_url(shared_redis.url) as opened:
        opened.flushall()
        yield opened


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The session's PostgreSQL; tests that stop it take ``own_postgres_server`` instead."""
    # Not under pytest's own temporary directory: its name is too long for a Unix socket.
    directory = Path(tempfile.mkdtemp(prefix="hadron-pg-"))
    server = PostgresServer(directory / "pg", durable=False)
    server.start()
    upgrade(server.create_database(TEMPLATE))
    yield server
    server.stop()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def own_postgres_server() -> Iterator[PostgresServer]:
    """An empty PostgreSQL of the test's own, which it may kill and restart."""
    directory = Path(tempfile.mkdtemp(prefix="hadron-pg-"))
    server = PostgresServer(directory / "pg", durable=False)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def database_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A migrated, empty database of the test's own."""
    with _own_database(postgres_server) as url:
        yield url


@pytest.fixture
def connection(database_url: str) -> Iterator[PgConnection]:
    """A connection to the test's own database."""
    opened = psycopg2.connect(database_url)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def module_database_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A migrated database for all tests of a module, which must each clear what they fill."""
    with _own_database(postgres_server) as url:
        yield url


@contextmanager
def _own_database(server: PostgresServer) -> Iterator[str]:
    name = f"test_{next(_database_numbers)}"
    yield server.create_database(name, template=TEMPLATE)
    # Each is ten megabytes: dropped at once, most of it is never written to the disk.
    with closing(psycopg2.connect(server.url)) as opened:
        opened.autocommit = True
        opened.cursor().execute(f"DROP DATABASE {name} WITH (FORCE)")
