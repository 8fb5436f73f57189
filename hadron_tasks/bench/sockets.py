"""The streamer beside a bare client on the same simulated feed: what keeping the frames costs."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
from websockets.asyncio.client import connect

from hadron_tasks.bench.measure import Figure
from hadron_tasks.bench.pipeline import stream_length
from hadron_tasks.bench.services import Services
from hadron_tasks.errors import HadronError
from hadron_tasks.raw_stream import parse_entries, stream_key
from hadron_tasks.settings import KalshiKeyRef
from hadron_tasks.venues.kalshi.signing import KalshiSigner

CHANNELS = ("ticker", "trade")
MORE_THAN_ANYBODY_READS = 400_000.0
"""Messages a second asked of the simulator: it sends as fast as its reader reads."""
READY_S = 30.0
SETTLE_S = 2.0
ENTRIES_A_READ = 500


@contextmanager
def flooding_exchange(services: Services) -> Iterator[dict[str, Any]]:
    """A simulated exchange that sends as fast as it can; its announcement."""
    directory = services.directory / f"exchange-{time.monotonic_ns()}"
    directory.mkdir()
    process = _start(
        services,
        "exchange",
        *("-m", "streamer.simulator", "--data-dir", str(directory), "--venues", "kalshi"),
        *("--rate", str(MORE_THAN_ANYBODY_READS), "--keys", "1", "--lifecycle-every", "0"),
        *("--mix", "ticker=90,trade=10,delta=0,snapshot=0"),
    )
    try:
        announcement = directory / "simulator.json"
        deadline = time.monotonic() + READY_S
        while not announcement.exists():
            if time.monotonic() > deadline or process.poll() is not None:
                raise HadronError("The simulated exchange did not start.")
            time.sleep(0.05)
        yield json.loads(announcement.read_text())
    finally:
        process.terminate()
        process.wait(20)


def receive_and_drop(figure: Figure, exchange: dict[str, Any], seconds: float) -> None:
    """The websockets library by itself: every frame received as bytes and thrown away."""
    figure.rounds.append(asyncio.run(_receive_and_drop(exchange, seconds)))


async def _receive_and_drop(exchange: dict[str, Any], seconds: float) -> float:
    key = exchange["kalshi_keys"][0]
    signer = KalshiSigner.load(
        KalshiKeyRef(key["slot"], key["key_id"], Path(key["private_key_path"]))
    )
    headers = signer.headers("GET", "/trade-api/ws/v2")
    async with connect(
        exchange["kalshi_ws_url"], additional_headers=headers, compression=None
    ) as websocket:
        subscribe = {"id": 1, "cmd": "subscribe", "params": {"channels": CHANNELS}}
        await websocket.send(json.dumps(subscribe))
        settled = time.perf_counter() + SETTLE_S
        while time.perf_counter() < settled:
            await websocket.recv(decode=False)
        count, start = 0, time.perf_counter()
        while (now := time.perf_counter()) < start + seconds:
            await websocket.recv(decode=False)
            count += 1
        return count / (now - start)


def receive_and_keep(
    figure: Figure, services: Services, exchange: dict[str, Any], seconds: float
) -> None:
    """The streamer: every frame received, checked for holes and appended to the raw stream."""
    client = services.redis()
    stream = stream_key("kalshi")
    client.delete(stream)
    key = exchange["kalshi_keys"][0]
    process = _start(
        services,
        "streamer",
        *("-m", "streamer", "run", "--venue", "kalshi"),
        KALSHI_ENV="simulator",
        HADRON_KALSHI_WS_URL=exchange["kalshi_ws_url"],
        HADRON_KALSHI_REST_URL=exchange["kalshi_rest_url"],
        HADRON_KALSHI_CHANNELS=",".join(CHANNELS),
        KALSHI_API_KEY_1=key["key_id"],
        KALSHI_PRIVATE_KEY_1_PATH=key["private_key_path"],
    )
    try:
        deadline = time.monotonic() + READY_S
        while not stream_length(client, stream):
            if time.monotonic() > deadline or process.poll() is not None:
                raise HadronError("The streamer did not start.")
            time.sleep(0.05)
        time.sleep(SETTLE_S)
        before, start = _newest_id(client, stream), time.perf_counter()
        time.sleep(seconds)
        after, end = _newest_id(client, stream), time.perf_counter()
        figure.rounds.append(_frames_between(client, stream, before, after) / (end - start))
    finally:
        process.terminate()
        process.wait(30)
        client.delete(stream)


def _newest_id(client: redis.Redis, stream: str) -> str:
    ((entry_id, _),) = client.xrevrange(stream, count=1)  # type: ignore[misc]
    return str(entry_id.decode())


def _frames_between(client: redis.Redis, stream: str, after: str, until: str) -> int:
    """Frames of the entries after one and up to another: an entry may hold many."""
    frames = 0
    while entries := client.xrange(stream, f"({after}", until, count=ENTRIES_A_READ):
        frames += sum(len(parse_entries(fields)) for _, fields in entries)  # type: ignore[union-attr,misc]
        after = entries[-1][0].decode()  # type: ignore[index]
    return frames


def _start(
    services: Services, name: str, *arguments: str, **environment: str
) -> subprocess.Popen[bytes]:
    with (services.directory / f"{name}.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, *arguments],
            env=services.environment() | environment,
            cwd=services.directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
