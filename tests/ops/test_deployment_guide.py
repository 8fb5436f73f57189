"""A person with docs/deployment.md and nothing else: every procedure, as the page has it."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import documented
import psycopg2
import pytest
import redis
from compose_file import ROOT
from docker_stand_in import DockerStandIn
from local_containers import LocalFleet

from hadron_tasks.local.reconcile import VenueAccount
from hadron_tasks.simulator_file import SimulatorFile

HERE = {"redis", "postgres", "migrate", "kalshi-streamer", "worker"}
"""What the commands run, of the services that they name."""
VENUES = ("kalshi",)
RATE = 100
EDITED = "keep-partitions"


class Person:
    """A machine with a checkout, an exchange somewhere else, and the page to go by."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.fleet = LocalFleet(directory, {"SIMULATOR_RATE": str(RATE)})
        self.docker = DockerStandIn(self.fleet, HERE)
        shutil.copytree(ROOT / "deploy", directory / "deploy")
        self.fleet.await_healthy(self.fleet.scale("simulator", 1))
        self.exchange = SimulatorFile.read(self.fleet.simulator_file)
        self.write_env([1, 2])

    def write_env(self, keys: list[int]) -> None:
        """The settings: the exchange's keys of these numbers are ours, numbered from 1."""
        lines = [
            "KALSHI_ENV=simulator",
            "HADRON_VENUES=kalshi",
            "HADRON_LEASE_TTL_S=3",
            f"HADRON_KALSHI_WS_URL={self.exchange.kalshi_ws_url}",
            f"HADRON_KALSHI_REST_URL={self.exchange.kalshi_rest_url}",
            f"HADRON_KALSHI_BOOKS={','.join(self.exchange.kalshi_series)}",
        ]
        for number, theirs in enumerate(keys, 1):
            key = self.exchange.kalshi_keys[theirs - 1]
            lines.append(f"KALSHI_API_KEY_{number}={key.key_id}")
            lines.append(f"KALSHI_PRIVATE_KEY_{number}_PATH={key.private_key_path}")
        (self.directory / ".env").write_text("\n".join(lines))

    def does(self, procedure: str) -> str:
        return documented.run(
            documented.DEPLOYMENT, procedure, self.directory, programs=str(self.fleet.programs)
        )

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with self.fleet.database() as opened, opened.cursor() as rows:
            rows.execute(sql)
            return rows.fetchall()

    def backlog(self) -> int:
        return self.fleet.backlog(VENUES)

    def live(self) -> dict[str, str]:
        """Connections that are live now, and the streamer that holds each."""
        return {one.connection: one.streamer for one in self.fleet.live_feeds()}

    def two_streamers(self) -> dict[str, str]:
        """What is live once two streamers hold a connection each."""
        live: dict[str, str] = {}

        def are_there() -> bool:
            nonlocal live
            live = self.live()
            return len(live) == len(set(live.values())) == 2

        self.fleet.until(are_there)
        return live

    def schedule(self, *words: str) -> str:
        docker = str(self.fleet.programs / "docker")
        command = [docker, "compose", "exec", "-T", "worker", "hadron", "schedule", *words]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout

    def ticks(self) -> set[tuple[Any, ...]]:
        return set(self.query("SELECT instrument_id, event_time, event_key, price FROM ticks"))

    def until_flowing(self) -> None:
        before = len(self.ticks())
        self.fleet.until(lambda: len(self.ticks()) > before + 50)

    def close(self) -> None:
        self.docker.close()
        self.fleet.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


@pytest.fixture
def person() -> Iterator[Person]:
    directory = Path(tempfile.mkdtemp(prefix="hadron-guide-"))
    directory.chmod(0o755)  # PostgreSQL does not run as root
    made = Person(directory)
    yield made
    made.close()


@pytest.mark.fleet
def test_every_procedure_loses_and_doubles_nothing(person: Person) -> None:
    since = datetime.now(UTC)
    person.does("demo")
    person.until_flowing()
    rotates_the_passwords(person)
    upgrades_then_loses_the_machine_and_restores_it(person)
    scales_and_rotates_a_key(person)
    person.fleet.silence(VENUES)
    (account,) = settle_accounts(person, since)
    assert account.sent
    assert account.duplicates == 0
    assert account.missing_unexplained == 0, what_is_missing(person, account)
    assert account.dead_letters == 0


def rotates_the_passwords(person: Person) -> None:
    old = person.fleet.redis_url, person.fleet.database_url
    person.does("rotate the passwords")
    assert not {*old} & {person.fleet.redis_url, person.fleet.database_url}
    with pytest.raises(redis.AuthenticationError), redis.Redis.from_url(old[0]) as client:
        client.ping()
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(old[1])
    person.until_flowing()


def upgrades_then_loses_the_machine_and_restores_it(person: Person) -> None:
    person.schedule("set", EDITED, "--cron", "7 3 * * *")
    # Held up, as by a slow database: these frames are in Redis alone when it is backed up.
    person.fleet.stop({"worker"})
    person.fleet.until(lambda: person.backlog() > 20)
    stored = person.ticks()
    person.does("backup")
    person.does("upgrade")
    person.until_flowing()
    assert stored < person.ticks()
    lose_the_machine(person)
    person.does("restore")
    assert stored <= person.ticks()
    person.until_flowing()
    (entry,) = [
        one for one in json.loads(person.schedule("list", "--json")) if one["name"] == EDITED
    ]
    assert (entry["cron"], entry["edited"]) == ("7 3 * * *", True)
    # Of each when it is back: one may be before the other.
    holes = "SELECT DISTINCT connection FROM feed_gaps WHERE cause = 'streamer_death' ORDER BY 1"
    person.fleet.until(lambda: person.query(holes) == [("kalshi-1",), ("kalshi-2",)])


def lose_the_machine(person: Person) -> None:
    """Redis first, so that a streamer begins to spool: what it spools is later than the backup."""
    (redis_server,) = person.fleet.of("redis")
    redis_server.kill()
    spool = person.fleet.volume("spool")
    person.fleet.until(
        lambda: sum(path.stat().st_size for path in spool.rglob("*") if path.is_file())
    )
    for service in HERE:
        for container in person.fleet.of(service):
            container.kill()


def scales_and_rotates_a_key(person: Person) -> None:
    person.does("scale")
    assert len(person.fleet.of("worker")) == 2
    before = person.two_streamers()
    assert before.keys() == {"kalshi-1", "kalshi-2"}
    person.write_env([1, 3])
    person.does("rotate a key")
    # What those before it told last may be there a moment longer.
    person.fleet.until(lambda: not set(before.values()) & set(person.live().values()))
    assert person.two_streamers().keys() == before.keys()
    person.until_flowing()


def what_is_missing(person: Person, account: VenueAccount) -> str:
    """Every message that is missing and that no gap record explains, and all gap records."""
    lines = [
        f"{one.sent_at:%H:%M:%S.%f} {one.kind} {one.connections}"
        for one in sorted(account.differences, key=lambda one: one.sent_at)
        if not one.in_gap
    ]
    gaps = person.query(
        "SELECT connection, channel, cause, from_time, to_time, carried FROM feed_gaps ORDER BY 4"
    )
    return "\n".join([*lines, *(" ".join(map(str, gap)) for gap in gaps)])


def settle_accounts(person: Person, since: datetime) -> list[VenueAccount]:
    # The exchange calls connections after its own keys, of which the third became our second.
    ours = person.directory / "ledger"
    ours.write_text(person.fleet.ledger.read_text().replace("kalshi-3", "kalshi-2"))
    return person.fleet.accounts(VENUES, since, ours)
