"""A clock that only sleepers move, so that a pace can be told however slow the machine is."""

from __future__ import annotations

import asyncio


class HandClock:
    """Time passes while somebody sleeps by it, and takes none of ours."""

    def __init__(self, late_s: float = 0.0) -> None:
        """``late_s`` is how much longer each sleep takes than it was to, as on a busy machine."""
        self.now = 1000.0
        self._late_s = late_s

    def monotonic(self) -> float:
        """Seconds of this clock."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let everybody else have a turn; then it is so much later."""
        await asyncio.sleep(0)
        self.now += seconds + self._late_s
