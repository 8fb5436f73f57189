"""Readings of the feeds: what every streamer tells of its connections."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import cast

import redis

from hadron_tasks.feed_health import (
    HEALTH_KEY,
    ConnectionHealth,
    ConnectionState,
    is_fresh,
    parse_reports,
)
from hadron_tasks.metrics.exposition import Distribution, Reading, Sample
from hadron_tasks.settings import Settings
from hadron_tasks.venues.trading_hours import is_open, is_trading

OPEN_STATES = (ConnectionState.SUBSCRIBING, ConnectionState.LIVE)


def read_feeds(client: redis.Redis, settings: Settings) -> Iterator[Reading]:
    """The state of every connection and of the venues as a whole.

    Raises:
        redis.RedisError: Redis cannot be reached.
    """
    stored = cast("dict[bytes, bytes]", client.hgetall(HEALTH_KEY))
    reports = parse_reports(stored.values())
    now_ns = time.time_ns()
    classes = {"polygon": settings.polygon_classes}
    for venue in settings.venues:
        mine = [one for one in reports if one.venue == venue]
        yield from venue_readings(venue, mine, classes.get(venue, ()), now_ns)
    for report in reports:
        if is_fresh(report, now_ns):
            yield from connection_readings("hadron_feed", report, now_ns)
            yield from _fleet_readings(report, now_ns)


def venue_readings(
    venue: str, reports: Sequence[ConnectionHealth], classes: Collection[str], now_ns: int
) -> Iterator[Reading]:
    """What a venue's reports, those of dead streamers too, tell of the venue as a whole."""
    fresh = [one for one in reports if is_fresh(one, now_ns)]
    live = sum(one.state is ConnectionState.LIVE for one in fresh)
    last_ns = max((one.last_frame_ns or 0 for one in reports), default=0)
    silence_s = _age_s(last_ns, now_ns) if last_ns else math.inf
    now = datetime.fromtimestamp(now_ns / 1e9, UTC)
    label = (venue,)
    yield Sample("hadron_venue_live_connections", label, live)
    yield Sample("hadron_venue_streamers", label, len({one.streamer for one in fresh}))
    yield Sample("hadron_venue_trading", label, is_trading(venue, classes, now))
    yield Sample("hadron_venue_silence_seconds", label, silence_s)
    # A streamer has one spool a venue, which each of its connections reports.
    spools = {one.streamer: one.spool_bytes for one in fresh}
    for streamer, size in spools.items():
        yield Sample("hadron_spool_bytes", (venue, streamer), size)


def connection_readings(prefix: str, report: ConnectionHealth, now_ns: int) -> Iterator[Reading]:
    """What a connection counts, under the names that begin with ``prefix``."""
    label = (report.venue, report.connection)
    for state in ConnectionState:
        yield Sample(f"{prefix}_connection_state", (*label, state.value), state is report.state)
    yield from _by_channel(f"{prefix}_frames_total", label, report.frames_by_type)
    yield from _by_channel(f"{prefix}_bytes_total", label, report.bytes_by_type)
    yield Sample(f"{prefix}_reconnects_total", label, report.reconnects)
    yield Sample(f"{prefix}_authentication_failures_total", label, report.authentication_failures)
    if report.last_frame_ns:
        age_s = _age_s(report.last_frame_ns, now_ns)
        yield Sample(f"{prefix}_last_frame_age_seconds", label, age_s)
    if report.exchange_latency:
        yield Distribution(
            f"{prefix}_exchange_latency_seconds", label, Counter(report.exchange_latency)
        )


def _fleet_readings(report: ConnectionHealth, now_ns: int) -> Iterator[Reading]:
    label = (report.venue, report.connection)
    yield Sample("hadron_feed_holes_total", label, report.gaps)
    yield Sample("hadron_feed_subscriptions", label, report.subscriptions)
    yield Sample("hadron_feed_books", label, report.markets)
    if report.connected_ns and report.state in OPEN_STATES:
        age_s = _age_s(report.connected_ns, now_ns)
        yield Sample("hadron_feed_connection_age_seconds", label, age_s)
    if report.venue == "polygon":
        asset_class = report.connection.removeprefix("polygon-")
        now = datetime.fromtimestamp(now_ns / 1e9, UTC)
        yield Sample("hadron_feed_trading", label, is_open(asset_class, now))


def _by_channel(name: str, label: tuple[str, str], counts: Mapping[str, int]) -> Iterator[Reading]:
    for channel, count in sorted(counts.items()):
        yield Sample(name, (*label, channel), count)


def _age_s(then_ns: int, now_ns: int) -> float:
    return max(0.0, (now_ns - then_ns) / 1e9)
