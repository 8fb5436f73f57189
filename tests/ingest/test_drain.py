"""A drain takes from the stream what it can store, however the frames are packed."""

from __future__ import annotations

import pytest
import redis
from quote_frames import CONNECTION, append_quotes, quote_frame

from hadron_tasks.frame_pack import MAX_FRAMES
from hadron_tasks.ingest.batch import BatchWriter
from hadron_tasks.ingest.consumer import Delivery, StreamConsumer
from hadron_tasks.ingest.drain import Drain
from hadron_tasks.raw_stream import pack_fields, stream_key
from hadron_tasks.store.instruments import InstrumentCache
from hadron_tasks.store.session import engine_for
from hadron_tasks.venues.registry import rules_for

BATCH = 320


def append_packs(client: redis.Redis, start: int, packs: int) -> None:
    for first in range(start, start + packs * MAX_FRAMES, MAX_FRAMES):
        frames = [quote_frame(first + at) for at in range(MAX_FRAMES)]
        received = [one.received_ns for one in frames]
        data = [one.data for one in frames]
        client.xadd(stream_key("kalshi"), pack_fields(data, received, CONNECTION.encode()))  # type: ignore[arg-type]


def test_no_read_is_much_larger_than_a_batch(
    client: redis.Redis, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Single frames, as a quiet stream has them, and then full packs, as a backlog has them.
    singles, packs = 2000, 400
    append_quotes(client, singles)
    append_packs(client, singles, packs)
    taken: list[tuple[int, int]] = []
    read = StreamConsumer.read

    def told(consumer: StreamConsumer, count: int, block_ms: int) -> list[Delivery]:
        deliveries = read(consumer, count, block_ms)
        taken.append((len(deliveries), sum(len(delivery.entries) for delivery in deliveries)))
        return deliveries

    monkeypatch.setattr(StreamConsumer, "read", told)
    writer = BatchWriter(rules_for("kalshi"), InstrumentCache(10), "test")
    drain = Drain(client, engine_for(database_url), [writer], "kalshi", "test", batch=BATCH)
    counts = drain.run(60)

    assert counts.ticks == singles + packs * MAX_FRAMES
    # The first read cannot know how frames are packed, and asks for few entries.
    assert taken[0] == (BATCH // MAX_FRAMES, BATCH // MAX_FRAMES)
    # Where single frames flow it asks for a whole batch of them.
    assert max(entries for entries, _ in taken) == BATCH
    # Where it has seen some packs, for about a batch; where it has seen only packs, for no more.
    of_packs = [frames for entries, frames in taken if frames == entries * MAX_FRAMES and entries]
    assert of_packs
    assert max(of_packs) < 2 * BATCH
    assert of_packs[-2] <= BATCH
