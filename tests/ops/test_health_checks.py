"""The checks of containers: what is wrong is told, and what is not wrong is not."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import redis

from hadron_tasks.feed_health import HEALTH_KEY, ConnectionHealth, ConnectionState
from hadron_tasks.health import beat_faults, streamer_faults, worker_faults
from hadron_tasks.local.redis_server import RedisServer
from hadron_tasks.worker_health import WorkerReport, read_reports, write_report

HADRON = str(Path(sys.executable).with_name("hadron"))
SECOND = 1_000_000_000
NOW = 1_800_000_000 * SECOND  # Friday 2027-01-15, 3 a.m. Eastern: Kalshi trades, stocks do not
MIDDAY = NOW + 9 * 3600 * SECOND


def report(**changes: Any) -> ConnectionHealth:
    fields: dict[str, Any] = {
        "venue": "kalshi",
        "connection": "kalshi-1",
        "streamer": "here:1",
        "state": ConnectionState.LIVE,
        "reported_ns": NOW - SECOND,
        "last_heard_ns": NOW - SECOND,
        "last_frame_ns": NOW - SECOND,
    }
    return ConnectionHealth(**(fields | changes))


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        ([report()], None),
        ([], "No streamer of this host"),
        ([report(streamer="elsewhere:1")], "No streamer of this host"),
        ([report(streamer="here2:1")], "No streamer of this host"),
        ([report(reported_ns=NOW - 11 * SECOND)], "No streamer of this host"),
        (
            [report(last_heard_ns=NOW - 40 * SECOND, last_frame_ns=None)],
            "nothing received for 40 s",
        ),
        ([report(last_heard_ns=None)], None),
        ([report(state=ConnectionState.WAITING_FOR_KEY, last_heard_ns=None)], None),
        ([report(state=ConnectionState.BACKING_OFF, last_error="reset")], "backing off (reset)"),
        ([report(state=ConnectionState.AUTHENTICATION_REFUSED)], "refused the credentials"),
        (
            [
                report(),
                report(
                    connection="kalshi-2",
                    last_heard_ns=NOW - 40 * SECOND,
                    last_frame_ns=NOW - 40 * SECOND,
                ),
            ],
            "kalshi-2",
        ),
        ([report(), report(streamer="here:2", reported_ns=NOW - 60 * SECOND)], None),
        # Pings alone are no data.
        ([report(last_frame_ns=NOW - 400 * SECOND)], "kalshi: no data for 400 s"),
        ([report(last_frame_ns=None, connected_ns=NOW - 400 * SECOND)], "no data for 400 s"),
        ([report(last_frame_ns=NOW - 200 * SECOND)], None),
        # One connection may carry only a quiet book.
        ([report(), report(connection="kalshi-2", last_frame_ns=NOW - 400 * SECOND)], None),
        # Stocks are silent at night.
        (
            [
                report(
                    venue="polygon",
                    connection="polygon-stocks",
                    last_frame_ns=NOW - 30_000 * SECOND,
                )
            ],
            None,
        ),
    ],
)
def test_streamers(reports: list[ConnectionHealth], expected: str | None) -> None:
    found = streamer_faults(
        reports, "here", NOW, unheard_after_s=30.0, classes={"polygon": ["stocks"]}
    )
    if expected is None:
        assert found == []
    else:
        assert len(found) == 1
        assert expected in found[0]


def test_stocks_that_are_silent_at_midday_are_told() -> None:
    silent = report(
        venue="polygon",
        connection="polygon-stocks",
        reported_ns=MIDDAY,
        last_heard_ns=MIDDAY,
        last_frame_ns=MIDDAY - 400 * SECOND,
    )
    found = streamer_faults([silent], "here", MIDDAY, classes={"polygon": ["stocks"]})
    assert found
    assert "polygon: no data for 400 s" in found[0]
    # Only crypto recorded would not be silent either; a class that is shut is.
    assert streamer_faults([silent], "here", MIDDAY, classes={"polygon": ["bonds"]}) == []


def node(**changes: Any) -> WorkerReport:
    fields: dict[str, Any] = {
        "node": "celery@here",
        "queues": ("drain", "maintenance"),
        "processes": 2,
        "active": 1,
        "received": 5,
        "last_received_ns": NOW - 90 * SECOND,
        "reported_ns": NOW - SECOND,
    }
    return WorkerReport(**(fields | changes))


@pytest.mark.parametrize(
    ("reports", "waiting", "expected"),
    [
        ([node()], {}, None),
        ([], {}, "No worker of this host"),
        ([node(node="celery@elsewhere")], {}, "No worker of this host"),
        ([node(reported_ns=NOW - 30 * SECOND)], {}, "No worker of this host"),
        ([node()], {"drain": 3}, "drain: 3"),
        ([node()], {"rest": 3}, None),
        ([node(active=2)], {"drain": 3}, None),
        ([node(last_received_ns=NOW - 5 * SECOND)], {"drain": 3}, None),
    ],
)
def test_workers(
    reports: list[WorkerReport], waiting: dict[str, int], expected: str | None
) -> None:
    found = worker_faults(reports, "here", waiting, NOW)
    if expected is None:
        assert found == []
    else:
        assert len(found) == 1
        assert expected in found[0]


def test_beat() -> None:
    assert beat_faults(3.0) == []
    assert "ever" in beat_faults(None)[0]
    assert "31 s" in beat_faults(31.0)[0]


def test_a_node_that_is_long_gone_is_forgotten_by_the_next(redis_server: RedisServer) -> None:
    with redis.Redis.from_url(redis_server.url) as client:
        write_report(client, node(node="celery@gone", reported_ns=NOW - 4000 * SECOND))
        write_report(client, node(node="celery@silent", reported_ns=NOW - 60 * SECOND))
        write_report(client, node())
        assert [one.node for one in read_reports(client)] == ["celery@here", "celery@silent"]


def check(url: str, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [HADRON, "health", *arguments],
        env=os.environ | {"HADRON_REDIS_URL": url},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_command_tells_by_exit_code_and_line(redis_server: RedisServer) -> None:
    # Of a minute that is yet to come: it is no old one, however long the command takes to start.
    now_ns = time.time_ns() + 60 * SECOND
    with redis.Redis.from_url(redis_server.url) as client:
        fresh = report(reported_ns=now_ns, last_heard_ns=now_ns, last_frame_ns=now_ns)
        client.hset(HEALTH_KEY, "kalshi-1", fresh.model_dump_json())
    code, line = check(redis_server.url, "streamer", "--host", "here")
    assert (code, line) == (0, "The streamers of this host are well.\n")
    code, line = check(redis_server.url, "worker")
    assert code == 1
    assert line.startswith("No worker of this host")
    redis_server.stop()
    code, line = check(redis_server.url, "beat")
    assert code == 1
    assert line.startswith("hadron: Redis cannot be reached")
    code, line = check(redis_server.url, "http", "http://127.0.0.1:9/metrics")
    assert code == 1
    assert "does not answer" in line
