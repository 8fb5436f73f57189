"""The live view of ``hadron up``, and its final account."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import redis
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from hadron_tasks.cli.output import sheet
from hadron_tasks.errors import StoreUnavailable
from hadron_tasks.local.reconcile import VenueAccount
from hadron_tasks.status import (
    StoreStatus,
    StreamStatus,
    read_store,
    read_streams,
    recent_latency_ms,
)
from hadron_tasks.store.session import engine_for, raw_connection


@dataclass(frozen=True, slots=True)
class _Reading:
    at: float
    streams: list[StreamStatus]
    stores: list[StoreStatus]


@dataclass(frozen=True, slots=True)
class VenueRow:
    """One venue between two readings."""

    venue: str
    frames_s: float
    ticks_s: float
    backlog: int
    p50_ms: float | None
    p99_ms: float | None
    ticks: int
    dead_letters: int
    open_gaps: int
    connections: str


class FleetView:
    """Reads the fleet's state and shows what changed since the reading before."""

    def __init__(self, redis_url: str, database_url: str, venues: Sequence[str]) -> None:
        self._redis = redis.Redis.from_url(redis_url, socket_timeout=3)
        self._engine = engine_for(database_url)
        self._venues = venues
        self._before: _Reading | None = None
        self._trouble = ""

    def __enter__(self) -> FleetView:
        return self

    def __exit__(self, *_: object) -> None:
        self._redis.close()

    def rows(self) -> list[VenueRow]:
        """One row a venue; the last known ones' absence means a service is away."""
        try:
            with raw_connection(self._engine) as connection:
                stores = read_store(connection, self._venues)
            now = _Reading(time.monotonic(), read_streams(self._redis, self._venues), stores)
        except (redis.RedisError, StoreUnavailable) as error:
            self._trouble = str(error).split("\n", 1)[0]
            return []
        self._trouble = ""
        before, self._before = self._before or now, now
        elapsed = max(now.at - before.at, 1e-6)
        return [
            _row(*parts, elapsed)
            for parts in zip(before.streams, now.streams, before.stores, now.stores, strict=True)
        ]

    def render(self) -> RenderableType:
        """The view as a table, for a terminal."""
        shown = sheet(
            "Hadron",
            [
                {
                    "venue": row.venue,
                    "frames/s": row.frames_s,
                    "ticks/s": row.ticks_s,
                    "backlog": row.backlog,
                    "p50 ms": row.p50_ms,
                    "p99 ms": row.p99_ms,
                    "ticks stored": row.ticks,
                    "dead letters": row.dead_letters,
                    "open gaps": row.open_gaps,
                    "connections": row.connections,
                }
                for row in self.rows()
            ],
        )
        note = self._trouble or "Ctrl-C stores what is on its way, stops, and accounts for it."
        return Group(shown, Text(note, style="yellow" if self._trouble else "dim"))

    def line(self) -> str:
        """The view as one line, where there is no terminal."""
        rows = self.rows()
        if not rows:
            return self._trouble or "starting"
        return "   ".join(
            f"{r.venue}: {r.frames_s:,.0f} frames/s, {r.ticks_s:,.0f} ticks/s, "
            f"backlog {r.backlog:,}, p50 {_ms(r.p50_ms)}, p99 {_ms(r.p99_ms)}, "
            f"stored {r.ticks:,}, dead {r.dead_letters}, gaps {r.open_gaps}, {r.connections}"
            for r in rows
        )


def _row(
    stream_before: StreamStatus,
    stream: StreamStatus,
    store_before: StoreStatus,
    store: StoreStatus,
    elapsed_s: float,
) -> VenueRow:
    live = sum(one.state == "live" for one in stream.connections)
    return VenueRow(
        venue=stream.venue,
        # A restarted streamer counts from 0 again.
        frames_s=max(0, stream.frames - stream_before.frames) / elapsed_s,
        ticks_s=(store.ticks - store_before.ticks) / elapsed_s,
        backlog=stream.backlog,
        p50_ms=recent_latency_ms(stream_before.latency, stream.latency, 0.5),
        p99_ms=recent_latency_ms(stream_before.latency, stream.latency, 0.99),
        ticks=store.ticks,
        dead_letters=store.dead_letters,
        open_gaps=store.open_gaps,
        connections=f"{live} of {len(stream.connections)} connections live",
    )


def _ms(latency: float | None) -> str:
    return "-" if latency is None else f"{latency:,.0f} ms"


def account_table(accounts: list[VenueAccount]) -> Table:
    """The final account: every message sent, and what became of it."""
    return sheet(
        "Account of this run",
        [
            {
                "venue": one.venue,
                "messages sent": one.sent,
                "frames received": one.frames_received,
                "stored": one.stored,
                "stored twice": one.duplicates,
                "dead letters": one.dead_letters,
                "control messages": one.control,
                "messages of unknown type": one.unknown,
                "delivered again": one.redelivered,
                "gaps": one.gaps,
                "missing": None if one.sent is None else one.missing,
                "missing outside every gap": (
                    None if one.sent is None else one.missing_unexplained
                ),
            }
            for one in accounts
        ],
    )
