"""A PostgreSQL that crashes, and has then forgotten all that nobody made it write down."""

from __future__ import annotations

import os
import signal
import time
from contextlib import closing, suppress

import psycopg2

from hadron_tasks.local.postgres_server import PostgresServer

RECOVERS_WITHIN_S = 120.0


def write_only_when_told(server: PostgresServer, **settings: str) -> None:
    """Else it writes its log out five times a second by itself."""
    with closing(psycopg2.connect(server.url)) as opened, opened.cursor() as cursor:
        opened.autocommit = True
        slow = {"wal_writer_delay": "10s", "wal_writer_flush_after": "1GB"}
        for name, value in (slow | settings).items():
            cursor.execute(f"ALTER SYSTEM SET {name} = %s", (value,))
    server.stop()
    server.start()


def crash(server_url: str) -> None:
    """When one of its processes dies, PostgreSQL ends all at once, and starts again by itself."""
    with (
        closing(psycopg2.connect(server_url)) as victim,
        closing(psycopg2.connect(server_url)) as other,
        other.cursor() as cursor,
    ):
        os.kill(victim.get_backend_pid(), signal.SIGKILL)
        with suppress(psycopg2.Error):
            while True:
                cursor.execute("SELECT 1")


def await_recovery(server_url: str) -> None:
    """Wait until it takes connections again: asked to end before, it may take a minute."""
    deadline = time.monotonic() + RECOVERS_WITHIN_S
    while True:
        try:
            psycopg2.connect(server_url).close()
        except psycopg2.OperationalError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return
