"""Fleets for tests, ended with whatever they left behind."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fleet.running_fleet import VENUES, RunningFleet
from fleet.terminal import PATIENCE_S, Terminal

from hadron_tasks.local.fleet import FleetOptions

StartFleet = Callable[..., RunningFleet]


@contextmanager
def fleets() -> Iterator[StartFleet]:
    """Starts fleets; ends them at the end, and whatever they left."""
    # Not under pytest's own temporary directory: its name is too long for a Unix socket.
    directory = Path(tempfile.mkdtemp(prefix="hadron-fleet-"))
    running: list[RunningFleet] = []

    def start(**changes: Any) -> RunningFleet:
        options: dict[str, Any] = {
            "venues": VENUES,
            "workers": 1,
            "concurrency": 2,
            "streamers": 1,
            "rate": 2000.0,
            "data_dir": directory / str(len(running)),
            "simulate": frozenset(changes.get("venues", VENUES)),
            "flower": False,
        } | changes
        fleet = RunningFleet(FleetOptions(**options), lambda _words: None)
        running.append(fleet)
        fleet.start()
        return fleet

    yield start
    for fleet in running:
        fleet.abandon()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def start_fleet() -> Iterator[StartFleet]:
    """Starts fleets, which end with the test."""
    with fleets() as start:
        yield start


@pytest.fixture(scope="module")
def start_shared_fleet() -> Iterator[StartFleet]:
    """Starts fleets that all tests of a module use, one after the other."""
    with fleets() as start:
        yield start


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    # Not under pytest's own temporary directory: its name is too long for a Unix socket.
    directory = Path(tempfile.mkdtemp(prefix="hadron-up-"))
    opened = Terminal(directory)
    yield opened
    if opened.up is not None and opened.up.poll() is None:
        opened.up.send_signal(signal.SIGINT)
        opened.up.communicate(timeout=PATIENCE_S)
    shutil.rmtree(directory, ignore_errors=True)
