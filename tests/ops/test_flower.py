"""Flower beside workers of which it knows only some."""

from __future__ import annotations

import json
import time
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from celery_part import celery
from flower_page import ask

from hadron_tasks.local.redis_server import RedisServer, free_port

pytestmark = pytest.mark.fleet

QUEUES = {"drain", "maintenance", "markets", "rest"}


def test_every_queue_is_listed_though_one_worker_answered(tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "redis")
    server.start()
    env = {"HADRON_REDIS_URL": server.url, "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    env["FLOWER_UNAUTHENTICATED_API"] = "true"
    port = free_port()
    flower = f"http://127.0.0.1:{port}/"
    try:
        with (
            running(tmp_path, env, "worker", "-n", "alone@%h", "-Q", "rest", "-c", "1"),
            running(tmp_path, env, "flower", "--address=127.0.0.1", f"--port={port}"),
        ):
            answered: set[str] = set()
            deadline = time.monotonic() + 120
            while not answered:
                assert time.monotonic() < deadline, (tmp_path / "flower.log").read_text()
                time.sleep(0.2)
                try:
                    workers = json.loads(ask(f"{flower}api/workers?refresh=true"))
                except urllib.error.URLError:
                    continue
                # A worker that has not answered yet may be there without its queues.
                queues = [told.get("active_queues", []) for told in workers.values()]
                answered = {queue["name"] for each in queues for queue in each}
            assert answered == {"rest"}
            listed = json.loads(ask(f"{flower}api/queues/length"))["active_queues"]
            assert {queue["name"] for queue in listed} == QUEUES
    finally:
        server.stop()


@contextmanager
def running(directory: Path, env: dict[str, str], command: str, *options: str) -> Iterator[None]:
    process = celery(directory, directory / f"{command}.log", env, command, *options)
    try:
        yield
    finally:
        process.terminate()
        process.wait(120)
