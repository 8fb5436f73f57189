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


@pytest.fixture(scope="session")
def worker(postgres_server: PostgresServer) -> Iterator[LetterWorker]:
    """The worker; tests leave its queues and the waiting room empty."""
    directory = Path(tempfile.mkdtemp(prefix="hadron-letters-"))
    server = RedisServer(directory / "redis")
    server.start()
    started = LetterWorker(
        server, postgres_server.create_database("letters", template="hadron_template"), directory
    )
    started.start()
    yield started
    started.stop()
    server.stop()
    shutil.rmtree(directory, ignore_errors=True)
