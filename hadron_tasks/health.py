"""Whether a part of the fleet is well, judged from what it tells in Redis. Pure.

Each check returns what is wrong, in words with a remedy; nothing when all is well. They are what
``hadron health`` and the containers' health checks ask.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime

from hadron_tasks.beat_health import NOT_TICKING_AFTER_S
from hadron_tasks.feed_health import (
    REPORT_STALE_AFTER_S,
    ConnectionHealth,
    ConnectionState,
    is_fresh,
)
from hadron_tasks.venues.trading_hours import is_trading
from hadron_tasks.worker_health import REPORT_STALE_AFTER_S as WORKER_STALE_AFTER_S
from hadron_tasks.worker_health import WorkerReport

UNHEARD_AFTER_S = 60.0
"""A live connection that received nothing for so long, not even a ping."""
SILENT_AFTER_S = 300.0
"""A streamer that received no data from a venue for so long while the venue trades."""


def streamer_faults(
    reports: Iterable[ConnectionHealth],
    host: str,
    now_ns: int,
    *,
    unheard_after_s: float = UNHEARD_AFTER_S,
    silent_after_s: float = SILENT_AFTER_S,
    classes: Mapping[str, Collection[str]] | None = None,
) -> list[str]:
    """Why a host's streamers are not well.

    One that waits for a free key is well: it stands by for another.

    Args:
        reports: Of the whole fleet.
        host: The machine or container.
        now_ns: Nanoseconds since the Unix epoch.
        classes: Asset classes recorded of a venue, where its trading hours depend on them.
    """
    mine = [one for one in reports if one.streamer.rpartition(":")[0] == host]
    fresh = [one for one in mine if is_fresh(one, now_ns)]
    if not fresh:
        return [
            f"No streamer of this host ({host}) has reported in the last "
            f"{REPORT_STALE_AFTER_S:.0f} s. Is it running, and with the same HADRON_REDIS_URL?"
        ]
    faults = [fault for one in fresh if (fault := _connection_fault(one, now_ns, unheard_after_s))]
    return faults or _silences(fresh, now_ns, silent_after_s, classes or {})


def worker_faults(
    reports: Iterable[WorkerReport], host: str, waiting: Mapping[str, int], now_ns: int
) -> list[str]:
    """Why a host's worker nodes are not well.

    Args:
        reports: Of the whole fleet.
        host: The machine or container.
        waiting: Messages in each queue.
        now_ns: Nanoseconds since the Unix epoch.
    """
    mine = [one for one in reports if one.host == host]
    fresh = [one for one in mine if one.is_fresh(now_ns)]
    if not fresh:
        return [
            f"No worker of this host ({host}) has reported in the last "
            f"{WORKER_STALE_AFTER_S:.0f} s: it does not run, or cannot reach the broker. Look at "
            "its log, and at HADRON_REDIS_URL."
        ]
    return [
        f"{one.node} has a process free and takes nothing off its queues, although messages "
        f"wait ({_counted(one, waiting)}). Restart it."
        for one in fresh
        if one.is_stuck(waiting, now_ns)
    ]


def beat_faults(tick_age_s: float | None) -> list[str]:
    """Why the schedule does not run; a beat that stands by is well while another ticks."""
    if tick_age_s is None:
        return ["No beat has ever ticked. Start one: celery -A hadron_tasks.app beat"]
    if tick_age_s > NOT_TICKING_AFTER_S:
        return [
            f"No beat has ticked for {tick_age_s:.0f} s. Restart it; what was missed runs once."
        ]
    return []


def _connection_fault(one: ConnectionHealth, now_ns: int, unheard_after_s: float) -> str | None:
    name, state = one.connection, one.state
    if state in (ConnectionState.WAITING_FOR_KEY, ConnectionState.STOPPED):
        return None
    if state is ConnectionState.AUTHENTICATION_REFUSED:
        return (
            f"{name}: the exchange refused the credentials ({one.last_error}). "
            "Check the key's variables; the log names them."
        )
    if state is not ConnectionState.LIVE:
        why = f" ({one.last_error})" if one.last_error else ""
        return f"{name}: {state.value.replace('_', ' ')}{why}. It tries again by itself."
    heard_ns = max(one.last_heard_ns or 0, one.last_frame_ns or 0)
    if now_ns - heard_ns > unheard_after_s * 1e9:
        return (
            f"{name}: nothing received for {(now_ns - heard_ns) / 1e9:.0f} s, not even a ping. "
            "It reconnects after HADRON_STALE_AFTER_S."
        )
    return None


def _silences(
    fresh: list[ConnectionHealth],
    now_ns: int,
    silent_after_s: float,
    classes: Mapping[str, Collection[str]],
) -> list[str]:
    """Venues whose live connections all hear pings and no data, although the venue trades."""
    now = datetime.fromtimestamp(now_ns / 1e9, UTC)
    faults = []
    for venue in sorted({one.venue for one in fresh}):
        live = [o for o in fresh if o.venue == venue and o.state is ConnectionState.LIVE]
        # Since the last frame, or since it was connected, if none has come yet.
        last_ns = max((o.last_frame_ns or o.connected_ns or now_ns for o in live), default=now_ns)
        silent_s = (now_ns - last_ns) / 1e9
        if silent_s > silent_after_s and is_trading(venue, classes.get(venue, ()), now):
            faults.append(
                f"{venue}: no data for {silent_s:.0f} s although it trades now. Is anything "
                "subscribed? See 'hadron status', and the exchange's own status page."
            )
    return faults


def _counted(report: WorkerReport, waiting: Mapping[str, int]) -> str:
    return ", ".join(f"{queue}: {waiting[queue]}" for queue in report.queues if waiting.get(queue))
