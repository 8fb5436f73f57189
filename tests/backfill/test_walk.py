"""A walk covers the whole of its time, each moment once, and goes on from wherever it was."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from hadron_tasks.backfill.walk import SLICE_OF_ALL, SLICE_OF_ONE, Course, Place, course
from hadron_tasks.backfill.windows import Window

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@given(
    st.integers(0, 500),
    st.integers(1, 97),
    st.one_of(st.none(), st.lists(st.sampled_from("ABCD"), unique=True).map(tuple)),
    st.integers(0, 600),
)
def test_slices_cover_each_list_once_and_in_order(
    minutes: int, slice_minutes: int, tickers: tuple[str, ...] | None, cutoff: int
) -> None:
    window = Window(NOON, NOON + timedelta(minutes=minutes))
    walk = Course(window, tickers, timedelta(minutes=slice_minutes))
    archived_before = NOON + timedelta(minutes=cutoff - 50)
    place, served, archived, progress = walk.begin(), [], [], []
    while not walk.is_over(place):
        progress.append(walk.progress(place))
        (archived if place.archived else served).append(walk.slice_at(place))
        place = walk.after_page(place, "", archived_before)
    assert progress == sorted(progress)
    assert walk.progress(place) == 1.0
    for ticker in (None,) if tickers is None else tickers:
        mine = [part for name, part in served if name == ticker]
        if minutes:
            assert (mine[0].since, mine[-1].until) == window
        assert all(a.until == b.since for a, b in itertools.pairwise(mine))
        assert all(part.since < part.until for part in mine)
        # What may have moved to the archive is asked for there as well, and nothing else.
        assert [part for name, part in archived if name == ticker] == [
            part for part in mine if part.since < archived_before
        ]


def test_a_page_leads_to_the_next_of_its_slice() -> None:
    walk = Course(Window(NOON, NOON + 2 * HOUR), ("A", "B"), HOUR)
    begun = walk.begin()
    second = walk.after_page(begun, "page-2", None)
    assert second == Place(0, NOON, cursor="page-2")
    assert walk.slice_at(second) == walk.slice_at(begun) == ("A", Window(NOON, NOON + HOUR))
    assert walk.after_page(second, "", None) == Place(0, NOON + HOUR)
    in_archive = walk.after_page(second, "", NOON + HOUR)
    assert in_archive == Place(0, NOON, archived=True)
    more = walk.after_page(in_archive, "old-2", None)
    assert more == Place(0, NOON, archived=True, cursor="old-2")
    assert walk.after_page(more, "", None) == Place(0, NOON + HOUR)
    assert walk.after_page(Place(0, NOON + HOUR), "", None) == Place(1, NOON)
    assert walk.is_over(walk.after_page(Place(1, NOON + HOUR), "", None))


def test_one_instrument_goes_by_days_and_all_of_them_by_hours() -> None:
    window = Window(NOON, NOON + timedelta(days=3))
    assert course(window, ("A",)).slice_length == SLICE_OF_ONE == timedelta(days=1)
    assert course(window, None).slice_length == SLICE_OF_ALL == timedelta(hours=1)


def test_no_instruments_are_nothing_to_do() -> None:
    walk = course(Window(NOON, NOON + HOUR), ())
    assert walk.is_over(walk.begin())
