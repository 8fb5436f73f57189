"""From readings to what Prometheus reads: samples gathered into families, by the table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import Metric as Family

from hadron_tasks.ingest.latency import BUCKETS_PER_OCTAVE, bucket_ms
from hadron_tasks.metrics.definitions import METRICS, Kind

FIRST_OCTAVE, LAST_OCTAVE = 10, 27
"""Histograms are told from 2**10 microseconds (1 ms) to 2**27 (134 s), in doublings: edges that
the stored quarter octaves share, so no count is estimated."""


class Sample(NamedTuple):
    """One value of a metric, its labels in the order of the table."""

    name: str
    labels: tuple[str, ...]
    value: float


@dataclass(frozen=True, slots=True)
class Distribution:
    """One histogram, in the buckets of :mod:`hadron_tasks.ingest.latency`."""

    name: str
    labels: tuple[str, ...]
    buckets: Mapping[int, int]


Reading = Sample | Distribution


def families(readings: Iterable[Reading]) -> list[Family]:
    """The readings as Prometheus families, in the table's order.

    Raises:
        KeyError: A reading's name is not in the table.
        ValueError: Its labels are not those of the table.
    """
    made: dict[str, Any] = {}
    for reading in readings:
        metric = METRICS[reading.name]
        if len(reading.labels) != len(metric.labels):
            raise ValueError(f"{metric.name} has the labels {metric.labels}, not {reading.labels}")
        family = made.get(metric.name)
        if family is None:
            family = made[metric.name] = _FAMILIES[metric.kind](
                metric.name, metric.help, labels=metric.labels
            )
        if isinstance(reading, Distribution):
            family.add_metric(reading.labels, *_cumulative(reading.buckets))
        else:
            family.add_metric(reading.labels, reading.value)
    return [made[name] for name in METRICS if name in made]


_FAMILIES = {
    Kind.COUNTER: CounterMetricFamily,
    Kind.GAUGE: GaugeMetricFamily,
    Kind.HISTOGRAM: HistogramMetricFamily,
}


def _cumulative(buckets: Mapping[int, int]) -> tuple[list[tuple[str, float]], float]:
    """Buckets as (upper edge in seconds, count up to it), and the sum.

    The sum is made from the middles of the buckets, which is right within 9 %.
    """
    told = []
    for octave in range(FIRST_OCTAVE, LAST_OCTAVE + 1):
        below = octave * BUCKETS_PER_OCTAVE
        count = sum(n for bucket, n in buckets.items() if bucket < below)
        told.append((repr(2**octave / 1e6), float(count)))
    told.append(("+Inf", float(sum(buckets.values()))))
    total_s = sum(bucket_ms(bucket) / 1000 * n for bucket, n in buckets.items())
    return told, total_s
