"""What tests of backfill do to a database: receive trades, note gaps, fill them, look."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from exchange_trades import Made
from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.backfill import kalshi
from hadron_tasks.backfill.pages import Pages
from hadron_tasks.backfill.plan import plan_gaps
from hadron_tasks.ingest.batch import BatchWriter
from hadron_tasks.raw_stream import FeedGap, GapCause
from hadron_tasks.store import backfills, feed_gaps
from hadron_tasks.store.accounts import add_gaps
from hadron_tasks.store.backfills import BackfillRun
from hadron_tasks.store.instruments import InstrumentCache
from hadron_tasks.times import to_ns
from hadron_tasks.venues.registry import rules_for

RECORDED = ("ticker", "trade", "orderbook_delta", "market_lifecycle_v2")
SECOND = timedelta(seconds=1)


def receive(connection: PgConnection, trades: Sequence[Made]) -> None:
    """Store trades as they come by the feed."""
    writer = BatchWriter(rules_for("kalshi"), InstrumentCache(100), "test")
    writer.write(connection, [trade.frame() for trade in trades])


def note_gap(database: PgConnection, since: datetime, until: datetime, **changes: Any) -> str:
    """A gap of a connection that carried trades, as a streamer tells it."""
    gap = FeedGap(
        gap_id=uuid4(),
        venue="kalshi",
        connection="kalshi-2",
        cause=GapCause.DISCONNECT,
        from_ns=to_ns(since),
        to_ns=to_ns(until),
        carried=("trade",),
    )
    gap = gap.model_copy(update=changes)
    with database, database.cursor() as cursor:
        add_gaps(cursor, [gap])
    return str(gap.gap_id)


def plan(connection: PgConnection, now: datetime | None = None) -> list[int]:
    """Look for gaps; the runs that are due."""
    plan_gaps(connection, "kalshi", kalshi.losses, RECORDED, now or datetime.now(UTC))
    with connection, connection.cursor() as cursor:
        return backfills.take_due(cursor, "kalshi", timedelta(0), 10)


def walk(connection: PgConnection, pages: Pages, run_id: int) -> BackfillRun:
    """Do a run's pages for as long as it goes on."""
    while pages.next_page(connection, run_id).goes_on:
        pass
    run = backfills.find(connection, run_id)
    assert run is not None
    return run


def fill(connection: PgConnection, pages: Pages) -> list[BackfillRun]:
    """Fill every gap that can be filled."""
    return [walk(connection, pages, run_id) for run_id in plan(connection)]


def gap_now(connection: PgConnection, gap_id: str) -> tuple[str, dict[str, Any]]:
    """A gap's state and its channels."""
    ((gap, channels),) = feed_gaps.found_by(connection, gap_id)
    return gap.state, {each.channel: each for each in channels}


def query(connection: PgConnection, sql: str) -> list[tuple[Any, ...]]:
    with connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def stored_ids(connection: PgConnection) -> list[str]:
    rows = query(connection, "SELECT metadata->>'trade_id' FROM ticks WHERE tick_type = 'trade'")
    return sorted(trade_id for (trade_id,) in rows)


def ids_of(trades: Sequence[Made]) -> list[str]:
    return sorted(trade.trade_id for trade in trades)
