"""What becomes of a page of trades that could not be had: tried again, begun anew, or given up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from hadron_tasks.errors import HadronError
from hadron_tasks.venues.rest.errors import (
    BadRequest,
    CursorRepeats,
    RateLimited,
    RequestBudgetExhausted,
    RestError,
)

MOST_FAILURES = 24
"""In a row, each of three requests of the client's: with the pauses, an hour and a half."""
FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=5)
LIMITED_PAUSE = timedelta(seconds=15)
"""After a 429 that did not say when to come back."""


@dataclass(frozen=True, slots=True)
class TryAgain:
    """The same page, after a pause."""

    pause: timedelta
    is_failure: bool = True
    """False where only the rate limit has no room, which is no reason to give up, ever."""
    anew: bool = False
    """Whether the slice is read from its first page: the cursor is no longer taken."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Asking again will not help until somebody mends the cause."""


def judge(error: HadronError, *, failures: int, has_cursor: bool) -> TryAgain | GiveUp:
    """What to do about a page that failed.

    Args:
        error: Of the request, or of the settings that it was to be made with.
        failures: In a row, this one included.
        has_cursor: Whether the page is not the first of its slice.
    """
    if isinstance(error, RequestBudgetExhausted):
        return TryAgain(_within(timedelta(seconds=error.wait_s)), is_failure=False)
    if isinstance(error, RateLimited):
        pause = LIMITED_PAUSE
        if error.retry_after_s is not None:
            pause = timedelta(seconds=error.retry_after_s)
        return TryAgain(_within(pause), is_failure=False)
    if failures >= MOST_FAILURES or not isinstance(error, RestError):
        return GiveUp()
    if isinstance(error, CursorRepeats) or (isinstance(error, BadRequest) and has_cursor):
        return TryAgain(pause_after(failures), anew=True)
    return TryAgain(pause_after(failures)) if error.retryable else GiveUp()


def pause_after(failures: int) -> timedelta:
    """How long to wait after so many failures in a row."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures - 1, 20))


def _within(pause: timedelta) -> timedelta:
    return min(LONGEST_PAUSE, max(timedelta(seconds=1), pause))
