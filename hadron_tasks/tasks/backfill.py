"""Backfill tasks: one looks for what can be filled, and one fetches a page of trades.

A run is one task after the other, each of a page, so that many runs and the crawl take turns on
the queue and on the exchange's rate limit, and none holds a worker.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache

from kombu.exceptions import OperationalError

from hadron_tasks.app import PLAN_BACKFILLS_EVERY_S, REST_QUEUE, app
from hadron_tasks.backfill.pages import LEASE, Pages
from hadron_tasks.backfill.plan import plan_gaps
from hadron_tasks.backfill.registry import recorded_of, recovery_of
from hadron_tasks.backfill.sources import TradeSource
from hadron_tasks.backfill.windows import RIPE_AFTER
from hadron_tasks.settings import get_settings
from hadron_tasks.store import backfills
from hadron_tasks.store.instruments import InstrumentCache
from hadron_tasks.store.session import raw_connection
from hadron_tasks.tasks.base import HadronTask, Report
from hadron_tasks.tasks.connections import engine, kalshi_rest, polygon_rest
from hadron_tasks.venues.registry import rules_for

MOST_RUNS = 20
"""Runs whose tasks are sent at once; each goes on by itself then."""


@app.task(name="hadron.plan_backfills", base=HadronTask, is_poke=True)  # type: ignore[untyped-decorator]
def plan_backfills(venue: str) -> Report:
    """Begin runs for gaps that are over, and go on with runs that nobody is at work on."""
    recorded = recorded_of(venue, get_settings())
    with raw_connection(engine()) as connection:
        planned = plan_gaps(
            connection, venue, recovery_of(venue).losses, recorded, datetime.now(UTC)
        )
        with connection, connection.cursor() as cursor:
            due = backfills.take_due(cursor, venue, LEASE, MOST_RUNS)
    for run_id in due:
        backfill_page.apply_async(args=[venue, run_id])
    return {"gaps": planned, "runs": len(due)}


@app.task(name="hadron.backfill_page", base=HadronTask, queue=REST_QUEUE)  # type: ignore[untyped-decorator]
def backfill_page(venue: str, run_id: int) -> Report:
    """Fetch and store one page of a run, and send the task of the next."""
    with raw_connection(engine()) as connection:
        step = _pages(venue).next_page(connection, run_id)
    if step.goes_on:
        backfill_page.apply_async(args=[venue, run_id])
    return {"fetched": step.fetched, "stored": step.stored}


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
    clients: dict[str, Callable[[], object]] = {"kalshi": kalshi_rest, "polygon": polygon_rest}
    return recovery_of(venue).source(clients[venue]())


@cache
def _pages(venue: str) -> Pages:
    cache_size = get_settings().instrument_cache_size
    return Pages(rules_for(venue), lambda: trade_source(venue), InstrumentCache(cache_size))
