"""A simple stated model of an underlying: what its price implies for a strike.

Log returns are normal, without drift, with the volatility that the recorded prices had. That is
wrong in the tails and says nothing of news; it is a yardstick whose inputs anybody can look up, not
an opinion on a price. Probabilities are estimates, so they are binary floats.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from statistics import NormalDist
from typing import NamedTuple

SECONDS_A_YEAR = 365 * 24 * 3600
FEWEST_RETURNS = 20
"""Fewer say nothing of a volatility."""

_NORMAL = NormalDist()


class Observation(NamedTuple):
    """A price of the underlying and when it was so."""

    at: datetime
    price: Decimal


def realised_volatility(observations: Sequence[Observation]) -> float | None:
    """The volatility of a year that the log returns between observations had.

    Args:
        observations: In order of time. However unevenly they lie: what counts is the sum of the
            squared returns over the whole time.

    Returns:
        For example 0.2 for 20 % a year; None where there are too few to say.
    """
    usable = [one for one in observations if one.price > 0]
    returns = [math.log(later.price / earlier.price) for earlier, later in pairwise(usable)]
    if len(returns) < FEWEST_RETURNS:
        return None
    elapsed_s = (usable[-1].at - usable[0].at).total_seconds()
    if elapsed_s <= 0:
        return None
    return math.sqrt(sum(one * one for one in returns) / elapsed_s * SECONDS_A_YEAR)


def probability_above(spot: Decimal, strike: Decimal, volatility: float, left_s: float) -> float:
    """How likely the underlying ends above ``strike``.

    Args:
        spot: Its price now.
        volatility: Of a year.
        left_s: Seconds until it is looked at; 0 or less: now.

    Raises:
        ValueError: A price that is not positive has no logarithm.
    """
    if spot <= 0:
        raise ValueError(f"the price of an underlying should be positive, is {spot}")
    if strike <= 0:
        return 1.0
    deviation = volatility * math.sqrt(max(0.0, left_s) / SECONDS_A_YEAR)
    if deviation == 0:
        return 1.0 if spot > strike else 0.0
    distance = math.log(spot / strike)
    return _NORMAL.cdf(distance / deviation - deviation / 2)


def probability_between(
    spot: Decimal, floor: Decimal | None, cap: Decimal | None, volatility: float, left_s: float
) -> float:
    """How likely it ends above ``floor`` and not above ``cap``; None on a side means no limit."""
    at_least = 1.0 if floor is None else probability_above(spot, floor, volatility, left_s)
    beyond = 0.0 if cap is None else probability_above(spot, cap, volatility, left_s)
    return max(0.0, at_least - beyond)
