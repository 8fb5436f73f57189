"""Crawls begin, go on, rest, are taken up again and end; what is to be sent for that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
from psycopg2.extensions import connection as PgConnection  # noqa: N812
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from hadron_tasks.crawl.plan import (
    BY_SERIES,
    CrawlKind,
    PlannedPart,
    finer,
    kind_of,
    plan,
    venue_of,
)
from hadron_tasks.crawl.progress import Begin, End, next_step
from hadron_tasks.crawl.series_walk import Place
from hadron_tasks.errors import HadronError
from hadron_tasks.store import crawl_parts, crawl_runs
from hadron_tasks.store.crawl_parts import Part
from hadron_tasks.store.crawl_runs import Run
from hadron_tasks.store.crawl_seen import forget_run
from hadron_tasks.venues.kalshi.fields import VENUE

OVERLAP = timedelta(seconds=60)
"""An incremental crawl asks from so long before the last one: clocks differ."""
SUPERSEDED_AFTER = timedelta(hours=20)
"""A crawl that has run for so long is ended when the next one of its kind is due."""
OVERDUE_AFTER = timedelta(seconds=60)
"""A part whose next page should have begun so long ago has lost its task."""
MOST_RESENT = 30
"""A page that was sent again so often, which takes half an hour at least, is given up."""


@dataclass(frozen=True, slots=True)
class Message:
    """A task to send: the next page of a part."""

    run_id: int
    part: str
    page: int
    pause: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Started:
    """What came of wanting a crawl."""

    run_id: int
    kind: CrawlKind
    is_new: bool
    """False when one of the kind was running already, or rested and was woken."""
    messages: Sequence[Message] = ()


def start(
    connection: PgConnection, kind: CrawlKind, scope: str = "", *, combo_pages: int
) -> Started:
    """Start a crawl, unless one of the kind is running.

    An incremental crawl asks for what changed since the last complete one, and becomes a full one
    when there is none. A crawl of combos that used up its budget goes on where it rested.

    Args:
        scope: The series, for a crawl of one.
        combo_pages: Pages of combos before the crawl rests.
    """
    with connection, connection.cursor() as db:
        since = None
        if kind == "incremental":
            since = _changes_since(db)
            kind = "incremental" if since else "full"
        venue = venue_of(kind)
        before = crawl_runs.running_run(db, venue, kind, scope)
        if before is not None and kind == "combos":
            return Started(before.id, kind, False, _wake(db, before.id, combo_pages))
        if before is not None and datetime.now(UTC) - before.started_at > SUPERSEDED_AFTER:
            crawl_runs.end_run(db, before.id, "incomplete")
        parts = [(part.name, part.stage) for part in plan(kind)]
        run_id = crawl_runs.begin_run(db, venue, kind, scope, since, parts)
        if run_id is None:
            running = crawl_runs.running_run(db, venue, kind, scope)
            if running is None:
                raise HadronError("Another crawl of the kind ended this moment. Try again.")
            return Started(running.id, kind, False)
        return Started(run_id, kind, True, _begin(db, run_id, _budget(kind, combo_pages)))


def advance(connection: PgConnection, run: Run) -> Sequence[Message]:
    """Begin what comes next after a part has ended, or end the run."""
    with connection, connection.cursor() as db:
        return _begin(db, run.id, None)


def resume(connection: PgConnection, run_id: int, *, combo_pages: int) -> Sequence[Message]:
    """Take up a crawl: one that was stopped, one that misses pages, one whose tasks were lost.

    Raises:
        HadronError: There is no such crawl, nothing is missing, or another of its kind is running.
    """
    with connection, connection.cursor() as db:
        run = crawl_runs.read_run(db, run_id)
        if run is None:
            raise HadronError(f"There is no crawl {run_id}. See: hadron crawl status")
        if run.status == "complete":
            raise HadronError(f"Crawl {run_id} is complete; there is nothing to resume.")
        try:
            crawl_runs.reopen_run(db, run_id)
        except psycopg2.errors.UniqueViolation:
            raise HadronError(
                f"Another {run.kind} crawl is running, and one at a time is allowed. "
                "See: hadron crawl status"
            ) from None
        _take_up_what_is_missing(db, run_id)
        budget = _budget(run.kind, combo_pages)
        messages = list(_wake(db, run_id, budget))
        messages += _begin(db, run_id, budget)
        sent = {message.part for message in messages}
        at_work = (p for p in crawl_parts.parts_of(db, run_id) if p.status == "running")
        return messages + [Message(run_id, p.part, p.pages) for p in at_work if p.part not in sent]


def misses(connection: PgConnection, run_id: int, part: str, page: int) -> bool:
    """Whether a page of a crawl was lost, and has not been had in another way."""
    with connection, connection.cursor() as db:
        found = crawl_parts.read_part(db, run_id, part)
    return found is not None and any(entry["page"] == page for entry in found.missing)


def stop(connection: PgConnection, run_id: int) -> bool:
    """End a crawl; its tasks find that out. Returns whether it was running."""
    with connection, connection.cursor() as db:
        return crawl_runs.end_run(db, run_id, "stopped")


def never_started(connection: PgConnection) -> bool:
    """Whether there never was a crawl of any kind."""
    with connection, connection.cursor() as db:
        return not crawl_runs.newest_runs(db, 1)


def watch(connection: PgConnection) -> Sequence[Message]:
    """Find what got lost: pages whose task is overdue, runs that nobody took further."""
    with connection, connection.cursor() as db:
        for part in crawl_parts.unheard_of(db, MOST_RESENT):
            _give_up(db, part)
        messages = [Message(*found) for found in crawl_parts.overdue_parts(db, OVERDUE_AFTER)]
        for run_id in crawl_runs.unended_runs(db):
            messages += _begin(db, run_id, None)
    return messages


def forget(connection: PgConnection, older_than: timedelta) -> int:
    """Delete the records of crawls that ended so long ago; returns how many."""
    with connection, connection.cursor() as db:
        forgotten = crawl_runs.forget_runs(db, older_than)
        for run_id in forgotten:
            forget_run(db, run_id)
    return len(forgotten)


def _begin(db: Cursor, run_id: int, rest_after: int | None) -> list[Message]:
    step = next_step(crawl_parts.parts_of(db, run_id))
    if isinstance(step, End):
        crawl_runs.end_run(db, run_id, step.status)
        if step.status == "complete":
            forget_run(db, run_id)
    if isinstance(step, Begin):
        begun = crawl_parts.begin_parts(db, run_id, step.parts, rest_after)
        return [Message(run_id, part, page) for part, page in begun]
    return []


def _budget(kind: str, combo_pages: int) -> int | None:
    """Pages before a part rests: of combos alone, which are woken by their schedule."""
    return combo_pages if kind == "combos" else None


def _give_up(db: Cursor, part: Part) -> None:
    """End a part whose page no task comes back from, as where each one takes too long or dies."""
    entry: dict[str, Any] = {
        "page": part.pages,
        "asked": part.part,
        "cursor": part.cursor,
        "error": f"nothing was heard of its task, which was sent {part.resent} times more",
    }
    missing = [*part.missing, entry]
    narrower = finer(PlannedPart(part.part, part.stage))
    if narrower is not None:
        missing = part.missing
        crawl_parts.add_part(db, part.run_id, narrower.name, narrower.stage)
    error = entry["error"]
    crawl_parts.lose(db, part, missing, "broken", part.cursor, requests=0, error=error)


def _wake(db: Cursor, run_id: int, budget: int | None) -> list[Message]:
    resting = [p.part for p in crawl_parts.parts_of(db, run_id) if p.status == "resting"]
    begun = crawl_parts.begin_parts(db, run_id, resting, budget)
    return [Message(run_id, part, page) for part, page in begun]


def _changes_since(db: Cursor) -> datetime | None:
    """Since when changes are not known; None when nothing is."""
    last = crawl_runs.newest_ended(db, VENUE, ("full", "incremental"), ("complete",))
    if last is None:
        # A full crawl that never comes out complete must not begin again every few minutes.
        last = crawl_runs.newest_ended(db, VENUE, ("full",), ("incomplete", "stopped"))
    return None if last is None else last.started_at - OVERLAP


def _take_up_what_is_missing(db: Cursor, run_id: int) -> None:
    """Let ended parts wait for their stage again, for what they could not have."""
    parts = crawl_parts.parts_of(db, run_id)
    first_stage = min((part.stage for part in parts if part.missing), default=None)
    for part in parts:
        is_finer = kind_of(part.part) == "by-series"
        if (
            is_finer
            and first_stage is not None
            and (part.status == "broken" or part.stage > first_stage)
        ):
            # Perhaps not every series was known then: the list itself is taken up again instead.
            crawl_parts.drop_part(db, part)
            broken = next(p for p in parts if part.part == f"{p.part}:{BY_SERIES}")
            crawl_parts.retake(db, broken, broken.cursor)
        elif part.missing:
            crawl_parts.retake(db, part, _where_to_retake(part))


def _where_to_retake(part: Part) -> str:
    """Its cursor, where a chain is broken; for a part that left things out, those alone if it can
    be told, else its beginning."""
    kind = kind_of(part.part)
    if kind == "by-series":
        return str(Place(only=tuple(sorted({entry["series"] for entry in part.missing}))))
    is_chain = kind in ("series", "events", "markets", "combos", "limits", "tickers")
    return part.cursor if is_chain else ""
