"""Dead letters as people read them, and as programs do."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click

from hadron_tasks.store.letter_box import Letter, LetterGroup
from hadron_tasks.times import from_ns

_MESSAGE_SHOWN = 160
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def letters(count: int, word: str = "letter") -> str:
    """``1 letter``, ``2 letters``."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def told(group: LetterGroup) -> str:
    """A cause in a few lines, none cut short but the message."""
    place = f" at {group.place}" if group.place else ""
    source = group.task_name or group.venue or f"queue {group.queue}"
    message = printable(group.message.partition("\n")[0])
    if len(message) > _MESSAGE_SHOWN:
        message = message[:_MESSAGE_SHOWN] + "..."
    return (
        f"{click.style(group.fingerprint, bold=True)}  {letters(group.count)}, {source}\n"
        f"    {group.error_type}{place}: {message}\n"
        f"    newest: {group.newest_id}, last failed {_moment(group.last_failed_at)}"
    )


def facts(letter: Letter) -> dict[str, str]:
    """What a letter says beside its frame and its traceback, for people."""
    received = None
    if letter.received_at_ns is not None:
        received = f"{_moment(from_ns(letter.received_at_ns))} ({letter.received_at_ns} ns)"
    found = {
        "letter": letter.id,
        "status": letter.status,
        "cause": letter.fingerprint,
        "venue": letter.venue,
        "connection": letter.connection,
        "received": received,
        "task": letter.task_name,
        "task id": letter.task_id,
        "arguments": None if letter.args is None else json.dumps(letter.args),
        "keywords": json.dumps(letter.kwargs) if letter.kwargs else None,
        "queue": letter.queue,
        "error": f"{letter.error_type}: {letter.message}",
        "place": letter.place,
        "attempts": letter.attempts,
        "first failed": _moment(letter.first_failed_at),
        "last failed": _moment(letter.last_failed_at),
    }
    return {name: printable(str(value)) for name, value in found.items() if value not in (None, "")}


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def document(letter: Letter) -> dict[str, Any]:
    """A letter whole, for programs; its frame in base64."""
    fields = asdict(letter)
    if letter.raw_frame is not None:
        fields["raw_frame"] = base64.b64encode(letter.raw_frame).decode()
    return fields


def readable(frame: bytes) -> str:
    """The frame for a person: indented JSON, else its text with what is no text escaped."""
    try:
        return printable(json.dumps(json.loads(frame), indent=2, ensure_ascii=False))
    except (ValueError, RecursionError):
        return printable(frame.decode("utf-8", "backslashreplace"))


def printable(text: str) -> str:
    """A text whose control characters are escaped: what an exchange sent commands no terminal."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
