"""Ticks are written exactly once, whatever is repeated and whoever writes beside us."""

from __future__ import annotations

import threading
from decimal import Decimal

import psycopg2
import pytest
from factories import INSTRUMENT, NOON_US, OTHER_INSTRUMENT, tick, trade
from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.store.partitions import KnownPartitions
from hadron_tasks.store.tick_rows import rows_of
from hadron_tasks.store.ticks import write_ticks
from hadron_tasks.tick import HadronTick, TickType

Tick = tuple[str, HadronTick]
"""With its instrument."""


@pytest.fixture(autouse=True)
def _partition(connection: PgConnection) -> None:
    KnownPartitions().ensure(connection, [NOON_US])


def write(connection: PgConnection, ticks: list[Tick]) -> int:
    with connection, connection.cursor() as cursor:
        return write_ticks(cursor, rows_of(ticks))


def stored(connection: PgConnection, columns: str = "count(*)") -> list[tuple[object, ...]]:
    with connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM ticks ORDER BY 1")
        return cursor.fetchall()


def test_every_column_comes_back_as_sent(connection: PgConnection) -> None:
    full = tick(
        tick_type=TickType.BOOK_DELTA,
        raw_price="0.960",
        price=Decimal("0.960"),
        size=Decimal("-54.00"),
        side="yes",
        bid=Decimal("0.000000000000000000000000000000000000000001"),
        ask=Decimal("123456789012345678901234567890.5"),
        bid_size=Decimal(300),
        ask_size=Decimal("1E+3"),
        sequence=8073,
        metadata={"text": 'tab\t, newline\n, quote" and back\\slash', "levels": [["0.08", "300"]]},
        event_us=NOON_US + 123_456,
    )
    write(connection, [(INSTRUMENT, full)])
    columns = "price, raw_price, size, side, bid, ask, bid_size, ask_size, sequence, metadata"
    ((*values, event_time, received_at, tick_type),) = stored(
        connection, f"{columns}, event_time, received_at, tick_type"
    )
    assert values == [
        full.price,
        full.raw_price,
        full.size,
        full.side,
        full.bid,
        full.ask,
        full.bid_size,
        Decimal(1000),
        full.sequence,
        full.metadata,
    ]
    assert str(values[0]) == "0.960"
    assert (event_time, received_at, tick_type) == (full.event_time, full.received_at, "book_delta")


def test_raw_text_with_separators_is_kept(connection: PgConnection) -> None:
    strange = "a\tb\\n\nc\r\\."
    write(connection, [(INSTRUMENT, tick(raw_price=strange))])
    assert stored(connection, "raw_price") == [(strange,)]


def test_a_batch_written_twice_is_stored_once(connection: PgConnection) -> None:
    rows = [(INSTRUMENT, tick(event_us=NOON_US + n)) for n in range(50)]
    assert write(connection, rows) == 50
    assert write(connection, rows) == 0
    assert stored(connection) == [(50,)]


def test_one_known_row_does_not_take_its_neighbours_with_it(connection: PgConnection) -> None:
    rows = [(INSTRUMENT, tick(event_us=NOON_US + n)) for n in range(50)]
    write(connection, rows[20:21])
    assert write(connection, rows) == 49
    assert stored(connection) == [(50,)]


def test_a_row_that_stands_twice_in_a_batch_is_stored_once(connection: PgConnection) -> None:
    row = (INSTRUMENT, tick())
    assert write(connection, [row, row]) == 1


def test_the_same_key_at_another_instrument_or_time_is_another_tick(
    connection: PgConnection,
) -> None:
    rows = [
        (INSTRUMENT, tick(event_key=7)),
        (OTHER_INSTRUMENT, tick(event_key=7)),
        (INSTRUMENT, tick(event_key=7, event_us=NOON_US + 1)),
    ]
    assert write(connection, rows) == 3


@pytest.mark.parametrize("later_us", [NOON_US + 456, NOON_US - 999_999, NOON_US])
def test_a_trade_is_itself_by_its_id_whatever_its_time(
    connection: PgConnection, later_us: int
) -> None:
    assert write(connection, [(INSTRUMENT, trade("t-1"))]) == 1
    assert write(connection, [(INSTRUMENT, trade("t-1", event_us=later_us))]) == 0
    assert stored(connection, "event_time") == [(trade("t-1").event_time,)]


def test_of_one_trade_with_two_times_in_a_batch_one_is_stored(connection: PgConnection) -> None:
    rows = [
        (INSTRUMENT, trade("t-1")),
        (INSTRUMENT, trade("t-1", event_us=NOON_US + 456)),
        (INSTRUMENT, trade("t-2")),
    ]
    assert write(connection, rows) == 2


def test_the_same_trade_id_at_another_instrument_is_another_trade(
    connection: PgConnection,
) -> None:
    assert write(connection, [(INSTRUMENT, trade("1")), (OTHER_INSTRUMENT, trade("1"))]) == 2


def test_a_rolled_back_batch_claims_no_trades(connection: PgConnection) -> None:
    with connection.cursor() as cursor:
        write_ticks(cursor, rows_of([(INSTRUMENT, trade("t-1"))]))
    connection.rollback()
    assert write(connection, [(INSTRUMENT, trade("t-1"))]) == 1


def test_two_writers_with_the_same_rows_store_them_once(
    connection: PgConnection, database_url: str
) -> None:
    rows: list[Tick] = [(INSTRUMENT, tick(event_us=NOON_US + n)) for n in range(500)]
    rows += [(INSTRUMENT, trade(f"t-{n}", event_us=NOON_US + n)) for n in range(500)]
    written: list[int] = []
    start = threading.Barrier(2)

    def write_from_another_connection(mine: list[Tick]) -> None:
        other = psycopg2.connect(database_url)
        start.wait()
        for attempt in range(5):
            try:
                written.append(write(other, mine))
                break
            except psycopg2.errors.DeadlockDetected:
                # Rows in opposite orders may deadlock; the pipeline gives the batch again.
                assert attempt < 4
        other.close()

    writers = [
        threading.Thread(target=write_from_another_connection, args=(mine,))
        for mine in (rows, rows[::-1])
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sum(written) == 1000
    assert stored(connection) == [(1000,)]
