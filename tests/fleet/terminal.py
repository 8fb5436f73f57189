"""A directory with a fleet in it, and commands typed as a person would."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.extensions import connection as PgConnection  # noqa: N812

HADRON = str(Path(sys.executable).with_name("hadron"))

PATIENCE_S = 300.0
"""How long to wait for what ends when it is done: two fleets may start at once on two cores."""


class Terminal:
    """A directory with a fleet, and commands typed into it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.up: subprocess.Popen[str] | None = None

    def start(self, *options: str) -> None:
        self.up = subprocess.Popen(
            [HADRON, "up", "--rate", "60", "--no-flower", *options],
            cwd=self.directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def end(self, timeout_s: float = PATIENCE_S) -> tuple[int, str]:
        """Its exit code and all it said."""
        assert self.up is not None
        output, _ = self.up.communicate(timeout=timeout_s)
        return self.up.returncode, output

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [HADRON, *arguments],
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done

    @property
    def database_url(self) -> str:
        addresses = json.loads((self.directory / ".hadron" / "fleet.json").read_text())
        return str(addresses["database_url"])

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(psycopg2.connect(self.database_url)) as opened, opened.cursor() as rows:
            rows.execute(sql)
            return rows.fetchall()

    def status(self) -> dict[str, dict[str, Any]]:
        document = json.loads(self.run("status", "--json").stdout)
        return {venue["venue"]: venue for venue in document["venues"]}

    def wait_for(self, condition: Callable[[], object], timeout_s: float = PATIENCE_S) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, "it did not come about"
            assert self.up is not None
            assert self.up.poll() is None, self.up.communicate()[0]
            time.sleep(0.1)

    def wait_until_flowing(self) -> None:
        told = self.directory / ".hadron" / "fleet.json"
        self.wait_for(lambda: told.exists() and told.stat().st_size)
        # Asked by SQL: a command twice a second would take a core from the fleet that starts.
        with closing(psycopg2.connect(self.database_url)) as database:
            database.autocommit = True
            self.wait_for(lambda: _venues_with_ticks(database) == 2)


def _venues_with_ticks(database: PgConnection) -> int:
    with database.cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT venue) FROM ingest_counts WHERE ticks > 0")
        ((count,),) = cursor.fetchall()
    return int(count)
