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
    since_ns: int
    """When the message before the hole was received, Unix nanoseconds."""

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
        self._last: dict[int, tuple[int, int]] = {}
        """Of each sid: the last number and when it came."""

    def observe(self, sid: int, seq: int, received_ns: int) -> Jump | None:
        """Take the next number of ``sid``; a Jump when numbers are missing before it."""
        before = self._last.get(sid)
        self._last[sid] = (seq, received_ns)
        if before is None or seq <= before[0] + 1:
            return None
        return Jump(sid, before[0], seq, before[1])

    def forget(self, sid: int) -> None:
        """The subscription ended; its sid may be used again from the start."""
        self._last.pop(sid, None)
