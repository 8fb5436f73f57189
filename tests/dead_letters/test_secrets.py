"""Secrets stand nowhere but in the settings: a worker that knows five is made to tell them."""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis
from letter_worker import SECRETS, LetterWorker

pytestmark = pytest.mark.xdist_group("dead letters")

_TABLES = """
    SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND n.nspname = 'public'
"""


class Eavesdropper:
    """Hears every command that anyone sends to Redis: queues, results, what Flower is told."""

    def __init__(self, worker: LetterWorker) -> None:
        self.heard: list[str] = []
        self._monitor = worker.redis.monitor()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Eavesdropper:
        self._monitor.__enter__()
        self._thread.start()
        return self

    def _listen(self) -> None:
        try:
            for command in self._monitor.listen():
                self.heard.append(str(command["command"]))
        except (redis.RedisError, OSError, ValueError, AttributeError):
            return  # it was closed

    def __exit__(self, *_: object) -> None:
        self._monitor.connection.disconnect()
        self._thread.join(5)


@pytest.fixture
def heard(worker: LetterWorker) -> Iterator[list[str]]:
    with Eavesdropper(worker) as eavesdropper:
        yield eavesdropper.heard


def in_database(worker: LetterWorker) -> Iterator[str]:
    """Every row of every table; bytes as text."""
    for (name,) in worker.query(_TABLES):
        for (row,) in worker.query(f"SELECT to_jsonb(t)::text FROM {name} t"):
            yield row
    for (frame,) in worker.query("SELECT raw_frame FROM dead_letters WHERE raw_frame IS NOT NULL"):
        yield bytes(frame).decode("latin-1")


def in_redis(worker: LetterWorker) -> Iterator[str]:
    """Every value of every key."""
    client = worker.redis
    readers: dict[bytes, Any] = {
        b"string": client.get,
        b"hash": client.hgetall,
        b"list": lambda key: client.lrange(key, 0, -1),
        b"set": client.smembers,
        b"zset": lambda key: client.zrange(key, 0, -1, withscores=True),
        b"stream": client.xrange,
    }
    for key in client.scan_iter():
        yield str((key, readers[client.type(key)](key)))


def readable(text: str) -> str:
    """A text, and what is wrapped up in it: kombu sends bodies in base64."""
    bodies = re.findall(r'body\\*": ?\\*"((?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2,3}=*)?)', text)
    return "\n".join([text, *(base64.b64decode(body + "==").decode("latin-1") for body in bodies)])


def told_in(texts: Iterator[str] | list[str]) -> set[str]:
    whole = "\n".join(readable(text) for text in texts)
    return {secret for secret in SECRETS if secret in whole}


def test_no_secret_is_told_anywhere(worker: LetterWorker, heard: list[str]) -> None:
    marker = f"marker-{uuid4().hex}"
    task_id = worker.send("tells_secrets", marker)
    (letter,) = worker.wait_for(
        lambda: worker.letters("tells_secrets", task_id=task_id), "the letter"
    )
    worker.wait_for(lambda: worker.ended("tells_secrets", "failure") >= 1, "the end")
    worker.wait_for(
        lambda: any("task-failed" in one and marker in one for one in map(readable, heard[:])),
        "the event",
    )
    # All five were there to be told: what stood beside them is.
    assert letter["message"].count("[hidden]") == 4
    assert f"apiKey=[hidden] {marker}" in letter["traceback"]
    assert letter["attempts"] == 2
    assert any("task-retried" in one and marker in one for one in map(readable, heard))
    log = worker.log.read_text(errors="replace")
    assert marker in log

    assert told_in(heard) == set()
    assert told_in([log]) == set()
    assert told_in(in_redis(worker)) == set()
    assert told_in(in_database(worker)) == set()


def test_a_letter_hides_what_was_put_into_a_message(worker: LetterWorker, tmp_path: Path) -> None:
    before = worker.newest_letter()
    key_of_another = "-----BEGIN PRIVATE KEY-----\nMIIEplantedByAnother\n-----END PRIVATE KEY-----"
    worker.send("unknown", *SECRETS, key_of_another)
    worker.redis.lpush("maintenance", f"no JSON, but {SECRETS[0]} and {key_of_another}")
    worker.wait_for(
        lambda: len(worker.query("SELECT 1 FROM dead_letters WHERE id > %s", before)) == 2,
        "two letters",
    )
    exported = tmp_path / "letters.jsonl"
    worker.hadron("dlq", "export", str(exported))
    texts = [exported.read_text(), *in_database(worker)]
    assert told_in(texts) == set()
    assert "MIIEplantedByAnother" not in "\n".join(texts)
    assert "[hidden]" in exported.read_text()
