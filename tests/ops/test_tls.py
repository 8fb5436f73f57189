"""The addresses of the deployment guide's section on TLS, with every part that uses them."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import documented
import psycopg2
import pytest
from tls_front import Authority, TlsFront

from hadron_tasks.local.redis_server import RedisServer
from streamer.append_link import AppendLink

HADRON = str(Path(sys.executable).with_name("hadron"))
FRAME = b'{"type":"ticker","msg":{"market_ticker":"KXA","price_dollars":"0.4000","ts":1795176000}}'


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "certificates")


@pytest.fixture
def redis_front(authority: Authority, redis_server: RedisServer) -> Iterator[TlsFront]:
    front = TlsFront(
        authority.context, lambda: asyncio.open_connection("127.0.0.1", redis_server.port)
    )
    yield front
    front.close()


@pytest.fixture
def postgres_front(authority: Authority, database_url: str) -> Iterator[TlsFront]:
    (directory,) = parse_qs(urlsplit(database_url).query)["host"]
    socket = f"{directory}/.s.PGSQL.5432"
    front = TlsFront(
        authority.context, lambda: asyncio.open_unix_connection(socket), asks_first=True
    )
    yield front
    front.close()


@pytest.fixture
def addresses(
    authority: Authority, redis_front: TlsFront, postgres_front: TlsFront, database_url: str
) -> dict[str, str]:
    """As the page writes them, but for host, port and the authority's place."""
    page = documented.DEPLOYMENT.read_text()
    (query,) = set(re.findall(r"rediss://redis\.internal:6379/0(\?\S+?)`", page))
    assert "?sslmode=verify-full" in page
    assert "&sslrootcert=/etc/hadron/ca.pem" in page
    ours = str(authority.certificate)
    database = urlsplit(database_url).path
    return {
        "HADRON_REDIS_URL": f"rediss://127.0.0.1:{redis_front.port}/0"
        + query.replace("/etc/hadron/ca.pem", ours),
        "HADRON_DATABASE_URL": f"postgresql://postgres@127.0.0.1:{postgres_front.port}{database}"
        f"?sslmode=verify-full&sslrootcert={ours}",
    }


def hadron(addresses: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HADRON, *words],
        env={**os.environ, "HADRON_VENUES": "kalshi", **addresses},
        capture_output=True,
        text=True,
        timeout=120,
    )


async def append_as_a_streamer(redis_url: str) -> None:
    link = await AppendLink.open(redis_url)
    frame = FRAME.replace(b"0.4", b"0.5")
    await link.append("kalshi", [(frame, 1_795_176_000_000_000_000, b"kalshi-1#1", b"")])
    await link.close()


def test_frames_are_stored_over_tls(addresses: dict[str, str], tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    with log.open("wb") as output:
        worker = subprocess.Popen(
            [
                *(sys.executable, "-m", "celery", "-A", "hadron_tasks.app", "worker"),
                *("-Q", "drain,maintenance", "-c", "1"),
            ],
            env={**os.environ, "HADRON_VENUES": "kalshi", **addresses},
            stdout=output,
            stderr=output,
        )
    try:
        asyncio.run(append_as_a_streamer(addresses["HADRON_REDIS_URL"]))
        (tmp_path / "frames.jsonl").write_bytes(FRAME + b"\n")
        done = hadron(addresses, "replay", str(tmp_path / "frames.jsonl"), "--venue", "kalshi")
        assert done.returncode == 0, done.stderr + log.read_text()
        ticks = hadron(addresses, "ticks", "KXA", "--json")
        assert {tick["price"] for tick in json.loads(ticks.stdout)} == {"0.4000", "0.5000"}
        assert hadron(addresses, "schedule", "disable", "keep-partitions").returncode == 0
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(120)


def test_a_certificate_of_nobody_known_is_refused(
    addresses: dict[str, str], redis_front: TlsFront, postgres_front: TlsFront
) -> None:
    unknown = {name: address.partition("?")[0] for name, address in addresses.items()}
    told = hadron(addresses | {"HADRON_REDIS_URL": unknown["HADRON_REDIS_URL"]}, "status")
    assert told.returncode == 1
    assert "Redis cannot be reached" in told.stderr
    assert redis_front.refused
    checked = unknown["HADRON_DATABASE_URL"] + "?sslmode=verify-full"
    told = hadron(addresses | {"HADRON_DATABASE_URL": checked}, "status")
    assert told.returncode == 1
    assert "PostgreSQL is not available" in told.stderr
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.connect(unknown["HADRON_DATABASE_URL"] + "?sslmode=disable")
    assert postgres_front.refused
