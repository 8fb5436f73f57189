"""A task that fails for good is a dead letter, with all that is needed to try it again."""

from __future__ import annotations

from pathlib import Path

from letter_worker import LetterWorker


def test_a_task_that_fails_three_times_is_a_letter(worker: LetterWorker, tmp_path: Path) -> None:
    task_id = worker.send("fails_until_mended", str(tmp_path / "mended"), 7)
    (letter,) = worker.wait_for(lambda: worker.letters("fails_until_mended"), "the letter")
    assert letter["task_id"] == task_id
