"""Which instruments' quotes changed: told by the drains, taken by whoever watches prices.

A set in Redis, so that an instrument that changes a thousand times before anybody looks is looked
at once. It is a hint: what is lost of it is found when the instrument changes again.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import cast

import redis

KEY = "hadron:quotes:changed"
_FORGET_AFTER_S = 60
"""Nobody watches: what changed a minute ago is of no use to who begins now."""


def enqueue(pipeline: redis.client.Pipeline, instrument_ids: Collection[str]) -> None:
    """Tell of changed quotes when the pipeline is executed."""
    if instrument_ids:
        pipeline.sadd(KEY, *instrument_ids)
        pipeline.expire(KEY, _FORGET_AFTER_S)


def take(client: redis.Redis, most: int) -> list[str]:
    """Up to ``most`` instruments whose quotes changed since they were last taken.

    Raises:
        redis.RedisError: Redis cannot be reached.
    """
    return [one.decode() for one in cast("list[bytes]", client.spop(KEY, most))]
