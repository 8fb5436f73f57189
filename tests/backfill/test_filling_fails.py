"""What goes wrong while gaps are filled, and that nothing is lost or counted twice by it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest
from exchange_trades import every, happen
from gap_filling import (
    SECOND,
    fill,
    gap_now,
    ids_of,
    note_gap,
    plan,
    stored_ids,
    walk,
)
from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.backfill import failures
from hadron_tasks.backfill.failures import MOST_FAILURES
from hadron_tasks.backfill.pages import Pages
from hadron_tasks.store import backfills, feed_gaps
from hadron_tasks.store.instruments import InstrumentCache
from hadron_tasks.venues.registry import rules_for
from streamer.simulator.rest_faults import RestFault
from streamer.simulator.simulator import Simulator


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
    connection: PgConnection,
    pages: Pages,
    exchange: Simulator,
    an_hour_ago: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Longer than the test takes, however slow the machine is.
    monkeypatch.setattr(failures, "FIRST_PAUSE", timedelta(minutes=2))
    trades = every(30, an_hour_ago, SECOND)
    happen(exchange, trades)
    gap_id = note_gap(connection, trades[0].at, trades[-1].at)
    (run_id,) = plan(connection)
    exchange.rest.faults.strike(RestFault("status", count=6, path="/markets/trades"))
    for count in (1, 2):
        run = walk(connection, pages, run_id)
        assert (run.state, run.failures, run.pages) == ("running", count, 0)
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
    for count in range(1, MOST_FAILURES + 1):
        run = backfills.find(connection, run_id)
        assert run is not None
        assert (run.state, run.failures) == ("running", count - 1)
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
