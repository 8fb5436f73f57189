"""Which time to ask an exchange for, so that nothing of a gap is left out.

A gap is told by the streamer's clock, from receive time to receive time; a trade by the exchange's,
when it was made. What was under way when the gap began was made before it, and clocks differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

BEFORE = timedelta(seconds=15)
"""How much earlier than it is missing a message may have been made: on its way, waiting in the
exchange's buffers (it ends a subscription that lets them fill for about ten seconds), or by a
clock that is behind ours."""
AFTER = timedelta(seconds=3)
"""How far the exchange's clock may be ahead of ours."""
SERVED_AFTER = timedelta(seconds=2)
"""How long a trade takes until the exchange's REST API tells of it."""

_SECOND = timedelta(seconds=1)


class Window(NamedTuple):
    """A time by an exchange's clock."""

    since: datetime
    until: datetime
    """Not included."""

    def holds(self, moment: datetime) -> bool:
        """Whether a moment lies within."""
        return self.since <= moment < self.until


def window_of(from_time: datetime, to_time: datetime) -> Window:
    """When the messages were made that a gap between these receive times may have lost.

    In whole seconds, which is how exactly Kalshi's API can be asked.
    """
    return Window(_second(from_time - BEFORE), _second(to_time + AFTER) + _SECOND)


def ripe_before(now: datetime) -> datetime:
    """Gaps that ended before this are over for the exchange, too, and can be asked for."""
    return now - AFTER - SERVED_AFTER


RIPE_AFTER = AFTER + SERVED_AFTER
"""How long after its end a gap can be asked for."""


def joined(windows: Sequence[Window]) -> list[tuple[Window, list[int]]]:
    """Windows that overlap or touch as one: what to ask for, and the places of those it covers.

    So that gaps that come together, as they do when a connection is in trouble, are fetched once.
    """
    found: list[tuple[Window, list[int]]] = []
    for place in sorted(range(len(windows)), key=lambda number: windows[number]):
        window = windows[place]
        if found and window.since <= found[-1][0].until:
            last, places = found[-1]
            found[-1] = (Window(last.since, max(last.until, window.until)), [*places, place])
        else:
            found.append((window, [place]))
    return found


def _second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
