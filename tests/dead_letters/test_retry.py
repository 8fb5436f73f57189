"""Dead letters sent again by ``hadron dlq retry``, through a real worker."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from factories import NOON_US
from letter_worker import LetterWorker

from hadron_tasks.local.redis_server import free_port
from hadron_tasks.raw_stream import RawFrame

pytestmark = pytest.mark.xdist_group("dead letters")

RECEIVED_NS = NOON_US * 1000 + 123_456_789
SNAPSHOT = (
    b'{"type":"orderbook_snapshot","sid":1,"seq":%d,"msg":{"market_ticker":"KXMENDED",'
    b'"yes_dollars_fp":[["0.4000","10.00"]]}}'
)
BAD_FOR_EVER = b'{"type":"ticker","msg":{"market_ticker":"KXMENDED","price_dollars":"high"}}'


class Flower:
    """Flower's API."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/api/tasks"

    def state(self, task_id: str) -> str | None:
        """What Flower says of a task; None while it knows nothing of it."""
        try:
            with urllib.request.urlopen(self._url, timeout=60) as answer:
                tasks = json.load(answer)
        except OSError:
            return None
        return cast("str | None", tasks.get(task_id, {}).get("state"))

    def of(self, name: str) -> dict[str, Any]:
        """The tasks of a name."""
        with urllib.request.urlopen(f"{self._url}?taskname={name}", timeout=60) as answer:
            return cast("dict[str, Any]", json.load(answer))


@pytest.fixture
def flower(worker: LetterWorker, tmp_path: Path) -> Iterator[Flower]:
    port = free_port()
    process = worker.celery_command(
        "flower", "--address=127.0.0.1", f"--port={port}", FLOWER_UNAUTHENTICATED_API="true"
    )
    (tmp_path / "mended").touch()
    started = Flower(port)

    def it_sees_tasks() -> bool:
        task_id = worker.send("misconfigured", str(tmp_path / "mended"))
        return bool(started.state(task_id))

    worker.wait_for(it_sees_tasks, "Flower")
    yield started
    process.terminate()
    process.wait(120)


def test_a_task_that_failed_three_times_is_done_after_the_mend(
    worker: LetterWorker, flower: Flower, tmp_path: Path
) -> None:
    mended = tmp_path / "the-cause"
    task_id = worker.send("fails_until_mended", str(mended), 1)
    (letter,) = worker.wait_for(
        lambda: worker.letters("fails_until_mended", task_id=task_id), "the letter"
    )
    worker.wait_for(lambda: flower.state(task_id) == "FAILURE", "the failure in Flower")
    listed = json.loads(worker.hadron("dlq", "list", "--task", "test.fails_until_mended", "--json"))
    assert letter["fingerprint"] in [group["fingerprint"] for group in listed]

    mended.touch()
    worker.hadron("dlq", "retry", "--task", "test.fails_until_mended")
    worker.wait_for(lambda: worker.status(letter["id"]) == ("resolved", 3), "the resolution")

    def done_again() -> bool:
        tasks = flower.of("test.fails_until_mended")
        return any(one["state"] == "SUCCESS" and str(mended) in one["args"]
                   for one in tasks.values())  # fmt: skip

    worker.wait_for(done_again, "the success in Flower")


def test_a_task_that_fails_again_is_dead_again(worker: LetterWorker, tmp_path: Path) -> None:
    task_id = worker.send("misconfigured", str(tmp_path / "mended"))
    (letter,) = worker.wait_for(
        lambda: worker.letters("misconfigured", task_id=task_id), "the letter"
    )
    worker.hadron("dlq", "retry", str(letter["id"]))
    worker.wait_for(lambda: worker.status(letter["id"]) == ("dead", 2), "the end")
    (tmp_path / "mended").touch()
    worker.hadron("dlq", "retry", str(letter["id"]))
    worker.wait_for(lambda: worker.status(letter["id"]) == ("resolved", 2), "the resolution")
    assert [one["id"] for one in worker.letters("misconfigured", args=letter["args"])] == [
        letter["id"]
    ]


def test_a_frame_is_stored_after_the_mend_with_its_receive_time(worker: LetterWorker) -> None:
    before = worker.newest_letter()
    frames = [RawFrame(SNAPSHOT % n, RECEIVED_NS + n, "kalshi-1") for n in range(3)]
    for frame in (*frames, RawFrame(BAD_FOR_EVER, RECEIVED_NS, "kalshi-1")):
        worker.receive("kalshi", frame)

    def statuses() -> list[tuple[Any, ...]]:
        return worker.query(
            "SELECT error_type, status, attempts, count(*) FROM dead_letters"
            " WHERE id > %s GROUP BY 1, 2, 3 ORDER BY 1",
            before,
        )

    failed = [("KeyError", "dead", 1, 3), ("MalformedFrame", "dead", 1, 1)]
    worker.wait_for(lambda: statuses() == failed, "four letters")
    (worker.directory / "normaliser-mended").touch()
    worker.hadron("dlq", "retry", "--venue", "kalshi")
    outcome = [("KeyError", "resolved", 1, 3), ("MalformedFrame", "dead", 2, 1)]
    worker.wait_for(lambda: statuses() == outcome, "the outcome")
    stored = worker.query(
        "SELECT extract(epoch FROM t.received_at)::text, t.tick_type FROM ticks t"
        " JOIN instruments i ON i.id = t.instrument_id WHERE i.ticker = 'KXMENDED'"
    )
    assert stored == [("1795262400.123456", "book_snapshot")] * 3
