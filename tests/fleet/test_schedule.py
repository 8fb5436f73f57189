"""The beat schedule is changed while beat runs, and stays changed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import redis
from fleet.terminal import HADRON
from redbeat.schedulers import ensure_conf

from hadron_tasks.app import make_app
from hadron_tasks.local.redis_server import RedisServer
from hadron_tasks.schedule_entry import HadronEntry
from hadron_tasks.settings import Settings


class Beat:
    """A beat process, and a count of what it sends."""

    def __init__(self, server: RedisServer, directory: Path) -> None:
        self.server = server
        self.log = directory / "beat.log"
        self.env = os.environ | {"HADRON_REDIS_URL": server.url}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "hadron_tasks.app", "beat"],
                env=self.env,
                stdout=log,
                stderr=log,
            )

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(120)

    def sent(self, task: str) -> int:
        """Messages of a task waiting in the queue: no worker takes them here."""
        with redis.Redis.from_url(self.server.url) as client:
            waiting: list[bytes] = client.lrange("maintenance", 0, -1)  # type: ignore[assignment]
        return sum(json.loads(one)["headers"]["task"] == task for one in waiting)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [HADRON, "schedule", *arguments],
            env=self.env,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def entry(self, name: str) -> dict[str, Any]:
        listed = json.loads(self.command("list", "--json").stdout)
        return next(dict(one) for one in listed if one["name"] == name)

    def wait_for_more(self, task: str, timeout_s: float) -> None:
        before, deadline = self.sent(task), time.monotonic() + timeout_s
        while self.sent(task) == before:
            assert time.monotonic() < deadline, self.log.read_text()[-2000:]
            time.sleep(0.1)


@pytest.fixture
def beat(redis_server: RedisServer, tmp_path: Path) -> Iterator[Beat]:
    running = Beat(redis_server, tmp_path)
    yield running
    running.stop()


@pytest.mark.fleet
def test_a_change_is_live_and_outlives_restarts(beat: Beat) -> None:
    beat.start()
    beat.wait_for_more("hadron.poke_drain", 120)
    assert beat.entry("tidy-streams")["when"] == "every 1 h"

    changed = beat.command("set", "tidy-streams", "--every", "1s")
    assert changed.returncode == 0, changed.stderr
    beat.wait_for_more("hadron.tidy_streams", 120)

    beat.stop()
    beat.server.restart()
    beat.start()
    beat.wait_for_more("hadron.tidy_streams", 120)
    entry = beat.entry("tidy-streams")
    assert (entry["when"], entry["edited"], entry["enabled"]) == ("every 1 s", True, True)
    assert beat.entry("keep-partitions")["edited"] is False

    assert beat.command("disable", "tidy-streams").returncode == 0
    # Two more pokes, and beat has looked since; until the third, two seconds later, it would send.
    beat.wait_for_more("hadron.poke_drain", 120)
    beat.wait_for_more("hadron.poke_drain", 120)
    before = beat.sent("hadron.tidy_streams")
    beat.wait_for_more("hadron.poke_drain", 120)
    assert beat.sent("hadron.tidy_streams") == before
    assert beat.command("run", "tidy-streams").returncode == 0
    assert beat.sent("hadron.tidy_streams") == before + 1

    assert beat.command("reset", "tidy-streams").returncode == 0
    entry = beat.entry("tidy-streams")
    assert (entry["when"], entry["edited"], entry["enabled"]) == ("every 1 h", False, True)


@pytest.mark.fleet
def test_beat_waits_for_a_redis_that_is_away(beat: Beat) -> None:
    beat.start()
    beat.wait_for_more("hadron.poke_drain", 120)
    beat.server.stop()
    time.sleep(4)
    beat.server.start()
    beat.wait_for_more("hadron.poke_drain", 120)
    assert beat.process is not None
    assert beat.process.poll() is None, beat.log.read_text()[-2000:]
    assert "Traceback" not in beat.log.read_text()


def test_what_makes_no_sense_is_refused(beat: Beat) -> None:
    refused = beat.command("set", "tidy-streams", "--cron", "61 * * * *")
    assert refused.returncode == 1
    assert "no cron line" in refused.stderr
    unknown = beat.command("enable", "no-such-thing")
    assert unknown.returncode == 1
    assert "keep-partitions" in unknown.stderr
    assert beat.command("set", "tidy-streams").returncode == 2
    assert beat.command("set", "tidy-streams", "--every", "soon").returncode == 2
    mixed = beat.command("set", "tidy-streams", "--every", "5m", "--timezone", "UTC")
    assert mixed.returncode == 2


def test_a_cron_line_keeps_its_zone(beat: Beat) -> None:
    changed = beat.command(
        *("set", "tidy-streams", "--cron", "30 9 * * 1", "--timezone", "America/New_York")
    )
    assert changed.stdout == "tidy-streams runs Mondays at 09:30 America/New_York.\n"
    entry = beat.entry("tidy-streams")
    assert (entry["when"], entry["cron"]) == ("Mondays at 09:30 America/New_York", "30 9 * * 1")
    next_run = datetime.fromisoformat(entry["next_run_at"]).astimezone(ZoneInfo("America/New_York"))
    assert (next_run.isoweekday(), next_run.hour, next_run.minute) == (1, 9, 30)
    assert timedelta(0) < next_run - datetime.now(UTC) <= timedelta(days=7, hours=1)
    assert entry["last_run_at"] is None


def test_the_next_run_is_counted_from_the_last(beat: Beat) -> None:
    assert beat.command("set", "tidy-streams", "--every", "2h").returncode == 0
    ran(beat, "tidy-streams", timedelta(minutes=30))
    next_run = datetime.fromisoformat(beat.entry("tidy-streams")["next_run_at"])
    left = next_run - datetime.now(UTC)
    assert timedelta(minutes=85) < left <= timedelta(minutes=90)


@pytest.mark.fleet
def test_two_beats_send_once_and_what_a_downtime_missed_is_sent_once(beat: Beat) -> None:
    assert beat.command("set", "tidy-streams", "--every", "1s").returncode == 0
    assert beat.command("set", "keep-partitions", "--every", "1h").returncode == 0
    ran(beat, "keep-partitions", timedelta(hours=10))
    other = Beat(beat.server, beat.log.parent)
    other.log = beat.log.with_name("other.log")
    began = time.monotonic()
    beat.start()
    other.start()
    try:
        for _ in range(4):
            beat.wait_for_more("hadron.tidy_streams", 120)
    finally:
        other.stop()
    # Counted first: what is sent after the clock is read is in no second that it tells.
    sent = beat.sent("hadron.tidy_streams")
    assert sent <= time.monotonic() - began + 1
    # Ten hours were missed.
    assert beat.sent("hadron.keep_partitions") == 1


def ran(beat: Beat, name: str, ago: timedelta) -> None:
    """Let an entry have run some time ago."""
    app = make_app(Settings(redis_url=beat.server.url))  # type: ignore[arg-type]
    key = HadronEntry.generate_key(ensure_conf(app) and app, name)
    HadronEntry.from_key(key, app=app).reschedule(last_run_at=datetime.now(UTC) - ago)
