"""Stored trades compared with a simulated exchange's, and the gaps that follow."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from exchange_trades import Made, every, happen
from gap_filling import SECOND, fill, gap_now, ids_of, query, receive, stored_ids
from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.backfill import kalshi
from hadron_tasks.backfill.audits import Auditor
from hadron_tasks.backfill.kalshi import KalshiTrades
from hadron_tasks.backfill.pages import Pages
from hadron_tasks.backfill.rounds import rounds
from hadron_tasks.backfill.windows import Window
from hadron_tasks.store import audits, feed_gaps
from hadron_tasks.store.audits import AuditRun
from hadron_tasks.store.feed_gaps import Wanted
from hadron_tasks.venues.kalshi.rest import KalshiRest
from streamer.simulator.rest_faults import RestFault
from streamer.simulator.simulator import Simulator


@pytest.fixture
def auditor(rest: KalshiRest) -> Auditor:
    return Auditor("kalshi", lambda: KalshiTrades(rest), kalshi.channel_of, has_list=True)


def begin(
    connection: PgConnection,
    window: Window,
    tickers: Sequence[str] | None = None,
    samples: Sequence[int] | None = None,
    slice_s: int = 300,
) -> int:
    mark = rounds(window, tickers, samples).begin()
    assert mark is not None
    with connection, connection.cursor() as cursor:
        return audits.begin(
            cursor,
            "kalshi",
            "person",
            window,
            tickers,
            samples,
            slice_from=mark.since,
            slice_s=slice_s,
        )


def done(connection: PgConnection, auditor: Auditor, audit_id: int) -> AuditRun:
    """The audit after as many parts as go on by themselves."""
    while auditor.next_part(connection, audit_id, None).goes_on:
        pass
    run = audits.find(connection, audit_id)
    assert run is not None
    return run


def audited(connection: PgConnection, auditor: Auditor, window: Window, **more: Any) -> AuditRun:
    return done(connection, auditor, begin(connection, window, **more))


def gaps(connection: PgConnection) -> list[feed_gaps.Gap]:
    return [gap for gap, _ in feed_gaps.listed(connection, Wanted(), 100)[0]]


def counts(run: AuditRun) -> tuple[int, int, int, int]:
    return (run.compared, run.missing, run.extra, run.different)


def around(trades: Sequence[Made]) -> Window:
    return Window(trades[0].at - SECOND, trades[-1].at + SECOND)


def test_what_was_received_is_what_the_exchange_has(
    connection: PgConnection, auditor: Auditor, exchange: Simulator, an_hour_ago: datetime
) -> None:
    trades = every(2500, an_hour_ago, timedelta(milliseconds=150))
    happen(exchange, trades)
    receive(connection, trades)
    run = audited(connection, auditor, around(trades))
    assert (run.state, counts(run), run.gaps, run.findings) == ("complete", (2500, 0, 0, 0), 0, [])
    assert gaps(connection) == []


def test_missing_trades_open_a_gap_that_is_filled(
    connection: PgConnection,
    auditor: Auditor,
    pages: Pages,
    exchange: Simulator,
    an_hour_ago: datetime,
) -> None:
    trades = every(100, an_hour_ago, SECOND)
    happen(exchange, trades)
    lost = [trade for trade in trades if trade.number in (40, 42, 50)]
    receive(connection, [trade for trade in trades if trade not in lost])
    run = audited(connection, auditor, around(trades))
    assert (counts(run), run.gaps) == ((100, 3, 0, 0), 1)
    assert [each["trade_id"] for each in run.findings] == [trade.trade_id for trade in lost]
    assert run.findings[0]["finding"] == "missing"
    assert run.findings[0]["stored"] is None
    (gap,) = gaps(connection)
    assert (gap.cause, gap.channel, gap.missing, gap.state) == ("audit", "trade", 3, "open")
    # All three were of one market: only that one is asked for.
    assert gap.tickers == ["KXA"]
    assert abs(gap.from_time - lost[0].at) < SECOND
    assert abs(gap.to_time - lost[-1].at) < SECOND

    (filled,) = fill(connection, pages)
    assert filled.stored == 3
    assert stored_ids(connection) == ids_of(trades)
    assert gap_now(connection, gap.id)[0] == "backfilled"
    assert counts(audited(connection, auditor, around(trades))) == (100, 0, 0, 0)


def test_a_trade_whose_tick_is_gone_is_missing(
    connection: PgConnection, auditor: Auditor, exchange: Simulator, an_hour_ago: datetime
) -> None:
    trades = every(20, an_hour_ago, SECOND)
    happen(exchange, trades)
    receive(connection, trades)
    query(connection, "DELETE FROM ticks WHERE price IS NOT NULL RETURNING 1")
    assert counts(audited(connection, auditor, around(trades))) == (20, 20, 0, 0)


def test_extra_and_different_trades_are_told_and_not_touched(
    connection: PgConnection,
    auditor: Auditor,
    pages: Pages,
    exchange: Simulator,
    an_hour_ago: datetime,
) -> None:
    trades = every(30, an_hour_ago, SECOND)
    happen(exchange, [trade for trade in trades if trade.number != 10])
    receive(connection, trades)
    changed = "UPDATE ticks SET price = 0.99 WHERE metadata->>'trade_id' = '{}' RETURNING 1"
    query(connection, changed.format(trades[19].trade_id))
    run = audited(connection, auditor, around(trades))
    assert (counts(run), run.gaps) == ((29, 0, 1, 1), 1)
    extra, different = run.findings
    assert (extra["finding"], extra["exchange"]) == ("extra", None)
    assert (different["finding"], different["fields"]) == ("different", ["price"])
    assert (different["exchange"]["price"], different["stored"]["price"]) == ("0.4800", "0.99")
    (gap,) = gaps(connection)
    assert (gap.state, gap.missing) == ("unrecoverable", 0)
    assert "1 stored trades are none of the exchange's and 1 differ from them in price" in (
        gap.detail
    )
    assert gap_now(connection, gap.id)[1]["trade"].reason == gap.detail
    assert fill(connection, pages) == []
    assert stored_ids(connection) == ids_of(trades)


def test_only_what_is_asked_for_is_compared(
    connection: PgConnection, auditor: Auditor, exchange: Simulator, an_hour_ago: datetime
) -> None:
    trades = every(600, an_hour_ago, SECOND)
    happen(exchange, trades)
    window = Window(an_hour_ago, an_hour_ago + timedelta(minutes=10))
    one = audited(connection, auditor, window, tickers=["KXA"])
    assert counts(one) == (299, 299, 0, 0)
    third = int(an_hour_ago.timestamp()) + 120
    minute = audited(connection, auditor, window, samples=[third])
    assert counts(minute) == (60, 60, 0, 0)
    assert minute.findings[0]["at"].startswith(
        f"{an_hour_ago + timedelta(minutes=2):%Y-%m-%dT%H:%M:00}"
    )


def test_a_part_with_too_many_trades_is_compared_in_shorter_ones(
    connection: PgConnection,
    auditor: Auditor,
    exchange: Simulator,
    an_hour_ago: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hadron_tasks.backfill.audits.MOST_PAGES", 1)
    monkeypatch.setattr("hadron_tasks.backfill.rounds.FEW_PAGES", 0)
    trades = every(2400, an_hour_ago, timedelta(milliseconds=100))
    happen(exchange, trades)
    receive(connection, [trade for trade in trades if trade.number % 100])
    run = audited(connection, auditor, around(trades), slice_s=240)
    assert counts(run) == (2400, 24, 0, 0)
    assert run.slice_s < 240
    assert len(run.findings) == 24


def test_an_audit_waits_for_what_is_received_and_not_stored(
    connection: PgConnection, auditor: Auditor, exchange: Simulator, an_hour_ago: datetime
) -> None:
    trades = every(10, an_hour_ago, SECOND)
    happen(exchange, trades)
    audit_id = begin(connection, around(trades))
    assert not auditor.next_part(connection, audit_id, an_hour_ago).goes_on
    waiting = audits.find(connection, audit_id)
    assert waiting is not None
    assert (waiting.state, waiting.compared, waiting.failures) == ("running", 0, 0)
    assert "wait to be stored" in waiting.reason
    receive(connection, trades)
    auditor.next_part(connection, audit_id, an_hour_ago + timedelta(minutes=5))
    run = audits.find(connection, audit_id)
    assert run is not None
    assert (run.state, counts(run), run.reason) == ("complete", (10, 0, 0, 0), "")


def test_an_exchange_that_fails_is_asked_again_and_one_that_refuses_is_not(
    connection: PgConnection, auditor: Auditor, exchange: Simulator, an_hour_ago: datetime
) -> None:
    trades = every(10, an_hour_ago, SECOND)
    happen(exchange, trades)
    receive(connection, trades)
    audit_id = begin(connection, around(trades))
    exchange.rest.faults.strike(RestFault("status", count=3, path="/markets/trades", status=503))
    run = done(connection, auditor, audit_id)
    assert (run.state, run.failures) == ("running", 1)
    assert "HTTP 503" in run.reason
    run = done(connection, auditor, audit_id)
    assert (run.state, counts(run), run.reason) == ("complete", (10, 0, 0, 0), "")

    exchange.rest.faults.strike(RestFault("status", count=1, path="/markets/trades", status=404))
    run = audited(connection, auditor, around(trades))
    assert (run.state, run.compared) == ("refused", 0)
    assert "HTTP 404" in run.reason


def test_a_trade_that_cannot_be_read_is_told(
    connection: PgConnection, auditor: Auditor, exchange: Simulator, an_hour_ago: datetime
) -> None:
    trades = every(10, an_hour_ago, SECOND)
    happen(exchange, trades)
    receive(connection, trades)
    exchange.rest.faults.strike(RestFault("malformed_item", count=1, path="/markets/trades"))
    run = audited(connection, auditor, around(trades))
    assert (run.compared, run.missing, run.unreadable) == (9, 0, 1)
    assert "trade_id" in run.reason


def test_two_at_work_on_one_part_count_it_once(
    connection: PgConnection, auditor: Auditor, exchange: Simulator, an_hour_ago: datetime
) -> None:
    trades = every(10, an_hour_ago, SECOND)
    happen(exchange, trades)
    audit_id = begin(connection, around(trades), slice_s=5)
    source = auditor.source()
    overtaken: list[bool] = []

    class Overtaken:
        """While it fetches, another compares the same part."""

        def page(self, ask: Any) -> Any:
            answer = source.page(ask)
            if not overtaken:
                overtaken.append(True)
                auditor.next_part(connection, audit_id, None)
            return answer

        archived_before = source.archived_before

    slow = Auditor("kalshi", Overtaken, kalshi.channel_of, has_list=True)
    assert not slow.next_part(connection, audit_id, None).goes_on
    run = done(connection, auditor, audit_id)
    assert (run.state, counts(run), len(run.findings)) == ("complete", (10, 10, 0, 0), 10)
    assert sum(gap.missing or 0 for gap in gaps(connection)) == 10
