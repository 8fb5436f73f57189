"""Writing what a streamer reports of its connections."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Sequence
from typing import cast

import redis.asyncio as redis

from hadron_tasks.feed_health import (
    HEALTH_KEY,
    ConnectionHealth,
    ConnectionState,
    parse_reports,
)

_WAITING_MARK = "@"


async def write_reports(
    client: redis.Redis, venue: str, streamer: str, reports: Sequence[ConnectionHealth]
) -> None:
    """Write a process' reports of one venue; without any connection, that it waits for a key."""
    waiting = waiting_name(venue, streamer)
    pipeline = client.pipeline(transaction=False)
    for report in reports:
        pipeline.hset(HEALTH_KEY, report.connection, report.model_dump_json())
    if reports:
        pipeline.hdel(HEALTH_KEY, waiting)
    else:
        report = ConnectionHealth(
            venue=venue,
            connection=waiting,
            streamer=streamer,
            state=ConnectionState.WAITING_FOR_KEY,
            reported_ns=time.time_ns(),
        )
        pipeline.hset(HEALTH_KEY, waiting, report.model_dump_json())
    await pipeline.execute()


async def withdraw(
    client: redis.Redis, venue: str, streamer: str, reports: Sequence[ConnectionHealth]
) -> None:
    """Write a stopped process' last reports."""
    if reports:
        await write_reports(client, venue, streamer, reports)
    await _delete(client, waiting_name(venue, streamer))


async def purge_waiting(client: redis.Redis, older_than_s: float) -> None:
    """Drop the reports of streamers that died waiting: nobody else has their names."""
    values = await cast("Awaitable[dict[bytes, bytes]]", client.hgetall(HEALTH_KEY))
    oldest_ns = time.time_ns() - int(older_than_s * 1e9)
    for report in parse_reports(values.values()):
        if _WAITING_MARK in report.connection and report.reported_ns < oldest_ns:
            await _delete(client, report.connection)


def waiting_name(venue: str, streamer: str) -> str:
    """What a process that waits for a key of a venue reports as."""
    return f"{venue}{_WAITING_MARK}{streamer}"


async def _delete(client: redis.Redis, connection: str) -> None:
    await cast("Awaitable[int]", client.hdel(HEALTH_KEY, connection))
