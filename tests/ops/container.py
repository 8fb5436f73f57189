"""One container, as a process of this machine."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from stall_meter import StallMeter


@dataclass
class Container:
    """One replica of a service."""

    service: str
    name: str
    command: list[str]
    health: list[str]
    env: dict[str, str]
    directory: Path
    stop_grace_s: float
    user: str | None = None
    process: subprocess.Popen[bytes] | None = None
    _asked_at: float = 0.0

    @property
    def log(self) -> Path:
        return self.directory.parent / f"{self.name}.log"

    def start(self) -> None:
        self.directory.mkdir(exist_ok=True)
        if self.user is not None:
            shutil.chown(self.directory, self.user)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env=self.env,
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=self.user,
            )

    def check(self) -> subprocess.CompletedProcess[str]:
        """Run the health check once."""
        return subprocess.run(
            self.health, env=self.env, cwd=self.directory, capture_output=True, text=True
        )

    def ask_to_end(self) -> None:
        """SIGTERM, as docker stop."""
        assert self.process is not None
        self.process.terminate()
        self._asked_at = time.monotonic()

    def await_end(self, meter: StallMeter) -> None:
        """Wait until one that was asked to has ended.

        Args:
            meter: Entered before it was asked: while the machine stands still no grace passes.

        Raises:
            AssertionError: It did not in its grace period, so that docker would kill it, or failed.
        """
        assert self.process is not None
        while (code := self.process.poll()) is None:
            if time.monotonic() - self._asked_at - meter.stalled_s > self.stop_grace_s:
                # A Celery worker writes down then what each of its threads is at.
                self.process.send_signal(signal.SIGUSR1)
                time.sleep(1.0)
                self.kill()
                raise AssertionError(f"{self.name} outlived its grace period\n{self.tail(12_000)}")
            time.sleep(0.02)
        assert code in (0, -signal.SIGTERM), f"{self.name} ended with {code}\n{self.tail()}"

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def tail(self, characters: int = 2500) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return f"--- {self.name}: {' '.join(self.command)}\n{text[-characters:]}"


def end(containers: Collection[Container]) -> None:
    """End them all at once, each within its grace period.

    Raises:
        AssertionError: One did not, or failed.
    """
    with StallMeter() as meter:
        for container in containers:
            container.ask_to_end()
        for container in containers:
            container.await_end(meter)
