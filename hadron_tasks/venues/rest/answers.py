"""One request to a REST API and the answer to it: bounded in time and size, decoded."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import jiter
import requests
from requests.auth import AuthBase
from urllib3.exceptions import DecodeError, ProtocolError, ReadTimeoutError

from hadron_tasks.venues import wire
from hadron_tasks.venues.rest.errors import (
    AnswerUnreadable,
    ExchangeUnreachable,
    from_status,
)

MOST_BYTES = 128 * 1024**2
"""The longest body that is read; a thousand markets of Kalshi take about two megabytes, fifty
thousand trades of Polygon about twelve."""
_CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever it says."""

    endpoint: str
    status: int
    retry_after_s: float | None
    body: bytes
    document: Any = None

    @property
    def may_hold_nul(self) -> bool:
        """Whether a text in it may hold a character that PostgreSQL cannot store."""
        return wire.may_hold_nul(self.body)

    def decoded(self) -> Answer:
        """The same with its document.

        Raises:
            RequestRefused: Its status is no success.
            AnswerUnreadable: The body is no JSON.
        """
        if self.status != 200:
            raise from_status(self.endpoint, self.status, self.body, self.retry_after_s)
        try:
            document = jiter.from_json(self.body, float_mode="decimal", allow_inf_nan=False)
        except ValueError as error:
            raise AnswerUnreadable(self.endpoint, f"the body is no JSON: {error}") from None
        return replace(self, document=document)

    def object_at(self, field: str) -> dict[str, Any]:
        """The object in a field, or the whole document for an empty name."""
        found = self._mapping().get(field) if field else self.document
        if not isinstance(found, dict):
            raise AnswerUnreadable(self.endpoint, f"{field or 'the body'} is no object")
        return found

    def list_at(self, field: str) -> list[Any]:
        """The list in a field; null is an empty one."""
        document = self._mapping()
        found = document.get(field)
        if found is None and field in document:
            return []
        if not isinstance(found, list):
            raise AnswerUnreadable(self.endpoint, f"{field} is no list")
        return found

    def text_at(self, field: str) -> str:
        """The text in a field; empty where there is none."""
        found = self._mapping().get(field)
        if found is not None and not isinstance(found, str):
            raise AnswerUnreadable(self.endpoint, f"{field} is no text")
        return found or ""

    def _mapping(self) -> dict[str, Any]:
        if not isinstance(self.document, dict):
            raise AnswerUnreadable(self.endpoint, "the body is no object")
        return self.document


def read_answer(
    session: requests.Session,
    endpoint: str,
    url: str,
    params: Any,
    auth: AuthBase | None,
    timeouts_s: tuple[float, float],
    deadline: float,
) -> Answer:
    """Send one GET and read what comes back.

    Args:
        endpoint: What errors call it.
        timeouts_s: To connect, and between two reads.
        deadline: By the monotonic clock: a body that trickles in is given up on then.

    Raises:
        ExchangeUnreachable: No connection, or not all of the answer in time.
        AnswerUnreadable: The body was cut off or is too long.
        requests.exceptions.InvalidURL, InvalidSchema, MissingSchema: The URL is none.
    """
    left = max(0.05, deadline - time.monotonic())
    timeout = (min(timeouts_s[0], left), min(timeouts_s[1], left))
    try:
        with session.get(
            url, params=params, auth=auth, timeout=timeout, allow_redirects=False, stream=True
        ) as response:
            # A signature is for one path, and a key for one host: redirects are not followed.
            body = _read_body(response, endpoint, deadline)
            retry_after_s = parse_retry_after(response.headers.get("Retry-After"))
            return Answer(endpoint, response.status_code, retry_after_s, body)
    except (ProtocolError, DecodeError):
        raise AnswerUnreadable(endpoint, "the body was cut off") from None
    except (requests.Timeout, ReadTimeoutError):
        raise ExchangeUnreachable(endpoint, f"no answer within {timeout[1]:.0f} s") from None
    except requests.ConnectionError as error:
        raise ExchangeUnreachable(endpoint, f"no connection: {error}") from error


def parse_retry_after(text: str | None) -> float | None:
    """Seconds to wait: the header says seconds or a date; None where it says neither."""
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = (moment - datetime.now(UTC)).total_seconds()
    return max(0.0, seconds) if seconds < float("inf") else None


def _read_body(response: requests.Response, endpoint: str, deadline: float) -> bytes:
    body = bytearray()
    # One system call at a time: whatever reads a whole chunk would wait for it past the deadline.
    while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
        body += chunk
        if len(body) > MOST_BYTES:
            raise AnswerUnreadable(endpoint, f"the body is longer than {MOST_BYTES} bytes")
        if time.monotonic() > deadline:
            raise ExchangeUnreachable(endpoint, "the body did not come in time")
    return bytes(body)
