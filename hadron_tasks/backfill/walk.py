"""In which steps a stretch of time is fetched: instrument by instrument, slice by slice.

A place says where a walk goes on. It is kept in the database with what was fetched before it, so
that a walk that was interrupted goes on where it was, and a slice that must be begun anew costs
little.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hadron_tasks.backfill.windows import Window

SLICE_OF_ALL = timedelta(hours=1)
"""Of all instruments at once: thousands of pages on a busy day."""
SLICE_OF_ONE = timedelta(days=1)
"""Of one instrument."""


@dataclass(frozen=True, slots=True)
class Course:
    """What is to be walked through."""

    window: Window
    tickers: tuple[str, ...] | None
    """One after the other; None for a list of all of them at once."""
    slice_length: timedelta

    def begin(self) -> Place:
        """Where it begins."""
        return Place(0, self.window.since)

    def is_over(self, place: Place) -> bool:
        """Whether nothing is left."""
        return place.ticker_number >= self._lists or self.window.since >= self.window.until

    def slice_at(self, place: Place) -> tuple[str | None, Window]:
        """Of which instrument, and which time, to fetch now."""
        ticker = None if self.tickers is None else self.tickers[place.ticker_number]
        until = min(place.slice_from + self.slice_length, self.window.until)
        return ticker, Window(place.slice_from, until)

    def after_slice(self, place: Place) -> Place:
        """Where it goes on when a slice is done."""
        _ticker, done = self.slice_at(place)
        if done.until < self.window.until:
            return Place(place.ticker_number, done.until)
        return Place(place.ticker_number + 1, self.window.since)

    def after_page(self, place: Place, cursor: str, archived_before: datetime | None) -> Place:
        """Where it goes on when a page is done.

        A slice is first read from what the exchange serves at once. What moved to its archive
        meanwhile is behind the cutoff that it tells afterwards, so nothing can slip through.

        Args:
            cursor: The exchange's, for the next page; empty after the last.
            archived_before: The cutoff as told after the slice's last page; None where there is
                no archive.
        """
        if cursor:
            return replace(place, cursor=cursor)
        _ticker, done = self.slice_at(place)
        if not place.archived and archived_before is not None and done.since < archived_before:
            return replace(place, archived=True, cursor="")
        return self.after_slice(place)

    def progress(self, place: Place) -> float:
        """How much is done, 0 to 1."""
        length = self.window.until - self.window.since
        if self.is_over(place) or not length:
            return 1.0
        return (place.ticker_number + (place.slice_from - self.window.since) / length) / self._lists

    @property
    def _lists(self) -> int:
        return 1 if self.tickers is None else len(self.tickers)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a walk goes on."""

    ticker_number: int
    slice_from: datetime
    archived: bool = False
    """Whether the slice is being read from the exchange's archive."""
    cursor: str = ""
    """The exchange's, for the next page."""


def course(window: Window, tickers: tuple[str, ...] | None) -> Course:
    """A walk through a window in slices of the usual length."""
    return Course(window, tickers, SLICE_OF_ALL if tickers is None else SLICE_OF_ONE)
