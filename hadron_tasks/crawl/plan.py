"""What each kind of crawl is made of: its parts, and which of them wait for others.

A part is one list read page by page, or a few single answers. Parts of one stage run side by
side; the next stage begins when all of them have ended. Markets come after events and series, from
which they take half of what is said about them (a market states neither its series nor its
category), and the markets that vanished are only known when the lists are through.

Markets are listed by status, which makes parts that run side by side and leaves out what is
settled: over the years that is nearly everything. Splitting one status further (by time of
creation, say) would only cost requests: one worker fetches and stores pages about as fast as the
exchange's lowest tier hands them out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from hadron_tasks.venues.kalshi.fields import VENUE as KALSHI
from hadron_tasks.venues.polygon.fields import VENUE as POLYGON

CrawlKind = Literal["full", "incremental", "combos", "series", "polygon"]
KINDS: tuple[CrawlKind, ...] = get_args(CrawlKind)

PartKind = Literal[
    "limits",
    "documents",
    "series",
    "events",
    "markets",
    "combos",
    "vanished",
    "by-series",
    "tickers",
    "by-name",
]

EVENT_STATUSES = ("unopened", "open", "closed")
MARKET_STATUSES = ("unopened", "open", "paused", "closed")
"""Everything but settled: what was open and is settled now is looked up by name."""

POLYGON_MARKETS = ("stocks", "indices", "crypto", "fx")
"""The lists of Polygon's reference that instruments are found in. Over-the-counter stocks, of which
there are more than of the others and few are traded, are asked for by name."""

BY_SERIES = "by-series"


@dataclass(frozen=True, slots=True)
class PlannedPart:
    """One part of a crawl."""

    name: str
    """``markets:open``: what it lists, and how that is narrowed."""
    stage: int

    @property
    def kind(self) -> PartKind:
        """What it lists."""
        return kind_of(self.name)


def plan(kind: CrawlKind) -> tuple[PlannedPart, ...]:
    """The parts of a crawl."""
    return _PLANS[kind]


def venue_of(kind: CrawlKind) -> str:
    """Which exchange a crawl asks."""
    return POLYGON if kind == "polygon" else KALSHI


def venue_of_part(part: str) -> str:
    """Which exchange a part asks."""
    return POLYGON if kind_of(part) in ("tickers", "by-name") else KALSHI


def kind_of(part: str) -> PartKind:
    """What a part lists."""
    head, _, rest = part.partition(":")
    if rest.endswith(BY_SERIES):
        return "by-series"
    if head not in _KINDS_OF_PARTS:
        raise ValueError(f"no part of any crawl is called {part!r}")
    return head  # type: ignore[return-value]


def narrowed_to(part: str) -> str:
    """The status that a part's list is narrowed to; empty for none."""
    return part.partition(":")[2].removesuffix(BY_SERIES).rstrip(":")


def finer(part: PlannedPart) -> PlannedPart | None:
    """What to read instead when a part's chain of cursors breaks; None where nothing is finer.

    Pages cannot be skipped: each cursor comes from the page before. The same list can be asked
    for series by series, though, and only the series with the fault is then missing.
    """
    if part.kind not in ("events", "markets") or not narrowed_to(part.name):
        return None
    return PlannedPart(f"{part.name}:{BY_SERIES}", part.stage)


_KINDS_OF_PARTS = get_args(PartKind)
_FULL = (
    PlannedPart("limits", 0),
    PlannedPart("documents", 0),
    PlannedPart("series", 0),
    *(PlannedPart(f"events:{status}", 0) for status in EVENT_STATUSES),
    *(PlannedPart(f"markets:{status}", 1) for status in MARKET_STATUSES),
    PlannedPart("vanished", 2),
)
_CHANGES = (PlannedPart("series", 0), PlannedPart("events", 0), PlannedPart("markets", 1))
_PLANS: dict[CrawlKind, tuple[PlannedPart, ...]] = {
    "full": _FULL,
    "incremental": _CHANGES,
    "series": _CHANGES,
    "combos": (PlannedPart("combos", 0),),
    "polygon": (
        *(PlannedPart(f"tickers:{market}", 0) for market in POLYGON_MARKETS),
        PlannedPart("by-name", 1),
    ),
}
