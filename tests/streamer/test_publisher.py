"""Publishing to a real Redis that goes away, loses writes, fills up and comes back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from streamer_harness import Case, Recorded

from hadron_tasks.local.redis_server import RedisServer
from hadron_tasks.raw_stream import GapCause, RawFrame
from streamer.append_link import CONTINUITY_KEY, Appended
from streamer.continuity import gap_record
from streamer.spool import encode


async def in_thread(work: Callable[[], object]) -> None:
    await asyncio.to_thread(work)


def test_frames_arrive_untouched_and_soon(run: Callable[..., bool], recorded: Recorded) -> None:
    odd = [b"", b"\x00\xff\r\n$5\r\n*1\r\n", "é€".encode(), b"x" * 5_000_000]
    latencies: list[float] = []
    plain: list[float] = []
    appended = asyncio.Event()

    def append_plainly() -> None:
        pipeline = recorded.client.pipeline(transaction=False)
        for n in range(50):
            pipeline.xadd("plain", {"frame": f"{n}".ljust(200)})
        pipeline.execute()

    async def act(case: Case) -> None:
        for frame in odd:
            case.publisher.put((frame, 123, b"kalshi-1", b""))
        await case.settled()
        for _ in range(20):
            appended.clear()
            began = time.perf_counter()
            case.source.put(50)
            await appended.wait()
            latencies.append(time.perf_counter() - began)
            assert case.publisher.idle
            began = time.perf_counter()
            append_plainly()
            plain.append(time.perf_counter() - began)

    assert run(act, on_appended=lambda _venue, _appended: appended.set())
    entries = recorded.entries()
    assert [entry.data for entry in entries[:4]] == odd
    assert entries[0] == RawFrame(b"", 123, "kalshi-1")
    # A machine that is slow in all is as slow with a batch of anybody's.
    assert median(latencies) < max(0.05, 5 * median(plain))


def test_the_backlog_and_the_drains_at_work_are_told(
    run: Callable[..., bool], recorded: Recorded
) -> None:
    told: list[Appended] = []
    now = time.time()
    recorded.client.zadd("hadron:drains:kalshi", {"dead": now - 5, "one": now + 60, "two": now + 9})

    async def act(case: Case) -> None:
        case.source.put(7)
        await case.settled()

    assert run(act, on_appended=lambda _venue, appended: told.append(appended))
    # The seven came at once, so they are one entry.
    assert told[-1] == Appended(backlog=1, active_drains=2)


def test_redis_away_for_seconds_loses_nothing_and_keeps_the_order(
    run: Callable[..., bool], recorded: Recorded, redis_server: RedisServer
) -> None:
    sent: list[bytes] = []

    async def act(case: Case) -> None:
        await case.trickle(1000)
        await in_thread(redis_server.stop)
        await case.trickle(4000)
        await case.until(lambda: case.publisher.spool_bytes > 0)
        await in_thread(redis_server.start)
        await case.trickle(2000)
        await case.settled()
        sent.extend(case.source.sent)

    assert run(act)
    assert recorded.holds(sent)
    assert recorded.data_in_order(sent)
    assert int(recorded.client.hget(CONTINUITY_KEY, "kalshi-1") or 0) > 0


def test_redis_killed_again_and_again_loses_nothing(
    run: Callable[..., bool], recorded: Recorded, redis_server: RedisServer
) -> None:
    sent: list[bytes] = []

    async def act(case: Case) -> None:
        for _ in range(3):
            await case.trickle(800)
            await in_thread(redis_server.kill)
            await case.trickle(400)
            await in_thread(redis_server.start)
        await case.trickle(600)
        await case.settled()
        sent.extend(case.source.sent)

    assert run(act)
    assert recorded.holds(sent)
    assert recorded.data_in_order(sent)


def test_acknowledged_writes_that_a_crash_lost_are_appended_again(
    run: Callable[..., bool], recorded: Recorded, redis_server: RedisServer
) -> None:
    """A machine's crash loses the end of the append-only file: cut it, as the crash would."""
    sent: list[bytes] = []
    lost: list[bytes] = []

    async def act(case: Case) -> None:
        case.source.put(500)
        await case.settled()
        redis_server.kill()
        (file,) = [p for p in redis_server.directory.rglob("appendonly*.aof*") if p.stat().st_size]
        with file.open("r+b") as aof:
            aof.truncate(file.stat().st_size // 2)
        redis_server.start()
        lost.extend(set(case.source.sent) - set(recorded.frames()))
        await case.until(lambda: recorded.holds(case.source.sent))
        sent.extend(case.source.sent)

    assert run(act)
    assert len(lost) > 100
    assert recorded.holds(sent)


def test_above_the_memory_mark_frames_wait_on_disk(
    run: Callable[..., bool], recorded: Recorded
) -> None:
    sent: list[bytes] = []

    async def act(case: Case) -> None:
        case.source.put(10)
        await case.settled()
        used = recorded.client.info("memory")["used_memory"]
        recorded.client.config_set("maxmemory", int(used * 1.1))
        await asyncio.to_thread(recorded.wait_until_publishers_looked, 1)
        case.source.put(500)
        await case.until(lambda: case.publisher.spool_bytes > 0)
        assert len(recorded.frames()) == 10
        recorded.client.config_set("maxmemory", 0)
        case.source.put(10)
        await case.settled()
        sent.extend(case.source.sent)

    assert run(act)
    assert recorded.frames() == sent


def test_a_redis_out_of_memory_is_waited_for(run: Callable[..., bool], recorded: Recorded) -> None:
    sent: list[bytes] = []

    async def act(case: Case) -> None:
        case.source.put(10)
        await case.settled()
        recorded.client.config_set("maxmemory", recorded.client.info("memory")["used_memory"] + 1)
        case.source.put(3000)
        await case.until(lambda: case.publisher.spool_bytes > 0)
        recorded.client.config_set("maxmemory", 0)
        await case.settled()
        sent.extend(case.source.sent)

    assert run(act, memory_mark=1.0)
    assert recorded.holds(sent)
    assert recorded.data_in_order(sent)


def test_a_full_spool_says_how_many_are_lost(
    run: Callable[..., bool], recorded: Recorded, redis_server: RedisServer
) -> None:
    room = 20_000
    sent: list[bytes] = []

    async def act(case: Case) -> None:
        case.source.put(10)
        await case.settled()
        redis_server.stop()
        while case.publisher.spool_bytes < room:
            case.source.put(10)
            await case.until(lambda: case.publisher.queued == 0)
        for _ in range(10):
            case.source.put(10)
            await case.until(lambda: case.publisher.queued == 0)
        redis_server.start()
        await case.settled()
        case.source.put(10)
        await case.settled()
        sent.extend(case.source.sent)

    assert run(act, spool_max_bytes=room)
    stored = recorded.frames()
    missing = set(sent) - set(stored)
    assert 0 < len(missing) < len(sent)
    gaps = recorded.gaps()
    assert {(gap.cause, gap.connection) for gap in gaps} == {(GapCause.SPOOL_LOSS, "kalshi-1")}
    assert sum(gap.missing or 0 for gap in gaps) == len(missing)
    assert recorded.data_in_order([frame for frame in sent if frame in set(stored)])


def test_a_gap_that_a_full_spool_does_not_take_is_told_all_the_same(
    run: Callable[..., bool], recorded: Recorded, redis_server: RedisServer
) -> None:
    room = 20_000
    holes = [
        gap_record(
            venue="kalshi", connection=f"kalshi-{n}", cause=GapCause.DISCONNECT, from_ns=1, to_ns=2
        )
        for n in range(3)
    ]

    async def act(case: Case) -> None:
        case.source.put(10)
        await case.settled()
        redis_server.stop()
        for hole in holes:
            case.source.put(100)
            await case.until(lambda: case.publisher.spool_bytes >= room)
            await case.until(lambda: case.publisher.queued == 0)
            case.publisher.put_gap(hole)
            await case.until(lambda: case.publisher.queued == 0)
        redis_server.start()
        await case.settled()

    assert run(act, spool_max_bytes=room)
    gaps = recorded.gaps()
    assert any(gap.cause is GapCause.SPOOL_LOSS for gap in gaps)
    assert [gap for gap in gaps if gap.cause is GapCause.DISCONNECT] == holes


def test_stopping_without_redis_leaves_all_on_disk_for_the_next(
    run: Callable[..., bool], recorded: Recorded, redis_server: RedisServer
) -> None:
    first: list[bytes] = []
    second: list[bytes] = []

    async def before(case: Case) -> None:
        case.source.put(20)
        await case.settled()
        redis_server.stop()
        case.source.put(300)
        first.extend(case.source.sent)

    async def after(case: Case) -> None:
        case.source.sent.extend(first)
        case.source.put(20)
        await case.settled()
        second.extend(case.source.sent)

    assert not run(before)
    redis_server.start()
    assert run(after, streamer="host:2")
    assert recorded.holds(second)
    assert recorded.data_in_order(second)


def test_a_torn_spool_of_a_dead_streamer_gives_what_is_whole(
    run: Callable[..., bool], recorded: Recorded, tmp_path: Path
) -> None:
    orphan = tmp_path / "spool" / "dead"
    orphan.mkdir(parents=True)
    (orphan / "lock").touch()
    records = [encode((f"old {n}".encode(), 5, b"kalshi-2", b"")) for n in range(3)]
    (orphan / "00000001.seg").write_bytes(b"".join(records)[:-2])

    async def act(case: Case) -> None:
        case.source.put(1)
        await case.settled()

    assert run(act)
    assert recorded.frames()[:2] == [b"old 0", b"old 1"]
    assert len(recorded.frames()) == 3


def test_gap_records_keep_their_place_among_the_frames(
    run: Callable[..., bool], recorded: Recorded
) -> None:
    gap = gap_record(
        venue="kalshi", connection="kalshi-1", cause=GapCause.DISCONNECT, from_ns=1, to_ns=2
    )

    async def act(case: Case) -> None:
        case.source.put(2)
        case.publisher.put_gap(gap)
        case.source.put(2)
        await case.settled()

    assert run(act)
    assert recorded.gaps() == [gap]
    assert [type(entry).__name__ for entry in recorded.entries()] == [
        "RawFrame",
        "RawFrame",
        "GapEntry",
        "RawFrame",
        "RawFrame",
    ]
