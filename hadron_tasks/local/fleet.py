"""A whole fleet on this machine: services, simulators, streamers, workers, beat, Flower."""

from __future__ import annotations

import json
import secrets
import signal
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import redis
from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.errors import HadronError
from hadron_tasks.feed_health import ConnectionHealth
from hadron_tasks.local.postgres_server import PostgresServer
from hadron_tasks.local.processes import Command, ManagedProcess, stop_all
from hadron_tasks.local.reconcile import VenueAccount, settle
from hadron_tasks.local.redis_server import RedisServer, free_port
from hadron_tasks.settings import Settings
from hadron_tasks.status import read_streams
from hadron_tasks.store.accounts import Counts, total_counts
from hadron_tasks.store.migrations import upgrade
from hadron_tasks.store.partitions import ensure_partitions_ahead
from hadron_tasks.store.session import engine_for, raw_connection
from hadron_tasks.venues.kalshi.signing import KalshiSigner

SIMULATOR_READY_S = 120.0
WORKER_STOP_S = 90.0
STREAMER_STOP_S = 60.0
BEAT_STOP_S = 5.0
QUIET_S = 1.5
"""A connection that reports no frame of so long has received all that its simulator sent."""
PAUSED_S = 0.5
"""How old the simulators' pause must be: until then a last frame may be on its way."""
QUIET_WITHIN_S = 60.0
REDIS_ANSWER_S = 30.0

Say = Callable[[str], None]

FLOWER_PORT = 5555
"""Where Flower is, unless something else is there."""


@dataclass(frozen=True, slots=True)
class FleetOptions:
    """What ``hadron up`` was asked for."""

    venues: tuple[str, ...]
    workers: int
    concurrency: int
    streamers: int
    rate: float
    data_dir: Path
    simulated_keys: int = 4
    simulated_markets: int = 300
    simulated_rest_markets: int = 0
    """Further ones that only the REST API knows."""
    seed: int | None = None
    redis_url: str | None = None
    """None: the embedded Redis."""
    database_url: str | None = None
    """None: the embedded PostgreSQL."""
    simulate: frozenset[str] = frozenset()
    """Venues that have no key and are simulated."""
    flower: bool = True


@dataclass(slots=True)
class Fleet:
    """The running fleet. Start it, watch it, and finish it in order."""

    options: FleetOptions
    say: Say
    processes: dict[str, ManagedProcess] = field(default_factory=dict)
    redis_server: RedisServer | None = None
    postgres_server: PostgresServer | None = None
    redis_url: str = ""
    database_url: str = ""
    flower_url: str | None = None
    simulator: dict[str, Any] | None = None
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    _env: dict[str, str] = field(default_factory=dict)
    _counts_before: dict[str, Counts] = field(default_factory=dict)

    @property
    def logs(self) -> Path:
        """Where every process's log is."""
        return self.options.data_dir / "logs"

    def start(self) -> None:
        """Bring everything up: services, schema, simulators, workers, streamers.

        Raises:
            HadronError: A part did not come up; names its log.
        """
        self.started_at = datetime.now(UTC)
        # They need no database, and come up while it does.
        announcement = self._start_simulator() if self.options.simulate else None
        self._start_services()
        self.say("Migrating the database ...")
        upgrade(self.database_url)
        with raw_connection(engine_for(self.database_url)) as connection:
            ensure_partitions_ahead(connection, self.started_at)
            self._counts_before = _counts(connection, self.options.venues)
        self._env = {
            "HADRON_REDIS_URL": self.redis_url,
            "HADRON_DATABASE_URL": self.database_url,
            "HADRON_DATA_DIR": str(self.options.data_dir),
            "HADRON_VENUES": ",".join(self.options.venues),
        }
        if announcement is not None:
            self._join_simulator(announcement)
        self._start_workers()
        self._start_streamers()

    def watch(self) -> list[str]:
        """Restart what died; returns the names of those restarted now."""
        services = {"redis": self.redis_server, "postgresql": self.postgres_server}
        revived = [name for name, server in services.items() if server and server.revive()]
        return revived + [name for name, process in self.processes.items() if process.watch()]

    def finish(self) -> list[str]:
        """Stop in order, so that everything received is stored before the workers end.

        Returns:
            What did not go in order, in words; empty when all went well.
        """
        problems = []
        # What stores no frames ends meanwhile.
        for process in self._named("worker-rest", "worker-markets", "flower"):
            process.terminate()
        if self.simulator is not None:
            self.say("Pausing the simulated exchanges ...")
            self._control("pause")
            self._wait_until_quiet()
        self.say("Stopping the streamers ...")
        killed = stop_all(self._named("streamer"), STREAMER_STOP_S)
        if not self._wait_until_drained():
            problems.append("frames are left in the stream; the next 'hadron up' stores them")
        self.say("Stopping beat and workers ...")
        for process in self._named("worker", "simulator"):
            process.terminate()
        # These two hold no data: whether they end or are killed is no matter.
        stop_all(self._named("beat", "flower"), BEAT_STOP_S)
        killed += stop_all(self._named("worker", "simulator"), WORKER_STOP_S)
        problems += [f"{name} did not end in time and was killed" for name in killed]
        return problems

    def settle(self) -> list[VenueAccount]:
        """What was sent and what is stored, message by message where that can be known."""
        ledger = Path(self.simulator["ledger_path"]) if self.simulator else None
        with raw_connection(engine_for(self.database_url)) as connection:
            return settle(
                connection, self.options.venues, self.started_at, self._counts_before, ledger
            )

    def close(self) -> None:
        """Stop the embedded services, and whatever still runs."""
        stop_all(list(self.processes.values()), WORKER_STOP_S)
        if self.database_url:
            engine_for(self.database_url).dispose()
        if self.postgres_server is not None:
            self.postgres_server.stop()
        if self.redis_server is not None:
            self.redis_server.stop()

    def _start_services(self) -> None:
        options = self.options
        options.data_dir.mkdir(parents=True, exist_ok=True)
        if options.redis_url is None:
            self.say("Starting the embedded Redis ...")
            self.redis_server = RedisServer(options.data_dir / "redis", ends_with_parent=True)
            self.redis_server.start()
            self.redis_url = self.redis_server.url
        else:
            self.redis_url = options.redis_url
        if options.database_url is None:
            self.say("Starting the embedded PostgreSQL ...")
            self.postgres_server = PostgresServer(
                options.data_dir / "postgres", ends_with_parent=True
            )
            self.postgres_server.start()
            self.database_url = self.postgres_server.create_database("hadron")
        else:
            self.database_url = options.database_url

    def _start_simulator(self) -> Path:
        """Start it; returns where it will say its addresses."""
        options = self.options
        directory = options.data_dir / "simulator" / f"{self.started_at:%Y%m%dT%H%M%S}"
        directory.mkdir(parents=True, exist_ok=True)
        # A seed of its own each run: the same one would send trades that are stored already.
        seed = options.seed if options.seed is not None else secrets.randbelow(2**31)
        self._run(
            "simulator",
            *("-m", "streamer.simulator", "--data-dir", str(directory)),
            *("--venues", ",".join(sorted(options.simulate)), "--seed", str(seed)),
            *("--rate", str(options.rate), "--keys", str(options.simulated_keys)),
            *("--markets", str(options.simulated_markets)),
            *("--rest-markets", str(options.simulated_rest_markets)),
        )
        return directory / "simulator.json"

    def _join_simulator(self, announcement: Path) -> None:
        """Wait for it, and have the fleet connect to it."""
        options = self.options
        self.simulator = self._await_simulator(announcement)
        if "kalshi" in options.simulate:
            self._env |= {
                "KALSHI_ENV": "simulator",
                "HADRON_KALSHI_WS_URL": self.simulator["kalshi_ws_url"],
                "HADRON_KALSHI_REST_URL": self.simulator["kalshi_rest_url"],
                "HADRON_KALSHI_BOOKS": ",".join(self.simulator["kalshi_series"]),
            }
            for key in self.simulator["kalshi_keys"]:
                slot = key["slot"]
                self._env[f"KALSHI_API_KEY_{slot}"] = key["key_id"]
                self._env[f"KALSHI_PRIVATE_KEY_{slot}_PATH"] = key["private_key_path"]
        if "polygon" in options.simulate:
            self._env |= {
                "POLYGON_API_KEY": self.simulator["polygon_api_key"],
                "HADRON_POLYGON_WS_URL": self.simulator["polygon_ws_url"],
                "HADRON_POLYGON_REST_URL": self.simulator["polygon_rest_url"],
                "HADRON_POLYGON_REQUESTS_PER_MINUTE": str(
                    self.simulator["polygon_requests_per_minute"]
                ),
            }

    def _await_simulator(self, announcement: Path) -> dict[str, Any]:
        process = self.processes["simulator"]
        deadline = time.monotonic() + SIMULATOR_READY_S
        while time.monotonic() < deadline and process.pid is not None:
            if announcement.exists():
                found: dict[str, Any] = json.loads(announcement.read_text())
                return found
            time.sleep(0.05)
        raise HadronError(f"The simulated exchanges did not start; see {process.log_path}")

    def _start_workers(self) -> None:
        celery = ("-m", "celery", "-A", "hadron_tasks.app")
        workers = {
            f"worker-{number}": ("drain,maintenance", self.options.concurrency)
            for number in range(1, self.options.workers + 1)
        }
        workers["worker-rest"] = ("rest", 1)
        workers["worker-markets"] = ("markets", 1)
        for name, (queues, concurrency) in workers.items():
            self._run(
                name,
                *(*celery, "worker", "-n", f"{name}@%h", "-E"),
                *("-Q", queues, "-c", str(concurrency)),
                *("--without-gossip", "--without-mingle"),
            )
        self._run("beat", *celery, "beat")
        if self.options.flower:
            port = free_port(rather=FLOWER_PORT)
            self._run(
                "flower",
                *(*celery, "flower", "--address=127.0.0.1", f"--port={port}"),
            )
            self.flower_url = f"http://127.0.0.1:{port}"

    def _start_streamers(self) -> None:
        for venue in self.options.venues:
            count = self.options.streamers if venue == "kalshi" else 1
            for number in range(1, count + 1):
                self._run(f"streamer-{venue}-{number}", "-m", "streamer", "run", "--venue", venue)

    def _run(self, name: str, *arguments: str) -> None:
        # A worker that is asked to end in order waits for a broker that may be gone as well; what
        # it was at is delivered again, so it may as well be killed.
        orphaned = signal.SIGKILL if name.startswith("worker") else signal.SIGTERM
        command = Command(name, (sys.executable, *arguments), self._env.copy(), orphaned)
        process = ManagedProcess(command, self.logs)
        process.start()
        self.processes[name] = process

    def _named(self, *prefixes: str) -> list[ManagedProcess]:
        return [p for name, p in self.processes.items() if name.startswith(prefixes)]

    def _control(self, verb: str) -> None:
        assert self.simulator is not None
        request = urllib.request.Request(  # noqa: S310 - our own simulator on 127.0.0.1
            f"{self.simulator['control_url']}/{verb}", data=b"{}"
        )
        with urllib.request.urlopen(request, timeout=30):  # noqa: S310
            pass

    def _wait_until_quiet(self) -> None:
        """Wait until the streamers have all that was sent before the pause, which is now."""
        paused_ns = time.time_ns()
        deadline = time.monotonic() + QUIET_WITHIN_S
        with redis.Redis.from_url(self.redis_url, socket_timeout=REDIS_ANSWER_S) as client:
            while time.monotonic() < deadline:
                streams = read_streams(client, self.options.venues)
                reports = [one for stream in streams for one in stream.connections]
                if all(is_quiet(one, paused_ns) for one in reports):
                    return
                time.sleep(0.1)

    def _wait_until_drained(self, timeout_s: float = 120.0) -> bool:
        deadline = time.monotonic() + timeout_s
        said = 0.0
        with redis.Redis.from_url(self.redis_url, socket_timeout=REDIS_ANSWER_S) as client:
            while time.monotonic() < deadline:
                self.watch()
                left = sum(one.backlog for one in read_streams(client, self.options.venues))
                if left == 0:
                    return True
                if time.monotonic() - said > 1:
                    self.say(f"Storing what is left in the stream: {left:,} entries ...")
                    said = time.monotonic()
                time.sleep(0.1)
        return False


def is_quiet(report: ConnectionHealth, paused_ns: int) -> bool:
    """Whether a connection has received all that was sent before the pause."""
    paused_s = (report.reported_ns - paused_ns) / 1e9
    silent_s = (report.reported_ns - (report.last_frame_ns or 0)) / 1e9
    return paused_s >= PAUSED_S and silent_s >= QUIET_S


def _counts(connection: PgConnection, venues: tuple[str, ...]) -> dict[str, Counts]:
    with connection, connection.cursor() as cursor:
        return {venue: total_counts(cursor, venue) for venue in venues}


def options_from(settings: Settings, **chosen: Any) -> FleetOptions:
    """Fill the options that depend on settings: services and simulators where none are set.

    Raises:
        ConfigurationError: A Kalshi key cannot be used; names the variable.
    """
    venues: tuple[str, ...] = chosen["venues"]
    simulate = set()
    if "kalshi" in venues:
        keys = () if settings.kalshi_env == "simulator" else settings.kalshi_keys()
        for key in keys:
            # Read here once, so that a bad key is told now and not in a streamer's log.
            KalshiSigner.load(key)
        if not keys:
            simulate.add("kalshi")
    if "polygon" in venues and settings.polygon_api_key is None:
        simulate.add("polygon")
    given = settings.model_fields_set
    return FleetOptions(
        redis_url=settings.redis_url.get_secret_value() if "redis_url" in given else None,
        database_url=settings.database_url.get_secret_value() if "database_url" in given else None,
        simulate=frozenset(simulate),
        **chosen,
    )
