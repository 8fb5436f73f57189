"""What a metric is: its name, type, labels and meaning, and where it is read.

Names follow Prometheus' rules: base units (seconds, bytes), ``_total`` for what only grows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What Prometheus calls a metric's type."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Endpoint(StrEnum):
    """Which process answers with a metric."""

    FLEET = "fleet"
    """``hadron metrics serve``: one for the fleet."""
    STREAMER = "streamer"
    """``python -m streamer run --metrics-port``: each streamer its own."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its name as Prometheus shows it, and what its value means."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str
    group: str
    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class Group:
    """Metrics of one subject, which stand in the documentation under one title."""

    title: str
    endpoint: Endpoint
    rows: list[tuple[str, Kind, str, str]]
    """Name, type, labels with a space between, meaning."""

    def metrics(self) -> Iterator[Metric]:
        """Its metrics, in their order."""
        for name, kind, labels, meaning in self.rows:
            yield Metric(name, kind, tuple(labels.split()), meaning, self.title, self.endpoint)
