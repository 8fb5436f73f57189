"""A task that fails for good is a dead letter, with all that is needed to try it again."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from letter_worker import LetterWorker
from stall_meter import StallMeter

pytestmark = pytest.mark.xdist_group("dead letters")


def test_a_task_that_fails_three_times_is_a_letter(worker: LetterWorker, tmp_path: Path) -> None:
    mended = str(tmp_path / "mended")
    with StallMeter() as meter:
        task_id = worker.send("fails_until_mended", mended, 7)
        (letter,) = worker.wait_for(
            lambda: worker.letters("fails_until_mended", task_id=task_id), "the letter"
        )

    assert (letter["args"], letter["kwargs"], letter["queue"]) == ([mended, 7], {}, "maintenance")
    assert (letter["error_type"], letter["message"]) == ("ValueError", "cannot do 7")
    assert letter["place"] == "failing_tasks.fails_until_mended"
    assert "raise ValueError" in letter["traceback"]
    assert (letter["attempts"], letter["status"], letter["kind"]) == (3, "dead", "task")
    first, last = (
        datetime.fromisoformat(letter[f"{which}_failed_at"]) for which in ("first", "last")
    )
    took_s = (last - first).total_seconds()
    assert took_s > 1.0
    assert took_s - meter.stalled_s < 10.0


def test_an_error_that_no_waiting_mends_is_a_letter_at_once(
    worker: LetterWorker, tmp_path: Path
) -> None:
    task_id = worker.send("misconfigured", str(tmp_path / "mended"))
    (letter,) = worker.wait_for(
        lambda: worker.letters("misconfigured", task_id=task_id), "the letter"
    )
    assert (letter["attempts"], letter["error_type"]) == (1, "ConfigurationError")


def test_arguments_that_do_not_fit_are_a_letter(worker: LetterWorker) -> None:
    worker.send("misconfigured", 1, 2, 3)
    (letter,) = worker.wait_for(
        lambda: worker.letters("misconfigured", error_type="TypeError"), "the letter"
    )
    assert letter["args"] == [1, 2, 3]


def test_what_finds_the_database_away_waits_and_is_no_letter(
    worker: LetterWorker, tmp_path: Path
) -> None:
    back = tmp_path / "back"
    worker.send("finds_database_away", str(back))
    worker.wait_for(lambda: worker.ended("finds_database_away", "retry") >= 2, "two attempts")
    back.touch()
    worker.wait_for(lambda: worker.ended("finds_database_away", "success") == 1, "success")
    assert worker.letters("finds_database_away") == []


def test_a_poke_that_fails_is_one_letter_with_a_count(worker: LetterWorker) -> None:
    for _ in range(5):
        worker.send("poke", "kalshi")
    worker.send("poke", "polygon")
    worker.wait_for(
        lambda: sum(letter["attempts"] for letter in worker.letters("poke")) == 6, "six failures"
    )
    counts = {one["args"][0]: (one["venue"], one["attempts"]) for one in worker.letters("poke")}
    assert counts == {"kalshi": ("kalshi", 5), "polygon": ("polygon", 1)}
