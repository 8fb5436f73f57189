"""The model is a probability, and gives the figures that its formula gives."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hadron_tasks.markets.model import (
    SECONDS_A_YEAR,
    Observation,
    probability_above,
    probability_between,
    realised_volatility,
)

D = Decimal
START = datetime(2026, 11, 21, 14, 30, tzinfo=UTC)
DAY_S = 24 * 3600.0


def zigzag(step: float, count: int, every: timedelta) -> list[Observation]:
    """A price that goes up and down by a log return of ``step``."""
    prices = [D(repr(100 * math.exp(step * (number % 2)))) for number in range(count)]
    return [Observation(START + number * every, price) for number, price in enumerate(prices)]


def test_a_volatility_that_is_known() -> None:
    # A return of 1 % every day, up or down: 1 % times the root of the days of a year.
    found = realised_volatility(zigzag(0.01, 101, timedelta(days=1)))
    assert found == pytest.approx(0.01 * math.sqrt(365))


def test_too_few_prices_say_nothing() -> None:
    assert realised_volatility(zigzag(0.01, 20, timedelta(days=1))) is None
    assert realised_volatility(zigzag(0.01, 50, timedelta(0))) is None
    assert realised_volatility([]) is None


@pytest.mark.parametrize(
    ("spot", "strike", "volatility", "left_s", "probability"),
    [
        ("100", "100", 0.2, SECONDS_A_YEAR, 0.460172),  # N(-0.1)
        ("100", "110", 0.2, SECONDS_A_YEAR, 0.282121),  # N(-0.576551)
        ("100", "90", 0.2, SECONDS_A_YEAR, 0.665238),  # N(0.426803)
        ("6380", "6380", 0.15, DAY_S, 0.498434),  # N(-0.003926)
        ("100", "99", 0.2, 0, 1.0),
        ("100", "100", 0.2, 0, 0.0),
        ("100", "0", 0.2, DAY_S, 1.0),
    ],
)
def test_known_probabilities(
    spot: str, strike: str, volatility: float, left_s: float, probability: float
) -> None:
    found = probability_above(D(spot), D(strike), volatility, left_s)
    assert found == pytest.approx(probability, abs=1e-6)


def test_a_price_without_a_logarithm_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        probability_above(D(0), D(1), 0.2, DAY_S)


prices = st.integers(1, 10**7).map(lambda cents: D(cents) / 100)
volatilities = st.floats(0, 5)
times = st.floats(0, 10 * SECONDS_A_YEAR)


@given(prices, prices, prices, volatilities, times)
def test_buckets_and_tails_add_up(
    spot: D, one: D, other: D, volatility: float, left_s: float
) -> None:
    floor, cap = sorted((one, other))
    parts = [
        probability_between(spot, None, floor, volatility, left_s),
        probability_between(spot, floor, cap, volatility, left_s),
        probability_between(spot, cap, None, volatility, left_s),
    ]
    assert sum(parts) == pytest.approx(1)
    assert all(0 <= part <= 1 for part in parts)
