"""An audit compares each moment of each of its scopes once, whatever the lengths of its parts."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hadron_tasks.backfill.rounds import (
    FEW_PAGES,
    LONGEST_PART,
    SAMPLE,
    SHORTEST_PART,
    Rounds,
    Scope,
    next_length,
    rounds,
    sampled_minutes,
    shorter,
)
from hadron_tasks.backfill.windows import Window

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
WINDOW = Window(NOON, NOON + HOUR)


def walked(whole: Rounds, lengths: list[int]) -> list[Scope]:
    """Every part, taking these lengths in turn."""
    parts, mark, seconds = [], whole.begin(), itertools.cycle(lengths)
    shares = []
    while mark is not None:
        shares.append(whole.progress(mark))
        part = whole.part_at(mark, timedelta(seconds=next(seconds)))
        parts.append(part)
        mark = whole.after(mark, part)
    assert shares == sorted(shares)
    assert all(0 <= share < 1 for share in shares)
    assert whole.progress(mark) == 1.0
    return parts


@given(
    st.integers(0, 7200),
    st.one_of(st.none(), st.lists(st.sampled_from("ABC"), unique=True)),
    st.lists(st.integers(60, 4000), min_size=1, max_size=4),
)
def test_each_moment_is_compared_once(
    seconds: int, tickers: list[str] | None, lengths: list[int]
) -> None:
    window = Window(NOON, NOON + timedelta(seconds=seconds))
    parts = walked(rounds(window, tickers, None), lengths)
    named = [None] if tickers is None else tickers
    assert [ticker for ticker, _ in itertools.groupby(parts, lambda part: part.ticker)] == (
        named if seconds else []
    )
    for ticker in named if seconds else []:
        mine = [part.window for part in parts if part.ticker == ticker]
        assert (mine[0].since, mine[-1].until) == window
        assert all(a.until == b.since for a, b in itertools.pairwise(mine))
        assert all(each.since < each.until for each in mine)


@given(st.integers(1, 7200), st.integers(0, 59), st.integers(1, 200), st.randoms())
def test_sampled_minutes_are_different_ones_of_the_window(
    seconds: int, odd_ms: int, count: int, rng: Random
) -> None:
    since = NOON + timedelta(milliseconds=odd_ms)
    window = Window(since, since + timedelta(seconds=seconds))
    begins = sampled_minutes(window, count, rng)
    parts = walked(rounds(window, None, begins), [3600])
    assert len(parts) <= count
    assert len(parts) == min(count, -(-seconds // 60)) or odd_ms
    for _, part in parts:
        assert window.since <= part.since < part.until <= window.until
        assert part.until - part.since <= SAMPLE
    assert all(a.until <= b.since for (_, a), (_, b) in itertools.pairwise(parts))


def test_many_samples_are_the_whole_window() -> None:
    begins = sampled_minutes(WINDOW, 1000, Random(1))
    parts = walked(rounds(WINDOW, None, begins), [3600])
    assert sum((part.until - part.since for _, part in parts), timedelta(0)) == HOUR


@pytest.mark.parametrize(
    ("length", "pages", "following"),
    [
        (HOUR, FEW_PAGES + 1, HOUR),
        (HOUR, FEW_PAGES, 2 * HOUR),
        (LONGEST_PART, 1, LONGEST_PART),
    ],
)
def test_the_length_of_the_next_part(length: timedelta, pages: int, following: timedelta) -> None:
    assert next_length(length, pages) == following


@given(st.integers(1, 100_000))
def test_parts_get_shorter_down_to_a_second(seconds: int) -> None:
    length = timedelta(seconds=seconds)
    found = shorter(length)
    assert SHORTEST_PART <= found <= length
    assert found < length or length == SHORTEST_PART


def test_nothing_named_is_nothing_to_compare() -> None:
    assert rounds(WINDOW, [], None).begin() is None
    assert rounds(WINDOW, None, []).begin() is None
