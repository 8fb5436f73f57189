"""What the spool could not keep: counted, until gap records tell of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hadron_tasks.raw_stream import GAP_KIND, FeedGap, GapCause, connection_of
from streamer.acknowledged import MARK_KIND, last_before
from streamer.append_link import gap_entry
from streamer.continuity import gap_record
from streamer.spool import Entry, TornSegment


class SpoolLosses:
    """The frames of one venue that are lost and not told yet, of each connection."""

    def __init__(self, venue: str) -> None:
        self.times_told = 0
        """How often a loss was over and told."""
        self._venue = venue
        self._lost: dict[bytes, tuple[int, int, int]] = {}
        """Of each connection: when the last frame before was received, how many, and the last."""
        self._kept_gaps: list[Entry] = []
        """Gap records that found the spool full: frames can be told as lost, these must not be."""
        self._last_spooled: dict[bytes, int] = {}

    @property
    def pending(self) -> bool:
        """Whether frames are lost that were not told."""
        return bool(self._lost)

    def spooled(self, entries: Sequence[Entry]) -> None:
        """These are on disk: a loss begins after them."""
        self._last_spooled.update((entry[2], entry[1]) for entry in entries)

    def lose(self, entries: Sequence[Entry]) -> None:
        """These are lost, but for the gap records among them."""
        self._kept_gaps += [entry for entry in entries if entry[3] == GAP_KIND]
        counts = Counter(entry[2] for entry in entries if entry[3] != GAP_KIND)
        for connection, count in counts.items():
            mine = [entry[1] for entry in entries if entry[2] == connection]
            since = self._last_spooled.get(connection, mine[0])
            first, lost, _ = self._lost.get(connection, (since, 0, 0))
            self._lost[connection] = (first, lost + count, mine[-1])

    def untold(self, until_ns: int) -> list[Entry]:
        """The gap records that are to go before whatever is published next.

        Args:
            until_ns: When that was received.
        """
        return [*self._kept_gaps, *map(gap_entry, self._gaps(until_ns))]

    def told(self) -> None:
        """What :meth:`untold` gave is kept by somebody else now."""
        self.times_told += self.pending
        self._kept_gaps.clear()
        self._lost.clear()

    def told_elsewhere(self) -> None:
        """A loss behind the sockets that others told of: Redis' own."""
        self.times_told += 1

    def torn(self, segment: TornSegment) -> list[FeedGap]:
        """The gap records of a spool segment whose end could not be read."""
        if segment.last is None:
            return []
        _data, last_ns, life, kind = segment.last
        last = {connection_of(life.decode()): last_ns}
        if kind == MARK_KIND:
            last = last_before(segment.last)
        self.times_told += 1
        return [
            gap_record(
                venue=self._venue,
                connection=connection,
                cause=GapCause.SPOOL_LOSS,
                from_ns=from_ns,
                to_ns=max(from_ns, segment.written_ns),
                detail=f"{segment.bytes_cut} bytes of a spool segment could not be read",
            )
            for connection, from_ns in last.items()
        ]

    def _gaps(self, until_ns: int) -> list[FeedGap]:
        return [
            gap_record(
                venue=self._venue,
                connection=connection_of(connection.decode()),
                cause=GapCause.SPOOL_LOSS,
                from_ns=first,
                to_ns=max(until_ns, last),
                missing=lost,
                detail="the disk spool was full while Redis was away",
            )
            for connection, (first, lost, last) in self._lost.items()
        ]
