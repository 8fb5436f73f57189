"""``hadron up`` as a person runs it, and the other commands beside it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

pytestmark = pytest.mark.fleet

HADRON = str(Path(sys.executable).with_name("hadron"))
RECORDINGS = Path(__file__).parents[1] / "venues" / "fixtures"


class Terminal:
    """A directory with a fleet, and commands typed into it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.up: subprocess.Popen[str] | None = None

    def start(self, *options: str) -> None:
        self.up = subprocess.Popen(
            [HADRON, "up", "--rate", "300", "--no-flower", *options],
            cwd=self.directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def end(self, timeout_s: float = 90) -> tuple[int, str]:
        """Its exit code and all it said."""
        assert self.up is not None
        output, _ = self.up.communicate(timeout=timeout_s)
        return self.up.returncode, output

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [HADRON, *arguments], cwd=self.directory, capture_output=True, text=True, timeout=60
        )
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done

    def status(self) -> dict[str, dict[str, Any]]:
        document = json.loads(self.run("status", "--json").stdout)
        return {venue["venue"]: venue for venue in document["venues"]}

    def wait_for(self, condition: Callable[[], object], timeout_s: float = 60) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, "it did not come about"
            assert self.up is not None
            assert self.up.poll() is None, self.up.communicate()[0]
            time.sleep(0.3)

    def wait_until_flowing(self) -> None:
        self.wait_for((self.directory / ".hadron" / "fleet.json").exists)
        self.wait_for(lambda: all(venue["ticks"] for venue in self.status().values()))


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    # Not under pytest's own temporary directory: its name is too long for a Unix socket.
    directory = Path(tempfile.mkdtemp(prefix="hadron-up-"))
    opened = Terminal(directory)
    yield opened
    if opened.up is not None and opened.up.poll() is None:
        opened.up.send_signal(signal.SIGINT)
        opened.up.communicate(timeout=90)
    shutil.rmtree(directory, ignore_errors=True)


def test_a_run_ends_by_itself_with_everything_accounted_for(terminal: Terminal) -> None:
    terminal.start("--for", "12")
    code, output = terminal.end()
    assert code == 0, output
    assert "kalshi: no API key is set, so a SIMULATED exchange stands in." in output
    assert "Every message is accounted for." in output
    assert not (terminal.directory / ".hadron" / "fleet.json").exists()


def test_commands_beside_a_running_fleet(terminal: Terminal) -> None:
    terminal.start("--seed", "7")
    terminal.wait_until_flowing()

    for venue in ("kalshi", "polygon"):
        recording = RECORDINGS / f"{venue}-frames.jsonl"
        before = terminal.status()[venue]
        for _ in range(2):
            terminal.run("replay", str(recording), "--venue", venue)
        after = terminal.status()[venue]
        assert after["dead_letters"] == 0
        assert after["unknown"] == before["unknown"]

    trades = json.loads(terminal.run("ticks", "HIGHNY-22DEC23-B53.5", "--json").stdout)
    assert [(one["price"], one["size"], one["side"]) for one in trades] == [
        ("0.3600", "136.00", "no")
    ]
    newest = json.loads(terminal.run("ticks", "I:SPX", "--limit", "3", "--json").stdout)
    assert len(newest) == 3
    assert newest == sorted(newest, key=lambda one: one["event_time"])
    assert "114.125" in terminal.run("ticks", "MSFT", "--type", "trade").stdout

    missing = terminal.run("ticks", "KXNOSUCHTHING", check=False)
    assert missing.returncode == 1
    assert "No instrument is called KXNOSUCHTHING" in missing.stderr
    assert "Did you mean" in terminal.run("ticks", "HIGHNY-22DEC23", check=False).stderr

    connections = terminal.status()["kalshi"]["connections"]
    assert len(connections) == 4
    assert "Connections" in terminal.run("status").stdout

    assert terminal.up is not None
    terminal.up.send_signal(signal.SIGINT)
    code, output = terminal.end()
    assert code == 0, output
    assert "Every message is accounted for." in output


def test_a_message_that_is_missing_shows_in_the_exit_code(terminal: Terminal) -> None:
    terminal.start()
    terminal.wait_until_flowing()
    addresses = json.loads((terminal.directory / ".hadron" / "fleet.json").read_text())
    connection = psycopg2.connect(addresses["database_url"])
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM ticks WHERE (instrument_id, event_time, event_key) IN ("
            " SELECT instrument_id, event_time, event_key FROM ticks"
            " WHERE venue = 'kalshi' AND tick_type = 'quote' LIMIT 2)"
        )
        assert cursor.rowcount == 2
    connection.close()
    assert terminal.up is not None
    terminal.up.send_signal(signal.SIGTERM)
    code, output = terminal.end()
    assert code == 1, output
    assert "sent 1, stored 0" in output


@pytest.mark.parametrize(
    ("variables", "arguments", "complaint"),
    [
        ({}, ["up", "--venues", "nyse"], "There is no venue 'nyse'"),
        ({"KALSHI_API_KEY_1": "id"}, ["up"], "KALSHI_PRIVATE_KEY_1_PATH"),
        (
            {"KALSHI_API_KEY_1": "id", "KALSHI_PRIVATE_KEY_1_PATH": "none.pem"},
            ["up"],
            "KALSHI_PRIVATE_KEY_1_PATH names none.pem, which does not exist",
        ),
        ({"HADRON_DRAIN_BATCH": "no"}, ["up"], "HADRON_DRAIN_BATCH"),
        ({"HADRON_REDIS_URL": "redis://127.0.0.1:1/0"}, ["status"], "Redis cannot be reached"),
        (
            {"HADRON_DATABASE_URL": "postgresql://u@127.0.0.1:1/h"},
            ["db", "upgrade"],
            "PostgreSQL is not available",
        ),
        ({"HADRON_DATABASE_URL": "mysql://h"}, ["db", "upgrade"], "no PostgreSQL address"),
    ],
)
def test_what_cannot_work_is_told_in_one_line(
    terminal: Terminal, variables: dict[str, str], arguments: list[str], complaint: str
) -> None:
    done = subprocess.run(
        [HADRON, *arguments],
        cwd=terminal.directory,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode in (1, 2)
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
