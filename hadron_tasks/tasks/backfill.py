"""Backfill tasks: one looks for what can be filled, and one fetches a page of trades.

A run is one task after the other, each of a page, so that many runs and the crawl take turns on
the queue and on the exchange's rate limit, and none holds a worker.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache

from kombu.exceptions import OperationalError
from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.app import PLAN_BACKFILLS_EVERY_S, REST_QUEUE, app
from hadron_tasks.backfill.pages import LEASE, Pages
from hadron_tasks.backfill.plan import plan_gaps
from hadron_tasks.backfill.registry import recorded_of, recovery_of
from hadron_tasks.backfill.scope import scope_of
from hadron_tasks.backfill.sources import TradeSource
from hadron_tasks.backfill.windows import RIPE_AFTER, Window
from hadron_tasks.book_requests import ask_for_snapshots, open_markets
from hadron_tasks.settings import get_settings
from hadron_tasks.store import backfills, feed_gaps
from hadron_tasks.store.backfills import BackfillRun
from hadron_tasks.store.instruments import InstrumentCache
from hadron_tasks.store.session import raw_connection
from hadron_tasks.task_past import Past
from hadron_tasks.tasks.base import HadronTask, Report
from hadron_tasks.tasks.connections import crawling_rest, engine, polygon_rest, redis_client
from hadron_tasks.tasks.retries import may_pass
from hadron_tasks.venues.registry import rules_for

MOST_RUNS = 20
"""Runs whose tasks are sent at once; each goes on by itself then."""


@app.task(name="hadron.plan_backfills", base=HadronTask, is_poke=True)  # type: ignore[untyped-decorator]
def plan_backfills(venue: str) -> Report:
    """Begin runs for gaps that are over, and go on with runs that nobody is at work on."""
    recovery, recorded = recovery_of(venue), recorded_of(venue, get_settings())
    with raw_connection(engine()) as connection:
        planned = plan_gaps(connection, venue, recovery.losses, recorded, datetime.now(UTC))
        with connection, connection.cursor() as cursor:
            due = backfills.take_due(cursor, venue, LEASE, MOST_RUNS)
    for run_id in due:
        backfill_page.apply_async(args=[venue, run_id])
    if recovery.books in planned.channels_cut:
        ask_for_snapshots(redis_client(), open_markets(redis_client()))
    return {"gaps": planned.gaps, "runs": len(due)}


@app.task(name="hadron.backfill_page", base=HadronTask, queue=REST_QUEUE, bind=True, is_poke=True)  # type: ignore[untyped-decorator]
def backfill_page(self: HadronTask, venue: str, run_id: int) -> Report:
    """Fetch and store one page of a run, and send the task of the next.

    The run keeps its place and its failures itself, and is found again by ``plan_backfills``. When
    it is given up that is a dead letter, whose retry takes it up again.
    """
    with raw_connection(engine()) as connection:
        if Past.of(vars(self.request)).letter is not None:
            _take_up_again(connection, run_id)
        pages = _pages(venue)
        try:
            step = pages.next_page(connection, run_id)
        except Exception as error:
            if not may_pass(error):
                pages.fell_over(connection, run_id, error)
            raise
    if step.refused is not None:
        raise step.refused
    if step.goes_on:
        backfill_page.apply_async(args=[venue, run_id])
    return {"fetched": step.fetched, "stored": step.stored}


def _take_up_again(connection: PgConnection, run_id: int) -> None:
    """Let a run that was refused go on; the gaps of one that fills gaps are planned anew."""
    with connection, connection.cursor() as cursor:
        if backfills.resume(cursor, run_id):
            return
        gap_ids = [gap.id for gap in feed_gaps.gaps_of(cursor, run_id)]
    for venue in set(feed_gaps.reopen(connection, gap_ids)):
        plan_backfills.apply_async(args=[venue])


def begin(venue: str, window: Window, tickers: Sequence[str]) -> BackfillRun:
    """Begin to fetch a venue's trades of some time, of these instruments or of all.

    Raises:
        ConfigurationError: The venue is not known.
    """
    has_list = recovery_of(venue).has_list
    with raw_connection(engine()) as connection:
        with connection, connection.cursor() as cursor:
            scope = scope_of(cursor, venue, window, tickers, has_list=has_list)
            run_id = backfills.begin(cursor, venue, "person", window, scope)
        run = backfills.find(connection, run_id)
    assert run is not None
    with suppress(OperationalError):  # then beat's look at what is due sends it
        backfill_page.apply_async(args=[venue, run_id])
    return run


def fill_refused() -> int:
    """Let all gaps be filled whose trades the exchange refused to give; returns how many."""
    with raw_connection(engine()) as connection:
        venues = feed_gaps.reopen(connection, None)
    for venue in set(venues):
        plan_backfills.apply_async(args=[venue])
    return len(venues)


def plan_soon(venue: str) -> None:
    """Look for gaps when the one that has just been recorded can be asked for.

    One that cannot be sent costs nothing: beat looks every few seconds anyway.
    """
    with suppress(OperationalError):
        plan_backfills.apply_async(
            args=[venue],
            countdown=RIPE_AFTER.total_seconds() + 1,
            expires=PLAN_BACKFILLS_EVERY_S,
        )


def trade_source(venue: str) -> TradeSource:
    """Where a venue's trades are fetched from.

    Raises:
        ConfigurationError: The settings do not say, or name a key that cannot be used.
    """
    clients: dict[str, Callable[[], object]] = {"kalshi": crawling_rest, "polygon": polygon_rest}
    return recovery_of(venue).source(clients[venue]())


@cache
def _pages(venue: str) -> Pages:
    cache_size = get_settings().instrument_cache_size
    return Pages(rules_for(venue), lambda: trade_source(venue), InstrumentCache(cache_size))
