"""How long to wait before connecting again: a pure decision."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

HEALTHY_AFTER_S = 60.0
"""A connection that lived this long starts over with the shortest delay."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Delays that double from ``first_s`` to ``cap_s``."""

    first_s: float
    cap_s: float

    def delay(self, failures: int) -> float:
        """Seconds to wait after ``failures`` failures in a row (1 for the first)."""
        # The exponent is bounded so that a feed down for days makes no huge number.
        return min(self.cap_s, self.first_s * 2.0 ** min(failures - 1, 40))


RECONNECT = Schedule(first_s=1.0, cap_s=60.0)
AUTHENTICATION = Schedule(first_s=30.0, cap_s=900.0)
"""Refused credentials stay refused, and exchanges lock out who keeps trying."""


@dataclass(slots=True)
class Backoff:
    """Counts failures in a row and says how long to wait after each.

    Delays carry jitter of up to a quarter, downwards, so that connections that failed together
    do not return together, and never wait longer than the schedule says.
    """

    reconnect: Schedule = RECONNECT
    authentication: Schedule = AUTHENTICATION
    jitter: Callable[[], float] = random.random
    """A number in [0, 1)."""
    _failures: int = field(default=0, init=False)
    _refusals: int = field(default=0, init=False)

    def after_failure(self, lived_s: float) -> float:
        """Seconds to wait after a connection ended, having been live for ``lived_s``."""
        self._refusals = 0
        self._failures = 1 if lived_s >= HEALTHY_AFTER_S else self._failures + 1
        return self._jittered(self.reconnect.delay(self._failures))

    def after_refusal(self) -> float:
        """Seconds to wait after the exchange refused the credentials."""
        self._refusals += 1
        return self._jittered(self.authentication.delay(self._refusals))

    def _jittered(self, delay: float) -> float:
        return delay * (1.0 - self.jitter() / 4.0)
