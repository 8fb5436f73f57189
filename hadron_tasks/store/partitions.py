"""Daily partitions of ticks: made ahead, made on demand for old recordings, dropped when old."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from psycopg2 import errors, sql
from psycopg2.extensions import connection as PgConnection  # noqa: N812
from psycopg2.extensions import cursor as Cursor  # noqa: N812

DAYS_AHEAD = 3
"""Partitions that stand ready, so that midnight makes no worker wait."""

_DAY_US = 86_400_000_000
_LOCK_ID = 7_241_002


def _day(number: int) -> date:
    return date(1970, 1, 1) + timedelta(days=number)


def partition_name(day: date) -> str:
    """The table that holds a day's ticks."""
    return f"ticks_{day:%Y%m%d}"


class KnownPartitions:
    """The days this process knows to have a partition; asks the database once a day and day."""

    def __init__(self) -> None:
        self._days: set[int] = set()
        """As days since the Unix epoch."""

    def ensure(self, connection: PgConnection, times_us: Iterable[int]) -> None:
        """Make the partitions of these times' UTC days that are not there.

        Args:
            times_us: Microseconds since the Unix epoch; many may be of one day.
        """
        missing = {time_us // _DAY_US for time_us in times_us} - self._days
        if missing:
            ensure_partitions(connection, [_day(number) for number in sorted(missing)])
            self._days |= missing

    def forget(self) -> None:
        """Ask the database again: partitions may have been dropped."""
        self._days.clear()


def ensure_partitions(connection: PgConnection, days: Iterable[date]) -> list[str]:
    """Make the partitions of ``days`` that are not there, in a transaction of its own.

    Returns:
        The names of those made.
    """
    made = []
    with connection, connection.cursor() as cursor:
        for day in days:
            name = partition_name(day)
            if _exists(cursor, name):
                continue
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK_ID,))
            if _exists(cursor, name):
                continue
            # Made apart and then attached: CREATE ... PARTITION OF would lock out every writer.
            cursor.execute(
                sql.SQL("CREATE TABLE {} (LIKE ticks INCLUDING DEFAULTS)").format(
                    sql.Identifier(name)
                )
            )
            cursor.execute(
                sql.SQL(
                    "ALTER TABLE ticks ATTACH PARTITION {} FOR VALUES FROM (%s) TO (%s)"
                ).format(sql.Identifier(name)),
                (_midnight(day), _midnight(day + timedelta(days=1))),
            )
            made.append(name)
    return made


def _exists(cursor: Cursor, name: str) -> bool:
    # A query, not to_regclass(): that one may answer from a cache which does not know yet what
    # another worker made while we waited for the lock.
    cursor.execute(
        "SELECT 1 FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
        " WHERE inhparent = 'ticks'::regclass AND relname = %s",
        (name,),
    )
    return cursor.fetchone() is not None


def ensure_partitions_ahead(connection: PgConnection, now: datetime) -> list[str]:
    """Make the partitions of yesterday, today and the next :data:`DAYS_AHEAD` days."""
    today = now.astimezone(UTC).date()
    return ensure_partitions(
        connection, [today + timedelta(days=offset) for offset in range(-1, DAYS_AHEAD + 1)]
    )


def drop_partitions_before(connection: PgConnection, first_kept: date) -> list[str]:
    """Drop every partition of a day before ``first_kept``, and the trade ids of those days.

    Returns:
        The names of those dropped.
    """
    dropped = []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits"
            " WHERE inhparent = 'ticks'::regclass ORDER BY 1"
        )
        names = [name for (name,) in cursor.fetchall()]
    connection.commit()
    oldest_kept = partition_name(first_kept)
    for name in names:
        if name < oldest_kept:
            _drop(connection, name)
            dropped.append(name)
    with connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM trade_keys WHERE event_time < %s", (_midnight(first_kept),))
    return dropped


def _drop(connection: PgConnection, name: str) -> None:
    # Concurrent detaching cannot run inside a transaction; it spares the writers a lock.
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            table = sql.Identifier(name)
            try:
                cursor.execute(
                    sql.SQL("ALTER TABLE ticks DETACH PARTITION {} CONCURRENTLY").format(table)
                )
            except errors.ObjectNotInPrerequisiteState:
                cursor.execute(
                    sql.SQL("ALTER TABLE ticks DETACH PARTITION {} FINALIZE").format(table)
                )
            cursor.execute(sql.SQL("DROP TABLE {}").format(table))
    finally:
        connection.autocommit = False


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
