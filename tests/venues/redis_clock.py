"""A clock for rate limits in Redis that stands still until somebody sleeps."""

from __future__ import annotations

import time

import pytest
import redis

from hadron_tasks.venues.rest import rate_limit

_KEY = "test:clock"
_ASKED = "redis.call('TIME')"


class RedisClock:
    """What rate limits take for Redis' clock, when they are made after it.

    However slow the machine is, waits are what was computed and no time passes between requests.
    """

    def __init__(self, client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
        self._client = client
        self._began_us = round(time.time() * 1_000_000)
        self._passed_us = 0
        self.slept: list[float] = []
        """Every sleep, in seconds."""
        for name in ("_RESERVE", "_CLOSE"):
            script = getattr(rate_limit, name)
            assert script.count(_ASKED) == 1
            told = f"redis.call('LRANGE', '{_KEY}', 0, 1)"
            monkeypatch.setattr(rate_limit, name, script.replace(_ASKED, told))
        monkeypatch.setattr(client, "time", self._time)
        self.advance(0)

    def sleep(self, seconds: float) -> None:
        """Let somebody sleep: nothing takes time but this."""
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Let time pass; also makes the clock known to a Redis that was emptied."""
        self._passed_us += round(seconds * 1_000_000)
        with self._client.pipeline(transaction=True) as pipeline:
            pipeline.delete(_KEY)
            pipeline.rpush(_KEY, *self._time())
            pipeline.execute()

    def monotonic(self) -> float:
        """Seconds that have passed, for who shares this time."""
        return self._passed_us / 1_000_000

    def _time(self) -> tuple[int, int]:
        return divmod(self._began_us + self._passed_us, 1_000_000)
