"""One worker for all tests of dead letters."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from letter_worker import LetterWorker

from hadron_tasks.local.postgres_server import PostgresServer
from hadron_tasks.local.redis_server import RedisServer
from hadron_tasks.store.migrations import upgrade


@pytest.fixture(scope="session")
def worker() -> Iterator[LetterWorker]:
    """The worker; tests leave its queues and the waiting room empty."""
    directory = Path(tempfile.mkdtemp(prefix="hadron-letters-"))
    # Services of its own: tests stop them, and look at everything in them.
    server = RedisServer(directory / "redis")
    postgres = PostgresServer(directory / "pg", durable=False)
    server.start()
    postgres.start()
    upgrade(postgres.create_database("letters"))
    started = LetterWorker(server, postgres, directory)
    started.start()
    yield started
    started.stop()
    server.stop()
    postgres.stop()
    shutil.rmtree(directory, ignore_errors=True)
