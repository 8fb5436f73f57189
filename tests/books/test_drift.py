"""The exchange's book is compared with what the rebuilt one was around the time of asking."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulated_feed import LATENCY, MARKET, NOON, SimulatedFeed

from hadron_tasks.books.chain import Chain
from hadron_tasks.books.drift import Difference, Verdict, compare, differences
from hadron_tasks.books.order_book import OrderBook
from hadron_tasks.books.rebuild import rebuild

D = Decimal
ANSWER = timedelta(milliseconds=100)


def recorded(by: list[int], pace_s: float = 1.0) -> tuple[SimulatedFeed, Chain]:
    """A book that begins at noon and changes every so often."""
    feed = SimulatedFeed(1)
    (connection,) = feed.connections
    feed.connect(connection)
    feed.join(connection, MARKET)
    for change in by:
        feed.tick(pace_s)
        feed.change(MARKET, "yes", D("0.40"), D(change))
    made = rebuild(feed.messages, [], feed.now).best
    assert made is not None
    return feed, made.chain


@pytest.mark.parametrize("age_s", [-1.5, 0, 1, 4.9])
def test_a_book_as_it_was_around_the_asking_agrees(age_s: float) -> None:
    feed, chain = recorded([1] * 60)
    asked_at = NOON + timedelta(seconds=30)
    theirs = feed.truth_at(asked_at - timedelta(seconds=age_s))
    assert compare(chain, theirs, asked_at, asked_at + ANSWER) is Verdict.AGREES


@pytest.mark.parametrize("age_s", [-20, -4, 8, 20])
def test_a_book_of_another_time_differs(age_s: float) -> None:
    feed, chain = recorded([1] * 60)
    asked_at = NOON + timedelta(seconds=30)
    theirs = feed.truth_at(asked_at - timedelta(seconds=age_s))
    assert compare(chain, theirs, asked_at, asked_at + ANSWER) is Verdict.DIFFERS


def test_a_quiet_book_agrees_however_long_ago_it_changed() -> None:
    feed, chain = recorded([5])
    asked_at = NOON + timedelta(hours=3)
    assert compare(chain, feed.truth_at(feed.now), asked_at, asked_at + ANSWER) is Verdict.AGREES
    assert compare(chain, OrderBook(), asked_at, asked_at + ANSWER) is Verdict.DIFFERS


def test_a_book_that_began_meanwhile_is_not_judged() -> None:
    _, chain = recorded([1, 1])
    anchored = NOON + LATENCY
    for asked_at in (anchored - timedelta(seconds=60), anchored - ANSWER):
        other = OrderBook.of([], [])
        other.change("no", D("0.10"), D(1))
        assert compare(chain, other, asked_at, asked_at + ANSWER) is Verdict.UNDECIDED
    first = OrderBook()
    first.change("yes", D("0.40"), D(1))
    assert compare(chain, first, anchored - ANSWER, anchored) is Verdict.AGREES


def test_what_differs_is_told_level_by_level() -> None:
    feed, chain = recorded([5, 2])
    theirs = OrderBook()
    theirs.change("yes", D("0.40"), D(6))
    theirs.change("no", D("0.5"), D("1.5"))
    asked_at = feed.now + timedelta(minutes=1)
    assert differences(chain, theirs, asked_at, asked_at + ANSWER) == [
        Difference("yes", D("0.40"), D(7), D(6)),
        Difference("no", D("0.5"), D(0), D("1.5")),
    ]
    assert differences(chain, feed.truth_at(feed.now), asked_at, asked_at + ANSWER) == []


def test_what_moved_around_the_asking_is_no_difference() -> None:
    feed, chain = recorded([1] * 60)
    asked_at = NOON + timedelta(seconds=30)
    theirs = feed.truth_at(asked_at - timedelta(seconds=2)).copy()
    theirs.change("no", D("0.5"), D("1.5"))
    assert compare(chain, theirs, asked_at, asked_at + ANSWER) is Verdict.DIFFERS
    assert differences(chain, theirs, asked_at, asked_at + ANSWER) == [
        Difference("no", D("0.5"), D(0), D("1.5"))
    ]


@given(
    st.lists(st.integers(-9, 9), min_size=1, max_size=60),
    st.sampled_from([0.05, 0.4, 3]),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_any_state_of_the_window_agrees(
    by: list[int], pace_s: float, when: float, how_old: float
) -> None:
    feed, chain = recorded(by, pace_s)
    asked_at = NOON + LATENCY + when * (feed.now - NOON)
    moment = max(NOON, asked_at - how_old * timedelta(seconds=4.9))
    assert compare(chain, feed.truth_at(moment), asked_at, asked_at + ANSWER) is Verdict.AGREES
