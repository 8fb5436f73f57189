"""What becomes of a page that failed, error by error."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hadron_tasks.app import VISIBILITY_TIMEOUT_S
from hadron_tasks.crawl.failures import (
    LIMITED_PAUSE,
    LONGEST_PAUSE,
    GiveUp,
    Patience,
    PutOff,
    StartOver,
    TryAgain,
    Verdict,
    judge,
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
    NotFound,
    RateLimited,
    RequestBudgetExhausted,
)

ASKED = "Kalshi GET /markets"
SAID = ErrorAnswer("code", "message")
PATIENCE = Patience(tries=4, first_pause=timedelta(seconds=4))


def _limited(retry_after_s: float | None, wait_s: float | None = None) -> RateLimited:
    error = RateLimited(ASKED, 429, SAID, retry_after_s)
    if wait_s is not None:
        error.__cause__ = RequestBudgetExhausted(ASKED, wait_s)
    return error


def _judge(error: Exception, **changes: object) -> Verdict:
    at: dict[str, object] = {"failures": 1, "restarts": 0, "has_cursor": True}
    return judge(error, patience=PATIENCE, **(at | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "error",
    [
        ExchangeUnreachable(ASKED, "no answer"),
        AnswerUnreadable(ASKED, "no JSON"),
        ExchangeFailed(ASKED, 500, SAID),
        CursorRepeats(ASKED, "c"),
    ],
)
def test_what_may_pass_is_tried_again_with_growing_pauses(error: HadronError) -> None:
    verdicts = [_judge(error, failures=count) for count in (1, 2, 3, 4)]
    assert verdicts[:3] == [TryAgain(timedelta(seconds=s)) for s in (4, 16, 60)]
    assert isinstance(verdicts[3], GiveUp)


@pytest.mark.parametrize(
    ("error", "changes", "verdict"),
    [
        # Less at a time helps where one page is at fault, not where nothing answers.
        (AnswerUnreadable(ASKED, "no JSON"), {"failures": 4}, GiveUp(try_finer=True)),
        (ExchangeFailed(ASKED, 500, SAID), {"failures": 4}, GiveUp(try_finer=True)),
        (CursorRepeats(ASKED, "c"), {"failures": 4}, GiveUp(try_finer=True)),
        (ExchangeUnreachable(ASKED, "no answer"), {"failures": 4}, GiveUp(try_finer=False)),
        (KeyRefused(ASKED, 401, SAID), {}, GiveUp(try_finer=False)),
        (ConfigurationError("no address"), {}, GiveUp(try_finer=False)),
        # A bug of ours: what is read in smaller pieces loses less.
        (KeyError("strike"), {}, TryAgain(timedelta(seconds=4))),
        (KeyError("strike"), {"failures": 2}, GiveUp(try_finer=True)),
        # A cursor that is refused has become too old; without one the request itself is wrong.
        (BadRequest(ASKED, 400, SAID), {}, StartOver()),
        (NotFound(ASKED, 404, SAID), {}, StartOver()),
        (BadRequest(ASKED, 400, SAID), {"restarts": 1}, GiveUp(try_finer=True)),
        (BadRequest(ASKED, 400, SAID), {"has_cursor": False}, GiveUp(try_finer=False)),
        # The rate limit is nobody's failure, however often it comes.
        (RequestBudgetExhausted(ASKED, 7.5), {}, PutOff(timedelta(seconds=7.5))),
        (RequestBudgetExhausted(ASKED, 0.01), {}, PutOff(timedelta(seconds=1))),
        (RequestBudgetExhausted(ASKED, 900), {"failures": 99}, PutOff(LONGEST_PAUSE)),
        (_limited(12), {}, PutOff(timedelta(seconds=12))),
        (_limited(None, wait_s=31), {}, PutOff(timedelta(seconds=31))),
        (_limited(None), {"failures": 99}, PutOff(LIMITED_PAUSE)),
    ],
)
def test_each_error_has_its_verdict(
    error: Exception, changes: dict[str, object], verdict: Verdict
) -> None:
    assert _judge(error, **changes) == verdict


def test_no_pause_is_so_long_that_the_broker_delivers_the_task_twice() -> None:
    longest = max(PATIENCE.pause(failures) for failures in range(1, 100))
    assert longest == LONGEST_PAUSE
    assert longest.total_seconds() < VISIBILITY_TIMEOUT_S - 30
