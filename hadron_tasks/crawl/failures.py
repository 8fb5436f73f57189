"""What becomes of a page that could not be had: tried again, begun anew, or given up.

The client has tried three times within a few seconds before an error comes here. These decisions
are about minutes: every attempt is a task of its own, so no worker waits.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from hadron_tasks.errors import ConfigurationError, HadronError
from hadron_tasks.venues.rest.errors import (
    BadRequest,
    CursorRepeats,
    ExchangeUnreachable,
    KeyRefused,
    NotFound,
    RateLimited,
    RequestBudgetExhausted,
    RestError,
)

LONGEST_PAUSE = timedelta(seconds=60)
"""Well below the broker's visibility timeout, after which a waiting task would be run twice."""
SHORTEST_PAUSE = timedelta(seconds=1)
LIMITED_PAUSE = timedelta(seconds=15)
"""After a 429 that did not say when to come back."""
TRIES_OF_A_BUG = 2
"""Of a page that we fail to read or store ourselves."""
PAUSE_GROWTH = 4
"""Each pause is so many times the one before."""


@dataclass(frozen=True, slots=True)
class PutOff:
    """The rate limit has no room: the worker is free for others until then; no failure."""

    pause: timedelta


@dataclass(frozen=True, slots=True)
class TryAgain:
    """The same page, after a pause."""

    pause: timedelta


@dataclass(frozen=True, slots=True)
class StartOver:
    """The cursor is no longer taken: the list is read from its first page."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The page is lost, and with it, cursors being a chain, the rest of its list."""

    try_finer: bool
    """Whether asking for less at a time may bring what can still be had."""


Verdict = PutOff | TryAgain | StartOver | GiveUp


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a page is tried for."""

    tries: int
    """Tasks that try, each with the client's three requests."""
    first_pause: timedelta

    def pause(self, failures: int) -> timedelta:
        """After so many failures in a row."""
        grown: timedelta = self.first_pause * PAUSE_GROWTH ** min(failures - 1, 8)
        return min(LONGEST_PAUSE, grown)


def judge(
    error: Exception, *, failures: int, restarts: int, has_cursor: bool, patience: Patience
) -> Verdict:
    """What to do about a page that failed.

    Args:
        failures: In a row, this one included.
        restarts: How often the list was begun anew already.
        error: Of the request, of the settings that it was to be made with, or a bug of ours.
        has_cursor: Whether the page is not the first.
    """
    if isinstance(error, RequestBudgetExhausted):
        return PutOff(_within(timedelta(seconds=error.wait_s)))
    if isinstance(error, RateLimited):
        return PutOff(_room_after(error))
    if isinstance(error, KeyRefused | ConfigurationError):
        return GiveUp(try_finer=False)
    if not isinstance(error, RestError):
        # What an answer holds that trips us up stands, most likely, in the next answer, too; but
        # read series by series it costs one series.
        if failures < min(patience.tries, TRIES_OF_A_BUG):
            return TryAgain(patience.pause(failures))
        return GiveUp(try_finer=True)
    if isinstance(error, BadRequest | NotFound):
        if has_cursor and not restarts:
            return StartOver()
        return GiveUp(try_finer=has_cursor)
    if failures < patience.tries and (error.retryable or isinstance(error, CursorRepeats)):
        return TryAgain(patience.pause(failures))
    return GiveUp(try_finer=not isinstance(error, ExchangeUnreachable))


def described(error: Exception) -> str:
    """What went wrong, in one line for people; a bug with its type."""
    said = str(error).strip().split("\n", 1)[0]
    return said if isinstance(error, HadronError) else f"{type(error).__name__}: {said}"


def _room_after(error: RateLimited) -> timedelta:
    if error.retry_after_s is not None:
        return _within(timedelta(seconds=error.retry_after_s))
    if isinstance(error.__cause__, RequestBudgetExhausted):
        return _within(timedelta(seconds=error.__cause__.wait_s))
    return LIMITED_PAUSE


def _within(pause: timedelta) -> timedelta:
    return min(LONGEST_PAUSE, max(SHORTEST_PAUSE, pause))
