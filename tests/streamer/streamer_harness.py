"""Streamer processes, and what they put into Redis."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
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


def wait_for(what: Callable[[], object], within_s: float = 10.0) -> None:
    """Wait until ``what()`` is true."""
    deadline = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(0.02)


CHANNELS = ("ticker", "trade", "market_lifecycle_v2")


class Recorded:
    """What is in Redis."""

    def __init__(self, server: RedisServer) -> None:
        self._client = redis.Redis.from_url(server.url)
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

    def live(self) -> set[str]:
        """Connections that are live by a fresh report."""
        now = time.time_ns()
        return {
            name
            for name, report in self.reports().items()
            if report.state is ConnectionState.LIVE and now - report.reported_ns < 3e9
        }


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

    def terminate(self, within_s: float = 10.0) -> int:
        """SIGTERM; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(within_s)

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


def wait_until_subscribed(kalshi: KalshiScript, within_s: float = 10.0) -> None:
    """Wait until every channel is carried by some connection."""
    wait_for(lambda: all(kalshi.carriers(channel) for channel in CHANNELS), within_s)


def wait_until_live(recorded: Recorded, *names: str, within_s: float = 10.0) -> None:
    """Wait until these connections report that they are live."""
    wait_for(lambda: set(names) <= recorded.live(), within_s)
