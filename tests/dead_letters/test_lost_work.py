"""What never reaches its task is a dead letter, or its work is done by redelivery."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from letter_worker import LetterWorker

pytestmark = pytest.mark.xdist_group("dead letters")


@pytest.fixture(scope="module", autouse=True)
def slow(worker: LetterWorker, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The ids of tasks whose ends take seconds to come: they do while other tests run."""
    survivor = tmp_path_factory.mktemp("killed") / "survivor"
    return {
        "kills_always": worker.send("kills_always"),
        "killed": worker.send("killed", str(survivor)),
        "hangs": worker.send("hangs"),
    }


def envelope(body: bytes, queue: str = "maintenance", **changes: Any) -> dict[str, Any]:
    """A message as it lies on a queue, with a body of any kind."""
    task_id = str(uuid4())
    return {
        "body": base64.b64encode(body).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"task": "test.misconfigured", "id": task_id, "lang": "py"},
        "properties": {
            "correlation_id": task_id,
            "delivery_info": {"exchange": queue, "routing_key": queue},
            "delivery_tag": str(uuid4()),
            "body_encoding": "base64",
        },
    } | changes


def test_an_unknown_task_is_a_letter(worker: LetterWorker) -> None:
    task_id = worker.send("of_a_newer_version", 1, 2)
    (letter,) = worker.wait_for(lambda: worker.letters("of_a_newer_version"), "the letter")
    assert (letter["error_type"], letter["task_id"]) == ("NotRegistered", task_id)
    assert (letter["args"], letter["queue"]) == ([1, 2], "maintenance")


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (envelope(b"{not json"), "Expecting"),
        (envelope(b"[1, 2]"), "not the arguments of a task"),
        (envelope(b"[{}, {}, {}]"), "not the arguments of a task"),
        (envelope(b"[[], [], {}]"), "not the arguments of a task"),
        (envelope(b"7"), "not the arguments of a task"),
        (
            envelope(b"cos\nsystem\n", **{"content-type": "application/x-python-serialize"}),
            "pickle",
        ),
        (envelope(b"[[], {}, {}]", headers={}), "names no task"),
        (envelope(b"[[], {}, {}]", headers={"task": ["a"], "id": "1"}), "unhashable"),
        (envelope(b"[[], {}, {}]", headers={"task": "test.misconfigured"}), "id"),
        (
            envelope(
                b"[[], {}, {}]", headers={"task": "test.misconfigured", "id": "2", "eta": "soon"}
            ),
            "ETA",
        ),
    ],
    ids=lambda value: None if isinstance(value, dict) else value,
)
def test_a_message_that_cannot_be_read_is_a_letter(
    worker: LetterWorker, message: dict[str, Any], words: str
) -> None:
    before = worker.newest_letter()
    worker.redis.lpush("maintenance", json.dumps(message))
    letter = worker.wait_for(lambda: worker.unreadable(before), "the letter")
    assert letter["queue"] == "maintenance"
    assert words in letter["message"]
    body = base64.b64decode(message["body"]).decode()
    assert json.loads(letter["raw_frame"])["body"] == body
    assert worker.process is not None
    assert worker.process.poll() is None


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(b"not json at all", id="text"),
        pytest.param(b"\xff\xfe\x00", id="bytes"),
        pytest.param(b"[1]", id="list"),
        pytest.param(b'"text"', id="string"),
        pytest.param(b"{}", id="nothing in it"),
        pytest.param(b'{"properties": {"delivery_tag": "1"}}', id="no body"),
        pytest.param(
            b'{"properties": {"delivery_info": {"exchange": "", "routing_key": "x"}}, "body": ""}',
            id="no tag",
        ),
        pytest.param(json.dumps(envelope(b"") | {"headers": 3}).encode(), id="headers"),
        pytest.param(json.dumps(envelope(b"") | {"body": "A"}).encode(), id="body"),
        pytest.param(b'{"__type__": "datetime", "__value__": 3}', id="kombu's own type"),
    ],
)
def test_a_queue_item_that_is_no_message_is_a_letter(worker: LetterWorker, item: bytes) -> None:
    before = worker.newest_letter()
    worker.redis.lpush("maintenance", item)
    letter = worker.wait_for(lambda: worker.unreadable(before), "the letter")
    assert (letter["error_type"], letter["queue"]) == ("NoMessage", "maintenance")
    assert letter["place"] == "queue maintenance"
    assert letter["raw_frame"] == item
    assert worker.process is not None
    assert worker.process.poll() is None


def test_revoked_work_is_a_letter(worker: LetterWorker, tmp_path: Path) -> None:
    task_id = str(uuid4())
    worker.celery.control.revoke(task_id)
    worker.wait_for(lambda: task_id in worker.revoked(), "the revocation")
    worker.send("misconfigured", str(tmp_path), task_id=task_id)
    (letter,) = worker.wait_for(
        lambda: worker.letters("misconfigured", error_type="Revoked"), "the letter"
    )
    assert letter["task_id"] == task_id


def test_what_fails_around_a_task_is_a_letter(worker: LetterWorker) -> None:
    task_id = worker.send("fails_around")
    (letter,) = worker.wait_for(lambda: worker.letters("fails_around"), "the letter")
    assert (letter["error_type"], letter["task_id"]) == ("LookupError", task_id)


def test_work_revoked_while_it_runs_is_a_letter(worker: LetterWorker, tmp_path: Path) -> None:
    started = tmp_path / "started"
    task_id = worker.send("sleeps", str(started))
    worker.wait_for(started.exists, "the start")
    worker.celery.control.revoke(task_id, terminate=True)
    (letter,) = worker.wait_for(lambda: worker.letters("sleeps"), "the letter")
    assert (letter["error_type"], letter["task_id"]) == ("Revoked", task_id)
    assert letter["attempts"] == 1


def test_expired_work_is_a_letter_unless_another_comes(worker: LetterWorker) -> None:
    scheduled = {"hadron": {"scheduled": True}}
    worker.send("misconfigured", "followed by another", expires=-5, headers=scheduled)
    worker.send("poke", "expired", expires=-5)
    worker.send("misconfigured", "by hand", expires=-5)
    worker.wait_for(
        lambda: worker.letters("misconfigured", error_type="Expired", args=["by hand"]),
        "the letter",
    )
    assert len(worker.letters("misconfigured", error_type="Expired")) == 1
    assert worker.letters("poke", args=["expired"]) == []


def test_a_killed_process_loses_nothing_the_task_is_done_by_redelivery(
    worker: LetterWorker, slow: dict[str, str]
) -> None:
    worker.wait_for(lambda: worker.ended("killed", "success") == 1, "success")
    assert worker.letters("killed") == []
    assert worker.redis.exists(f"hadron:starts:{slow['killed']}") == 0


def test_a_task_that_kills_every_process_is_given_up(
    worker: LetterWorker, slow: dict[str, str]
) -> None:
    # A pool may take ten seconds to be sure that one of its processes is gone.
    (letter,) = worker.wait_for(lambda: worker.letters("kills_always"), "the letter", 180)
    assert (letter["error_type"], letter["task_id"]) == ("WorkerLostError", slow["kills_always"])
    assert letter["attempts"] == 3
    assert "3 times" in letter["message"]


def test_a_task_out_of_memory_is_a_letter_and_does_not_end_its_worker(
    worker: LetterWorker,
) -> None:
    task_id = worker.send("out_of_memory")
    (letter,) = worker.wait_for(lambda: worker.letters("out_of_memory"), "the letter")
    assert (letter["error_type"], letter["task_id"]) == ("MemoryError", task_id)
    worker.wait_for(lambda: worker.ended("out_of_memory", "failure") == 1, "the end")
    worker.wait_for(lambda: worker.celery.control.ping(timeout=2, limit=1), "the worker's answer")


def test_a_hard_time_limit_is_a_letter(worker: LetterWorker, slow: dict[str, str]) -> None:
    (letter,) = worker.wait_for(lambda: worker.letters("hangs"), "the letter")
    assert (letter["error_type"], letter["task_id"]) == ("TimeLimitExceeded", slow["hangs"])
    assert (letter["args"], letter["attempts"]) == ([], 1)


def test_all_of_it_is_listed(worker: LetterWorker, slow: dict[str, str]) -> None:
    before = worker.newest_letter()
    unknown = worker.send("of_an_older_version")
    worker.redis.lpush("maintenance", b"no message at all", json.dumps(envelope(b"{no JSON")))
    arrived = (
        "SELECT error_type FROM dead_letters WHERE id > %s"
        " AND error_type IN ('NotRegistered', 'NoMessage', 'DecodeError')"
    )
    worker.wait_for(lambda: len(worker.query(arrived, before)) == 3, "three letters")
    worker.wait_for(lambda: worker.letters("kills_always"), "the letter", 180)
    worker.wait_for(lambda: worker.letters("hangs"), "the letter")
    listed = worker.hadron("dlq", "list", "--kind", "task", "--limit", "1000", "--json")
    causes = {(one["task_name"], one["error_type"]) for one in json.loads(listed)}
    assert {
        ("test.kills_always", "WorkerLostError"),
        ("test.hangs", "TimeLimitExceeded"),
        ("test.of_an_older_version", "NotRegistered"),
        ("test.misconfigured", "DecodeError"),
        (None, "NoMessage"),
    } <= causes
    assert worker.letters("killed") == []  # done by redelivery
    assert {slow["kills_always"], slow["hangs"], unknown} <= {
        row[0] for row in worker.query("SELECT task_id FROM dead_letters")
    }
