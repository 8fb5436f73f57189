"""Streamer processes, and what they put into Redis."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import redis
from scripted_exchange import KalshiScript

from hadron_tasks.feed_health import (
    HEALTH_KEY,
    ConnectionHealth,
    ConnectionState,
    parse_reports,
)
from hadron_tasks.local.redis_server import RedisServer
from hadron_tasks.raw_stream import FeedGap, GapEntry, RawFrame, parse_entries, stream_key
from streamer.plan import assign, wanted_items
from streamer.publisher import Publisher

PATIENCE_S = 120.0
"""How long an event may take on a machine that is slow, or stands still for a while. Every wait
ends with its event, so only a fault takes so long."""


def wait_for(what: Callable[[], object]) -> None:
    """Wait until ``what()`` is true."""
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline, f"not within {PATIENCE_S} s: {what}"
        time.sleep(0.02)


CHANNELS = ("ticker", "trade", "market_lifecycle_v2")


class Recorded:
    """What is in Redis."""

    def __init__(self, server: RedisServer) -> None:
        self._client = redis.Redis.from_url(server.url, socket_timeout=PATIENCE_S)
        self.client = self._client

    def entries(self, venue: str = "kalshi") -> list[RawFrame | GapEntry]:
        raw = self._client.xrange(stream_key(venue))
        return [entry for _id, fields in raw for entry in parse_entries(fields)]

    def frames(self, venue: str = "kalshi") -> list[bytes]:
        """All frames, acknowledgements included, in the stream's order."""
        return [e.data for e in self.entries(venue) if isinstance(e, RawFrame)]

    def gaps(self, venue: str = "kalshi") -> list[FeedGap]:
        entries = self.entries(venue)
        return [FeedGap.model_validate_json(e.data) for e in entries if isinstance(e, GapEntry)]

    def holds(self, sent: list[bytes], venue: str = "kalshi") -> bool:
        """Whether every frame sent is there."""
        return set(sent) <= set(self.frames(venue))

    def data_in_order(self, sent: list[bytes], venue: str = "kalshi") -> bool:
        """Whether the frames stand in the order sent; repeats of a stretch are allowed."""
        place = {frame: n for n, frame in enumerate(sent)}
        first_seen: dict[bytes, None] = {}
        for frame in self.frames(venue):
            if frame in place:
                first_seen.setdefault(frame)
        order = [place[frame] for frame in first_seen]
        return order == sorted(order)

    def reports(self) -> dict[str, ConnectionHealth]:
        values = self._client.hgetall(HEALTH_KEY).values()
        return {report.connection: report for report in parse_reports(values)}

    def wait_until_publishers_looked(self, publishers: int) -> None:
        """Wait until so many publishers have seen what is in Redis now.

        Each asks for its stream's oldest entry once a second; that it asks a second time says
        that the first answer was taken in.
        """
        looks: Counter[str] = Counter()
        deadline = time.monotonic() + PATIENCE_S
        with self._client.monitor() as commands:
            while sum(asked >= 2 for asked in looks.values()) < publishers:
                assert time.monotonic() < deadline, "publishers did not look at their stream"
                command = commands.next_command()
                looks[command["client_port"]] += command["command"].startswith("XRANGE ")

    def run_out(self, dead: StreamerProcess) -> None:
        """End what a dead streamer has in Redis for a time, as if that time were over."""
        owner = f":{dead.process.pid}:".encode()
        for lease in self._client.keys("hadron:lease:*"):
            if owner in (self._client.get(lease) or b""):
                self._client.pexpire(lease, 1)
        for presence in self._client.keys("hadron:streamers:*"):
            for token in self._client.zrange(presence, 0, -1):
                if owner in token:
                    self._client.zrem(presence, token)

    def live(self) -> set[str]:
        """Connections that are live by a fresh report."""
        now = time.time_ns()
        return {
            name
            for name, report in self.reports().items()
            if report.state is ConnectionState.LIVE and now - report.reported_ns < 3e9
        }


class Source:
    """Puts numbered frames into a publisher, as connections do."""

    def __init__(self, publisher: Publisher, connection: str = "kalshi-1#19a3f0c2b1e") -> None:
        self._publisher = publisher
        self._connection = connection.encode()
        self.sent: list[bytes] = []
        self.received_ns: dict[bytes, int] = {}

    def put(self, count: int, size: int = 200) -> None:
        for _ in range(count):
            frame = f"{len(self.sent):08d}".encode().ljust(size, b".")
            self.sent.append(frame)
            self.received_ns[frame] = now_ns = time.time_ns()
            self._publisher.put((frame, now_ns, self._connection, b""))


class Case:
    """One publisher, running."""

    def __init__(self, publisher: Publisher) -> None:
        self.publisher = publisher
        self.source = Source(publisher)
        self.task = asyncio.create_task(publisher.run())

    async def settled(self) -> None:
        """Wait until everything put so far is in Redis."""
        await self.until(lambda: self.publisher.idle)

    async def until(self, what: Callable[[], bool]) -> None:
        """Wait until ``what()`` is true."""
        deadline = time.monotonic() + PATIENCE_S
        while not what():
            assert time.monotonic() < deadline, f"not within {PATIENCE_S} s: {what}"
            assert not self.task.done() or self.task.result() is None
            await asyncio.sleep(0.01)

    async def trickle(self, frames: int) -> None:
        """Put them little by little, at most 2,000 a second."""
        for _ in range(frames // 20):
            self.source.put(20)
            await asyncio.sleep(0.01)

    async def flow(self, frames: int) -> None:
        """As :meth:`trickle`, and Redis takes them as they come."""
        for _ in range(frames // 200):
            await self.trickle(200)
            await self.settled()


class StreamerProcess:
    """A streamer as people run it."""

    def __init__(self, environment: Mapping[str, str], log: Path, *arguments: str) -> None:
        self._log_path = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streamer", "run", *arguments],
                env={**os.environ, **environment},
                cwd=log.parent,
                stdout=output,
                stderr=output,
            )

    @property
    def log(self) -> str:
        return self._log_path.read_text()

    def terminate(self) -> int:
        """SIGTERM; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.exit_code()

    def exit_code(self) -> int:
        """Wait for its end."""
        return self.process.wait(PATIENCE_S)

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait()


Launch = Callable[..., StreamerProcess]


def kalshi_keys(key_files: Mapping[str, Path], count: int) -> dict[str, str]:
    """The environment of the first ``count`` keys."""
    found = {}
    for slot in range(1, count + 1):
        found[f"KALSHI_API_KEY_{slot}"] = f"key-{slot}"
        found[f"KALSHI_PRIVATE_KEY_{slot}_PATH"] = str(key_files[f"key-{slot}"])
    return found


def wait_until_subscribed(kalshi: KalshiScript) -> None:
    """Wait until every channel is carried by some connection."""
    wait_for(lambda: all(kalshi.carriers(channel) for channel in CHANNELS))


def carriers_planned(names: Collection[str]) -> list[list[str]]:
    """Which key carries each of :data:`CHANNELS` when these connections share them."""
    plan = assign(wanted_items(CHANNELS, ()), names)
    return [[plan[channel].replace("kalshi", "key")] for channel in CHANNELS]


def carriers(kalshi: KalshiScript) -> list[list[str]]:
    """Which keys carry each of :data:`CHANNELS` now."""
    return [kalshi.carriers(channel) for channel in CHANNELS]


def wait_until_live(recorded: Recorded, *names: str) -> None:
    """Wait until these connections report that they are live."""
    wait_for(lambda: set(names) <= recorded.live())


def wait_until_lived(recorded: Recorded, seconds: float, *names: str) -> None:
    """Wait until these connections have been attended to for so long from now on.

    They say so themselves: a sleep here says nothing about what another process did meanwhile.
    """
    until_ns = time.time_ns() + int(seconds * 1e9)
    wait_for(lambda: all(recorded.reports()[name].reported_ns >= until_ns for name in names))
