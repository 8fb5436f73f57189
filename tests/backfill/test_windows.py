"""Which time is asked for, and that joining windows leaves nothing out and adds nothing."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from hadron_tasks.backfill.windows import (
    AFTER,
    BEFORE,
    RIPE_AFTER,
    Window,
    joined,
    ripe_before,
    window_of,
)

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
moments = st.integers(0, 3600_000).map(lambda ms: NOON + timedelta(milliseconds=ms))
windows = st.tuples(moments, moments).map(lambda pair: Window(*sorted(pair)))


@given(moments, st.timedeltas(timedelta(0), timedelta(hours=2)))
def test_a_window_reaches_over_both_ends_in_whole_seconds(
    since: datetime, length: timedelta
) -> None:
    found = window_of(since, since + length)
    assert found.since <= since - BEFORE < found.since + timedelta(seconds=1)
    assert found.until - timedelta(seconds=1) <= since + length + AFTER < found.until
    assert found.since.microsecond == found.until.microsecond == 0


@given(moments)
def test_a_gap_is_ripe_when_all_it_may_have_lost_is_served(ended: datetime) -> None:
    just_ripe = ended + RIPE_AFTER
    assert ripe_before(just_ripe) == ended
    # The window ends within the second that begins then: nothing in it is yet to come.
    assert window_of(ended, ended).until <= just_ripe


@given(st.lists(windows, max_size=12), moments)
def test_joined_windows_hold_what_the_windows_hold(found: list[Window], moment: datetime) -> None:
    groups = joined(found)
    assert sorted(place for _, places in groups for place in places) == list(range(len(found)))
    assert any(window.holds(moment) for window, _ in groups) == any(
        window.holds(moment) for window in found
    )
    for window, places in groups:
        assert window.since == min(found[place].since for place in places)
        assert window.until == max(found[place].until for place in places)
    ends = [(window.since, window.until) for window, _ in groups]
    assert all(before[1] < after[0] for before, after in itertools.pairwise(ends))


def test_windows_that_touch_are_one() -> None:
    minute = timedelta(minutes=1)
    first, second = Window(NOON, NOON + minute), Window(NOON + minute, NOON + 2 * minute)
    apart = Window(NOON + 3 * minute, NOON + 4 * minute)
    assert joined([apart, second, first]) == [
        (Window(NOON, NOON + 2 * minute), [2, 1]),
        (apart, [0]),
    ]
