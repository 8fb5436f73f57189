"""What becomes of a page that could not be had."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hadron_tasks.backfill.failures import (
    FIRST_PAUSE,
    LIMITED_PAUSE,
    LONGEST_PAUSE,
    MOST_FAILURES,
    GiveUp,
    TryAgain,
    judge,
    pause_after,
)
from hadron_tasks.errors import ConfigurationError, HadronError
from hadron_tasks.venues.rest.errors import (
    AnswerUnreadable,
    BadRequest,
    CursorRepeats,
    ErrorAnswer,
    ExchangeFailed,
    ExchangeUnreachable,
    KeyRefused,
    NotEntitled,
    NotFound,
    RateLimited,
    RequestBudgetExhausted,
)

TOLD = ErrorAnswer("code", "words")


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (ExchangeFailed("GET /x", 503, TOLD), TryAgain(FIRST_PAUSE)),
        (ExchangeUnreachable("GET /x", "no route"), TryAgain(FIRST_PAUSE)),
        (AnswerUnreadable("GET /x", "cut off"), TryAgain(FIRST_PAUSE)),
        (CursorRepeats("GET /x", "abc"), TryAgain(FIRST_PAUSE, anew=True)),
        (RequestBudgetExhausted("GET /x", 7.5), TryAgain(seconds(7.5), is_failure=False)),
        (RequestBudgetExhausted("GET /x", 0.01), TryAgain(seconds(1), is_failure=False)),
        (RequestBudgetExhausted("GET /x", 1e6), TryAgain(LONGEST_PAUSE, is_failure=False)),
        (RateLimited("GET /x", 429, TOLD, None), TryAgain(LIMITED_PAUSE, is_failure=False)),
        (RateLimited("GET /x", 429, TOLD, 3.0), TryAgain(seconds(3), is_failure=False)),
        (KeyRefused("GET /x", 401, TOLD), GiveUp()),
        (NotEntitled("GET /x", 403, TOLD), GiveUp()),
        (NotFound("GET /x", 404, TOLD), GiveUp()),
        (BadRequest("GET /x", 400, TOLD), GiveUp()),
        (ConfigurationError("no key"), GiveUp()),
    ],
)
def test_the_first_failure(error: HadronError, verdict: TryAgain | GiveUp) -> None:
    assert judge(error, failures=1, has_cursor=False) == verdict


def test_a_cursor_that_is_no_longer_taken_begins_the_slice_anew() -> None:
    refused = BadRequest("GET /x", 400, TOLD)
    assert judge(refused, failures=1, has_cursor=True) == TryAgain(FIRST_PAUSE, anew=True)
    assert judge(NotFound("GET /x", 404, TOLD), failures=1, has_cursor=True) == GiveUp()


def test_pauses_grow_to_minutes_and_end() -> None:
    failed = ExchangeFailed("GET /x", 500, TOLD)
    verdicts = [judge(failed, failures=n, has_cursor=True) for n in range(1, MOST_FAILURES + 1)]
    pauses = [each.pause for each in verdicts if isinstance(each, TryAgain)]
    assert pauses == sorted(pauses)
    assert pauses[:3] == [seconds(2), seconds(4), seconds(8)]
    assert verdicts[-1] == GiveUp()
    assert timedelta(hours=1) < sum(pauses, timedelta()) < timedelta(hours=2)
    assert pause_after(10_000) == LONGEST_PAUSE


def test_the_rate_limit_alone_is_no_reason_to_give_up() -> None:
    exhausted = RequestBudgetExhausted("GET /x", 5)
    assert judge(exhausted, failures=10 * MOST_FAILURES, has_cursor=False) == TryAgain(
        seconds(5), is_failure=False
    )
