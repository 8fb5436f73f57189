"""A Redis that comes back older than what it had acknowledged: what it forgot is told as a gap."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from streamer_harness import Case, Recorded

from hadron_tasks.local.redis_server import RedisServer
from hadron_tasks.raw_stream import FeedGap, GapCause, GapEntry, RawFrame, stream_key
from streamer.append_link import CONTINUITY_KEY

WINDOW_S = 0.2
"""How long these publishers can send again what Redis acknowledged."""

Run = Callable[..., bool]


class Backup:
    """Redis' data of an earlier time."""

    def __init__(self, server: RedisServer, recorded: Recorded, directory: Path) -> None:
        self._server = server
        self._copy = directory
        self.safe_until = int(recorded.client.hget(CONTINUITY_KEY, "kalshi-1") or 0)
        shutil.copytree(server.directory, directory)

    def restore(self) -> None:
        """In place of what Redis has now; Redis must be down."""
        shutil.rmtree(self._server.directory)
        shutil.copytree(self._copy, self._server.directory)
        self._server.start()


def the_gap(recorded: Recorded) -> FeedGap:
    """The only gap, told once or more often."""
    (gap,) = {gap.gap_id: gap for gap in recorded.gaps()}.values()
    assert (gap.cause, gap.connection, gap.channel) == (GapCause.REDIS_LOSS, "kalshi-1", None)
    return gap


def assert_covers(gap: FeedGap, recorded: Recorded, received_ns: dict[bytes, int]) -> None:
    """The gap is all that is missing, and no more of what could be sent again than its end."""
    lost = received_ns.keys() - set(recorded.frames())
    times = [received_ns[frame] for frame in lost]
    assert len(times) > 100
    assert gap.from_ns < min(times)
    assert gap.to_ns == max(times)


@pytest.mark.parametrize("meanwhile", [0, 1000], ids=["at once", "after a while"])
def test_what_an_older_redis_forgot_is_told(
    run: Run, recorded: Recorded, redis_server: RedisServer, tmp_path: Path, meanwhile: int
) -> None:
    async def act(case: Case) -> None:
        await case.flow(200)
        backup = Backup(redis_server, recorded, tmp_path / "backup")
        await case.flow(2000)
        redis_server.kill()
        await case.trickle(meanwhile)
        backup.restore()
        await case.flow(400)
        gap = the_gap(recorded)
        assert gap.from_ns == backup.safe_until
        assert_covers(gap, recorded, case.source.received_ns)
        assert case.publisher.losses_told > 0

    assert run(act, keep_acknowledged_s=WINDOW_S)


def test_what_an_older_redis_forgot_before_a_spool_is_told_by_who_publishes_the_spool(
    run: Run, recorded: Recorded, redis_server: RedisServer, tmp_path: Path
) -> None:
    received_ns: dict[bytes, int] = {}
    backups: list[Backup] = []

    async def dies(case: Case) -> None:
        await case.flow(200)
        backups.append(Backup(redis_server, recorded, tmp_path / "backup"))
        await case.flow(1000)
        redis_server.kill()
        case.source.put(300)
        received_ns.update(case.source.received_ns)

    async def follows(case: Case) -> None:
        await case.settled()

    assert not run(dies)
    backups[0].restore()
    assert run(follows, streamer="host:2")
    gap = the_gap(recorded)
    assert gap.from_ns == backups[0].safe_until
    assert_covers(gap, recorded, received_ns)
    # It stands before the frames that would make Redis say that all is safe until then.
    assert [type(entry) for entry in recorded.entries()[-301:-299]] == [GapEntry, RawFrame]


def test_an_ordinary_kill_of_redis_is_no_gap(
    run: Run, recorded: Recorded, redis_server: RedisServer
) -> None:
    sent: list[bytes] = []

    async def lives(case: Case) -> None:
        for _ in range(2):
            # A disk that syncs slowly keeps Redis' writes back for seconds; here they are in the
            # file before they are acknowledged, so that a kill loses none, however short the
            # window.
            recorded.client.config_set("appendfsync", "no")
            await case.trickle(1200)
            redis_server.kill()
            await case.trickle(200)
            redis_server.start()
        recorded.client.config_set("appendfsync", "no")
        await case.settled()
        await case.flow(200)
        redis_server.kill()
        case.source.put(100)
        sent.extend(case.source.sent)

    async def follows(case: Case) -> None:
        await case.settled()

    assert not run(lives, keep_acknowledged_s=WINDOW_S)
    redis_server.start()
    assert run(follows, streamer="host:2")
    assert recorded.holds(sent)
    assert recorded.gaps() == []


def test_what_is_sent_again_leaves_a_newer_word_on_a_feed_as_it_is(
    run: Run, recorded: Recorded, redis_server: RedisServer
) -> None:
    """Another streamer has the connection by now, and came first."""
    later_ns = time.time_ns() + 3600 * 10**9

    async def act(case: Case) -> None:
        await case.flow(200)
        redis_server.kill()
        shutil.rmtree(redis_server.directory)
        redis_server.start()
        recorded.client.hset(CONTINUITY_KEY, "kalshi-1", later_ns)
        await case.until(lambda: recorded.holds(case.source.sent))
        await case.settled()

    assert run(act)
    assert recorded.client.hget(CONTINUITY_KEY, "kalshi-1") == b"%d" % later_ns
    assert recorded.gaps() == []


def test_an_empty_redis_forgot_what_was_not_stored_yet(
    run: Run, recorded: Recorded, redis_server: RedisServer
) -> None:
    async def act(case: Case) -> None:
        await case.flow(200)
        stored = case.source.sent[-1]
        recorded.client.xtrim(stream_key("kalshi"), 0)  # as the drains do with what they stored
        await asyncio.to_thread(recorded.wait_until_publishers_looked, 1)
        began = time.time_ns()
        await case.flow(2000)
        redis_server.kill()
        shutil.rmtree(redis_server.directory)
        redis_server.start()
        await case.flow(200)
        gap = the_gap(recorded)
        assert case.source.received_ns[stored] <= gap.from_ns
        later = {f: at for f, at in case.source.received_ns.items() if at >= began}
        assert_covers(gap, recorded, later)

    assert run(act, keep_acknowledged_s=WINDOW_S)
