"""Whether beat is at work: when it last looked at its schedule, and what is late."""

from __future__ import annotations

import json
import time
from typing import cast

import redis

TICK_KEY = "hadron:beat-tick"
"""Redis string: when a beat last looked at its schedule, in seconds since the Unix epoch."""

KEY_PREFIX = "hadron:beat:"
"""Of RedBeat's keys: one hash an entry, and a sorted set of when each is due."""
SCHEDULE_KEY = f"{KEY_PREFIX}:schedule"

NOT_TICKING_AFTER_S = 30.0
"""Beat looks every few seconds, and a standby takes over within 20: see app.BEAT_LOCK_S."""


def note_tick(client: redis.Redis) -> None:
    """Beat looked at its schedule.

    Raises:
        redis.RedisError: Redis cannot be reached.
    """
    client.set(TICK_KEY, repr(time.time()))


def tick_age_s(client: redis.Redis) -> float | None:
    """Seconds since any beat last ticked; None when none ever did.

    Raises:
        redis.RedisError: Redis cannot be reached.
    """
    told = cast("bytes | None", client.get(TICK_KEY))
    return None if told is None else max(0.0, time.time() - float(told))


def overdue_s(client: redis.Redis) -> dict[str, float]:
    """How late each enabled entry of the schedule is, in seconds, by its name; 0 when it is not.

    Raises:
        redis.RedisError: Redis cannot be reached.
    """
    due = cast(
        "list[tuple[bytes, float]]", client.zrangebyscore(SCHEDULE_KEY, 0, "+inf", withscores=True)
    )
    with client.pipeline(transaction=False) as pipeline:
        for key, _due_at in due:
            pipeline.hget(key.decode(), "definition")
        definitions = pipeline.execute()
    now = time.time()
    return {
        key.decode().removeprefix(KEY_PREFIX): max(0.0, now - due_at)
        for (key, due_at), definition in zip(due, definitions, strict=True)
        if definition and json.loads(definition).get("enabled", True)
    }
