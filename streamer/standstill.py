"""Whether this process stood still for longer than its notes in Redis last.

A machine that is put to sleep, or whose host gives it no time, wakes up with leases and notes that
ran out meanwhile: its own, and those of all that stood still with it. What is missing in Redis then
says nothing about who lives.
"""

from __future__ import annotations

import time
from collections.abc import Callable

STANDSTILL_S = 3.0
"""Notes that a connection is up last for five seconds, and are written twice a second."""


class Standstill:
    """Told when a step was done, it knows whether the next one came far too late."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        """Begin; ``now`` must go on while a machine sleeps, as the monotonic clock does not."""
        self._now = now
        self._attended = now()

    def attend(self) -> None:
        """All is attended to now."""
        self._attended = self._now()

    def noticed(self) -> bool:
        """Whether it stood still since it was attended to, or asked this."""
        stood_still = self._now() - self._attended > STANDSTILL_S
        self.attend()
        return stood_still
