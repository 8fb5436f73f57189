"""What every connection tells about itself in Redis, for ``hadron status``, metrics and checks.

One hash for the fleet, a field a connection, so one HGETALL shows them all. Streamers write it
every second; a report older than :data:`REPORT_STALE_AFTER_S` is of a streamer that is gone.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, ValidationError

HEALTH_KEY = "hadron:feed:health"
"""Redis hash: connection name -> :class:`ConnectionHealth` as JSON."""

REPORT_STALE_AFTER_S = 10.0


class ConnectionState(StrEnum):
    """Where a connection stands."""

    WAITING_FOR_KEY = "waiting_for_key"
    CONNECTING = "connecting"
    SUBSCRIBING = "subscribing"
    LIVE = "live"
    BACKING_OFF = "backing_off"
    AUTHENTICATION_REFUSED = "authentication_refused"
    STOPPED = "stopped"


class ConnectionHealth(BaseModel):
    """One connection's report. Counters run since its streamer process started."""

    model_config = ConfigDict(extra="ignore")

    venue: str
    connection: str
    streamer: str
    """The process that holds it: ``host:pid``."""
    state: ConnectionState
    reported_ns: int
    """When this report was made, nanoseconds since the Unix epoch."""
    connected_ns: int | None = None
    last_frame_ns: int | None = None
    hole_from_ns: int | None = None
    """Since when something of what it carries is missing; None while its feed is whole."""
    last_heard_ns: int | None = None
    """When anything was last received, pings included."""
    frames: int = 0
    bytes: int = 0
    reconnects: int = 0
    authentication_failures: int = 0
    gaps: int = 0
    spool_bytes: int = 0
    subscriptions: int = 0
    """Channels confirmed by the exchange."""
    markets: int = 0
    """Order books confirmed by the exchange."""
    last_error: str = ""
    frames_by_type: dict[str, int] = {}
    bytes_by_type: dict[str, int] = {}
    exchange_latency: dict[int, int] = {}
    """From the exchange's time of a message to its receipt, of samples: bucket of
    :func:`hadron_tasks.ingest.latency.bucket_of` to count."""


def is_fresh(report: ConnectionHealth, now_ns: int | None = None) -> bool:
    """Whether the streamer that wrote the report is still there."""
    now = time.time_ns() if now_ns is None else now_ns
    return now - report.reported_ns < REPORT_STALE_AFTER_S * 1e9


def parse_reports(documents: Iterable[bytes]) -> list[ConnectionHealth]:
    """The reports that can be read, by connection; those of another version say nothing here."""
    found = []
    for document in documents:
        try:
            found.append(ConnectionHealth.model_validate_json(document))
        except ValidationError:
            continue
    return sorted(found, key=lambda report: report.connection)
