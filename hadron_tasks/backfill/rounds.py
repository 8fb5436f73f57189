"""In which parts stored trades are compared with the exchange's: pure.

A part is fetched whole before it is compared, so it is as long as its trades are few: shorter when
they are more than a task can fetch, longer again when they are few.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import NamedTuple

from hadron_tasks.backfill.windows import Window

FIRST_PART_OF_ALL = timedelta(minutes=5)
"""Of all instruments at once."""
FIRST_PART_OF_ONE = timedelta(days=1)
SHORTEST_PART = timedelta(seconds=1)
LONGEST_PART = timedelta(days=1)
MOST_PAGES = 20
"""Of one part; with a thousand trades each that is a few seconds and some megabytes."""
FEW_PAGES = 4
SAMPLE = timedelta(minutes=1)


class Scope(NamedTuple):
    """What is compared one after the other: an instrument, or None for all, during a time."""

    ticker: str | None
    window: Window


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a comparison goes on."""

    number: int
    """Of the scope."""
    since: datetime


@dataclass(frozen=True, slots=True)
class Rounds:
    """All that is to be compared."""

    scopes: tuple[Scope, ...]

    def begin(self) -> Mark | None:
        """Where it begins; None when there is nothing to compare."""
        return self._settled(0)

    def part_at(self, mark: Mark, length: timedelta) -> Scope:
        """What to compare now, at most so long."""
        ticker, window = self.scopes[mark.number]
        return Scope(ticker, Window(mark.since, min(mark.since + length, window.until)))

    def after(self, mark: Mark, part: Scope) -> Mark | None:
        """Where it goes on when a part is compared; None at the end."""
        if part.window.until < self.scopes[mark.number].window.until:
            return Mark(mark.number, part.window.until)
        return self._settled(mark.number + 1)

    def progress(self, mark: Mark | None) -> float:
        """How much is done, 0 to 1."""
        if mark is None:
            return 1.0
        window = self.scopes[mark.number].window
        within = (mark.since - window.since) / (window.until - window.since)
        return (mark.number + within) / len(self.scopes)

    def _settled(self, number: int) -> Mark | None:
        """The first scope from there on that has any time."""
        for following in range(number, len(self.scopes)):
            window = self.scopes[following].window
            if window.since < window.until:
                return Mark(following, window.since)
        return None


def rounds(window: Window, tickers: Sequence[str] | None, samples: Sequence[int] | None) -> Rounds:
    """What is to be compared of a window.

    Args:
        tickers: One after the other; None for all at once.
        samples: Where the minutes begin that are compared, in seconds since the Unix epoch; None
            for all of the window.
    """
    windows = [window] if samples is None else [_minute(second, window) for second in samples]
    named = [None] if tickers is None else tickers
    return Rounds(tuple(Scope(ticker, each) for ticker in named for each in windows))


def sampled_minutes(window: Window, count: int, rng: Random) -> list[int]:
    """Where so many different minutes of a window begin, in order; all where it has no more."""
    first, last = (int(moment.timestamp()) for moment in window)
    begins = range(first, max(last, first + 1), int(SAMPLE.total_seconds()))
    return sorted(rng.sample(begins, min(count, len(begins))))


def shorter(length: timedelta) -> timedelta:
    """How long a part is to be instead of one that had too many trades."""
    return max(SHORTEST_PART, length / 2)


def next_length(length: timedelta, pages: int) -> timedelta:
    """How long the next part is to be, after one of that length that took so many pages."""
    return min(LONGEST_PART, length * 2) if pages <= FEW_PAGES else length


def _minute(second: int, window: Window) -> Window:
    begin = datetime.fromtimestamp(second, UTC)
    return Window(max(begin, window.since), min(begin + SAMPLE, window.until))
