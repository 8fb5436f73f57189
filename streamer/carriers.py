"""The fleet's shared notes in Redis: which connection carries what, and which are up.

A connection's record stays when it goes down, so that whoever carries its items next knows where
the hole begins and why; its up-key fades a few seconds after.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import cast

import redis.asyncio as redis
from pydantic import BaseModel, ValidationError

from hadron_tasks.raw_stream import GapCause
from streamer.append_link import CONTINUITY_KEY
from streamer.continuity import History

CARRIERS_KEY = "hadron:feed:carriers"
"""Redis hash: connection -> :class:`CarrierRecord` as JSON."""

UP_FOR_MS = 5_000


def up_key(connection: str) -> str:
    """The Redis key that says that a connection is up; its value is :class:`Up` as JSON."""
    return f"hadron:feed:up:{connection}"


class CarrierRecord(BaseModel):
    """What a connection carries, or carried when it went down."""

    venue: str
    lease: str
    streamer: str
    items: frozenset[str] = frozenset()
    """Items confirmed or asked for that nobody has taken over."""
    clean: bool = False
    """Whether its streamer stopped in order."""
    hole_from_ns: int | None = None
    """Where a hole begins that was open when this was written."""


class Up(BaseModel):
    """A connection that is up."""

    items: frozenset[str] = frozenset()
    """Items confirmed on it."""
    leaving: bool = False
    """Whether its key is to go to another streamer as soon as others carry its items."""


@dataclass(frozen=True, slots=True)
class FleetView:
    """One look at the shared notes."""

    records: Mapping[str, CarrierRecord]
    last_ns: Mapping[str, int]
    """Of each connection, the receive time of its last frame in the stream."""
    up: Mapping[str, Up] = field(default_factory=dict)

    def staying(self) -> list[str]:
        """The connections to plan with."""
        return [name for name, note in self.up.items() if not note.leaving]

    def carries(self, connection: str, item: str) -> bool:
        """Whether a connection is up and has an item confirmed."""
        note = self.up.get(connection)
        return note is not None and item in note.items

    def hole_from(self, connection: str) -> int | None:
        """Where a hole of that connection begins; None when it never received anything."""
        record = self.records.get(connection)
        last = self.last_ns.get(connection)
        if record is not None and record.hole_from_ns is not None:
            return min(record.hole_from_ns, last or record.hole_from_ns)
        return last

    def history(self, connection: str) -> History:
        """What these notes say of a connection that nobody in this process remembers."""
        record = self.records.get(connection)
        untaken = record.items if record is not None else frozenset()
        return History(
            self.hole_from(connection),
            cause_of_end(record),
            everything_taken=record is not None and not untaken,
            items=untaken,
        )


def cause_of_end(record: CarrierRecord | None, leases_held: Iterable[str] = ()) -> GapCause:
    """Why a connection that is down went down.

    Args:
        record: Its last record.
        leases_held: Leases of its venue that some live streamer holds.
    """
    if record is not None and record.lease in leases_held:
        return GapCause.DISCONNECT
    if record is not None and record.clean:
        return GapCause.SHUTDOWN
    return GapCause.STREAMER_DEATH


async def look(client: redis.Redis, venue: str) -> FleetView:
    """Read the shared notes of a venue.

    Raises:
        RedisError: Redis is away.
    """
    pipeline = client.pipeline(transaction=False)
    pipeline.hgetall(CARRIERS_KEY)
    pipeline.hgetall(CONTINUITY_KEY)
    raw_records, raw_last = cast("list[dict[bytes, bytes]]", await pipeline.execute())
    records = {}
    for name, value in raw_records.items():
        try:
            record = CarrierRecord.model_validate_json(value)
        except ValidationError:
            continue
        if record.venue == venue:
            records[name.decode()] = record
    last_ns = {name.decode(): int(value) for name, value in raw_last.items()}
    names = list(records)
    values = await client.mget([up_key(name) for name in names]) if names else []
    up = {
        name: Up.model_validate_json(value)
        for name, value in zip(names, values, strict=True)
        if value is not None
    }
    return FleetView(records, last_ns, up)


def note_up(pipeline: redis.client.Pipeline, connection: str, note: Up) -> None:
    """Say that a connection is up, and what is confirmed on it."""
    pipeline.set(up_key(connection), note.model_dump_json(), px=UP_FOR_MS)


def note_record(pipeline: redis.client.Pipeline, connection: str, record: CarrierRecord) -> None:
    """Write a connection's record."""
    pipeline.hset(CARRIERS_KEY, connection, record.model_dump_json())
