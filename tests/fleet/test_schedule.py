"""The beat schedule is changed while beat runs, and stays changed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from celery.schedules import crontab
from celery.schedules import schedule as interval
from terminal import HADRON

from hadron_tasks.errors import HadronError
from hadron_tasks.local.redis_server import RedisServer
from hadron_tasks.schedule import every, in_words, parse_cron


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
            self.process.wait(30)

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
            timeout=30,
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
    beat.wait_for_more("hadron.poke_drain", 30)
    assert beat.entry("tidy-streams")["when"] == "every 1 h"

    changed = beat.command("set", "tidy-streams", "--every", "1s")
    assert changed.returncode == 0, changed.stderr
    beat.wait_for_more("hadron.tidy_streams", 10)

    beat.stop()
    beat.server.restart()
    beat.start()
    beat.wait_for_more("hadron.tidy_streams", 30)
    entry = beat.entry("tidy-streams")
    assert (entry["when"], entry["edited"], entry["enabled"]) == ("every 1 s", True, True)
    assert beat.entry("keep-partitions")["edited"] is False

    assert beat.command("disable", "tidy-streams").returncode == 0
    time.sleep(6)  # beat's longest nap
    before = beat.sent("hadron.tidy_streams")
    time.sleep(3)
    assert beat.sent("hadron.tidy_streams") == before
    assert beat.command("run", "tidy-streams").returncode == 0
    assert beat.sent("hadron.tidy_streams") == before + 1

    assert beat.command("reset", "tidy-streams").returncode == 0
    entry = beat.entry("tidy-streams")
    assert (entry["when"], entry["edited"], entry["enabled"]) == ("every 1 h", False, True)


def test_what_makes_no_sense_is_refused(beat: Beat) -> None:
    refused = beat.command("set", "tidy-streams", "--cron", "61 * * * *")
    assert refused.returncode == 1
    assert "no cron line" in refused.stderr
    unknown = beat.command("enable", "no-such-thing")
    assert unknown.returncode == 1
    assert "keep-partitions" in unknown.stderr
    assert beat.command("set", "tidy-streams").returncode == 2
    assert beat.command("set", "tidy-streams", "--every", "soon").returncode == 2


@pytest.mark.parametrize(
    ("when", "words"),
    [
        (interval(2), "every 2 s"),
        (interval(90), "every 90 s"),
        (interval(300), "every 5 min"),
        (interval(timedelta(hours=2)), "every 2 h"),
        (interval(timedelta(days=1)), "every 1 d"),
        (crontab(minute="15", hour="6"), "15 6 * * * UTC"),
        (parse_cron("*/5 0-6 1 1,7 mon"), "*/5 0-6 1 1,7 mon UTC"),
    ],
)
def test_schedules_are_said_in_words(when: crontab | interval, words: str) -> None:
    assert in_words(when) == words


@pytest.mark.parametrize("line", ["", "* * * *", "61 * * * *", "* 25 * * *", "soon", "* * * * * *"])
def test_bad_cron_lines_are_refused(line: str) -> None:
    with pytest.raises(HadronError, match="no cron line"):
        parse_cron(line)


def test_an_interval_is_a_second_at_least() -> None:
    with pytest.raises(HadronError, match="at least one second"):
        every(timedelta(0))
