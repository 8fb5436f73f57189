"""Secrets stand nowhere but in the settings: a worker that knows five is made to tell them."""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis
from letter_worker import KALSHI_KEY_ID, POLYGON_KEY, LetterWorker

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
        if reader := readers.get(client.type(key)):  # some end while this looks
            yield str((key, reader(key)))


def readable(text: str) -> str:
    """A text, and what is wrapped up in it: kombu sends bodies in base64."""
    bodies = re.findall(r'body\\*": ?\\*"((?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2,3}=*)?)', text)
    return "\n".join([text, *(base64.b64decode(body + "==").decode("latin-1") for body in bodies)])


def told_in(worker: LetterWorker, texts: Iterable[str]) -> set[str]:
    """The secrets that stand anywhere in some texts."""
    whole = "\n".join(readable(text) for text in texts)
    return {secret for secret in worker.secrets if secret in whole}


def told_anywhere(worker: LetterWorker, heard: list[str]) -> set[str]:
    """The secrets that stand in logs, in Redis or on the way to it, or in PostgreSQL."""
    log = worker.log.read_text(errors="replace")
    return told_in(worker, [*heard, log, *in_redis(worker), *in_database(worker)])


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
    assert marker in worker.log.read_text(errors="replace")
    assert told_anywhere(worker, heard) == set()


@pytest.mark.parametrize(("venue", "key"), [("kalshi", KALSHI_KEY_ID), ("polygon", POLYGON_KEY)])
def test_an_exchange_that_quotes_the_keys_tells_nobody(
    worker: LetterWorker, heard: list[str], venue: str, key: str
) -> None:
    task_id = worker.send("asks_exchange", venue)
    (letter,) = worker.wait_for(
        lambda: worker.letters("asks_exchange", task_id=task_id), "the letter"
    )
    assert any(key in request for request in worker.exchange.requests)
    assert letter["error_type"] == "KeyRefused"
    assert "I do not like" in letter["message"]
    assert "[hidden]" in letter["message"]
    worker.wait_for(lambda: worker.ended("asks_exchange", "failure") >= 1, "the end")
    assert told_anywhere(worker, heard) == set()


def test_a_letter_hides_what_was_put_into_a_message(worker: LetterWorker, tmp_path: Path) -> None:
    before = worker.newest_letter()
    key_of_another = "-----BEGIN PRIVATE KEY-----\nMIIEplantedByAnother\n-----END PRIVATE KEY-----"
    worker.send("unknown", *worker.secrets, key_of_another)
    worker.redis.lpush("maintenance", f"no JSON, but {worker.secrets[0]} and {key_of_another}")
    worker.wait_for(
        lambda: len(worker.query("SELECT 1 FROM dead_letters WHERE id > %s", before)) == 2,
        "two letters",
    )
    exported = tmp_path / "letters.jsonl"
    worker.hadron("dlq", "export", str(exported))
    texts = [exported.read_text(), *in_database(worker)]
    assert told_in(worker, texts) == set()
    assert "MIIEplantedByAnother" not in "\n".join(texts)
    assert "[hidden]" in exported.read_text()
