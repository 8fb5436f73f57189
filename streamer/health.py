"""What a streamer reports of its connections, and the check of a container made from it."""

from __future__ import annotations

import socket
import time
from collections.abc import Awaitable, Iterable, Sequence
from typing import cast

import redis.asyncio as redis
from pydantic import ValidationError

from hadron_tasks.feed_health import (
    HEALTH_KEY,
    REPORT_STALE_AFTER_S,
    ConnectionHealth,
    ConnectionState,
)

DEFAULT_MAX_AGE_S = 60.0
_WAITING_MARK = "@"


class Report(ConnectionHealth):
    """A connection's report, with what only the check needs."""

    last_heard_ns: int | None = None
    """When anything was last received, pings included."""


def streamer_prefix() -> str:
    """What the names of this host's streamers begin with."""
    return f"{socket.gethostname()}:"


def parse_reports(values: Iterable[bytes]) -> list[Report]:
    """The reports that can be read; others are of another version and say nothing here."""
    found = []
    for value in values:
        try:
            found.append(Report.model_validate_json(value))
        except ValidationError:
            continue
    return found


def faults(reports: Iterable[Report], host: str, now_ns: int, max_age_s: float) -> list[str]:
    """Why this host's streamers are not healthy, each with a remedy; empty when they are.

    Args:
        reports: Of the whole fleet.
        host: What the names of this host's streamers begin with (``host:``).
        now_ns: Nanoseconds since the epoch.
        max_age_s: How long a live connection may have received nothing, not even a ping.
    """
    mine = [report for report in reports if report.streamer.startswith(host)]
    fresh = [r for r in mine if now_ns - r.reported_ns <= REPORT_STALE_AFTER_S * 1e9]
    if not fresh:
        return [
            f"No streamer of this host ({host.rstrip(':')}) has reported in the last "
            f"{REPORT_STALE_AFTER_S:.0f} s. Is it running, and with the same HADRON_REDIS_URL?"
        ]
    return [fault for report in fresh if (fault := _fault(report, now_ns, max_age_s))]


async def write_reports(
    client: redis.Redis, venue: str, streamer: str, reports: Sequence[Report]
) -> None:
    """Write a process' reports of one venue; without any connection, that it waits for a key."""
    waiting = waiting_name(venue, streamer)
    pipeline = client.pipeline(transaction=False)
    for report in reports:
        pipeline.hset(HEALTH_KEY, report.connection, report.model_dump_json())
    if reports:
        pipeline.hdel(HEALTH_KEY, waiting)
    else:
        report = Report(
            venue=venue,
            connection=waiting,
            streamer=streamer,
            state=ConnectionState.WAITING_FOR_KEY,
            reported_ns=time.time_ns(),
        )
        pipeline.hset(HEALTH_KEY, waiting, report.model_dump_json())
    await pipeline.execute()


async def withdraw(
    client: redis.Redis, venue: str, streamer: str, reports: Sequence[Report]
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


def _fault(report: Report, now_ns: int, max_age_s: float) -> str | None:
    name, state = report.connection, report.state
    if state in (ConnectionState.WAITING_FOR_KEY, ConnectionState.STOPPED):
        return None
    if state is ConnectionState.AUTHENTICATION_REFUSED:
        return (
            f"{name}: the exchange refused the credentials ({report.last_error}). "
            "Check the key's variables; the log names them."
        )
    if state is not ConnectionState.LIVE:
        why = f" ({report.last_error})" if report.last_error else ""
        return f"{name}: {state.value.replace('_', ' ')}{why}. It tries again by itself."
    heard = max(report.last_heard_ns or 0, report.last_frame_ns or 0)
    if now_ns - heard > max_age_s * 1e9:
        return (
            f"{name}: nothing received for {(now_ns - heard) / 1e9:.0f} s, not even a ping. "
            "It reconnects after HADRON_STALE_AFTER_S."
        )
    return None
