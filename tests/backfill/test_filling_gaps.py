"""Gaps are filled from a simulated exchange into a real database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from exchange_trades import every, happen
from gap_filling import (
    RECORDED,
    SECOND,
    fill,
    gap_now,
    ids_of,
    note_gap,
    plan,
    query,
    receive,
    stored_ids,
    walk,
)
from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.backfill import kalshi
from hadron_tasks.backfill.pages import Pages
from hadron_tasks.backfill.plan import plan_gaps
from hadron_tasks.raw_stream import GapCause
from hadron_tasks.store import feed_gaps
from hadron_tasks.store.feed_gaps import Wanted
from streamer.simulator.simulator import Simulator


def test_all_trades_of_a_gap_are_stored_once_and_what_came_by_the_feed_stays(
    connection: PgConnection, pages: Pages, exchange: Simulator, an_hour_ago: datetime
) -> None:
    trades = every(2500, an_hour_ago, timedelta(milliseconds=20))
    happen(exchange, trades)
    came = [t for t in trades if not 1000 <= t.number < 2000 or t.number % 100 == 0]
    receive(connection, came)
    gap_id = note_gap(connection, trades[998].at, trades[2000].at)
    (run,) = fill(connection, pages)
    assert stored_ids(connection) == ids_of(trades)
    assert (run.state, run.stored, run.unreadable) == ("complete", len(trades) - len(came), 0)
    # Fifteen seconds before and three after, of which none was missing.
    assert run.pages == 3
    state, channels = gap_now(connection, gap_id)
    assert (state, list(channels)) == ("backfilled", ["trade"])
    assert channels["trade"].stored == len(trades) - len(came)
    assert channels["trade"].fetched == run.fetched > 1600

    # Twice is the same as once.
    gap_again = note_gap(connection, trades[998].at, trades[2000].at)
    (again,) = fill(connection, pages)
    assert (again.fetched, again.stored) == (run.fetched, 0)
    assert gap_now(connection, gap_again)[0] == "backfilled"
    assert stored_ids(connection) == ids_of(trades)


def test_a_filled_trade_says_the_same_as_one_that_came_by_the_feed(
    connection: PgConnection, pages: Pages, exchange: Simulator, an_hour_ago: datetime
) -> None:
    fed, filled = every(2, an_hour_ago, SECOND, ["KXA"])
    happen(exchange, [fed, filled])
    receive(connection, [fed])
    note_gap(connection, fed.at, filled.at)
    before = datetime.now(UTC)
    fill(connection, pages)
    columns = "price, raw_price, size, side, venue, metadata->>'no_price'"
    (first, second) = query(connection, f"SELECT {columns} FROM ticks ORDER BY event_time")
    assert first == second == (Decimal("0.48"), "0.4800", Decimal(10), "yes", "kalshi", "0.5200")
    ((at, received, source),) = query(
        connection,
        "SELECT event_time, received_at, metadata->>'source' FROM ticks"
        " ORDER BY event_time DESC LIMIT 1",
    )
    assert timedelta(0) <= at - filled.at < timedelta(milliseconds=1)
    assert before <= received <= datetime.now(UTC)
    assert source == "backfill"
    ((price, time),) = query(
        connection, "SELECT last_trade_price, last_trade_time FROM latest_quotes"
    )
    assert (price, time) == (Decimal("0.48"), at)


def test_a_trade_that_comes_by_the_feed_after_it_was_filled_is_stored_once(
    connection: PgConnection, pages: Pages, exchange: Simulator, an_hour_ago: datetime
) -> None:
    trades = every(20, an_hour_ago, SECOND)
    happen(exchange, trades)
    note_gap(connection, trades[0].at, trades[-1].at)
    fill(connection, pages)
    receive(connection, trades)
    assert stored_ids(connection) == ids_of(trades)


def test_what_cannot_be_recovered_is_said_channel_by_channel(
    connection: PgConnection, pages: Pages, exchange: Simulator, an_hour_ago: datetime
) -> None:
    trades = every(10, an_hour_ago, SECOND)
    happen(exchange, trades)
    until = trades[-1].at
    whole = note_gap(connection, an_hour_ago, until, carried=RECORDED)
    books = note_gap(connection, an_hour_ago, until, channel="orderbook_delta", carried=None)
    unknown = note_gap(connection, an_hour_ago, until, carried=None, connection="kalshi-3")
    (run,) = fill(connection, pages)
    assert run.stored == 10
    for gap_id in (whole, unknown):
        state, channels = gap_now(connection, gap_id)
        # Its trades are all there, and it is no whole gap for that.
        assert state == "unrecoverable"
        assert set(channels) == set(RECORDED)
        assert (channels["trade"].state, channels["trade"].stored) == ("backfilled", 10)
        for name in set(RECORDED) - {"trade"}:
            assert channels[name].state == "unrecoverable"
            assert channels[name].reason
    state, channels = gap_now(connection, books)
    assert (state, list(channels)) == ("unrecoverable", ["orderbook_delta"])


def test_a_gap_is_left_alone_until_the_exchange_tells_of_all_of_it(
    connection: PgConnection, pages: Pages, exchange: Simulator
) -> None:
    ended = datetime.now(UTC) - 10 * SECOND
    gap_id = note_gap(connection, ended - SECOND, ended)
    assert plan(connection, ended + 4 * SECOND) == []
    assert gap_now(connection, gap_id) == ("open", {})
    assert len(plan(connection, ended + 6 * SECOND)) == 1


def test_gaps_that_come_together_are_fetched_once(
    connection: PgConnection, pages: Pages, exchange: Simulator, an_hour_ago: datetime
) -> None:
    trades = every(90, an_hour_ago, SECOND)
    happen(exchange, trades)
    first = note_gap(connection, trades[0].at, trades[9].at)
    second = note_gap(connection, trades[19].at, trades[29].at)
    apart = note_gap(connection, trades[79].at, trades[80].at, missing=2)
    runs = fill(connection, pages)
    assert [run.pages for run in runs] == [1, 1]
    # Each gap counts what was made while it may have lost it.
    assert gap_now(connection, first)[1]["trade"].stored == 13
    assert gap_now(connection, second)[1]["trade"].stored == 29
    assert gap_now(connection, apart)[1]["trade"].stored == 20
    assert all(gap_now(connection, each)[0] == "backfilled" for each in (first, second, apart))


def test_a_gap_of_some_markets_asks_for_those(
    connection: PgConnection, pages: Pages, exchange: Simulator, an_hour_ago: datetime
) -> None:
    trades = every(30, an_hour_ago, SECOND, ["KXA", "KXB", "KXC"])
    happen(exchange, trades)
    note_gap(connection, trades[0].at, trades[-1].at, channel="trade", carried=None)
    with connection, connection.cursor() as cursor:
        cursor.execute('UPDATE feed_gaps SET tickers = \'["KXC", "KXA"]\'')
    (run,) = fill(connection, pages)
    assert (run.tickers, run.pages, run.stored) == (["KXC", "KXA"], 2, 20)
    assert stored_ids(connection) == ids_of([t for t in trades if t.ticker != "KXB"])


@pytest.mark.parametrize(
    ("changes", "cut"),
    [
        ({"cause": GapCause.SPOOL_LOSS, "carried": None}, set(RECORDED)),
        ({"cause": GapCause.SPOOL_LOSS, "carried": ("ticker", "trade")}, {"ticker", "trade"}),
        # A new connection is told the whole of every book by itself.
        ({"cause": GapCause.DISCONNECT, "carried": None}, set()),
        ({"cause": GapCause.STREAMER_DEATH, "carried": RECORDED}, set()),
    ],
)
def test_what_was_cut_while_its_connection_lived_on_is_told(
    connection: PgConnection, an_hour_ago: datetime, changes: dict[str, Any], cut: set[str]
) -> None:
    note_gap(connection, an_hour_ago, an_hour_ago + SECOND, **changes)
    planned = plan_gaps(connection, "kalshi", kalshi.losses, RECORDED, datetime.now(UTC))
    assert (planned.gaps, planned.channels_cut) == (1, cut)


@pytest.mark.parametrize("archived_at", ["before", "during"])
def test_what_has_moved_to_the_archive_is_fetched_from_there(
    connection: PgConnection,
    pages: Pages,
    exchange: Simulator,
    an_hour_ago: datetime,
    archived_at: str,
) -> None:
    trades = every(1500, an_hour_ago, timedelta(milliseconds=20))
    happen(exchange, trades)
    note_gap(connection, trades[0].at, trades[-1].at)
    (run_id,) = plan(connection)
    if archived_at == "during":
        assert pages.next_page(connection, run_id).goes_on
    exchange.rest.catalogue.cutoff_s = int((an_hour_ago + 20 * SECOND).timestamp())
    assert walk(connection, pages, run_id).state == "complete"
    assert stored_ids(connection) == ids_of(trades)


def test_a_trade_whose_tick_was_lost_is_stored_again(
    connection: PgConnection, pages: Pages, exchange: Simulator, an_hour_ago: datetime
) -> None:
    trades = every(20, an_hour_ago, SECOND)
    happen(exchange, trades)
    receive(connection, trades)
    query(connection, "DELETE FROM ticks WHERE metadata->>'trade_id' LIKE '%3' RETURNING 1")
    assert len(stored_ids(connection)) < 20
    note_gap(connection, trades[0].at, trades[-1].at)
    fill(connection, pages)
    assert stored_ids(connection) == ids_of(trades)
    receive(connection, trades)
    assert stored_ids(connection) == ids_of(trades)


def test_a_long_time_is_walked_slice_by_slice(
    connection: PgConnection, pages: Pages, exchange: Simulator, an_hour_ago: datetime
) -> None:
    trades = every(60, an_hour_ago - timedelta(hours=5), timedelta(minutes=5))
    happen(exchange, trades)
    note_gap(connection, trades[0].at, trades[-1].at, cause=GapCause.SHUTDOWN)
    (run,) = fill(connection, pages)
    assert (run.pages, run.stored) == (5, 60)
    assert stored_ids(connection) == ids_of(trades)


def test_gaps_are_listed_by_what_is_asked(connection: PgConnection, an_hour_ago: datetime) -> None:
    older = note_gap(connection, an_hour_ago, an_hour_ago + SECOND, channel="ticker")
    newer = note_gap(connection, an_hour_ago + 60 * SECOND, an_hour_ago + 61 * SECOND)
    plan(connection)
    found, count = feed_gaps.listed(connection, Wanted(), 10)
    assert ([gap.id for gap, _ in found], count) == ([newer, older], 2)
    found, count = feed_gaps.listed(connection, Wanted(), 1)
    assert ([gap.id for gap, _ in found], count) == ([newer], 2)

    def listed(**wanted: Any) -> list[str]:
        return [gap.id for gap, _ in feed_gaps.listed(connection, Wanted(**wanted), 10)[0]]

    assert listed(state="open") == [newer]
    assert listed(state="unrecoverable") == [older]
    assert listed(venue="polygon") == []
    assert listed(since=an_hour_ago + 30 * SECOND) == [newer]
    assert [gap.id for gap, _ in feed_gaps.found_by(connection, older[:8])] == [older]
    assert feed_gaps.found_by(connection, "%") == []
