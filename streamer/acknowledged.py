"""What Redis has acknowledged of one venue, and what of that a Redis of another life forgot.

Redis may come back with less than it had acknowledged: a killed one loses up to two seconds
(``appendfsync everysec``), one restored from a backup or taken over by a late replica any stretch.
The last seconds are kept here and sent again. What is older cannot be: when Redis' own word on up
to when a feed is safe is older than that, the stretch in between is told as a gap, before anything
is published that would raise Redis' word above it.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping, Sequence

from hadron_tasks.raw_stream import FeedGap, GapCause, connection_of, parse_entries
from streamer.continuity import gap_record
from streamer.spool import Entry

MARK_KIND = b"acknowledged"
"""The kind of a spool's entry that says up to when each feed was safe before what follows it. It
outlives the process, and is never published."""

ORDER_WITHIN_S = 1.0
"""Entries of a batch stand connection by connection, so one may be so much newer than the next."""


class Acknowledged:
    """Of each connection: what can be sent again, and up to when there was more before that."""

    def __init__(self, venue: str, keep_s: float) -> None:
        """Know nothing yet.

        Args:
            keep_s: How long what was acknowledged can be sent again.
        """
        self._venue = venue
        self._keep_s = keep_s
        self._kept: deque[tuple[float, Sequence[Entry], dict[str, int]]] = deque()
        self._last: dict[str, int] = {}
        """Receive time of the last frame handed on, to Redis or to the spool."""
        self._dropped: dict[str, int] = {}
        """Receive time of the last frame that cannot be sent again."""
        self._stored: dict[str, int] = {}
        """Before when everything has left Redis for the database; first, when we began."""

    def add(self, batch: Sequence[Entry], now: float) -> None:
        """Redis acknowledged this at ``now`` (monotonic seconds); the old cannot be sent again."""
        last = self.handed_on(batch)
        self._kept.append((now, batch, last))
        while self._kept[0][0] < now - self._keep_s:
            _raise_to(self._dropped, self._kept.popleft()[2])

    def handed_on(self, entries: Sequence[Entry]) -> dict[str, int]:
        """These are in Redis or in the spool; the last receive time of each connection in them."""
        lives = {entry[2]: entry[1] for entry in entries if not entry[3]}
        last = {connection_of(life.decode()): at for life, at in lives.items()}
        _raise_to(self._last, last)
        if not last.keys() <= self._stored.keys():
            for received_ns, life in ((entry[1], entry[2]) for entry in entries if not entry[3]):
                self._stored.setdefault(connection_of(life.decode()), received_ns)
        return last

    def note_stored(self, waiting_since_ns: int | None, before: Mapping[str, int]) -> None:
        """What of the stream is in the database by now.

        Args:
            waiting_since_ns: When the stream's oldest entry was received; None: it is empty.
            before: :meth:`last` as of before the stream was asked.
        """
        for connection, last in before.items():
            until = last
            if waiting_since_ns is not None:
                until = min(last, waiting_since_ns - int(ORDER_WITHIN_S * 1e9))
            self._stored[connection] = max(self._stored[connection], until)

    def last(self) -> dict[str, int]:
        """The receive time of each connection's last frame handed on."""
        return dict(self._last)

    def again(self) -> list[Sequence[Entry]]:
        """The batches to send to a Redis of another life."""
        return [batch for _at, batch, _last in self._kept]

    def sent_again(self, now: float) -> None:
        """Redis acknowledged :meth:`again` at ``now``: it may forget them once more."""
        self._kept = deque((now, batch, last) for _at, batch, last in self._kept)

    def forgotten(self, safe_until: Mapping[str, int]) -> list[FeedGap]:
        """What a Redis of another life lost and nobody can send again.

        Args:
            safe_until: Its continuity. It is empty where Redis is: what was stored is safe then.
        """
        known = {name: (self._stored[name], until) for name, until in self._dropped.items()}
        return _forgotten(self._venue, known, safe_until)

    def mark(self) -> list[Entry]:
        """What a stretch of the spool begins with, for whoever publishes it."""
        if not self._last:
            return []
        known = {name: (self._stored[name], last) for name, last in self._last.items()}
        return [(json.dumps(known).encode(), max(self._last.values()), b"", MARK_KIND)]


def forgotten_before(venue: str, mark: Entry, safe_until: Mapping[str, int]) -> list[FeedGap]:
    """What Redis forgot of all that came before a mark, and before the spool that it begins.

    Args:
        safe_until: Redis' continuity before anything after the mark is published.
    """
    return _forgotten(venue, json.loads(mark[0]), safe_until)


def received_ns(oldest: Sequence[tuple[bytes, Mapping[bytes, bytes]]]) -> int | None:
    """When a stream's oldest entry was received, for :meth:`Acknowledged.note_stored`.

    Returns:
        Unix nanoseconds, 0 when it does not say; None when there is no entry.
    """
    try:
        times = [entry.received_ns for _id, fields in oldest for entry in parse_entries(fields)]
    except (KeyError, ValueError):
        return 0
    return min(times, default=None)


def last_before(mark: Entry) -> dict[str, int]:
    """The receive time of each connection's last frame before a mark."""
    return {connection: last for connection, (_stored, last) in json.loads(mark[0]).items()}


def _forgotten(
    venue: str, known: Mapping[str, Sequence[int]], safe_until: Mapping[str, int]
) -> list[FeedGap]:
    """Of each connection what lies between Redis' word and the last that was acknowledged."""
    return [
        gap_record(
            venue=venue,
            connection=connection,
            cause=GapCause.REDIS_LOSS,
            from_ns=from_ns,
            to_ns=until,
            detail="Redis came back older than what it had acknowledged",
        )
        for connection, (stored, until) in known.items()
        if (from_ns := safe_until.get(connection, stored)) < until
    ]


def _raise_to(times: dict[str, int], last: Mapping[str, int]) -> None:
    for connection, received_ns in last.items():
        times[connection] = max(times.get(connection, 0), received_ns)
