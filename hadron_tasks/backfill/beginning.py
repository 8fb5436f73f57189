"""Beginning an audit: of which time, of which instruments, of which minutes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from random import Random

from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.backfill.rounds import (
    FIRST_PART_OF_ALL,
    FIRST_PART_OF_ONE,
    rounds,
    sampled_minutes,
)
from hadron_tasks.backfill.scope import scope_of
from hadron_tasks.backfill.windows import Window
from hadron_tasks.store import audits
from hadron_tasks.store.accounts import counted_since
from hadron_tasks.store.audits import AuditRun

FIRST_MINUTE = timedelta(minutes=1)
"""Of a recording: its connections came one after the other."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be compared."""

    venue: str
    origin: str
    """``schedule`` or ``person``."""
    window: Window
    """A time that is over."""
    tickers: tuple[str, ...] = ()
    """Only these; empty for all."""
    sample: int | None = None
    """Only so many minutes of the window, chosen by chance; where trades are asked for instrument
    by instrument, so many instruments."""


def recorded(connection: PgConnection, venue: str, window: Window) -> Window:
    """What of a window lies after the first minute that was recorded of a venue.

    The exchange tells also what happened before; that is nothing the recording lost.
    """
    with connection, connection.cursor() as cursor:
        began = counted_since(cursor, venue)
    if began is None:
        return Window(window.until, window.until)
    return Window(max(window.since, began + FIRST_MINUTE), window.until)


def begin(connection: PgConnection, asked: Asked, rng: Random, *, has_list: bool) -> AuditRun:
    """Make an audit; one that has nothing to compare is complete at once.

    Args:
        has_list: Whether the venue tells the trades of all instruments in one list.
    """
    window, minutes = asked.window, None
    with connection, connection.cursor() as cursor:
        scope = scope_of(cursor, asked.venue, window, asked.tickers, has_list=has_list)
        if asked.sample is not None and scope is None:
            minutes = sampled_minutes(window, asked.sample, rng)
        elif asked.sample is not None and scope is not None:
            scope = tuple(sorted(rng.sample(scope, min(asked.sample, len(scope)))))
        mark = rounds(window, scope, minutes).begin()
        length = FIRST_PART_OF_ALL if scope is None else FIRST_PART_OF_ONE
        audit_id = audits.begin(
            cursor,
            asked.venue,
            asked.origin,
            window,
            scope,
            minutes,
            slice_from=window.since if mark is None else mark.since,
            slice_s=int(length.total_seconds()),
        )
        if mark is None:
            audits.end(cursor, audit_id, "complete", "nothing traded around that time")
    run = audits.find(connection, audit_id)
    assert run is not None
    return run
