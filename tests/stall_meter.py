"""How long the machine stood still meanwhile, so that a bound on a latency can leave it out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Self

INTERVAL_S = 0.05


class StallMeter:
    """A thread that wants to run every 50 ms, and adds up by how much it came late.

    A test of how soon something is done says ``took_s - meter.stalled_s < bound``: the time in
    which nobody could do anything is not the product's. All that is asked of the product is asked
    as before, for on a machine that runs freely the meter stays near nothing.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._late_s = 0.0
        self._due = clock() + INTERVAL_S
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def stalled_s(self) -> float:
        """How long the machine stood still since the meter was entered, as far as is known now."""
        with self._lock:
            # Who asks after a stall may come before the thread does.
            overdue_s = 0.0 if self._end.is_set() else max(0.0, self._clock() - self._due)
            return self._late_s + overdue_s

    def tick(self) -> None:
        """Note that the thread has its turn now."""
        with self._lock:
            now = self._clock()
            self._late_s += max(0.0, now - self._due)
            self._due = now + INTERVAL_S

    def __enter__(self) -> Self:
        self._due = self._clock() + INTERVAL_S
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.tick()
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._end.wait(INTERVAL_S):
            self.tick()
