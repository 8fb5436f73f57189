"""Celery's real commands in a directory, and what tests ask of a worker there."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2


def celery(
    directory: Path, log: Path, env: Mapping[str, str], *arguments: str
) -> subprocess.Popen[bytes]:
    """Start a ``celery`` command of the application, a process group of its own."""
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "hadron_tasks.app", *arguments],
            env=env,
            cwd=directory,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


class WorkerPart:
    """One worker, its database and its log.

    Args:
        patience_s: How long to wait for what should come about.
    """

    def __init__(self, directory: Path, database_url: str, patience_s: float) -> None:
        self.directory = directory
        self.database_url = database_url
        self.log = directory / "worker.log"
        self.env: dict[str, str] = {}
        self.process: subprocess.Popen[bytes] | None = None
        self._patience_s = patience_s

    def celery_command(self, *arguments: str, **env: str) -> subprocess.Popen[bytes]:
        """Start a ``celery`` command; it logs where the worker does."""
        return celery(self.directory, self.log, self.env | env, *arguments)

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with (
            closing(psycopg2.connect(self.database_url)) as connection,
            connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(sql, values)
            return cursor.fetchall() if cursor.description else []

    def wait_for(
        self, condition: Callable[[], Any], what: str, timeout_s: float | None = None
    ) -> Any:
        """What ``condition`` gives, once it is true."""
        deadline = time.monotonic() + (timeout_s or self._patience_s)
        while not (found := condition()):
            assert time.monotonic() < deadline, f"{what} did not come about; {self.tail()}"
            time.sleep(0.02)
        return found

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-5000:]
