"""Comparing rebuilt order books with the exchange's own."""

from __future__ import annotations

from dataclasses import asdict

import structlog

from hadron_tasks.app import REST_QUEUE, app
from hadron_tasks.books.drift_check import BookChecker
from hadron_tasks.settings import get_settings
from hadron_tasks.store.session import raw_connection
from hadron_tasks.tasks.base import HadronTask, Report
from hadron_tasks.tasks.connections import engine, kalshi_rest, redis_client
from hadron_tasks.venues.kalshi.rest_errors import KalshiRestError

log = structlog.get_logger()


@app.task(name="hadron.check_books", base=HadronTask, queue=REST_QUEUE, is_poke=True)  # type: ignore[untyped-decorator]
def check_books() -> Report:
    """Compare some recorded books with the exchange's own; ask for snapshots where they differ."""
    if not get_settings().kalshi_books:
        return {"skipped": "no order books are recorded: HADRON_KALSHI_BOOKS names those to record"}
    rest = kalshi_rest()
    if not rest.keys:
        return {"skipped": "the exchange tells books only to who has a key"}
    with raw_connection(engine()) as connection:
        try:
            findings = BookChecker(connection, redis_client(), rest).check_some()
        except KalshiRestError as error:
            # The next check is minutes away: nothing is owed.
            log.warning("order books could not be compared", reason=str(error))
            return {"skipped": str(error)}
    return {name: count for name, count in asdict(findings).items() if count}
