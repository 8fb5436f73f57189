"""Sequence numbers per sid."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamer.sequence import Jump, SequenceTracker

NOW_NS = 1_795_000_000_000_000_000


def test_a_jump_names_what_is_missing() -> None:
    tracker = SequenceTracker()
    assert tracker.observe(7, 100, NOW_NS) is None
    assert tracker.observe(7, 101, NOW_NS + 1) is None
    assert tracker.observe(8, 1, NOW_NS + 2) is None
    jump = tracker.observe(7, 105, NOW_NS + 3)
    assert jump == Jump(7, 101, 105, since_ns=NOW_NS + 1)
    assert jump.missing == 3
    assert tracker.observe(7, 106, NOW_NS) is None


def test_sids_count_apart_and_a_forgotten_one_starts_over() -> None:
    tracker = SequenceTracker()
    tracker.observe(1, 10, NOW_NS)
    assert tracker.observe(2, 500, NOW_NS) is None
    tracker.forget(1)
    assert tracker.observe(1, 90, NOW_NS) is None


def test_a_repeated_or_restarted_counter_is_no_loss() -> None:
    tracker = SequenceTracker()
    tracker.observe(1, 10, NOW_NS)
    assert tracker.observe(1, 10, NOW_NS) is None
    assert tracker.observe(1, 1, NOW_NS) is None
    assert tracker.observe(1, 2, NOW_NS) is None


@given(st.sets(st.integers(1, 300), min_size=1))
def test_missing_numbers_add_up(received: set[int]) -> None:
    """Whatever subset of 1..300 arrives, the jumps account for every number within it."""
    tracker = SequenceTracker()
    jumps = [jump for seq in sorted(received) if (jump := tracker.observe(1, seq, NOW_NS))]
    lost = {n for jump in jumps for n in range(jump.last_seq + 1, jump.next_seq)}
    assert lost == set(range(min(received), max(received))) - received
    assert sum(jump.missing for jump in jumps) == len(lost)
