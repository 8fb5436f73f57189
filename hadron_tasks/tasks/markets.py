"""Watching prices across markets and venues: groups, arbitrage, reconciliation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

from hadron_tasks.app import WATCH_EVERY_S, app
from hadron_tasks.market_watch.watch import MarketWatch
from hadron_tasks.settings import get_settings
from hadron_tasks.store.reconciliations import drop_reconciliations
from hadron_tasks.store.session import raw_connection
from hadron_tasks.tasks.base import HadronTask, Report
from hadron_tasks.tasks.connections import engine, redis_client

_WATCH_FOR_S = WATCH_EVERY_S - 0.2


@app.task(name="hadron.watch_markets", base=HadronTask, is_poke=True)  # type: ignore[untyped-decorator]
def watch_markets() -> Report:
    """Look for arbitrage and compare prices for a few seconds; nothing is ever traded."""
    done = _watch().run(_WATCH_FOR_S)
    return {"busy": True} if done is None else done.counts()


@app.task(name="hadron.drop_reconciliations", base=HadronTask)  # type: ignore[untyped-decorator]
def drop_old_reconciliations() -> Report:
    """Drop price reconciliations that are older than they are kept."""
    before = datetime.now(UTC) - timedelta(days=get_settings().reconciliation_retention_days)
    with raw_connection(engine()) as connection, connection, connection.cursor() as cursor:
        return {"dropped": drop_reconciliations(cursor, before)}


@cache
def _watch() -> MarketWatch:
    return MarketWatch(redis_client(), engine())
