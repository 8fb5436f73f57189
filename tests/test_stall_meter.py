"""The meter counts the time in which nobody could run, and no other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from stall_meter import INTERVAL_S, StallMeter

METERED = """
import sys
from stall_meter import StallMeter

with StallMeter() as meter:
    print("metering", flush=True)
    sys.stdin.readline()
    print(meter.stalled_s)
"""


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_turns_in_time_are_no_stall(clock: Clock) -> None:
    meter = StallMeter(clock)
    for _ in range(10):
        clock.now += INTERVAL_S / 2
        meter.tick()

    assert meter.stalled_s == 0


def test_what_turns_come_late_is_added_up(clock: Clock) -> None:
    meter = StallMeter(clock)
    for late_s in (3, 0, 12):
        clock.now += INTERVAL_S + late_s
        meter.tick()

    assert meter.stalled_s == pytest.approx(15)


def test_a_stall_is_seen_before_the_thread_has_its_turn_again(clock: Clock) -> None:
    meter = StallMeter(clock)
    clock.now += INTERVAL_S + 7

    assert meter.stalled_s == pytest.approx(7)
    meter.tick()
    assert meter.stalled_s == pytest.approx(7), "and is counted once"


def test_what_it_measured_stays_when_it_has_ended() -> None:
    clock = Clock()
    with StallMeter(clock) as meter:
        clock.now += INTERVAL_S + 2
    measured_s = meter.stalled_s
    clock.now += 100

    assert measured_s == meter.stalled_s == pytest.approx(2)


def test_a_process_that_was_stopped_knows_for_how_long() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", METERED],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "metering\n"

    os.kill(process.pid, signal.SIGSTOP)
    os.waitpid(process.pid, os.WUNTRACED)
    began = time.monotonic()
    time.sleep(0.3)
    stood_still_s = time.monotonic() - began
    os.kill(process.pid, signal.SIGCONT)
    stdout, _ = process.communicate("\n", timeout=120)

    assert float(stdout) >= stood_still_s - INTERVAL_S
