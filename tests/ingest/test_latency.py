"""The latency histogram: quantiles within a bucket's width, and adding is adding."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hadron_tasks.ingest.latency import histogram, quantile_ms


@given(st.lists(st.integers(100_000, 10**11), min_size=1), st.floats(0.01, 1))
def test_a_quantile_is_within_a_bucket_of_the_true_one(latencies: list[int], share: float) -> None:
    found = quantile_ms(histogram([(-one, 1) for one in latencies], 0), share)
    rank = max(0, -int(-share * len(latencies) // 1) - 1)
    true_ms = sorted(latencies)[rank] / 1e6
    assert found is not None
    assert true_ms / 1.2 <= found <= true_ms * 1.2


@given(st.lists(st.integers(1_000, 10**12)), st.lists(st.integers(1_000, 10**12)))
def test_histograms_add_up(first: list[int], second: list[int]) -> None:
    together = histogram([(-one, 1) for one in first + second], 0)
    apart = Counter(histogram([(-one, 1) for one in first], 0))
    apart.update(histogram([(-one, 1) for one in second], 0))
    assert together == apart


def test_without_frames_there_is_no_quantile() -> None:
    assert quantile_ms({}, 0.5) is None


@pytest.mark.parametrize("latency_ns", [0, -5_000_000, 999])
def test_clocks_that_disagree_count_as_a_microsecond(latency_ns: int) -> None:
    assert histogram([(0, 3)], latency_ns) == {0: 3}
