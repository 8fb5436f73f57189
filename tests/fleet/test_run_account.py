"""The account of a run: what is missing, what is there twice, and what a gap record tells."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.ingest.batch import BatchWriter
from hadron_tasks.local.ledger import LedgerLine
from hadron_tasks.local.reconcile import VenueAccount, settle
from hadron_tasks.raw_stream import RawFrame
from hadron_tasks.store.accounts import total_counts
from hadron_tasks.store.instruments import InstrumentCache
from hadron_tasks.times import to_ns
from hadron_tasks.venues.registry import rules_for

START = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
TICKER = "KXTEST-26NOV21-A"


class Run:
    """A run whose ledger and rows a test writes."""

    def __init__(self, connection: PgConnection, ledger: Path) -> None:
        self.connection = connection
        self.ledger = ledger
        with connection, connection.cursor() as cursor:
            self.before = total_counts(cursor, "kalshi")
        self.lines: list[LedgerLine] = []

    def quote(self, at_s: float, *connections: str) -> bytes:
        """A quote sent over some connections; returns its frame."""
        at = to_ns(START + timedelta(seconds=at_s))
        for name in connections:
            self.lines.append(
                LedgerLine(at, "kalshi", name, "quote", TICKER, at // 1000, bid="0.40", ask="0.45")
            )
        return (
            b'{"type":"ticker","sid":1,"msg":{"market_ticker":"%b","ts_ms":%d,'
            b'"yes_bid_dollars":"0.40","yes_ask_dollars":"0.45"}}'
        ) % (TICKER.encode(), at // 1_000_000)

    def store(self, *frames: bytes) -> None:
        writer = BatchWriter(rules_for("kalshi"), InstrumentCache(10), "test")
        at = to_ns(datetime.now(UTC))
        writer.write(self.connection, [RawFrame(one, at, "kalshi-1") for one in frames])

    def gap(self, connection: str, from_s: float, to_s: float) -> None:
        times = [START + timedelta(seconds=at_s) for at_s in (from_s, to_s)]
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO feed_gaps (id, venue, connection, cause, from_time, to_time)"
                " VALUES (gen_random_uuid(), 'kalshi', %s, 'disconnect', %s, %s)",
                (connection, *times),
            )

    def settle(self) -> VenueAccount:
        self.ledger.write_text("".join(line.encode() for line in self.lines))
        counts = {"kalshi": self.before}
        (account,) = settle(self.connection, ["kalshi"], START, counts, self.ledger)
        return account


@pytest.fixture
def run(database_url: str, tmp_path: Path) -> Iterator[Run]:
    connection = psycopg2.connect(database_url)
    yield Run(connection, tmp_path / "ledger.tsv")
    connection.close()


def test_a_message_of_two_connections_is_one(run: Run) -> None:
    run.store(run.quote(1, "kalshi-1#1", "kalshi-2#1"), run.quote(2, "kalshi-1#1"))
    account = run.settle()
    assert (account.sent, account.missing, account.duplicates) == (2, 0, 0)


@pytest.mark.parametrize(
    ("sent_over", "gaps", "explained"),
    [
        (["kalshi-1#3"], [], False),
        (["kalshi-1#3"], [("kalshi-1", 9, 12)], True),
        (["kalshi-1#3"], [("kalshi-2", 9, 12)], False),
        # The message before it had not arrived yet when it was sent.
        (["kalshi-1#3"], [("kalshi-1", 12, 14)], True),
        (["kalshi-1#3"], [("kalshi-1", 16, 18)], False),
        (["kalshi-1#3"], [("kalshi-1", 2, 9)], False),
        (["kalshi-1#3", "kalshi-2#1"], [("kalshi-1", 9, 12)], False),
        (["kalshi-1#3", "kalshi-2#1"], [("kalshi-1", 9, 12), ("kalshi-2", 9, 12)], True),
    ],
)
def test_a_gap_explains_what_its_connection_lost(
    run: Run, sent_over: list[str], gaps: list[tuple[str, float, float]], explained: bool
) -> None:
    run.quote(10, *sent_over)
    for gap in gaps:
        run.gap(*gap)
    account = run.settle()
    assert account.missing == 1
    assert account.missing_unexplained == (not explained)


def test_a_trade_that_backfill_brought_is_not_missing(run: Run) -> None:
    """The feed states its time in milliseconds, the REST API in microseconds."""
    at = to_ns(START)
    identity = "b7a1c0de-0000-4000-8000-000000000001"
    run.lines.append(
        LedgerLine(
            at,
            "kalshi",
            "kalshi-1#1",
            "trade",
            TICKER,
            at // 1000,
            price="0.40",
            size="3.00",
            trade_id=identity,
        )
    )
    run.store(
        (
            b'{"type":"trade","sid":1,"seq":1,"msg":{"trade_id":"%b","market_ticker":"%b",'
            b'"yes_price_dollars":"0.40","no_price_dollars":"0.60","count_fp":"3.00",'
            b'"taker_side":"yes","ts":%d}}'
        )
        % (identity.encode(), TICKER.encode(), at // 1000 + 123)
    )
    account = run.settle()
    assert (account.sent, account.missing, account.differences) == (1, 0, ())
