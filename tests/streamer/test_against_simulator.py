"""Streamers and the simulated exchanges together: the ledger says what must be in Redis."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamer_harness import CHANNELS, PATIENCE_S, Recorded, StreamerProcess, wait_for

from hadron_tasks.local.redis_server import RedisServer
from hadron_tasks.raw_stream import GapCause
from streamer.carriers import Up, up_key
from streamer.kalshi_wire import CHANNEL_OF_TYPE
from streamer.plan import assign, wanted_items

RATE = 1500


class SimulatorProcess:
    """The simulated exchanges as people start them."""

    def __init__(self, directory: Path) -> None:
        with (directory / "simulator.log").open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "streamer.simulator", "--data-dir", str(directory)),
                    *("--rate", str(RATE), "--lifecycle-every", "1"),
                ],
                env=dict(os.environ),
                stdout=log,
                stderr=log,
            )
        description = directory / "simulator.json"
        wait_for(description.exists)
        self.told: dict[str, Any] = json.loads(description.read_text())

    def control(self, path: str, **body: Any) -> dict[str, Any]:
        request = urllib.request.Request(
            self.told["control_url"] + path, json.dumps(body).encode(), method="POST"
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            found: dict[str, Any] = json.loads(answer.read())
        return found

    def environment(self) -> dict[str, str]:
        found = {
            "KALSHI_ENV": "simulator",
            "HADRON_KALSHI_WS_URL": self.told["kalshi_ws_url"],
            "HADRON_POLYGON_WS_URL": self.told["polygon_ws_url"],
            "POLYGON_API_KEY": self.told["polygon_api_key"],
        }
        for key in self.told["kalshi_keys"]:
            found[f"KALSHI_API_KEY_{key['slot']}"] = key["key_id"]
            found[f"KALSHI_PRIVATE_KEY_{key['slot']}_PATH"] = key["private_key_path"]
        return found

    def ledger_lines(self) -> Counter[str]:
        """Data messages sent, by venue."""
        text = Path(self.told["ledger_path"]).read_text()
        return Counter(line.split("\t")[1] for line in text.splitlines())

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE_S)


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[SimulatorProcess]:
    directory = tmp_path / "simulator"
    directory.mkdir()
    running = SimulatorProcess(directory)
    yield running
    if running.process.poll() is None:
        running.stop()


def data_messages(recorded: Recorded) -> Counter[str]:
    """Data messages in Redis, by venue; frames appended twice count once."""
    found: Counter[str] = Counter()
    for frame in set(recorded.entries("kalshi")):
        if frame.data.startswith(b'{"type":"') or frame.data.startswith(b'{"sid"'):
            found["kalshi"] += json.loads(frame.data)["type"] in CHANNEL_OF_TYPE
    for frame in set(recorded.entries("polygon")):
        events = json.loads(frame.data)
        found["polygon"] += sum(event["ev"] != "status" for event in events)
    return found


def are_spread(recorded: Recorded, books: str) -> bool:
    """Whether the four Kalshi connections carry what each is to carry, and nothing else."""
    names = [f"kalshi-{slot}" for slot in range(1, 5)]
    carried = []
    for name in names:
        note = recorded.client.get(up_key(name))
        if note is not None:
            carried += [(item, name) for item in Up.model_validate_json(note).items]
    return sorted(carried) == sorted(assign(wanted_items(CHANNELS, [books]), names).items())


def missing(recorded: Recorded) -> int:
    """Messages that gap records name as missing."""
    return sum(gap.missing or 0 for gap in recorded.gaps())


def test_all_that_was_sent_is_in_redis_though_redis_is_killed(
    simulator: SimulatorProcess, recorded: Recorded, redis_server: RedisServer, tmp_path: Path
) -> None:
    books = "KXNBAGAME,KXBTCD"
    environment = {
        "HADRON_REDIS_URL": redis_server.url,
        "HADRON_DATA_DIR": str(tmp_path / "data"),
        "HADRON_KALSHI_CHANNELS": ",".join(CHANNELS),
        "HADRON_KALSHI_BOOKS": books,
        "HADRON_STALE_AFTER_S": "600",
        **simulator.environment(),
    }
    streamer = StreamerProcess(environment, tmp_path / "streamer.log")
    try:
        wait_for(lambda: len(recorded.live()) == 8)
        wait_for(lambda: are_spread(recorded, books))
        wait_for(lambda: sum(data_messages(recorded).values()) > RATE)
        redis_server.kill()
        sent = sum(simulator.ledger_lines().values())
        wait_for(lambda: sum(simulator.ledger_lines().values()) > sent + RATE)
        redis_server.start()
        sent = sum(simulator.ledger_lines().values())
        wait_for(lambda: sum(data_messages(recorded).values()) > sent)
        assert simulator.control("/faults", fault="overflow", channel="trade")["struck"] == 1
        wait_for(lambda: any(gap.cause is GapCause.BUFFER_OVERFLOW for gap in recorded.gaps()))
        simulator.control("/faults", fault="skip", count=3, channel="orderbook_delta")
        skipped = Path(simulator.told["skipped_path"])
        wait_for(lambda: missing(recorded) == len(skipped.read_text().splitlines()) > 0)
        simulator.control("/pause")
        # What is still in a socket when that is closed was not received.
        wait_for(lambda: data_messages(recorded) == simulator.ledger_lines())
        assert streamer.terminate() == 0
    finally:
        if streamer.process.poll() is None:
            streamer.kill()
    simulator.stop()
    assert data_messages(recorded) == simulator.ledger_lines()
    assert {gap.cause for gap in recorded.gaps()} == {
        GapCause.BUFFER_OVERFLOW,
        GapCause.SEQUENCE_JUMP,
    }
