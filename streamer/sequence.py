"""Tracking of sequence numbers, one counter a subscription (``sid``)."""

from __future__ import annotations

from typing import NamedTuple


class Jump(NamedTuple):
    """Sequence numbers that never came."""

    sid: int
    last_seq: int
    """The last number before the hole."""
    next_seq: int
    """The first number after it."""

    @property
    def missing(self) -> int:
        """How many messages are missing."""
        return self.next_seq - self.last_seq - 1


class SequenceTracker:
    """Follows each sid's counter (Kalshi: one counter per sid, +1 a message of any type).

    The first number seen of a sid is taken as it is. A repeated number is no loss. A number that
    falls is a counter that started over: a TCP stream does not reorder, so nothing can be late.
    """

    def __init__(self) -> None:
        self._last: dict[int, int] = {}

    def observe(self, sid: int, seq: int) -> Jump | None:
        """Take the next number of ``sid``; a Jump when numbers are missing before it."""
        last = self._last.get(sid)
        self._last[sid] = seq
        if last is None or seq <= last + 1:
            return None
        return Jump(sid, last, seq)

    def forget(self, sid: int) -> None:
        """The subscription ended; its sid may be used again from the start."""
        self._last.pop(sid, None)
