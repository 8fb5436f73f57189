"""The whole fleet at a steady rate: latency from the socket to the commit, CPU, and memory."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from hadron_tasks.bench.disk import Looks, commits, unsettled
from hadron_tasks.bench.measure import Bound, Figure, Report
from hadron_tasks.bench.plan import Plan
from hadron_tasks.bench.processes import cpu_s, resident_mb, with_children
from hadron_tasks.bench.services import Services
from hadron_tasks.ingest.latency import latency_key, quantile_ms
from hadron_tasks.local.fleet import Fleet, FleetOptions
from hadron_tasks.status import read_streams

SETTLE_S = 15.0
"""Connections open and caches fill before anything is measured."""
WINDOWS = 10
QUANTILES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
AT_MOST_MS = {"p50": 100.0, "p99": 400.0}
MEMORY_GROWTH_MB = 10.0
VENUE = "kalshi"


@dataclass(frozen=True, slots=True)
class _Sample:
    latency: Mapping[int, int]
    frames: int
    cpu_s: float
    memory_mb: Mapping[str, float]
    disk: Mapping[str, Mapping[int, int]]
    """What was told of the disk, by the name of its figure."""
    at: float


def latency(plan: Plan, services: Services) -> Report:
    """Run the fleet at each rate, and look at it :data:`WINDOWS` times."""
    report = Report()
    for rate in plan.rates:
        plan.say(f"latency at {rate:,} messages/s for {plan.seconds * WINDOWS:.0f} s")
        report.add(_steady(services, rate, plan.seconds))
    return report


def _steady(services: Services, rate: float, window_s: float) -> Report:
    fleet = Fleet(
        FleetOptions(
            venues=(VENUE,),
            workers=1,
            concurrency=2,
            streamers=1,
            rate=rate,
            data_dir=services.directory / f"fleet-{rate:.0f}-{time.monotonic_ns()}",
            redis_url=services.redis_url,
            database_url=services.database_url,
            simulate=frozenset({VENUE}),
            flower=False,
        ),
        lambda _words: None,
    )
    services.redis().delete(latency_key(VENUE))
    try:
        fleet.start()
        with commits(services) as committed, unsettled(services, VENUE) as waiting:
            disk = {
                "age of the oldest frame that is not known to be on the disk": waiting,
                "commit of one row that waits for the disk": committed,
            }
            time.sleep(SETTLE_S)
            samples = [_sample(services, fleet, disk)]
            for _ in range(WINDOWS):
                time.sleep(window_s)
                fleet.watch()
                samples.append(_sample(services, fleet, disk))
        fleet.finish()
    finally:
        fleet.close()
    return _report(rate, samples)


def _report(rate: float, samples: list[_Sample]) -> Report:
    report = Report()
    windows = list(pairwise(samples))
    received = Figure(f"frames received at {rate:,.0f} messages/s")
    received.rounds = [(b.frames - a.frames) / (b.at - a.at) for a, b in windows]
    report.figures.append(received)
    for name, share in QUANTILES.items():
        figure = Figure(f"receive to commit at {rate:,.0f}/s, {name}", "ms")
        figure.rounds = [_quantile_ms(a.latency, b.latency, share) for a, b in windows]
        report.figures.append(figure)
        if name in AT_MOST_MS:
            report.verdicts.append(Bound(figure.name, figure, AT_MOST_MS[name]))
    for name in samples[0].disk:
        told = Figure(f"{name} at {rate:,.0f}/s, p99", "ms")
        told.rounds = [
            _quantile_ms(a.disk[name], b.disk[name], QUANTILES["p99"]) for a, b in windows
        ]
        report.figures.append(told)
    first, last = samples[0], samples[-1]
    cost = Figure(f"CPU of the fleet at {rate:,.0f}/s", "s a million frames")
    cost.rounds = [(last.cpu_s - first.cpu_s) / max(1, last.frames - first.frames) * 1e6]
    report.figures.append(cost)
    report.add(_memory(rate, samples))
    return report


def _quantile_ms(before: Mapping[int, int], after: Mapping[int, int], share: float) -> float:
    """Of the latencies that were counted between two looks."""
    counts = {bucket: count - before.get(bucket, 0) for bucket, count in after.items()}
    return quantile_ms(counts, share) or 0.0


def _memory(rate: float, samples: list[_Sample]) -> Report:
    middle, last = samples[len(samples) // 2], samples[-1]
    largest = Figure(f"memory of the largest process at {rate:,.0f}/s", "MB")
    largest.rounds = [max(sample.memory_mb.values()) for sample in samples]
    growth = Figure(f"memory grown in the second half at {rate:,.0f}/s, worst process", "MB")
    grown = {
        name: last.memory_mb[name] - mb
        for name, mb in middle.memory_mb.items()
        if name in last.memory_mb
    }
    worst = max(grown, key=lambda name: grown[name])
    growth.rounds = [grown[worst]]
    growth.remarks = {"process": worst}
    return Report([largest, growth], [Bound(growth.name, growth, MEMORY_GROWTH_MB)])


def _sample(services: Services, fleet: Fleet, disk: Mapping[str, Looks]) -> _Sample:
    client = services.redis()
    (stream,) = read_streams(client, (VENUE,))
    pids = {
        f"{name} {number}" if number else name: pid
        for name, process in fleet.processes.items()
        if process.pid is not None and name != "simulator"
        for number, pid in enumerate(with_children(process.pid))
    }
    return _Sample(
        latency=stream.latency,
        frames=stream.frames,
        cpu_s=sum(map(cpu_s, pids.values())),
        memory_mb={name: resident_mb(pid) for name, pid in pids.items()},
        disk={name: looks.latency.copy() for name, looks in disk.items()},
        at=time.perf_counter(),
    )
