"""Daily partitions: there when needed, gone when old, never in the writers' way."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime

import psycopg2
from factories import INSTRUMENT, NOON_US, tick, trade
from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.store.partitions import (
    DAYS_AHEAD,
    KnownPartitions,
    drop_partitions_before,
    ensure_partitions,
    ensure_partitions_ahead,
)
from hadron_tasks.store.tick_rows import rows_of
from hadron_tasks.store.ticks import write_ticks

DAY_US = 86_400_000_000


def partitions(connection: PgConnection) -> list[str]:
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits"
            " WHERE inhparent = 'ticks'::regclass ORDER BY 1"
        )
        return [name for (name,) in cursor.fetchall()]


def test_the_days_around_now_stand_ready(connection: PgConnection) -> None:
    now = datetime(2026, 12, 31, 23, 59, tzinfo=UTC)
    made = ensure_partitions_ahead(connection, now)
    assert made == partitions(connection)
    assert made[0] == "ticks_20261230"
    assert made[-1] == "ticks_20270103"
    assert len(made) == DAYS_AHEAD + 2
    assert ensure_partitions_ahead(connection, now) == []


def test_the_edges_of_a_day_fall_into_its_partition(connection: PgConnection) -> None:
    midnight_us = NOON_US // DAY_US * DAY_US
    edges = [tick(event_us=midnight_us), tick(event_us=midnight_us + DAY_US - 1)]
    KnownPartitions().ensure(connection, [one.event_us for one in edges])
    with connection, connection.cursor() as cursor:
        write_ticks(cursor, rows_of((INSTRUMENT, one) for one in edges))
        cursor.execute("SELECT count(*) FROM ticks_20261121")
        assert cursor.fetchone() == (2,)
    assert partitions(connection) == ["ticks_20261121"]


def test_a_partition_is_made_while_others_write(
    connection: PgConnection, database_url: str
) -> None:
    ensure_partitions(connection, [date(2026, 11, 21)])
    with connection.cursor() as cursor:
        write_ticks(cursor, rows_of([(INSTRUMENT, tick())]))  # left uncommitted: its locks are held
        other = psycopg2.connect(database_url, options="-c lock_timeout=3000")
        assert ensure_partitions(other, [date(2026, 11, 22)]) == ["ticks_20261122"]
        other.close()
    connection.commit()


def test_several_workers_need_the_same_new_day_at_once(
    connection: PgConnection, database_url: str
) -> None:
    made: list[list[str]] = []
    start = threading.Barrier(4)

    def need_it() -> None:
        other = psycopg2.connect(database_url)
        start.wait()
        made.append(ensure_partitions(other, [date(2020, 2, 29)]))
        other.close()

    workers = [threading.Thread(target=need_it) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(made) == [[], [], [], ["ticks_20200229"]]


def test_old_days_go_with_their_trade_ids(connection: PgConnection) -> None:
    days = [NOON_US, NOON_US + DAY_US]
    KnownPartitions().ensure(connection, days)
    with connection, connection.cursor() as cursor:
        rows = [(INSTRUMENT, trade(f"t-{day}", event_us=day)) for day in days]
        write_ticks(cursor, rows_of(rows))
    assert drop_partitions_before(connection, date(2026, 11, 22)) == ["ticks_20261121"]
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM ticks")
        assert cursor.fetchone() == (1,)
        cursor.execute("SELECT count(*) FROM trade_keys")
        assert cursor.fetchone() == (1,)
