"""How long to wait before connecting again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.backoff import HEALTHY_AFTER_S, Backoff, Schedule


def without_jitter() -> Backoff:
    return Backoff(jitter=lambda: 0.0)


def test_failures_double_to_a_minute() -> None:
    backoff = without_jitter()
    delays = [backoff.after_failure(0.0) for _ in range(9)]
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_healthy_minute_starts_over_and_a_short_life_does_not() -> None:
    backoff = without_jitter()
    for _ in range(4):
        backoff.after_failure(0.0)
    assert backoff.after_failure(HEALTHY_AFTER_S - 1) == 16
    assert backoff.after_failure(HEALTHY_AFTER_S) == 1
    assert backoff.after_failure(0.0) == 2


def test_refusals_are_counted_apart_and_back_off_hard() -> None:
    backoff = without_jitter()
    backoff.after_failure(0.0)
    assert [backoff.after_refusal() for _ in range(7)] == [30, 60, 120, 240, 480, 900, 900]
    assert backoff.after_failure(0.0) == 2
    assert backoff.after_refusal() == 30


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_jitter_only_shortens_and_by_a_quarter_at_most(failures: int, jitter: float) -> None:
    schedule = Schedule(1.0, 60.0)
    backoff = Backoff(reconnect=schedule, jitter=lambda: jitter)
    for _ in range(min(failures, 20)):
        delay = backoff.after_failure(0.0)
    full = schedule.delay(min(failures, 20))
    assert 0.75 * full <= delay <= full


@pytest.mark.parametrize("failures", [1, 60, 5_000])
def test_no_number_of_failures_passes_the_cap(failures: int) -> None:
    assert Schedule(1.0, 60.0).delay(failures) <= 60.0
