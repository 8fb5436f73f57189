"""How much a benchmark measures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked for on the command line."""

    frames: int
    """Of a round."""
    rounds: int
    """After one more to warm up, which is not counted."""
    workers: tuple[int, ...]
    seconds: float
    """Of a round that is measured by time."""
    markets: int
    rates: tuple[int, ...]
    """Messages a second at which latency is measured."""
    rows: tuple[int, ...]
    """Sizes of the table to measure at; the first is what the others are compared with."""
    distinct: tuple[int, ...]
    """Numbers of markets to measure with; the first is what the others are compared with."""
    say: Callable[[str], None]
