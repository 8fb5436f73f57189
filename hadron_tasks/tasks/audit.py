"""Audit tasks: one begins the hourly sample, and one compares a part with the exchange."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random

from kombu.exceptions import OperationalError
from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.app import REST_QUEUE, app
from hadron_tasks.backfill import beginning
from hadron_tasks.backfill.audits import LEASE, Auditor
from hadron_tasks.backfill.beginning import Asked
from hadron_tasks.backfill.registry import recovery_of
from hadron_tasks.backfill.windows import Window
from hadron_tasks.settings import get_settings
from hadron_tasks.status import oldest_waiting
from hadron_tasks.store import audits
from hadron_tasks.store.audits import AuditRun
from hadron_tasks.store.session import raw_connection
from hadron_tasks.tasks.backfill import plan_backfills, trade_source
from hadron_tasks.tasks.base import HadronTask, Report
from hadron_tasks.tasks.connections import engine, redis_client
from hadron_tasks.tasks.retries import may_pass

MOST_AUDITS = 20
"""Whose tasks are sent at once; each goes on by itself then."""
SAMPLED = timedelta(hours=1)
"""What the hourly audit takes its sample of ..."""
SAMPLED_UNTIL = timedelta(minutes=5)
"""... and how long ago that ended: gaps of that time have been filled."""


@app.task(name="hadron.audit_sample", base=HadronTask, queue=REST_QUEUE, is_poke=True)  # type: ignore[untyped-decorator]
def audit_sample(venue: str) -> Report:
    """Begin the hourly audit of a sample, unless the last one is still under way."""
    until = datetime.now(UTC) - SAMPLED_UNTIL
    with raw_connection(engine()) as connection:
        with connection, connection.cursor() as cursor:
            if audits.is_running(cursor, venue, "schedule"):
                return {"running": True}
        window = beginning.recorded(connection, venue, Window(until - SAMPLED, until))
        if window.since >= window.until:
            return {"too early": True}
        sample = get_settings().audit_sample
        run = begin(connection, venue, "schedule", window, sample=sample)
    return {"audit": run.id}


@app.task(name="hadron.audit_part", base=HadronTask, queue=REST_QUEUE, is_poke=True)  # type: ignore[untyped-decorator]
def audit_part(venue: str, audit_id: int) -> Report:
    """Compare one part of an audit, and send the task of the next.

    The audit keeps its place and its failures itself, and is found again by ``watch_audits``.
    """
    auditor = _auditor(venue)
    with raw_connection(engine()) as connection:
        try:
            done = auditor.next_part(connection, audit_id, oldest_waiting(redis_client(), venue))
        except Exception as error:
            if not may_pass(error):
                auditor.fell_over(connection, audit_id, error)
            raise
    if done.gaps:  # of a time that is over: they can be filled at once
        plan_backfills.apply_async(args=[venue])
    if done.goes_on:
        audit_part.apply_async(args=[venue, audit_id])
    counts = {"compared": done.compared, "missing": done.missing}
    return counts | {"extra": done.extra, "different": done.different}


@app.task(name="hadron.watch_audits", base=HadronTask, is_poke=True)  # type: ignore[untyped-decorator]
def watch_audits() -> Report:
    """Go on with audits that wait for a better moment, and with those whose task was lost."""
    with raw_connection(engine()) as connection, connection, connection.cursor() as cursor:
        due = audits.take_due(cursor, LEASE, MOST_AUDITS)
    for venue, audit_id in due:
        audit_part.apply_async(args=[venue, audit_id])
    return {"audits": len(due)}


def begin(
    connection: PgConnection,
    venue: str,
    origin: str,
    window: Window,
    tickers: Sequence[str] = (),
    sample: int | None = None,
) -> AuditRun:
    """Begin an audit and send its first task; see :func:`hadron_tasks.backfill.beginning.begin`.

    Raises:
        ConfigurationError: The venue is not known.
    """
    has_list = recovery_of(venue).has_list
    asked = Asked(venue, origin, window, tuple(tickers), sample)
    run = beginning.begin(connection, asked, Random(), has_list=has_list)
    if run.state == "running":
        with suppress(OperationalError):  # then beat's look at what is due sends it
            audit_part.apply_async(args=[venue, run.id])
    return run


@cache
def _auditor(venue: str) -> Auditor:
    recovery = recovery_of(venue)
    return Auditor(venue, lambda: trade_source(venue), recovery.channel_of, recovery.has_list)
