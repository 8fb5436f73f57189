"""The base of every task: what is tried again, how often, and how it ends."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NoReturn

from celery import Task
from celery.exceptions import Ignore, Reject, Retry
from redis import RedisError

from hadron_tasks.errors import StoreNotReady, StoreUnavailable, StreamUnavailable
from hadron_tasks.letter_room import Waiting
from hadron_tasks.redaction import redacted_error
from hadron_tasks.task_past import Past
from hadron_tasks.tasks import letters, starts
from hadron_tasks.tasks.connections import redis_client
from hadron_tasks.tasks.letters import Fault, Sent, queue_of
from hadron_tasks.tasks.retries import TryAgain, decide, may_pass


class HadronTask(Task):  # type: ignore[misc]
    """A task whose work is not lost: tried again as its error asks for, else a dead letter.

    A task raises whatever went wrong and lets this class decide
    (:mod:`hadron_tasks.tasks.retries`):

    - PostgreSQL or Redis is away, a deadlock: tried again until it is back;
    - an exchange's REST API fails: tried again for hours;
    - the configuration, or keys that are refused: a dead letter at once;
    - anything else: tried ``attempts`` times, then a dead letter.

    The arguments are JSON and hold no secret; the same arguments twice do no harm.
    """

    abstract = True
    Request = "hadron_tasks.tasks.lost_work:LetterRequest"
    attempts: int = 3
    """How often an error that may be a bug is tried, in all, before it is a dead letter."""
    is_poke: bool = False
    """Its message carries no work of its own, since another comes soon: never tried again, nothing
    is kept when something is away, and one dead letter counts all failures of one cause."""
    throws = (StoreUnavailable, StoreNotReady, StreamUnavailable)
    """Expected now and then: logged in a line, without a traceback."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the task, and see to it when it fails."""
        if self.request.called_directly:
            return super().__call__(*args, **kwargs)
        past = Past.of(vars(self.request))
        redelivered = (self.request.delivery_info or {}).get("redelivered")
        if redelivered:
            self._refuse_if_it_kills(past)
        failure: Exception | None = None
        try:
            result = self.run(*args, **kwargs)
        except (Ignore, Reject, Retry):
            raise
        except Exception as error:  # noqa: BLE001 - decided upon, and raised again
            failure = error
        finally:
            if redelivered:
                with suppress(RedisError):
                    starts.ended(redis_client(), self.request.id)
        if failure is not None:
            # Not where it was caught: what is raised there drags it along as its context, with
            # all the secrets that it may tell, into logs and events.
            self._failed(failure, past)
        if past.letter is not None:
            self._keep(past.letter)
        return result

    def _refuse_if_it_kills(self, past: Past) -> None:
        """Give up on a task that ended its process every time it was started."""
        try:
            deaths = starts.deaths_before(redis_client(), self.request.id)
        except StreamUnavailable:
            return
        if deaths >= starts.MOST_DEATHS:
            words = (
                f"It was started {deaths} times and did not end: each time its process or its "
                "worker was killed, ran out of memory or crashed."
            )
            self._bury(Fault("WorkerLostError", words), replace(past, failures=deaths - 1))
            raise Ignore

    def _failed(self, error: Exception, past: Past) -> NoReturn:
        told = redacted_error(error)
        if isinstance(error, MemoryError):
            # A worker that hears of one from its pool ends itself, and of the same task again.
            told = RuntimeError("The task ran out of memory.")
        if self.is_poke:
            if may_pass(error):
                raise told
        else:
            again = decide(error, past, self.attempts, datetime.now(UTC))
            if again is not None:
                self._send_again(told, again)
        self._bury(Fault.of(error), past)
        raise told

    def _send_again(self, error: Exception, again: TryAgain) -> None:
        """Send the task once more. Returns when its arguments are such that it cannot be sent."""
        request = self.request
        signature = self.signature_from_request(
            request,
            countdown=again.wait_s,
            retries=request.retries + 1,
            headers=(request.headers or {}) | again.past.headers(),
        )
        try:
            signature.apply_async()
        except Exception as failure:  # noqa: BLE001 - told apart here
            if not may_pass(failure):
                return
            # Not sent, so not done: the message goes back to its queue.
            raise Reject(failure, requeue=True) from None
        raise Retry(exc=error, when=again.wait_s, sig=signature) from error

    def _bury(self, fault: Fault, past: Past) -> None:
        request = self.request
        queue = queue_of(request.delivery_info)
        sent = Sent(request.id, self.name, request.args, request.kwargs, queue, past)
        by_cause = self.is_poke or past.scheduled
        self._keep(letters.letter_of(sent, fault, self, by_cause=by_cause))

    def _keep(self, what: Waiting) -> None:
        try:
            letters.keep(what)
        except StreamUnavailable as failure:
            # Kept nowhere: the message goes back to its queue, and the task is done again.
            raise Reject(failure, requeue=True) from None


Report = dict[str, Any]
"""What a task returns: counts, JSON-ready, short enough to read in Flower."""
