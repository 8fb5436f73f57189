"""Drain tasks: the visible, scalable unit of work that moves frames into the database.

They are never retried: a failed one gave its frames back, and the next poke tries again.
"""

from __future__ import annotations

import os
import socket
from dataclasses import asdict
from functools import cache

from hadron_tasks.app import app
from hadron_tasks.ingest.batch import BatchWriter
from hadron_tasks.ingest.consumer import forget_gone_consumers
from hadron_tasks.ingest.drain import (
    COOL_DOWN_S,
    WRITTEN_AT_ONCE,
    Drain,
    Place,
    drains_missing,
)
from hadron_tasks.pokes import DRAIN_TASK, POKE_EXPIRES_S
from hadron_tasks.settings import get_settings
from hadron_tasks.store.instruments import InstrumentCache
from hadron_tasks.tasks.backfill import plan_soon
from hadron_tasks.tasks.base import HadronTask, Report
from hadron_tasks.tasks.connections import engine, redis_client
from hadron_tasks.venues.registry import rules_for


@app.task(name=DRAIN_TASK, base=HadronTask, bind=True, is_poke=True)  # type: ignore[untyped-decorator]
def drain_raw(self: HadronTask, venue: str) -> Report:
    """Move a venue's frames from the raw stream to PostgreSQL; ends when it is empty."""
    settings = get_settings()
    client = redis_client()
    most = settings.drain_max_parallel
    place = Place.take(client, venue, self.request.id, most)
    try:
        if place.is_surplus:
            place.leave()
            return {"surplus": True}
        counts = _drain(venue).run(
            settings.drain_budget_s, linger=not place.is_helper, still_here=place.keep
        )
    except Exception:
        # Without this every frame that arrives would start a drain that fails like this one.
        place.keep(COOL_DOWN_S)
        raise
    except BaseException:
        place.leave()
        raise
    place.leave()
    if drains_missing(client, venue, most):
        _poke(venue)
    if counts.gaps:
        plan_soon(venue)
    return {name: count for name, count in asdict(counts).items() if count}


@app.task(name="hadron.poke_drain", base=HadronTask, is_poke=True)  # type: ignore[untyped-decorator]
def poke_drain(venue: str) -> Report:
    """Start the drains that a venue's backlog is worth and that are not at work."""
    missing = drains_missing(redis_client(), venue, get_settings().drain_max_parallel)
    for _ in range(missing):
        _poke(venue)
    return {"poked": missing}


@app.task(name="hadron.tidy_streams", base=HadronTask)  # type: ignore[untyped-decorator]
def tidy_streams() -> Report:
    """Forget the stream consumers of processes that ended."""
    client = redis_client()
    return {venue: forget_gone_consumers(client, venue) for venue in get_settings().venues}


def _poke(venue: str) -> None:
    drain_raw.apply_async(args=[venue], expires=POKE_EXPIRES_S)


@cache
def _instrument_cache() -> InstrumentCache:
    return InstrumentCache(get_settings().instrument_cache_size)


@cache
def _drain(venue: str) -> Drain:
    settings = get_settings()
    name = f"{socket.gethostname()}:{os.getpid()}"
    writers = [
        BatchWriter(rules_for(venue), _instrument_cache(), name, waits_for_disk=False)
        for _ in range(WRITTEN_AT_ONCE)
    ]
    return Drain(
        redis_client(),
        engine(),
        writers,
        venue,
        name,
        batch=settings.drain_batch,
    )
