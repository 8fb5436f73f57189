"""When a fleet that is to end has received everything, and that what was ended stays so."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hadron_tasks.feed_health import ConnectionHealth, ConnectionState
from hadron_tasks.local import processes
from hadron_tasks.local.fleet import PAUSED_S, QUIET_S, is_quiet
from hadron_tasks.local.processes import Command, ManagedProcess

PAUSED_NS = 1_800_000_000_000_000_000


@pytest.mark.parametrize(
    ("reported_s", "last_frame_s", "quiet"),
    [
        (-0.1, -10.0, False),  # The pause is newer than the report.
        (PAUSED_S - 0.1, -10.0, False),  # Its last frame may be on its way.
        (PAUSED_S, -10.0, True),
        (PAUSED_S, PAUSED_S - QUIET_S + 0.1, False),
        (PAUSED_S, PAUSED_S - QUIET_S, True),
        (5.0, 4.0, False),  # It still reads what was sent before.
        (PAUSED_S, None, True),
    ],
)
def test_a_connection_has_all_when_it_was_silent_for_a_while(
    reported_s: float, last_frame_s: float | None, quiet: bool
) -> None:
    def at_ns(seconds: float) -> int:
        return PAUSED_NS + round(seconds * 1e9)

    report = ConnectionHealth(
        venue="kalshi",
        connection="kalshi-1",
        streamer="here:1",
        state=ConnectionState.LIVE,
        reported_ns=at_ns(reported_s),
        last_frame_ns=None if last_frame_s is None else at_ns(last_frame_s),
    )
    assert is_quiet(report, PAUSED_NS) is quiet


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[ManagedProcess]:
    command = Command("sleeper", (sys.executable, "-c", "import time; time.sleep(60)"), {})
    process = ManagedProcess(command, tmp_path)
    process.start()
    yield process
    process.kill()


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_dies_is_started_again_but_not_what_was_asked_to_end(
    sleeper: ManagedProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "RESTART_AFTER_S", (0.1,))
    sleeper.kill()
    sleeper.start()
    first = sleeper.pid
    assert first is not None
    sleeper._process.kill()  # type: ignore[union-attr]
    wait_for(sleeper.watch)
    assert sleeper.pid not in (None, first)

    sleeper.terminate()
    wait_for(lambda: sleeper.pid is None)
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        assert not sleeper.watch()
        time.sleep(0.05)
    sleeper.start()
    assert sleeper.pid is not None
