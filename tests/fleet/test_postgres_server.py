"""The embedded PostgreSQL after a crash."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import closing

import psycopg2

from hadron_tasks.local.postgres_server import PostgresServer

STRAGGLERS = b"shared memory block"


def log_of(server: PostgresServer) -> bytes:
    return (server.directory / "server.log").read_bytes()


def end_once_met(backend: int, server: PostgresServer, given_up: threading.Event) -> None:
    """End a lingering process when the new server has said that it finds it there."""
    while STRAGGLERS not in log_of(server) and not given_up.is_set():
        time.sleep(0.05)
    os.kill(backend, signal.SIGKILL)


def test_it_comes_back_although_a_crashed_ones_processes_linger(
    own_postgres_server: PostgresServer,
) -> None:
    """As one does that is in the middle of writing to a slow disk."""
    with closing(psycopg2.connect(own_postgres_server.url)) as connection:
        backend = connection.get_backend_pid()
        os.kill(backend, signal.SIGSTOP)
        own_postgres_server.kill()
        given_up = threading.Event()
        lingerer = threading.Thread(
            target=end_once_met, args=(backend, own_postgres_server, given_up)
        )
        lingerer.start()
        try:
            own_postgres_server.start()
            assert STRAGGLERS in log_of(own_postgres_server)
        finally:
            given_up.set()
            lingerer.join()
    with closing(psycopg2.connect(own_postgres_server.url)) as connection:
        assert connection.get_backend_pid() != backend
