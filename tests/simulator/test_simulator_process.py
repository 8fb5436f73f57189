"""``python -m streamer.simulator`` and its control port, from outside."""

from __future__ import annotations

import asyncio
import json
import signal
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from exchange_clients import PATH, WITHIN_S, Client, connected, said, said_by_kalshi
from websockets.exceptions import ConnectionClosed

from hadron_tasks.settings import KalshiKeyRef
from hadron_tasks.venues.kalshi.signing import KalshiSigner
from streamer.simulator.ledger_file import read_ledger, read_malformed

Start = Callable[..., tuple[subprocess.Popen[str], dict[str, Any]]]


def command(directory: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "streamer.simulator", "--data-dir", str(directory), *arguments]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    running: list[subprocess.Popen[str]] = []

    def begin(*arguments: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
        process = subprocess.Popen(
            command(tmp_path / "sim", "--markets", "50", "--keys", "2", *arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        running.append(process)
        announcement = tmp_path / "sim" / "simulator.json"
        deadline = time.monotonic() + WITHIN_S
        while not announcement.exists() and process.poll() is None:
            assert time.monotonic() < deadline, "the simulator did not start"
            time.sleep(0.05)
        return process, json.loads(announcement.read_text()) if announcement.exists() else {}

    yield begin
    for process in running:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def call(found: dict[str, Any], resource: str, body: object = None) -> Any:
    request = urllib.request.Request(
        f"{found['control_url']}/{resource}",
        data=None if body is None else json.dumps(body).encode(),
    )
    with urllib.request.urlopen(request, timeout=WITHIN_S) as reply:
        return json.load(reply)


async def call_meanwhile(found: dict[str, Any], resource: str, body: object = None) -> Any:
    return await asyncio.to_thread(call, found, resource, body)


def headers(found: dict[str, Any]) -> dict[str, str]:
    key = found["kalshi_keys"][0]
    ref = KalshiKeyRef(key["slot"], key["key_id"], Path(key["private_key_path"]))
    return KalshiSigner.load(ref).headers("GET", PATH)


def test_everything_needed_is_announced(start: Start, tmp_path: Path) -> None:
    process, found = start("--seed", "11")
    assert found["pid"] == process.pid
    assert found["seed"] == 11
    assert found["kalshi_ws_url"].endswith(PATH)
    assert found["polygon_ws_url"].startswith("ws://127.0.0.1:")
    assert found["polygon_api_key"]
    assert Path(found["ledger_path"]).exists()
    assert [key["slot"] for key in found["kalshi_keys"]] == [1, 2]
    for key in found["kalshi_keys"]:
        path = Path(key["private_key_path"])
        assert path == tmp_path / "sim" / "keys" / f"kalshi-{key['slot']}.pem"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    ids = [key["key_id"] for key in found["kalshi_keys"]]
    process.terminate()
    assert process.wait(2 * WITHIN_S) == 0
    (tmp_path / "sim" / "simulator.json").unlink()
    _, again = start("--seed", "11")
    assert [key["key_id"] for key in again["kalshi_keys"]] == ids, "keys are made once"
    assert again["ledger_path"] != found["ledger_path"], "no run overwrites another's ledger"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(start: Start, number: signal.Signals) -> None:
    process, found = start("--rate", "3000")

    async def follow() -> list[bytes]:
        async with connected(
            found["kalshi_ws_url"], additional_headers=headers(found)
        ) as websocket:
            client = Client(websocket)
            await client.subscribe("ticker", "trade")
            await client.take(1000)
            process.send_signal(number)
            with pytest.raises(ConnectionClosed) as closed:
                await client.until(lambda _message: False)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1001
            return client.frames

    frames = asyncio.run(follow())
    assert process.wait(2 * WITHIN_S) == 0
    received = [one for frame in frames for one in said_by_kalshi(frame)]
    ledger = [said(line) for line in read_ledger(Path(found["ledger_path"]))]
    assert received == ledger
    assert process.stdout is not None
    assert process.stdout.read().endswith(f"Data messages sent: {len(ledger)}\n")


def test_it_ends_by_itself(start: Start) -> None:
    process, _ = start("--for", "0.5")
    assert process.wait(2 * WITHIN_S) == 0


@pytest.mark.parametrize(
    "arguments",
    [("--mix", "ticker=1,gossip=2"), ("--venues", "kalshi,nyse"), ("--keys", "0")],
)
def test_what_cannot_be_simulated_is_explained(start: Start, arguments: tuple[str, ...]) -> None:
    process, found = start(*arguments)
    assert process.wait(2 * WITHIN_S) == 1
    assert found == {}
    assert process.stdout is not None
    output = process.stdout.read()
    assert output.startswith("Error: ")
    assert "Traceback" not in output


def test_the_control_port(start: Start) -> None:
    _, found = start("--rate", "1000")

    async def whole() -> None:
        async with connected(
            found["kalshi_ws_url"], additional_headers=headers(found)
        ) as websocket:
            client = Client(websocket)
            await client.subscribe("ticker", "trade")
            await client.take(100)

            stats = await call_meanwhile(found, "stats")
            assert stats["connections"] == ["kalshi-1#1"]
            assert stats["connections_at_most"] == {"kalshi-1": 1}
            assert stats["second_connections"] == 0
            assert stats["sent"]["kalshi"]["quote"] > 0
            assert stats["open_markets"] == 50

            page = await call_meanwhile(found, "markets?limit=5&offset=2&status=active")
            assert page["total"] == 50
            assert len(page["markets"]) == 5
            assert {"ticker", "event_ticker", "title", "status"} <= set(page["markets"][0])

            paused = await call_meanwhile(found, "pause", {})
            await client.take_rest()
            received = [one for frame in client.frames for one in said_by_kalshi(frame)]
            assert len(received) == paused["sent_total"]
            assert received == [said(line) for line in read_ledger(Path(found["ledger_path"]))]

            broken = {"fault": "malformed", "kind": "not_utf8", "count": 2}
            assert await call_meanwhile(found, "faults", broken) == {
                "fault": "malformed",
                "struck": 2,
            }
            frames = [await client.receive_bytes() for _ in range(2)]
            assert read_malformed(Path(found["malformed_path"])) == frames

            assert await call_meanwhile(found, "rate", {"rate": 5000}) == {"rate": 5000.0}
            await call_meanwhile(found, "resume", {})
            await client.take(500)
            for fault in (
                {"fault": "skip", "count": 2, "channel": "trade"},
                {"fault": "overflow", "channel": "trade"},
                {"fault": "refuse_authentication", "seconds": 60},
                {"fault": "stall", "seconds": 60},
                {"fault": "clear"},
                {"fault": "drop", "how": "eof", "connection": "kalshi-1"},
            ):
                assert (await call_meanwhile(found, "faults", fault))["fault"] == fault["fault"]

    asyncio.run(whole())


@pytest.mark.parametrize(
    ("resource", "body", "complaint"),
    [
        ("faults", {"fault": "earthquake"}, "earthquake"),
        ("faults", {"fault": "skip", "count": 0}, "count"),
        ("faults", {"fault": "skip", "count": 1, "venue": "kalshi"}, "venue"),
        ("faults", {"fault": "malformed", "kind": "rude"}, "kind"),
        ("faults", [], "object"),
        ("rate", {"rate": -1}, "rate"),
        ("rate", {"rate": "fast"}, "rate"),
        ("markets?limit=all", None, "limit"),
    ],
)
def test_the_control_port_says_what_is_wrong(
    shared_simulator: dict[str, Any], resource: str, body: object, complaint: str
) -> None:
    with pytest.raises(urllib.error.HTTPError) as refusal:
        call(shared_simulator, resource, body)
    assert refusal.value.code == 400
    assert complaint in json.load(refusal.value)["error"]


@pytest.fixture(scope="module")
def shared_simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    directory = tmp_path_factory.mktemp("shared")
    process = subprocess.Popen(
        command(directory, "--keys", "1", "--markets", "10"),
        stdout=subprocess.DEVNULL,
    )
    announcement = directory / "simulator.json"
    while not announcement.exists() and process.poll() is None:
        time.sleep(0.05)
    yield json.loads(announcement.read_text())
    process.kill()
    process.wait()
