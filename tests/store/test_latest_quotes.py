"""The newest state of an instrument, however the ticks arrive."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest
from factories import INSTRUMENT, NOON_US, tick, trade
from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.store.latest_quotes import newest_of, write_latest
from hadron_tasks.store.tick_rows import rows_of
from hadron_tasks.tick import HadronTick, TickType


def latest(connection: PgConnection) -> tuple[object, ...]:
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT price, bid, ask, bid_size, last_trade_price, last_trade_size"
            " FROM latest_quotes WHERE instrument_id = %s",
            (INSTRUMENT,),
        )
        row = cursor.fetchone()
        assert row is not None
        return row


def write(connection: PgConnection, *ticks: HadronTick) -> None:
    with connection, connection.cursor() as cursor:
        write_latest(cursor, newest_of(rows_of((INSTRUMENT, one) for one in ticks).telling))


HISTORY = [
    tick(event_us=NOON_US, price=Decimal("0.40"), bid=Decimal("0.39"), ask=Decimal("0.41")),
    trade("t-1", event_us=NOON_US + 1, price=Decimal("0.41"), size=Decimal(5)),
    tick(
        event_us=NOON_US + 2,
        price=Decimal("0.42"),
        bid=Decimal("0.40"),
        ask=None,
        bid_size=Decimal(7),
    ),
    tick(tick_type=TickType.BOOK_DELTA, event_us=NOON_US + 3, price=Decimal("0.01")),
    tick(tick_type=TickType.QUOTE, event_us=NOON_US + 1, price=None, bid=Decimal("0.01")),
]
NEWEST = (
    Decimal("0.42"),
    Decimal("0.40"),
    None,  # the newest quote has no ask: the older ask is gone
    Decimal(7),
    Decimal("0.41"),
    Decimal(5),
)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("size", [1, 2, 3, len(HISTORY)])
def test_any_order_and_any_batches_give_the_same_state(
    connection: PgConnection, seed: int, size: int
) -> None:
    shuffled = HISTORY.copy()
    random.Random(seed).shuffle(shuffled)
    for start in range(0, len(shuffled), size):
        write(connection, *shuffled[start : start + size])
    assert latest(connection) == NEWEST


def test_writing_again_changes_nothing(connection: PgConnection) -> None:
    write(connection, *HISTORY)
    write(connection, *HISTORY)
    assert latest(connection) == NEWEST


def test_a_batch_of_deltas_alone_makes_no_state(connection: PgConnection) -> None:
    write(connection, HISTORY[3])
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM latest_quotes")
        assert cursor.fetchone() == (0,)
