"""Medians, ratios and bounds say what they should."""

from __future__ import annotations

import pytest

from hadron_tasks.bench.measure import Bound, Figure, Ratio


def test_a_figure_is_the_median_of_its_rounds_and_how_far_they_lie_apart() -> None:
    figure = Figure("x", rounds=[100.0, 300.0, 110.0])
    assert figure.median == 110.0
    assert figure.spread == pytest.approx(200 / 110)


def test_timing_adds_a_round() -> None:
    figure = Figure("x")
    with figure.timing(10):
        pass
    (rate,) = figure.rounds
    assert rate > 0


@pytest.mark.parametrize(
    ("rounds", "wanted", "holds"),
    [
        ([50.0], 0.5, True),
        ([49.0], 0.5, False),
        ([49.0], None, None),
        ([20.0, 50.0, 51.0], 0.5, True),
    ],
)
def test_a_ratio_compares_medians(
    rounds: list[float], wanted: float | None, holds: bool | None
) -> None:
    ratio = Ratio("x / floor", Figure("x", rounds=rounds), Figure("floor", rounds=[100.0]), wanted)
    assert ratio.holds is holds


def test_a_bound_holds_in_every_round_or_not_at_all() -> None:
    assert Bound("p99", Figure("p99", "ms", [10.0, 399.0, 20.0]), 400.0).holds
    assert not Bound("p99", Figure("p99", "ms", [10.0, 401.0, 20.0]), 400.0).holds
