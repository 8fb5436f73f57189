"""Reading a batch's frames and gap records, before anything is known of the database."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field

import psycopg2
from pydantic import ValidationError

from hadron_tasks.errors import MalformedFrame
from hadron_tasks.ingest.normalised import Normalised
from hadron_tasks.ingest.venue_rules import VenueRules
from hadron_tasks.raw_stream import Entry, FeedGap, GapEntry, RawFrame
from hadron_tasks.store.dead_letters import DeadFrame


@dataclass(slots=True)
class Decoded:
    """What frames and gap records say, before anything is written."""

    found: Normalised = field(default_factory=Normalised)
    gaps: list[FeedGap] = field(default_factory=list)
    dead: list[DeadFrame] = field(default_factory=list)
    unknown: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    """Unknown message type to how many came and a frame that holds one."""
    resolved: list[int] = field(default_factory=list)
    """Dead letters whose frames, tried again, could be read."""


def decode(rules: VenueRules, entries: Iterable[Entry], into: Decoded | None = None) -> Decoded:
    """Normalise frames and read gap records. Pure; never raises for a bad frame.

    Args:
        rules: What is particular to the venue.
        entries: The frames and gap records.
        into: What is found is added to this, where given.
    """
    decoded = Decoded() if into is None else into
    found = decoded.found
    normalise = rules.normalise
    for entry in entries:
        if isinstance(entry, GapEntry):
            _read_gap(rules.venue, entry, decoded)
            continue
        try:
            normalise(entry.data, entry.received_ns, found, entry.connection)
            if entry.letter_id is not None:
                decoded.resolved.append(entry.letter_id)
        except MalformedFrame as error:
            decoded.dead.append(
                DeadFrame(rules.venue, entry, "MalformedFrame", error.reason, error.place)
            )
        except Exception as error:  # noqa: BLE001 - our own fault: the frame is kept for a retry
            decoded.dead.append(
                DeadFrame(
                    rules.venue,
                    entry,
                    type(error).__name__,
                    str(error),
                    _fault_place(error),
                    traceback.format_exc(),
                )
            )
        if found.unknown:
            for message_type, count in found.unknown.items():
                before, sample = decoded.unknown.get(message_type, (0, entry.data))
                decoded.unknown[message_type] = (before + count, sample)
            found.unknown.clear()
    return decoded


def _read_gap(venue: str, entry: GapEntry, decoded: Decoded) -> None:
    try:
        decoded.gaps.append(FeedGap.model_validate_json(entry.data))
    except ValidationError as error:
        frame = RawFrame(entry.data, entry.received_ns, entry.connection)
        decoded.dead.append(DeadFrame(venue, frame, "MalformedGapRecord", str(error)))


def _fault_place(error: BaseException) -> str:
    """The function that raised: what letters of one bug share, whatever the frame."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].name}" if frames else ""


def refused(venue: str, entry: Entry, error: Exception) -> Decoded:
    """A batch of one frame that cannot be stored, as its dead letter."""
    from_database = isinstance(error, psycopg2.Error)
    letter = DeadFrame(
        venue,
        RawFrame(entry.data, entry.received_ns, entry.connection),
        type(error).__name__,
        str(error).strip(),
        "postgresql" if from_database else _fault_place(error),
        "" if from_database else "".join(traceback.format_exception(error)),
    )
    return Decoded(dead=[letter])
