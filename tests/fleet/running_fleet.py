"""A whole fleet of real processes, with what tests ask of it."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import psycopg2
import redis
from fleet.terminal import HADRON, PATIENCE_S

from hadron_tasks.app import QUEUES
from hadron_tasks.local.fleet import REDIS_ANSWER_S, Fleet
from hadron_tasks.local.reconcile import VenueAccount
from hadron_tasks.raw_stream import GROUP, stream_key
from hadron_tasks.status import StreamStatus, read_streams
from hadron_tasks.worker_health import queue_lengths

VENUES = ("kalshi", "polygon")


class RunningFleet(Fleet):
    """A fleet with what tests ask of it."""

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        connection = psycopg2.connect(self.database_url)
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql, values)
                return cursor.fetchall()
        finally:
            connection.close()

    def wait_for(self, condition: Callable[[], object], timeout_s: float, what: str) -> None:
        """Wait until ``condition`` holds, keeping dead processes restarted meanwhile."""
        deadline = time.monotonic() + timeout_s
        self.watch()
        while not condition():
            # Asked after the condition: it is looked at once more, however long a look takes.
            assert time.monotonic() < deadline, (
                f"{what} did not come about in {timeout_s:.0f} s; logs: {self.tails()}"
            )
            time.sleep(0.1)
            self.watch()

    def run_for(self, seconds: float) -> None:
        """Let it run, keeping dead processes restarted."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.watch()
            time.sleep(0.1)

    def ticks(self, venue: str) -> int:
        rows = self.query(
            "SELECT coalesce(sum(ticks), 0) FROM ingest_counts WHERE venue = %s", venue
        )
        return int(rows[0][0])

    def streams(self) -> list[StreamStatus]:
        """What streamers and workers tell of each venue's stream now.

        Raises:
            redis.RedisError: Redis is away.
        """
        with redis.Redis.from_url(self.redis_url, socket_timeout=REDIS_ANSWER_S) as client:
            return read_streams(client, self.options.venues)

    def wait_until_flowing(self) -> None:
        """Wait until ticks of every venue are stored."""
        for venue in self.options.venues:
            self.wait_for(
                lambda venue=venue: self.ticks(venue) > 0, PATIENCE_S, f"the first {venue} tick"
            )

    def strike(self, fault: str, **fields: object) -> None:
        """Let the simulated exchanges have a fault."""
        self.tell_exchanges("faults", fault=fault, **fields)

    def tell_exchanges(self, what: str, **body: object) -> dict[str, Any]:
        """Ask something of the simulator's control port; its answer."""
        assert self.simulator is not None
        url = f"{self.simulator['control_url']}/{what}"
        request = urllib.request.Request(url, data=json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=120) as reply:
                answer: dict[str, Any] = json.load(reply)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{what} {body}: {error.read()!r}") from None
        return answer

    def hadron(self, *arguments: str, exits: int = 0) -> str:
        """What a command prints that a person types beside the fleet."""
        where = {
            "HADRON_REDIS_URL": self.redis_url,
            "HADRON_DATABASE_URL": self.database_url,
            "HADRON_VENUES": ",".join(self.options.venues),
        }
        done = subprocess.run(
            [HADRON, *arguments],
            env=os.environ | where,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        assert done.returncode == exits, f"{done.stdout}\n{done.stderr}\n{self.tails()}"
        return done.stdout

    def pause_exchanges(self) -> None:
        """Let the exchanges fall silent, and wait until all they sent is received."""
        self._control("pause")
        self._wait_until_quiet()

    def finish_and_account(self) -> dict[str, VenueAccount]:
        """Stop in order, and account for every message."""
        problems = self.finish()
        assert problems == [], f"{problems}\n{self.tails()}"
        return {account.venue: account for account in self.settle()}

    def abandon(self) -> None:
        """End whatever still runs, in no order: nobody will ask what became of it."""
        for process in self.processes.values():
            process.kill()
        self.close()

    def tails(self) -> str:
        """What waits in Redis, and the last lines of every log, for a failing test."""
        tails = (
            f"--- {path.name}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-15:])
            for path in sorted(self.logs.glob("*.log"))
        )
        return "\n".join((self._waiting(), *tails))

    def _waiting(self) -> str:
        """The streams with their readers, and the queues."""
        told = ["--- Redis"]
        try:
            with redis.Redis.from_url(self.redis_url, socket_timeout=REDIS_ANSWER_S) as client:
                for stream in map(stream_key, self.options.venues):
                    told.append(f"{stream}: {client.xlen(stream)} entries")
                    told += map(str, client.xinfo_groups(stream))  # type: ignore[arg-type]
                    told += map(str, client.xinfo_consumers(stream, GROUP))  # type: ignore[arg-type]
                told.append(f"messages in queues: {queue_lengths(client, QUEUES)}")
        except redis.RedisError as error:
            told.append(str(error))
        return "\n".join(told)
