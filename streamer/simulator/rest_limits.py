"""The simulated account's rate limit: the token bucket that the client's own has to stay within."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

DEFAULT_COST = 10
"""Tokens a request, where nothing else is said."""


@dataclass(slots=True)
class RestStats:
    """What the REST side counted since it started."""

    requests: int = 0
    """Every request, whatever the answer."""
    tokens: int = 0
    """Spent by requests that were let through."""
    limited: int = 0
    """Requests beyond the limit: answered 429."""
    limited_at_s: list[float] = field(default_factory=list)
    """When those were, in seconds since the start."""
    by_endpoint: Counter[str] = field(default_factory=Counter)
    """Requests let through: ``GET /markets``."""
    by_status: Counter[int] = field(default_factory=Counter)
    by_key: Counter[str] = field(default_factory=Counter)
    """By the key's name; ``unsigned`` for none."""
    faults: Counter[str] = field(default_factory=Counter)
    """Faults that struck a request, by kind."""

    def described(self) -> dict[str, Any]:
        """As the control port tells them."""
        return {
            "requests": self.requests,
            "tokens": self.tokens,
            "limited": self.limited,
            "limited_at_s": self.limited_at_s,
            "by_endpoint": self.by_endpoint,
            "by_status": self.by_status,
            "by_key": self.by_key,
            "faults": self.faults,
        }


class Bucket:
    """Refills steadily up to its capacity; a request that finds too little is refused."""

    def __init__(
        self, refill_per_s: float, capacity: float, monotonic: Callable[[], float]
    ) -> None:
        self.refill_per_s = refill_per_s
        self.capacity = capacity
        self._monotonic = monotonic
        self._tokens = capacity
        self._at = monotonic()

    def take(self, cost: float) -> float:
        """Take tokens; returns 0 when there were enough, else in how many seconds there are."""
        now = self._monotonic()
        refilled = self._tokens + (now - self._at) * self.refill_per_s
        self._tokens = min(self.capacity, refilled)
        self._at = now
        if self._tokens >= cost:
            self._tokens -= cost
            return 0.0
        return (cost - self._tokens) / self.refill_per_s


class RestLimits:
    """One bucket for the account that all keys belong to, and one for unsigned requests."""

    def __init__(
        self,
        refill_per_s: float,
        capacity: float,
        costs: Mapping[str, int],
        stats: RestStats,
        monotonic: Callable[[], float],
    ) -> None:
        self.costs = dict(costs)
        self._stats = stats
        self._monotonic = monotonic
        self._started = monotonic()
        self._account = Bucket(refill_per_s, capacity, monotonic)
        self._public = Bucket(refill_per_s, capacity, monotonic)

    def change(self, refill_per_s: float, capacity: float) -> None:
        """Grant more or less from now on."""
        for bucket in (self._account, self._public):
            bucket.refill_per_s = refill_per_s
            bucket.capacity = capacity

    @property
    def refill_per_s(self) -> float:
        """Tokens a second."""
        return self._account.refill_per_s

    @property
    def capacity(self) -> float:
        """Most tokens a bucket holds."""
        return self._account.capacity

    def admit(self, endpoint: str, *, signed: bool) -> float:
        """Charge a request and count it; returns 0, or the seconds to wait if it is refused."""
        cost = self.costs.get(endpoint, DEFAULT_COST)
        wait = (self._account if signed else self._public).take(cost)
        if wait > 0:
            self._stats.limited += 1
            self._stats.limited_at_s.append(self._monotonic() - self._started)
            return wait
        self._stats.tokens += cost
        self._stats.by_endpoint[endpoint] += 1
        return 0.0
