"""Reports and the container's check."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
import redis.asyncio as redis
from streamer_harness import Recorded

from hadron_tasks.feed_health import HEALTH_KEY, ConnectionState
from hadron_tasks.local.redis_server import RedisServer
from streamer.health import Report, faults, purge_waiting, waiting_name, write_reports

NOW = 1_800_000_000_000_000_000
SECOND = 1_000_000_000


def report(**changes: Any) -> Report:
    fields: dict[str, Any] = {
        "venue": "kalshi",
        "connection": "kalshi-1",
        "streamer": "here:1",
        "state": ConnectionState.LIVE,
        "reported_ns": NOW - SECOND,
        "last_heard_ns": NOW - SECOND,
    }
    return Report(**(fields | changes))


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        ([report()], None),
        ([], "No streamer of this host"),
        ([report(streamer="elsewhere:1")], "No streamer of this host"),
        ([report(streamer="here2:1")], "No streamer of this host"),
        ([report(reported_ns=NOW - 11 * SECOND)], "No streamer of this host"),
        ([report(last_heard_ns=NOW - 40 * SECOND)], "nothing received for 40 s"),
        ([report(last_heard_ns=None, last_frame_ns=NOW - SECOND)], None),
        ([report(state=ConnectionState.WAITING_FOR_KEY, last_heard_ns=None)], None),
        ([report(state=ConnectionState.BACKING_OFF, last_error="reset")], "backing off (reset)"),
        ([report(state=ConnectionState.AUTHENTICATION_REFUSED)], "refused the credentials"),
        ([report(), report(connection="kalshi-2", last_heard_ns=NOW - 40 * SECOND)], "kalshi-2"),
        ([report(), report(streamer="here:2", reported_ns=NOW - 60 * SECOND)], None),
    ],
)
def test_faults(reports: list[Report], expected: str | None) -> None:
    found = faults(reports, "here:", NOW, 30.0)
    if expected is None:
        assert found == []
    else:
        assert len(found) == 1
        assert expected in found[0]


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
