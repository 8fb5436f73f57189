"""Whatever dies during a run at 2,000 messages a second, the ledger and the database agree."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable

import psutil
import pytest
from fleet.running_fleet import VENUES, RunningFleet

from hadron_tasks.feed_health import ConnectionHealth
from hadron_tasks.ingest.latency import bucket_ms
from hadron_tasks.local.reconcile import VenueAccount

pytestmark = pytest.mark.fleet

CONNECTIONS_OF_A_VENUE = 4
CONNECTIONS = len(VENUES) * CONNECTIONS_OF_A_VENUE
"""Four Kalshi keys, and a Polygon connection each for stocks, indices, crypto and forex."""

StartFleet = Callable[..., RunningFleet]


def assert_whole(accounts: dict[str, VenueAccount]) -> None:
    """Everything sent was stored, once."""
    for account in accounts.values():
        assert account.sent, "the simulator sent nothing"
        assert (account.missing, account.duplicates) == (0, 0), account.differences[:10]
        assert account.dead_letters == 0


def pool_processes(fleet: RunningFleet, worker: str) -> list[psutil.Process]:
    pid = fleet.processes[worker].pid
    return psutil.Process(pid).children() if pid is not None else []


def kill_pool_processes(fleet: RunningFleet, worker: str) -> None:
    fleet.wait_for(lambda: pool_processes(fleet, worker), 120, f"pool processes of {worker}")
    for child in pool_processes(fleet, worker):
        child.kill()


def test_whatever_of_workers_and_services_dies_nothing_is_missing(start_fleet: StartFleet) -> None:
    fleet = start_fleet(workers=2)
    fleet.wait_until_flowing()
    kill_pool_processes_and_a_worker(fleet)
    kill_redis(fleet)
    for service in ("redis_server", "postgres_server"):
        take_away(fleet, service, 20)
    assert_whole(fleet.finish_and_account())


def kill_pool_processes_and_a_worker(fleet: RunningFleet) -> None:
    for _ in range(3):
        fleet.run_for(2)
        kill_pool_processes(fleet, "worker-1")
    fleet.run_for(2)
    pid = fleet.processes["worker-2"].pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    fleet.wait_for(lambda: fleet.processes["worker-2"].restarts == 1, 120, "a new worker")


def kill_redis(fleet: RunningFleet) -> None:
    assert fleet.redis_server is not None
    restarts = fleet.processes["worker-2"].restarts
    for _ in range(3):
        fleet.run_for(3)
        fleet.redis_server.kill()
        fleet.redis_server.start()
    await_storing(fleet, "Redis killed and back")
    # The worker itself must outlive it: celery 5.7.0 did not, which is why 5.6 is pinned. One whose
    # pool processes were killed just before (worker-1's were) may end even so when its loop begins
    # again: its supervisor starts it anew.
    assert fleet.processes["worker-2"].restarts == restarts, fleet.tails()


def take_away(fleet: RunningFleet, service: str, seconds: float) -> None:
    server = getattr(fleet, service)
    fleet.run_for(3)
    server.stop()
    fleet.run_for(seconds)
    server.start()
    await_storing(fleet, f"the {service} back")


def await_storing(fleet: RunningFleet, when: str) -> None:
    before = fleet.ticks("kalshi")
    fleet.wait_for(lambda: fleet.ticks("kalshi") > before, 120, f"storing with {when}")


def test_a_killed_streamer_loses_only_what_a_gap_record_tells(start_fleet: StartFleet) -> None:
    fleet = start_fleet()
    fleet.wait_until_flowing()
    fleet.run_for(3)
    for venue in VENUES:
        kill_a_streamer_that_keeps_up(fleet, venue)
    fleet.wait_for(
        lambda: (
            len(fleet.query("SELECT 1 FROM feed_gaps WHERE cause = 'streamer_death'"))
            >= CONNECTIONS
        ),
        120,
        "a gap record for each connection",
    )
    fleet.run_for(3)
    for account in fleet.finish_and_account().values():
        assert account.duplicates == 0
        assert account.missing_unexplained == 0, [
            one for one in account.differences if not one.in_gap
        ][:10]
        # Little more than a socket's buffer: a second's worth at most.
        assert account.missing <= 2000


def kill_a_streamer_that_keeps_up(fleet: RunningFleet, venue: str) -> None:
    """Kill it when it just told that it has read what was sent to it.

    One that waits for the processor has more in its sockets, and loses that.
    """
    before: dict[str, ConnectionHealth] = {}

    def keeps_up() -> bool:
        (stream,) = (one for one in fleet.streams() if one.venue == venue)
        now = {one.connection: one for one in stream.connections}
        keeping_up = [name for name in now if name in before and is_quick(before[name], now[name])]
        before.update(now)
        return len(keeping_up) == CONNECTIONS_OF_A_VENUE

    fleet.wait_for(keeps_up, 120, f"a {venue} streamer that keeps up")
    pid = fleet.processes[f"streamer-{venue}-1"].pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def is_quick(before: ConnectionHealth, now: ConnectionHealth) -> bool:
    """Whether a connection got a frame just now, and not long after it was sent."""
    took = Counter(now.exchange_latency) - Counter(before.exchange_latency)
    age_ns = time.time_ns() - (now.last_frame_ns or 0)
    return bool(took) and all(bucket_ms(each) < 300 for each in took) and age_ns < 500_000_000


def test_everything_is_asked_to_end_at_once_and_started_again(start_fleet: StartFleet) -> None:
    fleet = start_fleet()
    fleet.wait_until_flowing()
    fleet.run_for(3)
    ours = [process for name, process in fleet.processes.items() if name != "simulator"]
    for process in ours:
        process.terminate()
    assert all(process.wait(120) for process in ours), fleet.tails()
    for process in ours:
        process.start()
    fleet.wait_for(
        lambda: len(fleet.query("SELECT 1 FROM feed_gaps WHERE cause = 'shutdown'")) >= CONNECTIONS,
        120,
        "a gap record for each connection",
    )
    fleet.run_for(3)
    # The exchanges sent on while nobody listened: that is missing, and inside the gaps.
    for account in fleet.finish_and_account().values():
        assert account.duplicates == 0
        assert account.missing_unexplained == 0, [
            one for one in account.differences if not one.in_gap
        ][:10]
