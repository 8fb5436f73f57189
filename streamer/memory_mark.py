"""How full Redis may be before frames go to the disk spool instead."""

from __future__ import annotations

from structlog.typing import FilteringBoundLogger

HYSTERESIS = 0.02
"""Share of maxmemory that must be free below the mark before Redis is written to again."""


class MemoryMark:
    """Whether Redis' memory is above its mark, and a word in the log when that changes.

    Args:
        share: The mark, as a share of maxmemory.
        log: Where it is told.
    """

    def __init__(self, share: float, log: FilteringBoundLogger) -> None:
        self._share = share
        self._log = log
        self.exceeded = False
        """Whether Redis should be given nothing now."""

    def note(self, used: int, most: int) -> None:
        """Redis uses so many bytes of at most so many (0: as many as there are)."""
        share = used / most if most else 0.0
        if not self.exceeded and share >= self._share:
            self.exceeded = True
            self._log.warning(
                "Redis is above its memory mark; frames go to the spool",
                used_share=round(share, 3),
                remedy="start more workers, or give Redis more maxmemory",
            )
        elif self.exceeded and share < self._share - HYSTERESIS:
            self.exceeded = False
            self._log.info("Redis is below its memory mark again", used_share=round(share, 3))
