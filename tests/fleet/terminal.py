"""A directory with a fleet in it, and commands typed as a person would."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HADRON = str(Path(sys.executable).with_name("hadron"))


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
