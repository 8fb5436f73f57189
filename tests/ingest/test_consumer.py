"""Reading a raw stream: every entry is delivered until it is acknowledged."""

from __future__ import annotations

import time
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from hadron_tasks.errors import StreamUnavailable
from hadron_tasks.ingest import consumer as consumer_module
from hadron_tasks.ingest.consumer import Delivery, StreamConsumer, forget_gone_consumers
from hadron_tasks.local.redis_server import RedisServer
from hadron_tasks.raw_stream import GROUP, Entry, RawFrame, frame_fields, pack_fields, stream_key


@pytest.fixture
def client(redis_server: RedisServer) -> redis.Redis:
    return redis.Redis.from_url(redis_server.url)


def publish(client: redis.Redis, count: int, start: int = 0) -> list[RawFrame]:
    frames = [RawFrame(b"\xff%d" % n, n, "kalshi-1") for n in range(start, start + count)]
    for frame in frames:
        client.xadd(stream_key("kalshi"), frame_fields(frame))  # type: ignore[arg-type]
    return frames


def held(deliveries: list[Delivery]) -> list[Entry]:
    return [entry for delivery in deliveries for entry in delivery.entries]


def test_a_group_is_made_on_sight_and_sees_what_came_before_it(client: redis.Redis) -> None:
    reader = StreamConsumer(client, "kalshi", "one")
    assert reader.read(10, 10) == []
    client.delete(stream_key("kalshi"))
    frames = publish(client, 3)
    assert held(reader.read(10, 10)) == frames


def test_acknowledged_entries_are_gone(client: redis.Redis) -> None:
    reader = StreamConsumer(client, "kalshi", "one")
    publish(client, 5)
    reader.acknowledge([delivery.entry_id for delivery in reader.read(10, 10)])
    assert client.xlen(stream_key("kalshi")) == 0
    assert reader.read(10, 10) == []


class Severed(redis.Connection):
    """A connection that is lost when so many bytes were sent."""

    def __init__(self, *args: Any, after: int, **options: Any) -> None:
        super().__init__(*args, **options)
        self._after = after

    def on_connect(self) -> None:
        """Known to the server before anything is severed: so when it is gone, can be seen."""
        super().send_packed_command(self.pack_command("PING"))
        self.read_response()

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        super().send_packed_command([b"".join(command)[: self._after]], check_health)
        self.disconnect()
        raise redis.ConnectionError("severed")


def acknowledge_and_sever(client: redis.Redis, entry_ids: list[bytes], after: int) -> None:
    options = client.connection_pool.connection_kwargs | {"lib_name": None, "lib_version": None}
    pool = redis.ConnectionPool(Severed, after=after, **options | {"retry": Retry(NoBackoff(), 0)})
    with pytest.raises(StreamUnavailable):
        StreamConsumer(redis.Redis(connection_pool=pool), "kalshi", "one").acknowledge(entry_ids)
    while len(client.client_list()) > 1:
        time.sleep(0.001)


def test_wherever_an_acknowledgement_breaks_off_no_entry_is_left_to_nobody(
    client: redis.Redis,
) -> None:
    stream = stream_key("kalshi")
    reader = StreamConsumer(client, "kalshi", "one")
    outcomes: dict[tuple[int, int], int] = {}
    for after in range(400):
        publish(client, 1)
        taken = [delivery.entry_id for delivery in reader.read(1, 10)]
        acknowledge_and_sever(client, taken, after)
        with client.pipeline(transaction=True) as both:
            length, pending = both.xlen(stream).xpending(stream, GROUP).execute()
        outcomes.setdefault((length, pending["pending"]), after)
        reader.acknowledge(taken)
    assert outcomes.keys() == {(1, 1), (0, 0)}, f"and first after how many bytes: {outcomes}"


def test_two_readers_share_the_entries(client: redis.Redis) -> None:
    frames = publish(client, 10)
    one, two = (StreamConsumer(client, "kalshi", name) for name in ("one", "two"))
    got = one.read(4, 10) + two.read(100, 10)
    assert held(got) == frames


def test_released_entries_are_claimed_at_once(client: redis.Redis) -> None:
    frames = publish(client, 3)
    one, two = (StreamConsumer(client, "kalshi", name) for name in ("one", "two"))
    taken = one.read(10, 10)
    assert two.claim_abandoned(10) == []
    one.release([delivery.entry_id for delivery in taken])
    assert held(two.claim_abandoned(10)) == frames


def test_entries_of_a_dead_reader_are_claimed_after_a_while(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer_module, "CLAIM_AFTER_MS", 1)
    frames = publish(client, 3)
    StreamConsumer(client, "kalshi", "dead").read(10, 10)
    time.sleep(0.01)
    alive = StreamConsumer(client, "kalshi", "alive")
    assert held(alive.claim_abandoned(10)) == frames


def test_entries_deleted_by_hand_while_pending_hold_nothing_up(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer_module, "CLAIM_AFTER_MS", 1)
    frames = publish(client, 3)
    taken = StreamConsumer(client, "kalshi", "dead").read(10, 10)
    client.xdel(stream_key("kalshi"), taken[1].entry_id)
    time.sleep(0.01)
    alive = StreamConsumer(client, "kalshi", "alive")
    assert held(alive.claim_abandoned(10)) == [frames[0], frames[2]]


def test_frames_that_came_together_are_delivered_together(client: redis.Redis) -> None:
    stream = stream_key("kalshi")
    fields = pack_fields([b"one", b"", b"\xff"], [7, 8, 9], b"kalshi-2")
    client.xadd(stream, fields)  # type: ignore[arg-type]
    frames = [
        RawFrame(b"one", 7, "kalshi-2"),
        RawFrame(b"", 8, "kalshi-2"),
        RawFrame(b"\xff", 9, "kalshi-2"),
    ]
    (delivery,) = StreamConsumer(client, "kalshi", "one").read(10, 10)
    assert delivery.entries == frames


def test_a_torn_pack_is_delivered_as_a_frame_that_says_so(client: redis.Redis) -> None:
    torn = pack_fields([b"one", b"two"], [7, 8], b"kalshi-2") | {b"p": b"\x02\x00\x00\x00torn"}
    client.xadd(stream_key("kalshi"), torn)  # type: ignore[arg-type]
    (delivery,) = StreamConsumer(client, "kalshi", "one").read(10, 10)
    (entry,) = delivery.entries
    assert entry.data.startswith(b"not a stream entry of ours")
    assert b"torn" in entry.data


def test_an_entry_that_no_streamer_wrote_is_delivered_as_a_frame(client: redis.Redis) -> None:
    client.xadd(stream_key("kalshi"), {"who": "knows"})
    (delivery,) = StreamConsumer(client, "kalshi", "one").read(10, 10)
    (entry,) = delivery.entries
    assert isinstance(entry, RawFrame)
    assert b"who=knows" in entry.data


def test_redis_away_is_told_as_such(client: redis.Redis, redis_server: RedisServer) -> None:
    redis_server.stop()
    with pytest.raises(StreamUnavailable, match="Redis is not available"):
        StreamConsumer(client, "kalshi", "one").read(10, 10)


def test_consumers_of_ended_processes_are_forgotten_once_they_hold_nothing(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer_module, "GONE_AFTER_MS", 1)
    assert forget_gone_consumers(client, "kalshi") == 0
    publish(client, 2)
    holder = StreamConsumer(client, "kalshi", "holder")
    held = holder.read(1, 10)
    done = StreamConsumer(client, "kalshi", "done")
    done.acknowledge([delivery.entry_id for delivery in done.read(1, 10)])
    time.sleep(0.01)
    assert forget_gone_consumers(client, "kalshi") == 1
    holder.acknowledge([delivery.entry_id for delivery in held])
    time.sleep(0.01)
    assert forget_gone_consumers(client, "kalshi") == 1
