"""Readings of the REST clients: what was asked, and where the shared rate limit stands."""

from __future__ import annotations

from collections.abc import Iterator

import redis

from hadron_tasks import counters
from hadron_tasks.counters import Counter
from hadron_tasks.metrics.exposition import Reading, Sample
from hadron_tasks.venues.rest.rate_limit import all_buckets


def read_rest(client: redis.Redis) -> Iterator[Reading]:
    """Requests by endpoint and outcome, and every account's bucket.

    Raises:
        redis.RedisError: Redis cannot be reached.
    """
    for labels, count in sorted(counters.read(client, Counter.REST_REQUESTS).items()):
        yield Sample("hadron_rest_requests_total", labels, count)
    for account, state in sorted(all_buckets(client).items()):
        label = (account,)
        yield Sample("hadron_rest_bucket_tokens", label, state.tokens)
        yield Sample("hadron_rest_bucket_capacity_tokens", label, state.capacity)
        yield Sample("hadron_rest_bucket_pace_ratio", label, state.pace)
        yield Sample("hadron_rest_bucket_closed_seconds", label, state.closed_for_s)
        yield Sample("hadron_rest_tokens_spent_total", label, state.tokens_spent)
        yield Sample("hadron_rest_limited_total", label, state.limited)
