"""Writing the dead letter of a task, and keeping it: in PostgreSQL, else in the waiting room."""

from __future__ import annotations

import inspect
import sysconfig
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

import structlog
from celery import Task
from psycopg2 import Error as PostgresError

from hadron_tasks import letter_room
from hadron_tasks.errors import StoreUnavailable
from hadron_tasks.letter_room import Waiting
from hadron_tasks.redaction import redact
from hadron_tasks.store.dead_tasks import (
    DeadTask,
    identity_of_cause,
    identity_of_task,
    resolve_tasks,
    storable_json,
    write_dead_tasks,
)
from hadron_tasks.store.session import raw_connection
from hadron_tasks.task_past import Past
from hadron_tasks.tasks.connections import engine, redis_client

LONGEST_MESSAGE = 4_000
LONGEST_TRACEBACK = 20_000

_LIBRARIES = (sysconfig.get_path("purelib"), sysconfig.get_path("stdlib"))

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Fault:
    """What went wrong, in words that hold no secret."""

    error_type: str
    message: str
    place: str = ""
    """The function of ours that it went wrong in."""
    traceback: str = ""

    @classmethod
    def of(cls, error: BaseException) -> Fault:
        """What an exception tells."""
        told = "".join(traceback.format_exception(error))
        return cls(
            type(error).__name__,
            redact(str(error))[:LONGEST_MESSAGE],
            _place(error.__traceback__),
            redact(told)[-LONGEST_TRACEBACK:],
        )


@dataclass(frozen=True, slots=True)
class Sent:
    """A task as it was sent."""

    task_id: str
    name: str
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    queue: str | None
    past: Past = field(default_factory=Past)


def queue_of(delivery_info: Any) -> str | None:
    """The queue that a message came by; each has a routing key of its own name."""
    queue = (delivery_info or {}).get("routing_key")
    return queue if isinstance(queue, str) else None


def letter_of(sent: Sent, fault: Fault, task: Task | None, *, by_cause: bool) -> DeadTask:
    """The dead letter of a task.

    Args:
        task: The task itself, where this process knows it.
        by_cause: It carries no work of its own: one letter stands for all of one cause.
    """
    now = datetime.now(UTC)
    args, kwargs = redact(storable_json(sent.args)), redact(storable_json(sent.kwargs))
    if sent.past.letter is not None:
        identity = sent.past.letter
    elif by_cause:
        identity = identity_of_cause(sent.name, args, kwargs, fault.error_type, fault.place)
    else:
        identity = identity_of_task(sent.task_id)
    return DeadTask(
        identity=identity,
        by_cause=by_cause,
        task_id=sent.task_id,
        task_name=sent.name,
        args_json=args,
        kwargs_json=kwargs,
        queue=sent.queue,
        venue=_venue(task, sent.args, sent.kwargs),
        error_type=fault.error_type,
        message=fault.message,
        place=fault.place,
        traceback=fault.traceback,
        attempts=sent.past.attempts + 1,
        first_failed_at=sent.past.first_failed_at or now,
        last_failed_at=now,
    )


def keep(what: Waiting) -> None:
    """Keep a letter, or the news that one is resolved, wherever it can be kept now.

    Raises:
        StreamUnavailable: Neither PostgreSQL nor Redis takes it.
    """
    try:
        with raw_connection(engine()) as connection, connection, connection.cursor() as cursor:
            if isinstance(what, bytes):
                resolve_tasks(cursor, [what])
            else:
                write_dead_tasks(cursor, [what])
    except (StoreUnavailable, PostgresError) as error:
        letter_room.put(redis_client(), what)
        _log.warning("dead letter waits in redis", reason=redact(str(error)).strip())


def _venue(task: Task | None, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str | None:
    """The argument called ``venue``, if the task has one."""
    venue = kwargs.get("venue")
    if venue is None and task is not None:
        names = list(inspect.signature(task.run).parameters)
        if "venue" in names and names.index("venue") < len(args):
            venue = args[names.index("venue")]
    return venue if isinstance(venue, str) else None


def _place(trace: TracebackType | None) -> str:
    """The innermost function that is no library's: what letters of one bug share."""
    frames = traceback.extract_tb(trace)
    ours = [one for one in frames if not one.filename.startswith(_LIBRARIES)]
    if not (ours or frames):
        return ""
    inner = (ours or frames)[-1]
    module = inner.filename.rpartition("/")[2].removesuffix(".py")
    return f"{module}.{inner.name}"
