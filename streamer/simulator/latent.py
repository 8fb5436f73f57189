"""What prices hang on: an index, a coin, a game's expected margin, a temperature."""

from __future__ import annotations

from math import erf, sqrt
from random import Random

_HOMEWARD = 0.002
"""Share of the way back to its anchor that a value goes in a step, so that it cannot run off."""
_SQRT_2 = sqrt(2.0)


class Latent:
    """A value that wanders around its anchor: a seeded random walk with a pull home."""

    __slots__ = ("anchor", "value", "volatility")

    def __init__(self, anchor: float, volatility: float) -> None:
        """``volatility`` is the largest step, in the value's own unit."""
        self.anchor = anchor
        self.value = anchor
        self.volatility = volatility

    def step(self, rng: Random) -> float:
        """Move once and return where it is now."""
        drift = (self.anchor - self.value) * _HOMEWARD
        self.value += drift + (rng.random() - 0.5) * 2.0 * self.volatility
        return self.value


def chance_above(value: float, strike: float, spread: float) -> float:
    """The chance that an outcome around ``value``, with standard deviation ``spread``, is above."""
    return 0.5 * (1.0 + erf((value - strike) / (spread * _SQRT_2)))
