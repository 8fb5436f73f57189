"""What there is to say about a crawl: for ``hadron crawl status`` and its progress bar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.crawl.progress import Pace, pace
from hadron_tasks.store import crawl_parts, crawl_runs
from hadron_tasks.store.crawl_parts import Part
from hadron_tasks.store.crawl_runs import Run


@dataclass(frozen=True, slots=True)
class RunReport:
    """A crawl, its parts and its pace."""

    run: Run
    parts: Sequence[Part]
    pace: Pace
    expected: Mapping[str, int]
    """Pages by part that the last complete crawl of the kind took; empty when there was none."""

    def total(self, count: str) -> int:
        """A count over all parts: ``seen``, ``changed``, ``requests``, ``unreadable``."""
        return sum(getattr(part, count) for part in self.parts)

    @property
    def missing(self) -> list[dict[str, Any]]:
        """What could not be had."""
        return [{"part": part.part, **entry} for part in self.parts for entry in part.missing]

    @property
    def is_resting(self) -> bool:
        """Whether its budget is used up until its schedule wakes it."""
        statuses = {part.status for part in self.parts}
        return self.run.status == "running" and "resting" in statuses and "running" not in statuses

    def document(self) -> dict[str, Any]:
        """As JSON."""
        run, pace = self.run, self.pace
        return {
            "id": run.id,
            "venue": run.venue,
            "kind": run.kind,
            "scope": run.scope or None,
            "status": "resting" if self.is_resting else run.status,
            "since": run.since,
            "started_at": run.started_at,
            "finished_at": run.finished_at,
            "elapsed_s": round(pace.elapsed.total_seconds(), 1),
            "pages": pace.pages,
            "pages_expected": pace.pages_expected,
            "items_per_s": round(pace.items_per_s, 1),
            "eta_s": None if pace.left is None else round(pace.left.total_seconds(), 1),
            "seen": self.total("seen"),
            "markets_seen": sum(p.seen for p in self.parts if _lists_markets(p)),
            "changed": self.total("changed"),
            "requests": self.total("requests"),
            "unreadable": self.total("unreadable"),
            "missing": self.missing,
            "parts": [_part_document(part) for part in self.parts],
        }


def read_report(connection: PgConnection, run: Run) -> RunReport:
    """Everything about one crawl."""
    with connection, connection.cursor() as db:
        parts = crawl_parts.parts_of(db, run.id)
        before = crawl_runs.newest_ended(db, run.venue, (run.kind,), ("complete",))
        expected = {}
        if before is not None and before.id != run.id:
            expected = {part.part: part.pages for part in crawl_parts.parts_of(db, before.id)}
    until = run.finished_at or datetime.now(UTC)
    return RunReport(run, parts, pace(parts, run.started_at, until, expected), expected)


def _lists_markets(part: Part) -> bool:
    return part.part.startswith(("markets", "combos", "vanished"))


def _part_document(part: Part) -> dict[str, Any]:
    names = ("part", "status", "pages", "seen", "changed", "requests", "unreadable", "failures")
    times = ("started_at", "finished_at", "due_at")
    more = ("cursor", "error", "missing", "notes")
    return {name: getattr(part, name) for name in names + more + times}
