"""Rounds, medians, ratios: what a benchmark says and how sure it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median


@dataclass(slots=True)
class Figure:
    """One thing measured, round after round."""

    name: str
    unit: str = "frames/s"
    rounds: list[float] = field(default_factory=list)
    remarks: dict[str, str] = field(default_factory=dict)
    """What else was seen: CPU seconds, memory."""

    @property
    def median(self) -> float:
        """The middle of the rounds."""
        return median(self.rounds)

    @property
    def spread(self) -> float:
        """How far the rounds lie apart, as a share of the median."""
        return (max(self.rounds) - min(self.rounds)) / self.median if self.median else 0.0

    @contextmanager
    def timing(self, items: int, clock: Callable[[], float] = time.perf_counter) -> Iterator[None]:
        """Time one round that handles ``items``, as items a second of ``clock``.

        ``time.process_time`` counts the seconds that one core worked for this process: what a
        busy machine does besides does not matter.
        """
        start = clock()
        yield
        self.rounds.append(items / (clock() - start))


@dataclass(frozen=True, slots=True)
class Ratio:
    """One figure over another of the same run, and what it should at least be."""

    name: str
    figure: Figure
    over: Figure
    wanted: float | None = None

    @property
    def value(self) -> float:
        """The ratio of the medians."""
        return self.figure.median / self.over.median

    @property
    def wanted_words(self) -> str | None:
        """What is demanded of it."""
        return None if self.wanted is None else f"at least {self.wanted:g}"

    @property
    def holds(self) -> bool | None:
        """Whether it is what it should be; None where nothing is demanded."""
        return None if self.wanted is None else self.value >= self.wanted


@dataclass(frozen=True, slots=True)
class Bound:
    """A figure that must stay below, as a latency must."""

    name: str
    figure: Figure
    at_most: float

    @property
    def value(self) -> float:
        """The worst round: a bound holds always or it does not."""
        return max(self.figure.rounds)

    @property
    def wanted_words(self) -> str:
        """What is demanded of it."""
        return f"at most {self.at_most:g} {self.figure.unit}"

    @property
    def holds(self) -> bool:
        """Whether it stayed below."""
        return self.value <= self.at_most


Verdict = Ratio | Bound


@dataclass(slots=True)
class Report:
    """All that one benchmark found."""

    figures: list[Figure] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)

    def add(self, other: Report) -> None:
        """Take in what another one found."""
        self.figures += other.figures
        self.verdicts += other.verdicts
