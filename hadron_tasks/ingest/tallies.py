"""What a process normalised and looked up since it last told: for the metrics, by type."""

from __future__ import annotations

from collections import Counter as Tally

from hadron_tasks.counters import Counter, Labelled
from hadron_tasks.ingest.normalised import LifecycleEvent
from hadron_tasks.store.dead_letters import DeadFrame


class Tallies:
    """Counts of one venue in one process; :meth:`take` hands them over."""

    def __init__(self, venue: str) -> None:
        self._venue = venue
        self._counts: Tally[Labelled] = Tally()

    def stored(
        self, ticks: Tally[str], lifecycle: list[LifecycleEvent], dead: list[DeadFrame]
    ) -> None:
        """A batch was committed. Messages delivered again are counted again.

        Args:
            ticks: How many of each type.
            lifecycle: The messages about instruments and events themselves.
            dead: The frames that cannot be stored.
        """
        types = ticks + Tally(event.kind for event in lifecycle)
        for name, count in types.items():
            self._counts[Counter.NORMALISED, (self._venue, name)] += count
        for error, count in Tally(letter.error_type for letter in dead).items():
            self._counts[Counter.NORMALISATION_FAILURES, (self._venue, error)] += count

    def looked_up(self, hits: int, misses: int) -> None:
        """Instruments were looked for in the cache."""
        self._counts[Counter.INSTRUMENT_LOOKUPS, (self._venue, "hit")] += hits
        self._counts[Counter.INSTRUMENT_LOOKUPS, (self._venue, "miss")] += misses

    def take(self) -> dict[Labelled, int]:
        """What was counted since the last call."""
        taken = {what: count for what, count in self._counts.items() if count}
        self._counts.clear()
        return taken
