"""A clock for rate limits in Redis that stands still until somebody sleeps."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from heapq import heappop, heappush

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


class Turns:
    """Workers in threads that share a clock: one works at a time, and who sleeps least is next."""

    def __init__(self, clock: RedisClock, workers: int) -> None:
        self._clock = clock
        self._not_here = workers
        self._changed = threading.Condition()
        self._asleep: list[tuple[float, int]] = []
        self._numbers = itertools.count()
        self._turn: tuple[float, int] | None = None

    def work(self, job: Callable[[], None]) -> None:
        """Do a worker's job, from when all of them are there."""
        with self._changed:
            self._not_here -= 1
            self._sleep(0)
        try:
            job()
        finally:
            with self._changed:
                self._let_next()

    def sleep(self, seconds: float) -> None:
        """For who has the turn: let others work meanwhile."""
        with self._changed:
            self._sleep(seconds)

    def _sleep(self, seconds: float) -> None:
        mine = (self._clock.monotonic() + seconds, next(self._numbers))
        heappush(self._asleep, mine)
        self._let_next()
        assert self._changed.wait_for(lambda: self._turn == mine, 120), "it was never its turn"

    def _let_next(self) -> None:
        if self._asleep and not self._not_here:
            self._turn = heappop(self._asleep)
            self._clock.advance(max(0.0, self._turn[0] - self._clock.monotonic()))
            self._changed.notify_all()
