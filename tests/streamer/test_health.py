"""Reports."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import redis.asyncio as redis
from streamer_harness import Recorded

from hadron_tasks.feed_health import HEALTH_KEY, ConnectionHealth, ConnectionState
from hadron_tasks.local.redis_server import RedisServer
from streamer.health import purge_waiting, waiting_name, write_reports

NOW = 1_800_000_000_000_000_000
SECOND = 1_000_000_000


def report(**changes: Any) -> ConnectionHealth:
    fields: dict[str, Any] = {
        "venue": "kalshi",
        "connection": "kalshi-1",
        "streamer": "here:1",
        "state": ConnectionState.LIVE,
        "reported_ns": NOW - SECOND,
        "last_heard_ns": NOW - SECOND,
    }
    return ConnectionHealth(**(fields | changes))


def test_reports_of_streamers_that_died_waiting_are_dropped(
    redis_server: RedisServer, recorded: Recorded
) -> None:
    async def scene() -> None:
        client = redis.Redis.from_url(redis_server.url)
        await write_reports(client, "kalshi", "here:1", [])
        await write_reports(client, "kalshi", "here:2", [])
        old = report(connection="kalshi-1", reported_ns=1)
        dead = report(connection=waiting_name("kalshi", "gone:1"), reported_ns=1)
        await write_reports(client, "kalshi", "here:2", [old, dead])
        await purge_waiting(client, 60.0)
        await client.aclose()

    asyncio.run(scene())
    assert set(recorded.client.hkeys(HEALTH_KEY)) == {b"kalshi-1", b"kalshi@here:1"}
    assert recorded.reports()["kalshi@here:1"].state is ConnectionState.WAITING_FOR_KEY
    assert recorded.reports()["kalshi@here:1"].reported_ns <= time.time_ns()
