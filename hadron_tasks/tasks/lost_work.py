"""Work that never reaches its task, or whose task cannot speak for it any more.

A worker's main process sees what its pool does not: messages for unknown tasks, messages that
cannot be read, tasks that ran into their hard time limit, tasks that were revoked or came too late.
Celery logs these and drops them; here each is a dead letter first. The main process must wait for
nothing, so its letters go to the waiting room in Redis.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any

import redis
from celery import Task, signals
from celery.app.task import Context
from celery.exceptions import Ignore, Reject, Retry, Terminated, TimeLimitExceeded, WorkerLostError
from celery.utils.log import get_logger
from celery.worker.consumer import Consumer
from celery.worker.request import Request
from kombu import Connection, Message
from kombu.exceptions import DecodeError, OperationalError

from hadron_tasks import letter_room
from hadron_tasks.app import app
from hadron_tasks.errors import StreamUnavailable
from hadron_tasks.redaction import redact
from hadron_tasks.settings import get_settings
from hadron_tasks.store.dead_tasks import DeadTask, identity_of_message, identity_of_task
from hadron_tasks.task_past import Past
from hadron_tasks.tasks import letters
from hadron_tasks.tasks.letters import Fault, Sent, queue_of

_STORE_EXPIRES_S = 60

_BROKER_RETRY_STEP_S = 0.5
"""A worker that lost its broker waits so long, then twice so long, and so on."""
_BROKER_RETRY_MOST_S = 2.0

_SEEN_TO = (Ignore, Reject, Retry, Terminated, WorkerLostError)
"""How a task ends that is done with, delivered again, or revoked (a signal tells of that)."""

_RAN_TOO_LONG = Fault(
    "TimeLimitExceeded",
    "It ran longer than its hard time limit allows; its process was ended.",
)

_log = get_logger(__name__)


class LetterConsumer(Consumer):  # type: ignore[misc]
    """The ``worker_consumer`` of every worker: a message that it cannot take is a dead letter."""

    def ensure_connected(self, conn: Connection) -> Connection:
        """Wait for the broker; by default a worker might look only every 32 seconds."""
        conn.ensure_connection = partial(
            conn.ensure_connection,
            interval_start=_BROKER_RETRY_STEP_S,
            interval_step=_BROKER_RETRY_STEP_S,
            interval_max=_BROKER_RETRY_MOST_S,
        )
        return super().ensure_connected(conn)

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Message], Any]:
        """What is called with every message."""
        handle = super().create_task_handler(*args, **kwargs)

        def on_task_received(message: Message) -> Any:
            try:
                _check_payload(message)
                return handle(message)
            except self.connection_errors:
                raise
            except Exception as error:  # noqa: BLE001 - else it would end this and every worker
                _bury_unreadable(message, error)
                if not message.acknowledged:
                    message.reject_log_error(_log, self.connection_errors)
                return None

        return on_task_received

    def on_decode_error(self, message: Message, exc: Exception) -> None:
        """The body cannot be read."""
        _bury_unreadable(message, exc)
        super().on_decode_error(message, exc)

    def on_unknown_message(self, body: Any, message: Message) -> None:
        """It does not name a task."""
        _bury_unreadable(message, ValueError("The message names no task."))
        super().on_unknown_message(body, message)

    def on_invalid_task(self, body: Any, message: Message, exc: Exception) -> None:
        """It names a task and is not what a task's message has to be."""
        _bury_unreadable(message, exc)
        super().on_invalid_task(body, message, exc)

    def on_unknown_task(self, body: Any, message: Message, exc: Exception) -> None:
        """No task of that name is known here."""
        sent = _sent(message)
        if sent is None:
            _bury_unreadable(message, exc)
        else:
            words = f"No task is called {sent.name!r} here: is a worker older than who sent it?"
            _put(letters.letter_of(sent, Fault("NotRegistered", words), None, by_cause=False))
        super().on_unknown_task(body, message, exc)


class LetterRequest(Request):  # type: ignore[misc]
    """A task on its way through a worker's pool."""

    _has_letter = False

    def on_failure(
        self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False
    ) -> None:
        """The pool says that the task failed.

        With ``return_ok`` the task's own process said so, and has seen to its letter.
        """
        error = getattr(exc_info.exception, "exc", exc_info.exception)
        if isinstance(error, TimeLimitExceeded):
            self._bury(_RAN_TOO_LONG)
        elif not (return_ok or isinstance(error, _SEEN_TO)):
            words = redact(str(error))[: letters.LONGEST_MESSAGE]
            trace = redact(str(exc_info.traceback))
            self._bury(Fault(type(error).__name__, words, traceback=trace))
        super().on_failure(exc_info, send_failed_event, return_ok)

    def on_timeout(self, soft: bool, timeout: float) -> None:
        """It ran into its time limit. With a hard one its message is acknowledged now.

        The pool tells of a hard limit twice, and goes on when the first telling fails.
        """
        if not soft:
            self._bury(_RAN_TOO_LONG)
        super().on_timeout(soft, timeout)

    def _bury(self, fault: Fault) -> None:
        if self._has_letter:
            return
        past = Past.of(self.request_dict)
        queue = queue_of(self.delivery_info)
        sent = Sent(self.id, self.task.name, self.args, self.kwargs, queue, past)
        _put(letters.letter_of(sent, fault, self.task, by_cause=_by_cause(self.task, past)))
        self._has_letter = True


@signals.task_revoked.connect  # type: ignore[untyped-decorator]
def _bury_revoked(sender: Task, request: Any, expired: bool, **_: Any) -> None:
    past = Past.of(vars(request))
    if _by_cause(sender, past) and not past.attempts:
        return  # another comes, or has come
    fault = Fault("Revoked", "Somebody revoked it before it was done.")
    if expired:
        fault = Fault("Expired", "It waited on its queue past the time it was wanted by.")
    queue = queue_of(request.delivery_info)
    sent = Sent(request.id, sender.name, request.args, request.kwargs, queue, past)
    _put(letters.letter_of(sent, fault, sender, by_cause=_by_cause(sender, past)))


@signals.task_internal_error.connect  # type: ignore[untyped-decorator]
def _bury_internal(sender: Task, request: Any, exception: Exception, **_: Any) -> None:
    """Celery failed around the task, in the pool's process, and would take it for done."""
    request = Context(request)
    past = Past.of(vars(request))
    queue = queue_of(request.delivery_info)
    sent = Sent(request.id, sender.name, request.args, request.kwargs, queue, past)
    fault = Fault.of(exception)
    letters.keep(letters.letter_of(sent, fault, sender, by_cause=_by_cause(sender, past)))


@signals.worker_ready.connect  # type: ignore[untyped-decorator]
def _move_what_waits(**_: Any) -> None:
    if letter_room.waiting(_redis()):
        _ask_to_store()


def set_aside(queue: str, item: bytes, reason: str) -> None:
    """Make a dead letter of a queue's item that is no message."""
    words = f"What was on the queue is no message: {reason}."
    _put(_unreadable(queue, item, Fault("NoMessage", redact(words)), {}))


def _check_payload(message: Message) -> None:
    """Refuse what Celery takes on trust, and would end on or take for done.

    Raises:
        DecodeError: The body cannot be read, or is not the arguments of a task.
    """
    if "task" not in (message.headers or {}):
        return  # Celery sees to it
    payload = message.payload
    kinds = (list | tuple, dict, dict | None)
    if not (
        isinstance(payload, list | tuple)
        and len(payload) == len(kinds)
        and all(isinstance(part, kind) for part, kind in zip(payload, kinds, strict=True))
    ):
        raise DecodeError("The body is not the arguments of a task: [args, kwargs, options].")


def _bury_unreadable(message: Message, error: Exception) -> None:
    queue = queue_of(message.delivery_info) or ""
    body = message.body if isinstance(message.body, bytes) else str(message.body).encode()
    seen = {
        "content-type": message.content_type,
        "headers": message.headers,
        "body": body.decode("utf-8", "backslashreplace"),
    }
    envelope = json.dumps(seen, default=str).encode()
    fault = Fault(type(error).__name__, redact(str(error))[: letters.LONGEST_MESSAGE])
    headers = message.headers if isinstance(message.headers, dict) else {}
    _put(_unreadable(queue, envelope, fault, headers))


def _unreadable(queue: str, body: bytes, fault: Fault, headers: Mapping[str, Any]) -> DeadTask:
    task_id, name = headers.get("id"), headers.get("task")
    past = Past.of(headers)
    identity = past.letter or identity_of_message(queue, body)
    if isinstance(task_id, str):
        identity = past.letter or identity_of_task(task_id)
    now = datetime.now(UTC)
    return DeadTask(
        identity=identity,
        task_id=task_id if isinstance(task_id, str) else None,
        task_name=name if isinstance(name, str) else None,
        queue=queue,
        body=redact(body.decode("latin-1")).encode("latin-1"),
        error_type=fault.error_type,
        message=fault.message,
        place=f"queue {queue}",
        first_failed_at=now,
        last_failed_at=now,
    )


def _sent(message: Message) -> Sent | None:
    """The task that a message asks for; None when its arguments cannot be read."""
    try:
        headers, (args, kwargs, _) = message.headers, message.payload
        queue = queue_of(message.delivery_info)
        return Sent(
            headers["id"], headers["task"], list(args), dict(kwargs), queue, Past.of(headers)
        )
    except Exception:  # noqa: BLE001 - whatever somebody put on the queue
        return None


def _by_cause(task: Task, past: Past) -> bool:
    return getattr(task, "is_poke", False) or past.scheduled


def _put(letter: DeadTask) -> None:
    """Leave a letter in the waiting room.

    Raises:
        redis.ConnectionError: It cannot be left; the worker connects anew, and the message, which
            was not acknowledged, is delivered again.
    """
    try:
        was_empty = letter_room.put(_redis(), letter)
    except StreamUnavailable as error:
        raise redis.ConnectionError(str(error)) from error
    if was_empty:
        _ask_to_store()


def _ask_to_store() -> None:
    # A lost request costs nothing: beat sends one every minute.
    with suppress(OperationalError, redis.RedisError):
        app.send_task(letter_room.STORE_TASK, expires=_STORE_EXPIRES_S, retry=False)


@cache
def _redis() -> redis.Redis:
    """The main process's own connection: the pool's processes have others."""
    return redis.Redis.from_url(
        get_settings().redis_url.get_secret_value(), socket_timeout=5, socket_connect_timeout=5
    )
