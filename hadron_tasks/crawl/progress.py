"""Where a crawl stands and what comes next: decided from its parts alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from hadron_tasks.store.crawl_parts import Part


@dataclass(frozen=True, slots=True)
class Begin:
    """Start these parts: all of the stages before have ended."""

    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """Parts are at work, or rest until their schedule wakes them."""


@dataclass(frozen=True, slots=True)
class End:
    """Every part has ended."""

    status: Literal["complete", "incomplete"]


def next_step(parts: Sequence[Part]) -> Begin | Wait | End:
    """What a run needs now."""
    left = [part for part in parts if part.status not in ("complete", "broken")]
    if not left:
        return End("incomplete" if any(part.missing for part in parts) else "complete")
    stage = min(part.stage for part in left)
    waiting = tuple(p.part for p in left if p.stage == stage and p.status == "waiting")
    return Begin(waiting) if waiting else Wait()


def landmark_after(landmark: str, followed: str, page: int) -> str:
    """The cursor to remember, so that going round in circles is noticed (Brent's algorithm).

    A chain that comes back to where it was meets its landmark again after a few times as many pages
    as it has different ones; remembering every cursor would take a set that grows for ever.

    Args:
        landmark: The one remembered so far.
        followed: The cursor that page number ``page`` was asked with.
    """
    is_power_of_two = page > 0 and page & (page - 1) == 0
    return followed if is_power_of_two else landmark


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a run goes, and how long it will take."""

    pages: int
    pages_expected: int | None
    """As many as the last complete run of its kind took, or more; None where there was none."""
    elapsed: timedelta
    items_per_s: float
    left: timedelta | None
    """Until it ends; None where that cannot be told."""


def pace(
    parts: Sequence[Part], started_at: datetime, now: datetime, before: Mapping[str, int]
) -> Pace:
    """How fast a run goes.

    Args:
        now: Or when it ended.
        before: Pages by part that the last complete run of the same kind took; empty for none.
    """
    elapsed = max(now - started_at, timedelta(0))
    seconds = elapsed.total_seconds()
    pages = sum(part.pages for part in parts)
    expected = _expected_pages(parts, before) if before else None
    left = None
    if expected is not None and pages:
        left = elapsed * ((expected - pages) / pages)
    if all(part.status in ("complete", "broken") for part in parts):
        left = timedelta(0)
    items = sum(part.seen for part in parts)
    return Pace(pages, expected, elapsed, items / seconds if seconds else 0.0, left)


def _expected_pages(parts: Sequence[Part], before: Mapping[str, int]) -> int:
    total = 0
    for part in parts:
        if part.status in ("complete", "broken"):
            total += part.pages
        else:
            # One that has outgrown its last size has at least one page to go.
            total += max(before.get(part.part, 1), part.pages + 1)
    return total
