"""A worker with tasks that fail: a real process, and what tests ask of it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg2
import redis
from celery import Celery

from hadron_tasks import counters
from hadron_tasks.counters import Counter
from hadron_tasks.local.redis_server import RedisServer

HADRON = str(Path(sys.executable).with_name("hadron"))


class LetterWorker:
    """A worker with failing tasks, its services, and what tests ask of them."""

    def __init__(self, server: RedisServer, database_url: str, directory: Path) -> None:
        self.server = server
        self.database_url = database_url
        self.directory = directory
        self.log = directory / "worker.log"
        self.env = os.environ | {
            "HADRON_REDIS_URL": server.url,
            "HADRON_DATABASE_URL": database_url,
            "PYTHONPATH": str(Path(__file__).parent),
        }
        self.redis = redis.Redis.from_url(server.url)
        self.celery = Celery("hadron", broker=server.url)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        arguments = "-A hadron_tasks.app worker -I failing_tasks -Q drain,maintenance,rest -E -c 2"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "celery", *arguments.split(), "-n", "letters@%h"],
                env=self.env,
                cwd=self.directory,
                stdout=log,
                stderr=log,
            )

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.celery.close()
        self.redis.close()

    def send(self, task: str, *args: Any, **options: Any) -> str:
        """Send a task; returns its id."""
        options.setdefault("queue", "maintenance")
        return str(self.celery.send_task(f"test.{task}", args=args, **options).id)

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        connection = psycopg2.connect(self.database_url)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(sql, values)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def letters(self, task: str, **columns: object) -> list[dict[str, Any]]:
        """The letters of a task, whole."""
        rows = self.query(
            "SELECT to_jsonb(d) - 'identity' FROM dead_letters d WHERE task_name = %s ORDER BY id",
            f"test.{task}",
        )
        found = [row[0] for row in rows]
        return [one for one in found if all(one[name] == columns[name] for name in columns)]

    def newest_letter(self) -> int:
        """The number of the newest letter, or 0."""
        return int(self.query("SELECT coalesce(max(id), 0) FROM dead_letters")[0][0])

    def unreadable(self, after: int) -> dict[str, Any] | None:
        """The first letter after a number of a message that could not be read."""
        rows = self.query(
            "SELECT to_jsonb(d) - 'identity', raw_frame FROM dead_letters d"
            " WHERE args IS NULL AND id > %s ORDER BY id LIMIT 1",
            after,
        )
        return dict(rows[0][0]) | {"raw_frame": bytes(rows[0][1])} if rows else None

    def ended(self, task: str, state: str) -> int:
        """How often a task ended in a state, by the workers' own count."""
        return counters.read(self.redis, Counter.TASKS).get((f"test.{task}", state), 0)

    def revoked(self) -> set[str]:
        """The ids that the worker knows to be revoked."""
        answers = self.celery.control.inspect(timeout=0.3).revoked() or {}
        return {task_id for ids in answers.values() for task_id in ids}

    def wait_for(self, condition: Callable[[], Any], what: str, timeout_s: float = 40) -> Any:
        """What ``condition`` gives, once it is true."""
        deadline = time.monotonic() + timeout_s
        while not (found := condition()):
            assert time.monotonic() < deadline, f"{what} did not come about; {self.tail()}"
            time.sleep(0.05)
        return found

    def hadron(self, *arguments: str) -> str:
        """Run a ``hadron`` command; returns what it printed."""
        ran = subprocess.run(
            [HADRON, *arguments], env=self.env, capture_output=True, text=True, timeout=60
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-5000:]
