"""When drain tasks are asked for."""

from __future__ import annotations

import asyncio

import pytest
from streamer_harness import PATIENCE_S, Recorded

from hadron_tasks.local.redis_server import RedisServer
from hadron_tasks.pokes import DRAIN_QUEUE, DrainPoker
from hadron_tasks.raw_stream import ENTRIES_PER_DRAIN
from streamer.append_link import Appended
from streamer.fleet import POKE_EVERY_S, Pokes


@pytest.fixture
def poker(redis_server: RedisServer) -> DrainPoker:
    return DrainPoker(redis_server.url)


def test_a_poke_for_each_drain_that_is_wanting_but_not_too_many(
    poker: DrainPoker, recorded: Recorded
) -> None:
    async def scene() -> None:
        pokes = Pokes(poker, max_parallel=4)
        queued = lambda: recorded.client.llen(DRAIN_QUEUE)  # noqa: E731
        pokes.on_appended("kalshi", Appended(backlog=0, active_drains=0))
        pokes.on_appended("kalshi", Appended(backlog=10, active_drains=1))
        await pokes.close(PATIENCE_S)
        assert queued() == 0
        for _ in range(5):
            pokes.on_appended("kalshi", Appended(backlog=10, active_drains=0))
        await pokes.close(PATIENCE_S)
        assert queued() == 1
        await asyncio.sleep(POKE_EVERY_S)
        pokes.on_appended("kalshi", Appended(backlog=2 * ENTRIES_PER_DRAIN, active_drains=2))
        pokes.on_appended("polygon", Appended(backlog=1, active_drains=0))
        await pokes.close(PATIENCE_S)
        assert queued() == 3

    asyncio.run(scene())
    poker.close()


def test_a_broker_that_is_away_disturbs_nothing() -> None:
    async def scene() -> None:
        pokes = Pokes(DrainPoker("redis://127.0.0.1:1/0"), max_parallel=4)
        pokes.on_appended("kalshi", Appended(backlog=10, active_drains=0))
        await pokes.close(PATIENCE_S)

    asyncio.run(scene())
