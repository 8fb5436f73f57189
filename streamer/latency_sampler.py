"""How old frames are when they come: of one now and then, not of every one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from hadron_tasks.ingest.latency import bucket_of


class LatencySampler:
    """A histogram of the time from the exchange's own clock to ours."""

    def __init__(self, sent_ns: Callable[[bytes], int | None]) -> None:
        """Begin, with nothing sampled.

        Args:
            sent_ns: The exchange's own time of a frame; None where it states none.
        """
        self._sent_ns = sent_ns
        self._sampled_ns: int | None = None
        self.buckets: Counter[int] = Counter()
        """Bucket of :func:`hadron_tasks.ingest.latency.bucket_of` to count."""

    def sample(self, data: bytes, received_ns: int) -> None:
        """Take the frame received last; one that was taken already counts once."""
        if received_ns == self._sampled_ns:
            return
        self._sampled_ns = received_ns
        sent_ns = self._sent_ns(data)
        if sent_ns is not None:
            self.buckets[bucket_of(received_ns - sent_ns)] += 1
