"""Dead letters of tasks: what failed for good, with all that is needed to try it again."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Annotated, Any

from psycopg2.extensions import cursor as Cursor  # noqa: N812
from psycopg2.extras import execute_values
from pydantic import BaseModel, BeforeValidator, ConfigDict

from hadron_tasks.store.dead_letters import storable

_INSERT = """
    INSERT INTO dead_letters (kind, identity, fingerprint, venue, raw_frame, task_id, task_name,
                              args, kwargs, queue, error_type, message, place, traceback,
                              attempts, first_failed_at, last_failed_at)
    VALUES %s
"""
_TELL_LAST = """
        attempts = dead_letters.attempts + EXCLUDED.attempts,
        last_failed_at = greatest(dead_letters.last_failed_at, EXCLUDED.last_failed_at),
        task_id = EXCLUDED.task_id, fingerprint = EXCLUDED.fingerprint,
        error_type = EXCLUDED.error_type, message = EXCLUDED.message, place = EXCLUDED.place,
        traceback = EXCLUDED.traceback
"""
# A task's failure is written once, since an entry of the waiting room may be moved twice; and a
# letter that was resolved or discarded stays so.
_OF_A_TASK = f"""
    {_INSERT}
    ON CONFLICT (identity) DO UPDATE SET
        status = CASE WHEN dead_letters.status = 'retrying'
                      THEN 'dead' ELSE dead_letters.status END, {_TELL_LAST}
    WHERE dead_letters.last_failed_at < EXCLUDED.last_failed_at OR dead_letters.status = 'retrying'
"""
# Failures of one cause come from many processes at once, in any order: each is counted (an entry
# moved twice is counted twice), and one after the letter was resolved or discarded opens it anew.
_OF_A_CAUSE = f"""
    {_INSERT}
    ON CONFLICT (identity) DO UPDATE SET
        status = CASE WHEN dead_letters.status = 'retrying'
                        OR dead_letters.last_failed_at < EXCLUDED.last_failed_at
                      THEN 'dead' ELSE dead_letters.status END, {_TELL_LAST}
"""
_RESOLVE = """
    UPDATE dead_letters SET status = 'resolved'
    WHERE identity = ANY(%s) AND status IN ('dead', 'retrying')
"""


Text = Annotated[str, BeforeValidator(storable)]


class DeadTask(BaseModel):
    """A task that failed for good, and why."""

    model_config = ConfigDict(frozen=True, ser_json_bytes="base64", val_json_bytes="base64")

    identity: bytes
    by_cause: bool = False
    """It stands for all failures of one cause: the tasks carry no work of their own, so one letter
    with a count says as much as thousands."""
    task_id: Text | None = None
    task_name: Text | None = None
    args_json: Text | None = None
    """None when the message could not be read, so that it cannot be sent again."""
    kwargs_json: Text | None = None
    queue: Text | None = None
    venue: Text | None = None
    body: bytes | None = None
    """The message as it was on the queue, when it could not be read."""
    error_type: Text
    message: Text
    place: Text = ""
    traceback: Text = ""
    attempts: int = 1
    first_failed_at: datetime
    last_failed_at: datetime

    @property
    def fingerprint(self) -> str:
        """What letters of the same cause share."""
        return _digest(6, self.task_name or "", self.error_type, self.place).hex()


def identity_of_task(task_id: str) -> bytes:
    """A task keeps its id however often it is tried, and so is one letter."""
    return _digest(16, "task", task_id)


def identity_of_cause(task_name: str, args: str, kwargs: str, *cause: str) -> bytes:
    """One letter for every failure of one cause with the same arguments."""
    return _digest(16, "cause", task_name, args, kwargs, *cause)


def identity_of_message(queue: str, body: bytes) -> bytes:
    """The same unreadable message on the same queue is the same letter."""
    return _digest(16, "message", queue, body.decode("latin-1"))


def storable_json(value: Any) -> str:
    """JSON that ``jsonb`` takes: no NUL, no half of a surrogate pair, no number that is none.

    Raises:
        RecursionError: It is nested too deeply.
    """
    return json.dumps(_storable_value(value), sort_keys=True)


def write_dead_tasks(cursor: Cursor, letters: Iterable[DeadTask]) -> int:
    """Store letters in the cursor's open transaction; returns how many were new or changed."""
    merged: dict[bytes, DeadTask] = {}
    for letter in letters:
        merged[letter.identity] = _together(merged.get(letter.identity), letter)
    written = 0
    for by_cause, statement in ((False, _OF_A_TASK), (True, _OF_A_CAUSE)):
        rows = [_row(one) for one in merged.values() if one.by_cause is by_cause]
        if rows:
            execute_values(cursor, statement, rows, page_size=len(rows))
            written += cursor.rowcount
    return written


def resolve_tasks(cursor: Cursor, identities: Iterable[bytes]) -> None:
    """Mark letters whose retry succeeded."""
    wanted = sorted(set(identities))
    if wanted:
        cursor.execute(_RESOLVE, (wanted,))


def _together(earlier: DeadTask | None, later: DeadTask) -> DeadTask:
    """Two failures of one letter: the same statement may not touch one row twice."""
    if earlier is None:
        return later
    return later.model_copy(
        update={
            "attempts": earlier.attempts + later.attempts,
            "first_failed_at": min(earlier.first_failed_at, later.first_failed_at),
        }
    )


def _row(letter: DeadTask) -> tuple[Any, ...]:
    return (
        "task",
        letter.identity,
        letter.fingerprint,
        letter.venue,
        letter.body,
        letter.task_id,
        letter.task_name,
        letter.args_json,
        letter.kwargs_json,
        letter.queue,
        letter.error_type,
        letter.message,
        letter.place,
        letter.traceback,
        letter.attempts,
        letter.first_failed_at,
        letter.last_failed_at,
    )


def _storable_value(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {storable(str(key)): _storable_value(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_storable_value(one) for one in value]
    return value if value is None or isinstance(value, bool | int) else storable(str(value))


def _digest(size: int, *parts: str) -> bytes:
    return blake2b("\x1f".join(parts).encode("utf-8", "replace"), digest_size=size).digest()
