"""Gaps are filled from a simulated exchange into a real database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg2
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

from hadron_tasks.backfill.failures import MOST_FAILURES
from hadron_tasks.backfill.pages import Pages
from hadron_tasks.raw_stream import GapCause
from hadron_tasks.store import backfills, feed_gaps
from hadron_tasks.store.feed_gaps import Wanted
from hadron_tasks.store.instruments import InstrumentCache
from hadron_tasks.venues.registry import rules_for
from streamer.simulator.rest_faults import RestFault
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


def test_a_market_that_the_exchange_does_not_know_stops_no_other(
    connection: PgConnection, pages: Pages, exchange: Simulator, an_hour_ago: datetime
) -> None:
    trades = every(30, an_hour_ago, SECOND, ["KXA", "KXB"])
    happen(exchange, trades)
    gap_id = note_gap(connection, trades[0].at, trades[-1].at, channel="trade", carried=None)
    with connection, connection.cursor() as cursor:
        cursor.execute('UPDATE feed_gaps SET tickers = \'["KXGONE", "KXA"]\'')
    exchange.rest.faults.strike(RestFault("status", count=1, path="/markets/trades", status=404))
    (run,) = fill(connection, pages)
    assert (run.state, run.pages, run.stored, run.unreadable) == ("complete", 2, 15, 1)
    state, channels = gap_now(connection, gap_id)
    assert state == "unrecoverable"
    assert "KXGONE: " in channels["trade"].reason
    assert "HTTP 404" in channels["trade"].reason


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


def test_a_run_that_was_interrupted_goes_on_where_it_was(
    connection: PgConnection, pages: Pages, exchange: Simulator, an_hour_ago: datetime
) -> None:
    trades = every(2500, an_hour_ago, timedelta(milliseconds=10))
    happen(exchange, trades)
    note_gap(connection, trades[0].at, trades[-1].at)
    (run_id,) = plan(connection)
    assert pages.next_page(connection, run_id).goes_on
    # What dies in the middle of a page leaves nothing of it, and the place before it.
    half_way = backfills.find(connection, run_id)
    assert half_way is not None
    assert len(stored_ids(connection)) == half_way.stored == 1000
    with pytest.raises(RuntimeError, match="killed"):
        next_page_killed(connection, pages, run_id)
    assert backfills.find(connection, run_id) == replace(
        half_way,
        due_at=backfills.find(connection, run_id).due_at,  # type: ignore[union-attr]
    )
    run = walk(connection, pages, run_id)
    assert (run.pages, run.fetched, run.stored) == (3, 2500, 2500)
    assert stored_ids(connection) == ids_of(trades)


def next_page_killed(connection: PgConnection, pages: Pages, run_id: int) -> None:
    """A page of which all is written and nothing committed."""
    advance = backfills.advance

    def killed(*_arguments: object) -> None:
        raise RuntimeError("killed")

    backfills.advance = killed  # type: ignore[assignment]
    try:
        pages.next_page(connection, run_id)
    finally:
        backfills.advance = advance


def test_two_at_work_on_one_page_store_and_count_it_once(
    connection: PgConnection,
    module_database_url: str,
    pages: Pages,
    exchange: Simulator,
    an_hour_ago: datetime,
) -> None:
    trades = every(1200, an_hour_ago, timedelta(milliseconds=10))
    happen(exchange, trades)
    gap_id = note_gap(connection, trades[0].at, trades[-1].at)
    (run_id,) = plan(connection)
    source = pages._source()
    other = psycopg2.connect(module_database_url)
    behind = Pages(rules_for("kalshi"), lambda: source, InstrumentCache(100))

    class Overtaken:
        """While it fetches, another does the same page."""

        def page(self, ask: Any) -> Any:
            answer = source.page(ask)
            assert behind.next_page(other, run_id).goes_on
            return answer

        archived_before = source.archived_before

    first = Pages(rules_for("kalshi"), Overtaken, InstrumentCache(100))
    assert not first.next_page(connection, run_id).goes_on
    run = walk(connection, pages, run_id)
    other.close()
    assert (run.pages, run.fetched, run.stored) == (2, 1200, 1200)
    assert gap_now(connection, gap_id)[1]["trade"].stored == 1200


def make_due(connection: PgConnection) -> None:
    with connection, connection.cursor() as cursor:
        cursor.execute("UPDATE backfills SET due_at = now()")


def test_an_exchange_that_fails_is_asked_again_later(
    connection: PgConnection, pages: Pages, exchange: Simulator, an_hour_ago: datetime
) -> None:
    trades = every(30, an_hour_ago, SECOND)
    happen(exchange, trades)
    gap_id = note_gap(connection, trades[0].at, trades[-1].at)
    (run_id,) = plan(connection)
    exchange.rest.faults.strike(RestFault("status", count=6, path="/markets/trades"))
    for failures in (1, 2):
        run = walk(connection, pages, run_id)
        assert (run.state, run.failures, run.pages) == ("running", failures, 0)
        assert "HTTP 500" in run.reason
        assert run.due_at > datetime.now(UTC)
        assert gap_now(connection, gap_id)[0] == "open"
    with connection, connection.cursor() as cursor:
        assert backfills.take_due(cursor, "kalshi", timedelta(0), 10) == []
    run = walk(connection, pages, run_id)
    assert (run.state, run.failures, run.reason, run.stored) == ("complete", 0, "", 30)
    assert gap_now(connection, gap_id)[0] == "backfilled"


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_is_the_reason_why_trades_are_not_recovered(
    connection: PgConnection,
    pages: Pages,
    exchange: Simulator,
    an_hour_ago: datetime,
    status: int,
) -> None:
    trades = every(5, an_hour_ago, SECOND)
    happen(exchange, trades)
    gap_id = note_gap(connection, trades[0].at, trades[-1].at, carried=("trade", "ticker"))
    exchange.rest.faults.strike(RestFault("status", count=1, path="/markets/trades", status=status))
    (run,) = fill(connection, pages)
    assert run.state == "refused"
    state, channels = gap_now(connection, gap_id)
    assert (state, channels["trade"].state) == ("unrecoverable", "unrecoverable")
    assert f"HTTP {status}" in channels["trade"].reason

    # The cause is mended, and somebody says so.
    assert feed_gaps.reopen(connection, None) == ["kalshi"]
    assert gap_now(connection, gap_id)[0] == "open"
    fill(connection, pages)
    state, channels = gap_now(connection, gap_id)
    assert state == "unrecoverable"
    assert (channels["trade"].state, channels["trade"].reason) == ("backfilled", "")
    assert channels["trade"].stored == 5
    assert feed_gaps.reopen(connection, None) == []


def test_what_may_be_a_bug_is_tried_again_for_a_while_and_then_given_up(
    connection: PgConnection, pages: Pages, exchange: Simulator, an_hour_ago: datetime
) -> None:
    trades = every(5, an_hour_ago, SECOND)
    happen(exchange, trades)
    gap_id = note_gap(connection, trades[0].at, trades[-1].at)
    (run_id,) = plan(connection)
    for failures in range(1, MOST_FAILURES + 1):
        run = backfills.find(connection, run_id)
        assert run is not None
        assert (run.state, run.failures) == ("running", failures - 1)
        pages.fell_over(connection, run_id, ZeroDivisionError("a price of nothing"))
    state, channels = gap_now(connection, gap_id)
    assert state == "unrecoverable"
    assert "ZeroDivisionError: a price of nothing" in channels["trade"].reason
    assert feed_gaps.reopen(connection, [gap_id]) == ["kalshi"]
    fill(connection, pages)
    assert gap_now(connection, gap_id)[0] == "backfilled"
    assert stored_ids(connection) == ids_of(trades)


def test_a_cursor_that_repeats_begins_the_slice_anew(
    connection: PgConnection, pages: Pages, exchange: Simulator, an_hour_ago: datetime
) -> None:
    trades = every(2500, an_hour_ago, timedelta(milliseconds=10))
    happen(exchange, trades)
    note_gap(connection, trades[0].at, trades[-1].at)
    (run_id,) = plan(connection)
    exchange.rest.faults.strike(RestFault("repeat_cursor", count=1, path="/markets/trades"))
    run = walk(connection, pages, run_id)
    assert (run.state, run.cursor, run.failures) == ("running", "", 1)
    run = walk(connection, pages, run_id)
    assert (run.state, run.stored) == ("complete", 2500)
    assert stored_ids(connection) == ids_of(trades)


def test_a_trade_that_cannot_be_read_is_told_and_its_page_is_stored(
    connection: PgConnection, pages: Pages, exchange: Simulator, an_hour_ago: datetime
) -> None:
    trades = every(20, an_hour_ago, SECOND)
    happen(exchange, trades)
    gap_id = note_gap(connection, trades[0].at, trades[-1].at)
    exchange.rest.faults.strike(RestFault("malformed_item", count=1, path="/markets/trades"))
    (run,) = fill(connection, pages)
    assert (run.state, run.stored, run.unreadable) == ("complete", 19, 1)
    state, channels = gap_now(connection, gap_id)
    assert (state, channels["trade"].stored) == ("unrecoverable", 19)
    assert "1 trades could not be had or read (trade_id:" in channels["trade"].reason


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
