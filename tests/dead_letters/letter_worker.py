"""A worker with tasks that fail: a real process, and what tests ask of it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any
from unittest.mock import patch

import redis
from celery import Celery
from celery_part import WorkerPart
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from telltale_exchange import TelltaleExchange

from hadron_tasks import counters
from hadron_tasks.cli import main
from hadron_tasks.counters import Counter
from hadron_tasks.local.postgres_server import PostgresServer
from hadron_tasks.local.redis_server import RedisServer
from hadron_tasks.raw_stream import RawFrame, frame_fields, stream_key
from hadron_tasks.settings import get_settings

KALSHI_KEY_ID = "5f0a1b7e-planted-key-id-93cd"
POLYGON_KEY = "pLaNtEdPoLyGoNkEy0451"
REDIS_PASSWORD = "planted-redis-password"
DATABASE_PASSWORD = "planted-database-password"


class LetterWorker(WorkerPart):
    """A worker with failing tasks, its services, and what tests ask of them."""

    def __init__(self, server: RedisServer, postgres: PostgresServer, directory: Path) -> None:
        super().__init__(directory, postgres.create_database("letters"), patience_s=120)
        self.server = server
        self.postgres = postgres
        self.redis = redis.Redis.from_url(server.url)
        self.redis.acl_setuser("hadron", True, passwords="+" + REDIS_PASSWORD, commands=["+@all"],
                               keys=["*"], channels=["*"])  # fmt: skip
        self.exchange = TelltaleExchange()
        self.secrets = [KALSHI_KEY_ID, POLYGON_KEY, REDIS_PASSWORD, DATABASE_PASSWORD]
        # Nothing of this machine's own settings.
        bare = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("HADRON_", "KALSHI_", "POLYGON_"))
        }
        self.settings = self._settings()
        self.env = bare | self.settings | {"PYTHONPATH": str(Path(__file__).parent)}
        self.celery = Celery("hadron", broker=server.url)

    def _settings(self) -> dict[str, str]:
        """Settings with a secret of each kind."""
        key_file = self.directory / "key.pem"
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        key_file.write_bytes(key)
        self.secrets += [line for line in key.decode().splitlines()[1:-1] if len(line) == 64]
        return {
            "HADRON_REDIS_URL": self.server.url.replace("//", f"//hadron:{REDIS_PASSWORD}@"),
            "HADRON_DATABASE_URL": self.database_url.replace("@", f":{DATABASE_PASSWORD}@"),
            "KALSHI_API_KEY_1": KALSHI_KEY_ID,
            "KALSHI_PRIVATE_KEY_1_PATH": str(key_file),
            "HADRON_KALSHI_REST_URL": f"{self.exchange.url}/trade-api/v2",
            "POLYGON_API_KEY": POLYGON_KEY,
            "HADRON_POLYGON_REST_URL": self.exchange.url,
        }

    def start(self) -> None:
        arguments = "worker -I failing_tasks -Q drain,maintenance,rest -E -c 2 -n letters@%h"
        self.process = self.celery_command(*arguments.split())

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.exchange.stop()
        self.celery.close()
        self.redis.close()

    def send(self, task: str, *args: Any, **options: Any) -> str:
        """Send a task; returns its id."""
        options.setdefault("queue", "maintenance")
        return str(self.celery.send_task(f"test.{task}", args=args, **options).id)

    def receive(self, venue: str, frame: RawFrame) -> None:
        """Put a frame on its raw stream, as a streamer does, and poke."""
        self.redis.xadd(stream_key(venue), frame_fields(frame))  # type: ignore[arg-type]
        self.celery.send_task("hadron.drain_raw", args=[venue], queue="drain")

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
        answers = self.celery.control.inspect(timeout=5, limit=1).revoked() or {}
        return {task_id for ids in answers.values() for task_id in ids}

    def status(self, letter_id: int) -> tuple[str, int]:
        """A letter's status and attempts."""
        ((status, attempts),) = self.query(
            "SELECT status, attempts FROM dead_letters WHERE id = %s", letter_id
        )
        return status, attempts

    def hadron(self, *arguments: str) -> str:
        """Run a ``hadron`` command; returns what it printed."""
        with patch.dict(os.environ, self.settings):
            get_settings.cache_clear()
            ran = CliRunner().invoke(main, arguments)
        get_settings.cache_clear()
        assert ran.exit_code == 0, ran.output
        return ran.stdout
