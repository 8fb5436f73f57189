"""Real workers of the queue that waits on exchanges, crawling a simulated one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import redis
from celery import Celery
from celery_part import WorkerPart

from hadron_tasks.worker_health import read_reports
from streamer.simulator.simulator import Simulator

HADRON = str(Path(sys.executable).with_name("hadron"))
POOL_PROCESSES = 2


class RestWorkers(WorkerPart):
    """One worker with two pool processes, and what tests ask of it."""

    def __init__(
        self,
        exchange: Simulator,
        redis_url: str,
        database_url: str,
        directory: Path,
        **settings: str,
    ) -> None:
        super().__init__(directory, database_url, patience_s=120)
        self.exchange = exchange
        self.env = os.environ | {
            "HADRON_REDIS_URL": redis_url,
            "HADRON_DATABASE_URL": database_url,
            "HADRON_KALSHI_REST_URL": exchange.kalshi_rest_url,
            "KALSHI_ENV": "simulator",
            "HADRON_POLYGON_REST_URL": exchange.polygon_rest_url,
            "POLYGON_API_KEY": exchange.config.polygon_api_key,
            "HADRON_POLYGON_REQUESTS_PER_MINUTE": "10000",
            "COLUMNS": "80",
            **settings,
        }
        for key in exchange.keys:
            self.env[f"KALSHI_API_KEY_{key.slot}"] = key.key_id
            self.env[f"KALSHI_PRIVATE_KEY_{key.slot}_PATH"] = str(key.private_key_path)
        self.celery = Celery("hadron", broker=redis_url)
        self.redis = redis.Redis.from_url(redis_url)

    def start(self) -> None:
        arguments = f"worker -Q rest -E -c {POOL_PROCESSES} -n rest@%h"
        self.process = self.celery_command(*arguments.split())
        self.wait_for(lambda: read_reports(self.redis), "the worker's report")

    def kill(self) -> None:
        """As ``kill -9`` of the worker and of its pool, all at once."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def close(self) -> None:
        self.kill()
        self.celery.close()
        self.redis.close()

    def send(self, task: str, *args: Any, **options: Any) -> None:
        self.celery.send_task(f"hadron.{task}", args=args, queue="rest", **options)

    def hadron(self, *arguments: str, exit_code: int = 0) -> str:
        """Run a ``hadron`` command; returns what it printed."""
        ran = subprocess.run(
            [HADRON, *arguments],
            env=self.env,
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert ran.returncode == exit_code, f"{ran.stdout}\n{ran.stderr}\n{self.tail()}"
        return ran.stdout

    def interrupted(self, *arguments: str) -> tuple[int, str]:
        """Run a ``hadron`` command and press Ctrl-C; returns how it ended and its last words."""
        with subprocess.Popen(
            [HADRON, *arguments],
            env=self.env,
            cwd=self.directory,
            stdout=subprocess.PIPE,
            text=True,
        ) as running:
            assert running.stdout is not None
            assert "has begun" in running.stdout.readline()
            time.sleep(0.5)
            running.send_signal(signal.SIGINT)
            said, _ = running.communicate(timeout=60)
        return running.returncode, said.splitlines()[-1].partition(" See:")[0]

    def status(self, run_id: int) -> dict[str, Any]:
        """What ``hadron crawl status`` tells of a crawl."""
        found: dict[str, Any] = json.loads(self.hadron("crawl", "status", str(run_id), "--json"))
        return found
