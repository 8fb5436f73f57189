"""The embedded PostgreSQL after a crash."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import closing

import psycopg2

from hadron_tasks.local.postgres_server import PostgresServer


def test_it_comes_back_although_a_crashed_ones_processes_linger(
    own_postgres_server: PostgresServer,
) -> None:
    """As one does that is in the middle of writing to a slow disk."""
    with closing(psycopg2.connect(own_postgres_server.url)) as connection:
        backend = connection.get_backend_pid()
        os.kill(backend, signal.SIGSTOP)
        own_postgres_server.kill()
        lingers = threading.Timer(2.0, os.kill, (backend, signal.SIGKILL))
        lingers.start()
        own_postgres_server.start()
        assert lingers.finished.is_set()
    with closing(psycopg2.connect(own_postgres_server.url)) as connection:
        assert connection.get_backend_pid() != backend
    assert b"shared memory block" in (own_postgres_server.directory / "server.log").read_bytes()
