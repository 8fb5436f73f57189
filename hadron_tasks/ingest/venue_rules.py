"""What the pipeline asks of a venue, gathered from the venue's package."""

from __future__ import annotations

from dataclasses import dataclass

from hadron_tasks.ingest.normalised import Fold, Normaliser
from hadron_tasks.store.instruments import Describe


@dataclass(frozen=True, slots=True)
class VenueRules:
    """All that is particular to a venue between its frames and the tables."""

    venue: str
    normalise: Normaliser
    describe: Describe
    """What is known of an instrument from its ticker alone."""
    fold_market: Fold
    """An instrument's state from the messages about it."""
    fold_event: Fold
    """An event's state from the messages about it."""
