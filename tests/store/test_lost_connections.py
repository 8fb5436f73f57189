"""A connection that breaks is told from a statement that is wrong, whatever was under way."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from crashing_postgres import await_recovery
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from hadron_tasks.local.postgres_server import PostgresServer
from hadron_tasks.store.session import is_transient


def ask_on(cursor: Cursor) -> None:
    while True:
        cursor.execute("SELECT 1")
        cursor.fetchall()


def copy_out(cursor: Cursor) -> None:
    with Path(os.devnull).open("wb") as nowhere:
        cursor.copy_expert("COPY (SELECT generate_series(1, 1000000000)) TO STDOUT", nowhere)


@pytest.mark.parametrize("work", [ask_on, copy_out])
def test_a_server_that_crashes_meanwhile_is_away(
    own_postgres_server: PostgresServer, work: Callable[[Cursor], None]
) -> None:
    url = own_postgres_server.url
    with closing(psycopg2.connect(url)) as connection, closing(psycopg2.connect(url)) as other:
        # One process that is killed takes all others with it.
        crash = threading.Timer(0.3, os.kill, (other.get_backend_pid(), signal.SIGKILL))
        crash.start()
        with connection.cursor() as cursor, pytest.raises(psycopg2.DatabaseError) as caught:
            work(cursor)
        crash.join()
    assert is_transient(caught.value)
    await_recovery(url)


@pytest.mark.parametrize("statement", ["SELEC 1", "SELECT 1/0", "SELECT * FROM no_such_table"])
def test_a_statement_that_is_wrong_stays_wrong(database_url: str, statement: str) -> None:
    with closing(psycopg2.connect(database_url)) as connection, connection.cursor() as cursor:
        with pytest.raises(psycopg2.Error) as caught:
            cursor.execute(statement)
        assert not is_transient(caught.value)
