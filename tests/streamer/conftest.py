"""Scripted exchanges, streamer processes and what they put into Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from scripted_exchange import KalshiScript, PolygonScript
from streamer_harness import (
    PATIENCE_S,
    Case,
    Launch,
    Recorded,
    StreamerProcess,
    kalshi_keys,
)

from hadron_tasks.local.redis_server import RedisServer
from streamer.append_link import Appended
from streamer.publisher import KEEP_ACKNOWLEDGED_S, Publisher, PublisherOptions

KEYS = 4
POLYGON_KEY = "test-polygon-key"


@pytest.fixture(scope="session")
def key_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Key id -> private key file."""
    directory = tmp_path_factory.mktemp("keys")
    files = {}
    for slot in range(1, KEYS + 1):
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        path = directory / f"{slot}.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        files[f"key-{slot}"] = path
    return files


@pytest.fixture(scope="session")
def public_keys(key_files: Mapping[str, Path]) -> dict[str, rsa.RSAPublicKey]:
    """Key id -> public key, for the exchange."""
    found = {}
    for key_id, path in key_files.items():
        private = serialization.load_pem_private_key(path.read_bytes(), None)
        assert isinstance(private, rsa.RSAPrivateKey)
        found[key_id] = private.public_key()
    return found


@pytest.fixture
def kalshi(public_keys: dict[str, rsa.RSAPublicKey]) -> Iterator[KalshiScript]:
    """A scripted Kalshi."""
    with KalshiScript(public_keys) as exchange:
        assert isinstance(exchange, KalshiScript)
        yield exchange


@pytest.fixture
def polygon() -> Iterator[PolygonScript]:
    """A scripted Polygon."""
    with PolygonScript(POLYGON_KEY) as exchange:
        assert isinstance(exchange, PolygonScript)
        yield exchange


@pytest.fixture
def recorded(redis_server: RedisServer) -> Iterator[Recorded]:
    """What the streamers put into Redis."""
    found = Recorded(redis_server)
    yield found
    found.client.close()


@pytest.fixture
def environment(
    redis_server: RedisServer, kalshi: KalshiScript, key_files: Mapping[str, Path], tmp_path: Path
) -> dict[str, str]:
    """The settings of a streamer with one Kalshi key; tests change what they are about."""
    return {
        "HADRON_REDIS_URL": redis_server.url,
        "HADRON_DATA_DIR": str(tmp_path / "data"),
        "HADRON_VENUES": "kalshi",
        # The machine may stand still for longer than these are in earnest.
        "HADRON_LEASE_TTL_S": "60",
        "HADRON_STALE_AFTER_S": "600",
        "KALSHI_ENV": "simulator",
        "HADRON_KALSHI_WS_URL": kalshi.url,
        **kalshi_keys(key_files, 1),
    }


@pytest.fixture
def launch(environment: dict[str, str], tmp_path: Path) -> Iterator[Launch]:
    """Starts streamer processes; they are ended with the test."""
    started: list[StreamerProcess] = []

    def start(*arguments: str, **changes: str) -> StreamerProcess:
        log = tmp_path / f"streamer-{len(started)}.log"
        streamer = StreamerProcess({**environment, **changes}, log, *arguments)
        started.append(streamer)
        return streamer

    yield start
    for streamer in started:
        if streamer.process.poll() is None:
            streamer.kill()


Act = Callable[[Case], Awaitable[None]]


@pytest.fixture
def run(redis_server: RedisServer, tmp_path: Path) -> Callable[..., bool]:
    """Run ``act`` with a publisher; whether everything was in Redis at its end."""

    def start(
        act: Act,
        *,
        spool_max_bytes: int = 10**9,
        memory_mark: float = 0.85,
        streamer: str = "host:1",
        keep_acknowledged_s: float = KEEP_ACKNOWLEDGED_S,
        on_appended: Callable[[str, Appended], None] = lambda _venue, _appended: None,
    ) -> bool:
        async def scene() -> bool:
            options = PublisherOptions(
                redis_url=redis_server.url,
                spool_root=tmp_path / "spool",
                streamer=streamer,
                flush_max_frames=2000,
                memory_mark=memory_mark,
                spool_max_bytes=spool_max_bytes,
                keep_acknowledged_s=keep_acknowledged_s,
            )
            case = Case(Publisher("kalshi", options, on_appended))
            await act(case)
            return await case.publisher.close(case.task, PATIENCE_S)

        return asyncio.run(scene())

    return start
