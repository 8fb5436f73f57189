"""A streamer's own metrics, served by itself: what it holds, without asking Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence

from prometheus_client.metrics_core import Metric as Family
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from hadron_tasks.metrics.exposition import Reading, Sample, families
from hadron_tasks.metrics.feeds import connection_readings
from hadron_tasks.metrics.server import Served, registry_of, serve
from streamer.pool import Pool
from streamer.publisher import Publisher

ANSWER_WITHIN_S = 5.0


class StreamerCollector(Collector):
    """The connections and publishers of this process."""

    def __init__(
        self,
        pools: Sequence[Pool],
        publishers: Sequence[Publisher],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """Collect from these; ``loop`` is the one they live in."""
        self._pools = pools
        self._publishers = publishers
        self._loop = loop

    def collect(self) -> list[Family]:
        """One scrape. Called from the server's thread; the reading is done in the loop's.

        Raises:
            TimeoutError: The loop did not come round to it in time.
        """
        reading = asyncio.run_coroutine_threadsafe(self._read(), self._loop)
        return families(reading.result(ANSWER_WITHIN_S))

    def describe(self) -> list[Family]:
        """Nothing: registering must not scrape."""
        return []

    async def _read(self) -> list[Reading]:
        return [*self._readings(time.time_ns())]

    def _readings(self, now_ns: int) -> Iterator[Reading]:
        for pool in self._pools:
            for report in pool.reports():
                yield from connection_readings("hadron_streamer", report, now_ns)
        for publisher in self._publishers:
            label = (publisher.venue,)
            yield Sample("hadron_streamer_published_entries_total", label, publisher.published)
            yield Sample("hadron_streamer_queue_entries", label, publisher.queued)
            yield Sample("hadron_streamer_spool_bytes", label, publisher.spool_bytes)


def serve_metrics(collector: Collector, address: str, port: int) -> Served:
    """Answer scrapes, with the process' own figures beside the collector's.

    Raises:
        OSError: The address cannot be listened on.
    """
    registry = registry_of(collector)
    ProcessCollector(registry=registry)
    return serve(registry, address, port)
