"""Keeping the daily partitions of ticks: made ahead, dropped after the retention."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hadron_tasks.app import app
from hadron_tasks.settings import get_settings
from hadron_tasks.store.partitions import drop_partitions_before, ensure_partitions_ahead
from hadron_tasks.store.session import raw_connection
from hadron_tasks.tasks.base import HadronTask, Report
from hadron_tasks.tasks.connections import engine


@app.task(name="hadron.keep_partitions", base=HadronTask)  # type: ignore[untyped-decorator]
def keep_partitions() -> Report:
    """Make the partitions of the next days; drop those older than the retention, if one is set."""
    settings = get_settings()
    now = datetime.now(UTC)
    with raw_connection(engine()) as connection:
        made = ensure_partitions_ahead(connection, now)
        dropped: list[str] = []
        if settings.tick_retention_days is not None:
            first_kept = now.date() - timedelta(days=settings.tick_retention_days)
            dropped = drop_partitions_before(connection, first_kept)
    return {"made": made, "dropped": dropped}
