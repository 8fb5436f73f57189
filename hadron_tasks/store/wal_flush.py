"""Commits that do not wait for the disk, and knowing when they are on it."""

from __future__ import annotations

from psycopg2.extensions import connection as PgConnection  # noqa: N812

COMMIT_AT_ONCE = "SET LOCAL synchronous_commit = off"
"""This transaction is seen by everybody as soon as it is committed; a crash of the server within
the next moments may take it back, whole."""

_SMALLEST_RECORD = """
    SELECT pg_logical_emit_message(true, 'hadron', ''),
        CASE current_setting('synchronous_commit')
            WHEN 'off' THEN set_config('synchronous_commit', 'on', true)
        END
"""
"""A commit waits for the disk only if it wrote to the log: this writes some bytes there, and that
is all. Whoever reads the log (logical replication) does not look at them unless asked to. A server
whose commits need not wait waits with this one."""


def flush_wal(connection: PgConnection) -> None:
    """Return when all that was committed before, by whatever session, is durable.

    The write-ahead log is one sequence: when a commit is on the disk (and on the standbys, if the
    server's ``synchronous_commit`` says so), then all commits before it are. The session that
    flushes must have been there before these commits were made: a crash that took one of them back
    would have ended it. One opened later would flush, and know nothing.

    Args:
        connection: A session of its own, not a pooler's that changes from one transaction to the
            next.

    Raises:
        psycopg2.Error: The session has ended: nobody knows.
    """
    with connection, connection.cursor() as cursor:
        cursor.execute(_SMALLEST_RECORD)
