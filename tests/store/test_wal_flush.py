"""What was committed at once is durable when the log has been flushed, and not before."""

from __future__ import annotations

from contextlib import closing

import psycopg2
import pytest
from crashing_postgres import await_recovery, crash, write_only_when_told

from hadron_tasks.local.postgres_server import PostgresServer
from hadron_tasks.store.wal_flush import COMMIT_AT_ONCE, flush_wal


@pytest.mark.parametrize("synchronous_commit", ["on", "off"])
def test_a_crash_takes_back_what_was_not_flushed(
    own_postgres_server: PostgresServer, synchronous_commit: str
) -> None:
    url = own_postgres_server.url
    write_only_when_told(own_postgres_server, synchronous_commit=synchronous_commit)
    with closing(psycopg2.connect(url)) as writing, closing(psycopg2.connect(url)) as flushing:
        with writing, writing.cursor() as cursor:
            cursor.execute("CREATE TABLE kept (number int)")
        for number in (1, 2):
            with writing, writing.cursor() as cursor:
                cursor.execute(COMMIT_AT_ONCE)
                cursor.execute("INSERT INTO kept VALUES (%s)", (number,))
            if number == 1:
                flush_wal(flushing)
        crash(url)
        with pytest.raises(psycopg2.Error):
            flush_wal(flushing)
    await_recovery(url)
    with closing(psycopg2.connect(url)) as opened, opened.cursor() as cursor:
        cursor.execute("SELECT number FROM kept")
        assert cursor.fetchall() == [(1,)]
