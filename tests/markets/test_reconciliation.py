"""A market on a number beside that number."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from hadron_tasks.markets.model import probability_above, probability_between
from hadron_tasks.markets.reconciliation import MarketPrice, Spot, Volatility, reconcile

D = Decimal
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
STALE = timedelta(seconds=30)
CLOSE = NOW + timedelta(hours=4)
VOLATILITY = Volatility(0.5, 360, 60.0, NOW - timedelta(hours=6))
SPOT = Spot(D("98000"), NOW)


def market(**changes: Any) -> MarketPrice:
    fields = {
        "strike_type": "greater",
        "floor_strike": D("98500"),
        "cap_strike": None,
        "close_time": CLOSE,
        "bid": D("0.30"),
        "ask": D("0.33"),
        "quoted_at": NOW,
    }
    return MarketPrice(**(fields | changes))


def test_both_sides_and_their_difference() -> None:
    done = reconcile(market(), SPOT, VOLATILITY, NOW, STALE)
    model = D(repr(probability_above(D("98000"), D("98500"), 0.5, 4 * 3600))).quantize(D("0.0001"))
    assert (done.market, done.model, done.marks) == (D("0.315"), model, ())
    assert done.difference == D("0.315") - model
    assert done.inputs["distance"] == "500"
    assert done.inputs["seconds_left"] == 4 * 3600


def test_it_can_be_computed_again_from_its_inputs() -> None:
    """What a row holds is all that the model took."""
    bucket = market(strike_type="between", floor_strike=D("97750"), cap_strike=D("97999.99"))
    done = reconcile(bucket, SPOT, VOLATILITY, NOW, STALE)
    stored = done.inputs
    again = probability_between(
        SPOT.price,
        D(stored["floor_strike"]),
        D(stored["cap_strike"]),
        stored["volatility"]["a_year"],
        stored["seconds_left"],
    )
    assert D(repr(again)).quantize(D("0.0001")) == done.model
    assert (D(stored["bid"]) + D(stored["ask"])) / 2 == done.market


@pytest.mark.parametrize(
    ("changes", "mark"),
    [
        ({"bid": None}, "one-sided quote"),
        ({"ask": None}, "one-sided quote"),
        ({"ask": D(1)}, "one-sided quote"),
        ({"bid": D("0.33")}, "one-sided quote"),
        ({"quoted_at": NOW - timedelta(seconds=31)}, "stale quote"),
        ({"quoted_at": None}, "stale quote"),
    ],
)
def test_a_quote_that_says_nothing_is_marked_and_not_used(
    changes: dict[str, Any], mark: str
) -> None:
    done = reconcile(market(**changes), SPOT, VOLATILITY, NOW, STALE)
    assert (done.market, done.difference, done.marks) == (None, None, (mark,))
    assert done.model is not None


@pytest.mark.parametrize(
    ("spot", "volatility", "mark"),
    [
        (None, VOLATILITY, "no spot"),
        (Spot(D("98000"), NOW - timedelta(minutes=1)), VOLATILITY, "stale spot"),
        (SPOT, None, "no volatility"),
    ],
)
def test_an_underlying_that_says_nothing_is_marked_and_not_used(
    spot: Spot | None, volatility: Volatility | None, mark: str
) -> None:
    done = reconcile(market(), spot, volatility, NOW, STALE)
    assert (done.model, done.difference, done.marks) == (None, None, (mark,))
    assert done.market == D("0.315")


def test_below_is_the_rest_of_above() -> None:
    above = reconcile(market(), SPOT, VOLATILITY, NOW, STALE).model
    below = market(strike_type="less", floor_strike=None, cap_strike=D("98500"))
    less = reconcile(below, SPOT, VOLATILITY, NOW, STALE).model
    assert above is not None
    assert less == 1 - above
