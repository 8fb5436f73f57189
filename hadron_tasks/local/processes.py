"""Child processes that are kept running: started, watched, restarted, stopped in order."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hadron_tasks.local.lifeline import ends_with_parent

RESTART_AFTER_S = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Pauses before restarts of a process that keeps dying; the last one repeats."""

HEALTHY_AFTER_S = 30.0
"""A process that lived so long starts again from the first pause."""


@dataclass(frozen=True, slots=True)
class Command:
    """What to run, under which name."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    """Added to this process's environment."""
    orphaned: signal.Signals = signal.SIGTERM
    """What it gets when the thread that started it ends."""


class ManagedProcess:
    """One child process with its log file; restarted when it dies by itself."""

    def __init__(self, command: Command, log_directory: Path) -> None:
        self.name = command.name
        self.log_path = log_directory / f"{command.name}.log"
        self.restarts = 0
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._restart_at: float | None = None
        self._failures = 0
        self._asked_to_end = False

    @property
    def pid(self) -> int | None:
        """Its process id, or None when it does not run."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Start it; its output is appended to its log."""
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self._command.argv,
                env={**os.environ, **self._command.env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Not in the terminal's group: Ctrl-C must reach the supervisor alone, which
                # stops the others in order. And a group of its own, to end its children with it.
                start_new_session=True,
                preexec_fn=ends_with_parent(self._command.orphaned),
            )
        self._started = time.monotonic()
        self._restart_at = None
        self._asked_to_end = False

    def watch(self) -> bool:
        """Restart it if it died unasked and its pause is over; call often.

        Returns:
            Whether it was restarted now.
        """
        if self._process is None or self._asked_to_end or self._process.poll() is None:
            return False
        now = time.monotonic()
        if self._restart_at is None:
            if now - self._started > HEALTHY_AFTER_S:
                self._failures = 0
            pause = RESTART_AFTER_S[min(self._failures, len(RESTART_AFTER_S) - 1)]
            self._failures += 1
            self._restart_at = now + pause
        if now < self._restart_at:
            return False
        self._end_group()
        self.start()
        self.restarts += 1
        return True

    def terminate(self) -> None:
        """Ask it, once, to end in order (SIGTERM); it is not restarted then."""
        if self.pid is not None and self._process is not None and not self._asked_to_end:
            self._process.terminate()
        self._asked_to_end = True

    def kill(self) -> None:
        """End it at once, with whatever it started."""
        self._end_group()
        self.wait(0)

    def wait(self, timeout_s: float) -> bool:
        """Wait until it has ended, and end what it left behind; kills it after the timeout.

        Returns:
            Whether it ended by itself in time.
        """
        if self._process is None:
            return True
        try:
            self._process.wait(timeout_s)
            in_time = True
        except subprocess.TimeoutExpired:
            in_time = False
        self._end_group()
        self._process.wait()
        self._process = None
        return in_time

    def stop(self, timeout_s: float) -> bool:
        """Ask it to end and wait; returns whether it ended in time."""
        self.terminate()
        return self.wait(timeout_s)

    def _end_group(self) -> None:
        """Kill whatever of its process group is left: pool processes of a killed worker."""
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)


def stop_all(processes: Sequence[ManagedProcess], timeout_s: float) -> list[str]:
    """Ask several processes to end at once and wait for each.

    Returns:
        The names of those that had to be killed.
    """
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + timeout_s
    return [
        process.name
        for process in processes
        if not process.wait(max(0.1, deadline - time.monotonic()))
    ]
