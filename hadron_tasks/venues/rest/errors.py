"""What can go wrong with a request to an exchange's REST API, and whether it may pass by itself.

Kalshi explains errors as ``{"code", "message", "details", "service"}``, in places wrapped as
``{"error": {...}}`` or ``{"error": "text"}``; Polygon as ``{"status", "error"}`` or
``{"status", "message"}``; the proxies before them as plain text or HTML. See :func:`explain`.
"""

# The classes are named for what happened, as everywhere in Hadron.
# ruff: noqa: N818
from __future__ import annotations

import re
from typing import Any, ClassVar, NamedTuple

import jiter

from hadron_tasks.errors import AuthenticationRefused, HadronError

_MOST_SHOWN = 200
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]+")
_TAG = re.compile(r"<[^>]{0,200}>")


class RestError(HadronError):
    """A request to an exchange's REST API did not bring what was asked for."""

    retryable: ClassVar[bool] = False
    """Whether the same request may succeed later without anybody doing anything."""

    def __init__(self, endpoint: str, explanation: str) -> None:
        """``endpoint`` is what was asked, without the values of its parameters.

        It names the exchange, too: ``Kalshi GET /markets``.
        """
        super().__init__(f"{endpoint}: {explanation}")
        self.endpoint = endpoint


class ExchangeUnreachable(RestError):
    """No connection, or no answer in time."""

    retryable = True


class AnswerUnreadable(RestError):
    """The body was cut off, is no JSON, or is not of the documented shape."""

    retryable = True


class RequestBudgetExhausted(RestError):
    """The rate limit leaves no room for the request before its deadline.

    ``wait_s`` is how long it would have had to wait.
    """

    retryable = True

    def __init__(self, endpoint: str, wait_s: float) -> None:
        super().__init__(
            endpoint,
            f"the rate limit asks for a wait of {wait_s:.1f} s, which is past the deadline. "
            "Try again later, or let less run at once.",
        )
        self.wait_s = wait_s


class CursorRepeats(RestError):
    """A page's cursor is one that was already followed: going on would never end."""

    def __init__(self, endpoint: str, cursor: str) -> None:
        super().__init__(endpoint, f"the cursor {cursor!r} came again; the list cannot be ended.")
        self.cursor = cursor


class RequestRefused(RestError):
    """The exchange answered with a status that is no success."""

    def __init__(self, endpoint: str, status: int, answer: ErrorAnswer) -> None:
        super().__init__(endpoint, f"HTTP {status}: {answer}")
        self.status = status
        self.code = answer.code
        self.explanation = answer.message


class BadRequest(RequestRefused):
    """HTTP 400 and other refusals of the request itself; the same request will fail again."""


class NotFound(RequestRefused):
    """HTTP 404: there is no such market, event, series or endpoint."""


class KeyRefused(RequestRefused, AuthenticationRefused):
    """HTTP 401 or 403 with every configured key, or without a key where one is needed."""


class NotEntitled(RequestRefused):
    """The key is good, but its account's plan does not include what was asked for.

    No retry and no other key of the account helps: a larger plan does, or asking for less (older
    data, another endpoint).
    """


class ExchangeFailed(RequestRefused):
    """HTTP 5xx, still after several tries."""

    retryable = True


class RateLimited(RequestRefused):
    """HTTP 429, still after the whole fleet slowed down.

    ``retry_after_s`` is what the exchange asked for, if it did.
    """

    retryable = True

    def __init__(
        self, endpoint: str, status: int, answer: ErrorAnswer, retry_after_s: float | None
    ) -> None:
        super().__init__(endpoint, status, answer)
        self.retry_after_s = retry_after_s


class ErrorAnswer(NamedTuple):
    """What the exchange said about an error; empty texts where it said nothing."""

    code: str
    message: str

    def __str__(self) -> str:
        told = ": ".join(part for part in self if part)
        return told or "no explanation"


def explain(body: bytes) -> ErrorAnswer:
    """Read the body of an error in whichever form it comes; never raises."""
    try:
        document = jiter.from_json(body)
    except ValueError:
        return ErrorAnswer("", _plain(body))
    if isinstance(document, dict) and document.get("error"):
        document = document["error"]
    if isinstance(document, str):
        return ErrorAnswer("", _shortened(document))
    if not isinstance(document, dict):
        return ErrorAnswer("", _plain(body))
    told = [_text(document.get(name)) for name in ("message", "msg", "details", "service")]
    message = ", ".join(dict.fromkeys(part for part in told if part))
    code = _text(document.get("code")) or _text(document.get("status"))
    return ErrorAnswer(_shortened(code), _shortened(message))


def from_status(
    endpoint: str, status: int, body: bytes, retry_after_s: float | None = None
) -> RequestRefused:
    """The error that an answer without success stands for."""
    answer = explain(body)
    if status == 429:
        return RateLimited(endpoint, status, answer, retry_after_s)
    if status in (401, 403):
        return KeyRefused(endpoint, status, answer)
    if status == 404:
        return NotFound(endpoint, status, answer)
    if status >= 500:
        return ExchangeFailed(endpoint, status, answer)
    return BadRequest(endpoint, status, answer)


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str | int) else ""


def _plain(body: bytes) -> str:
    text = body[: _MOST_SHOWN * 10].decode("utf-8", "replace")
    return _shortened(_TAG.sub(" ", text))


def _shortened(text: str) -> str:
    text = " ".join(_UNPRINTABLE.sub(" ", text).split())
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."
