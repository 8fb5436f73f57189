"""Latency from receiving a frame to its commit: a histogram in Redis, shared by all workers.

Buckets grow by a quarter of an octave, so a quantile read from them is right within 9 %; adding
histograms is adding counts, whoever wrote them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping

BUCKETS_PER_OCTAVE = 4


def latency_key(venue: str) -> str:
    """The Redis hash of a venue's histogram: bucket number to count."""
    return f"hadron:latency:{venue}"


def bucket_of(latency_ns: int) -> int:
    """The bucket of a latency; one below a microsecond counts as a microsecond."""
    microseconds = max(1, latency_ns // 1000)
    return int(math.log2(microseconds) * BUCKETS_PER_OCTAVE)


def bucket_ms(bucket: int) -> float:
    """The middle of a bucket, in milliseconds."""
    return float(2 ** ((bucket + 0.5) / BUCKETS_PER_OCTAVE) / 1000)


def histogram(received: Iterable[tuple[int, int]], committed_ns: int) -> Counter[int]:
    """Buckets of the latencies of frames that were committed together.

    Args:
        received: Receive times, and how many frames have each.
    """
    buckets: Counter[int] = Counter()
    for received_ns, frames in received:
        buckets[bucket_of(committed_ns - received_ns)] += frames
    return buckets


def quantile_ms(counts: Mapping[int, int], share: float) -> float | None:
    """The latency below which ``share`` (0..1) of the frames stayed; None without frames."""
    total = sum(counts.values())
    if total <= 0:
        return None
    wanted = share * total
    seen = 0
    for bucket in sorted(counts):
        seen += counts[bucket]
        if seen >= wanted:
            return bucket_ms(bucket)
    return bucket_ms(max(counts))
