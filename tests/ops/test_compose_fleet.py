"""Every service of docker-compose.yml runs by its own command, scales, and loses nothing."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
import urllib.error
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis
from flower_page import ask, browser, newest_tasks, seen
from local_containers import LocalFleet

from hadron_tasks import beat_health
from hadron_tasks.worker_health import read_reports

pytestmark = pytest.mark.fleet

VENUES = ("kalshi", "polygon")
RATE = 500
RATE_WHILE_SCALING = 5000
TAKEN_OVER_WITHIN_S = 60.0


@pytest.fixture
def fleet() -> Iterator[LocalFleet]:
    directory = Path(tempfile.mkdtemp(prefix="hadron-compose-"))
    directory.chmod(0o755)  # PostgreSQL does not run as root
    made = LocalFleet(directory, {"SIMULATOR_RATE": str(RATE)})
    yield made
    made.kill()
    shutil.rmtree(directory, ignore_errors=True)


def test_the_whole_file_runs_scales_and_ends_without_loss(fleet: LocalFleet) -> None:
    since = datetime.now(UTC)
    fleet.up()
    assert all(fleet.of(name) for name in fleet.services if name != "migrate")
    with fleet.redis_client() as client:
        check_what_people_look_at(fleet)

        fleet.pace(RATE_WHILE_SCALING)
        first, standby = fleet.of("beat")
        killed_at = time.monotonic()
        first.kill()
        more = fleet.scale("worker", 4) + fleet.scale("kalshi-streamer", 2)
        fleet.await_healthy(more)
        check_names_and_keys(fleet, client)
        before = ticks(fleet)
        fleet.until(lambda: ticks(fleet) > before + 3 * RATE_WHILE_SCALING, 180)

        # Each has its grace period to end in, of 30 s: longer would fail.
        fleet.scale("worker", 1)
        fleet.scale("kalshi-streamer", 1)
        fleet.pace(RATE)

        fleet.until(
            lambda: (beat_health.tick_age_s(client) or 99) < time.monotonic() - killed_at,
            TAKEN_OVER_WITHIN_S,
        )
        assert standby.is_running()
        assert standby.check().returncode == 0
        fleet.silence(VENUES, 180)
    for account in fleet.accounts(VENUES, since):
        assert account.sent, "the simulator sent nothing"
        assert account.duplicates == 0
        assert account.missing_unexplained == 0, account.differences[:10]
        assert account.dead_letters == 0
    check_secrets_are_kept(fleet)
    fleet.stop()
    check_nothing_was_left(fleet)


def check_what_people_look_at(fleet: LocalFleet) -> None:
    """Flower asks for its password; the exporter and each streamer tell their metrics."""
    flower = f"http://{fleet.address('5555')}/"
    with pytest.raises(urllib.error.HTTPError, match="401"):
        ask(flower)
    check_flower(flower, fleet.secret("flower_auth"), fleet)
    metrics = f"http://{fleet.address('9309')}/metrics"
    # All at once, but perhaps not yet: a connection may be on its way from one streamer to another.
    told_of_all = (
        'hadron_venue_live_connections{venue="kalshi"} 4.0',
        'hadron_workers{queue="rest"} 1.0',
        'hadron_workers{queue="markets"} 1.0',
    )
    fleet.until(lambda: all(map(ask(metrics).__contains__, told_of_all)), 120)
    told = ask(metrics)
    assert 'hadron_disk_free_bytes{volume="postgres"}' in told


def check_flower(flower: str, login: str, fleet: LocalFleet) -> None:
    """Tasks, in words that say what they did and for whom; more and more of them; the queues."""

    def drained() -> list[dict[str, Any]]:
        _, tasks = newest_tasks(flower, login)
        drains = [task for task in tasks if task["name"] == "hadron.drain_raw"]
        return [task for task in drains if "'frames':" in (task["result"] or "")]

    fleet.until(drained, 180)
    known, tasks = newest_tasks(flower, login)
    fleet.until(lambda: newest_tasks(flower, login)[0] > known, 180)
    assert {task["args"] for task in drained()} <= {"['kalshi']", "['polygon']"}
    for task in tasks:
        assert task["name"].startswith("hadron.")
        assert len(task["args"]) < 80
    queues = ask(f"{flower}broker", login)
    assert all(name in queues for name in ("drain", "maintenance", "markets", "rest"))
    assert fleet.secret("redis_password") not in queues
    if program := browser():
        check_pages(program, flower, login, fleet)


def check_pages(program: str, flower: str, login: str, fleet: LocalFleet) -> None:
    """What a person sees. A page is asked for again while a busy machine has not filled it."""

    def shows(page: str, words: str) -> Callable[[], object]:
        return lambda: re.search(words, seen(program, f"{flower}{page}", login))

    fleet.until(shows("workers", r"worker@worker-1 Online \d+ [1-9]"), 180)
    fleet.until(
        shows("tasks", r"hadron\.drain_raw \['kalshi'\] \{'frames': \d+, 'ticks': \d+"), 180
    )


def check_names_and_keys(fleet: LocalFleet, client: redis.Redis) -> None:
    """Nodes have names of their own, and no key is used twice."""
    expected = [
        "markets@worker-markets-1",
        "rest@worker-rest-1",
        *(f"worker@worker-{n}" for n in range(1, 5)),
    ]

    def nodes() -> list[str]:
        now_ns = time.time_ns()
        return sorted(one.node for one in read_reports(client) if one.is_fresh(now_ns))

    def kalshi() -> list[str]:
        return [report.connection for report in fleet.live_feeds() if report.venue == "kalshi"]

    fleet.until(lambda: nodes() == expected, 120)
    # While a key changes hands it is in nobody's.
    fleet.until(lambda: len(found := kalshi()) == len(set(found)) == 4, 120)


def check_secrets_are_kept(fleet: LocalFleet) -> None:
    """No password stands in a log or in a list of processes."""
    passwords = [
        fleet.secret(name).rpartition(":")[2].encode() for name in fleet.document["secrets"]
    ]
    for container in fleet.containers.values():
        seen = [container.log.read_bytes()]
        if container.is_running():
            assert container.process is not None
            seen.append(Path(f"/proc/{container.process.pid}/cmdline").read_bytes())
        for text in seen:
            assert not any(password in text for password in passwords), container.name


def check_nothing_was_left(fleet: LocalFleet) -> None:
    """A container's own file system is read-only: nothing may be written into it."""
    for container in fleet.containers.values():
        assert list(container.directory.iterdir()) == [], container.name


def ticks(fleet: LocalFleet) -> int:
    with fleet.database() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(sum(ticks), 0) FROM ingest_counts")
        return int((cursor.fetchone() or (0,))[0])
