"""How all that is well breaks: a scenario for each alert, by its name.

Each step yields for how many minutes it stays so.
"""

from __future__ import annotations

import time
from collections import namedtuple
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import psycopg2
import pytest
from alert_world import SECOND, World

from hadron_tasks import beat_health, counters
from hadron_tasks.counters import Counter
from hadron_tasks.feed_health import ConnectionState
from hadron_tasks.metrics import services
from hadron_tasks.raw_stream import RawFrame, frame_fields, stream_key
from hadron_tasks.venues.kalshi.rate_limit import TokenBucket

SCENARIOS: dict[str, Callable[[World], Iterator[int]]] = {}


def scenario(alert: str) -> Callable[[Callable[[World], Iterator[int]]], None]:
    """The scenario of an alert: how all that is well breaks."""

    def register(breaks: Callable[[World], Iterator[int]]) -> None:
        SCENARIOS[alert] = breaks

    return register


@scenario("VenueSilent")
def _(world: World) -> Iterator[int]:
    world.connect("polygon", "polygon-crypto", last_frame_ns=time.time_ns() - 90 * SECOND)
    yield 10


@scenario("FeedSilent")
def _(world: World) -> Iterator[int]:
    world.connect("polygon", "polygon-crypto", last_frame_ns=None)
    yield 10


@scenario("VenueNotConnected")
def _(world: World) -> Iterator[int]:
    world.connect("kalshi", "kalshi-1", state=ConnectionState.BACKING_OFF)
    yield 10


@scenario("AuthenticationFailing")
def _(world: World) -> Iterator[int]:
    world.connect("kalshi", "kalshi-1", state=ConnectionState.AUTHENTICATION_REFUSED)
    yield 10


@scenario("ConnectionFlapping")
def _(world: World) -> Iterator[int]:
    for losses in range(10):
        world.connect("kalshi", "kalshi-1", reconnects=losses)
        yield 1


@scenario("FramesSpooled")
def _(world: World) -> Iterator[int]:
    world.connect("kalshi", "kalshi-1", spool_bytes=5_000_000)
    yield 10


def _gap(world: World, state: str, cause: str = "disconnect") -> None:
    world.execute(
        "INSERT INTO feed_gaps (id, venue, connection, cause, from_time, to_time, state)"
        " VALUES (gen_random_uuid(), 'kalshi', 'kalshi-1', %s, now(), now(), %s)",
        cause,
        state,
    )


@scenario("GapUnrecoverable")
def _(world: World) -> Iterator[int]:
    _gap(world, "open")
    yield 1
    world.execute("UPDATE feed_gaps SET state = 'unrecoverable'")
    yield 5


@scenario("AuditDiffers")
def _(world: World) -> Iterator[int]:
    yield 1
    _gap(world, "open", "audit")
    yield 5


@scenario("BacklogOld")
def _(world: World) -> Iterator[int]:
    old_id = f"{int((time.time() - 40) * 1000)}-0"
    world.client.xadd(stream_key("kalshi"), frame_fields(RawFrame(b"{}", 1, "kalshi-1")), old_id)
    yield 10


@scenario("CommitsSlow")
def _(world: World) -> Iterator[int]:
    for _minute in range(15):
        world.commit(latency_s=20)
        yield 1


@scenario("DeadLettersGrowing")
def _(world: World) -> Iterator[int]:
    world.execute(
        "INSERT INTO dead_letters (kind, identity, fingerprint, venue, error_type, message)"
        " VALUES ('message', 'a', 'f', 'kalshi', 'MalformedFrame', 'm')"
    )
    yield 5


@scenario("UnknownMessages")
def _(world: World) -> Iterator[int]:
    add = (
        "INSERT INTO unknown_messages VALUES ('kalshi', 'new', %s, now(), now(), '')"
        " ON CONFLICT (venue, message_type) DO UPDATE SET count = excluded.count"
    )
    for count in (1, 5):
        world.execute(add, count)
        yield 2


@scenario("NoWorkers")
def _(world: World) -> Iterator[int]:
    world.stop_worker("rest")
    yield 10


@scenario("QueueGrowing")
def _(world: World) -> Iterator[int]:
    world.client.rpush("drain", *(b"poke" for _ in range(1001)))
    yield 15


@scenario("TasksFailing")
def _(world: World) -> Iterator[int]:
    for _failure in range(2):
        counters.add(world.client, {(Counter.TASKS, ("hadron.keep_partitions", "failure")): 1})
        yield 3


@scenario("BeatNotTicking")
def _(world: World) -> Iterator[int]:
    world.client.set(beat_health.TICK_KEY, time.time() - 90)
    yield 10


@scenario("ScheduleLate")
def _(world: World) -> Iterator[int]:
    world.schedule("tidy-streams", late_s=400)
    yield 10


@scenario("CrawlLate")
def _(world: World) -> Iterator[int]:
    world.execute("DELETE FROM crawl_runs")
    world.crawl("complete", ended_hours_ago=27)
    yield 5


@scenario("CrawlFailed")
def _(world: World) -> Iterator[int]:
    world.crawl("incomplete", ended_hours_ago=1)
    yield 10


@scenario("RateLimitExhausted")
def _(world: World) -> Iterator[int]:
    bucket = TokenBucket(world.client, "test", jitter=lambda: 0.0, sleep=lambda _s: None)
    for _minute in range(8):
        grant = bucket.acquire("GET /markets", 300)
        bucket.close_for_a_moment(grant)
        yield 1


@scenario("RestFailing")
def _(world: World) -> Iterator[int]:
    for _minute in range(5):
        counters.add(world.client, {(Counter.REST_REQUESTS, ("kalshi", "GET /markets", "503")): 5})
        yield 1


@scenario("RedisMemoryNearFull")
def _(world: World) -> Iterator[int]:
    used = world.client.info("memory")["used_memory"]  # type: ignore[index]
    world.client.config_set("maxmemory", int(used * 1.1))
    yield 10


@scenario("RedisNotDurable")
def _(world: World) -> Iterator[int]:
    world.client.config_set("appendonly", "no")
    yield 10


_Disk = namedtuple("_Disk", "f_bavail f_blocks f_frsize")


@scenario("DiskNearFull")
def _(world: World) -> Iterator[int]:
    # The one thing that is not caused for real: filling a disk would be felt by others.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(services.os, "statvfs", lambda _path: _Disk(9, 100, 4096))
        yield 10


@scenario("PartitionsMissing")
def _(world: World) -> Iterator[int]:
    world.execute(
        "DO $$ DECLARE day regclass; BEGIN FOR day IN SELECT inhrelid FROM pg_inherits"
        " WHERE inhparent = 'ticks'::regclass LOOP EXECUTE 'DROP TABLE ' || day; END LOOP; END $$"
    )
    yield 15


@scenario("DatabaseConnectionsNearLimit")
def _(world: World) -> Iterator[int]:
    with ExitStack() as stack:
        for _connection in range(85):
            stack.enter_context(closing(psycopg2.connect(world.database_url)))
        yield 10


@scenario("RedisUnreachable")
def _(world: World) -> Iterator[int]:
    world.read_from(redis_url="redis://127.0.0.1:1/0")
    yield 10


@scenario("DatabaseUnreachable")
def _(world: World) -> Iterator[int]:
    world.read_from(database_url="postgresql://hadron@127.0.0.1:1/hadron")
    yield 10


@scenario("MetricsIncomplete")
def _(world: World) -> Iterator[int]:
    world.execute("ALTER TABLE crawl_runs RENAME TO hidden")
    yield 10
    world.execute("ALTER TABLE hidden RENAME TO crawl_runs")


@scenario("MetricsDown")
def _(world: World) -> Iterator[int]:
    world.is_served = False
    yield 10
