"""Taking secrets out of texts that are kept or shown: error messages, tracebacks, log lines.

Two nets, one behind the other: the very values that this process is configured with, wherever they
stand, and whatever has the form of a secret: private keys, passwords in addresses, API keys.
"""

from __future__ import annotations

import json
import re
import traceback
from functools import cache
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from hadron_tasks.errors import ConfigurationError
from hadron_tasks.settings import Settings, get_settings

HIDDEN = "[hidden]"

_SHORTEST_VALUE = 6
"""A configured password shorter than this is found by its place only: hiding every "abc" in every
text would hide what people need to read."""

_SHORTEST_KEY_LINE = 24

_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
)
_ADDRESS_PASSWORD = re.compile(r"(://[^\s:/@'\"]*:)[^\s'\"]+(?=@)")
_NAMED = re.compile(
    r"((?:passw(?:or)?d|secret|api[_-]?key|access[_-](?:key|signature|token)|authorization)"
    r"\\?[\"']?\s*[=:]\s*\\?[\"']?(?:(?:bearer|basic)\s+)?+)"
    r"(?!\[hidden)[^\s\"'&,;)}\]\\]{4,}",
    re.IGNORECASE,
)


class RedactedError(Exception):
    """Stands in for an error whose text held a secret: its type, and the text without it."""


def redact(text: str) -> str:
    """``text`` with ``[hidden]`` in place of every secret found in it."""
    for value in _configured_values():
        text = text.replace(value, HIDDEN)
    if "PRIVATE KEY" in text:
        text = _PRIVATE_KEY.sub(HIDDEN, text)
    text = _ADDRESS_PASSWORD.sub(rf"\g<1>{HIDDEN}", text)
    return _NAMED.sub(rf"\g<1>{HIDDEN}", text)


def redacted_error(error: Exception) -> Exception:
    """``error`` itself, or its stand-in when it, or what it came from, tells a secret."""
    told = "".join(traceback.format_exception(error))
    if redact(told) == told:
        return error
    stand_in = RedactedError(f"{type(error).__name__}: {redact(str(error))}")
    # Neither cause nor context: either may be what told it.
    stand_in.__suppress_context__ = True
    return stand_in.with_traceback(error.__traceback__)


def forget_configured_values() -> None:
    """Read the settings anew with the next text: for a process whose settings change."""
    _configured_values.cache_clear()


@cache
def _configured_values() -> tuple[str, ...]:
    try:
        found = _secrets_of(get_settings())
    except ConfigurationError:
        return ()
    forms = {
        form
        for value in found
        if len(value) >= _SHORTEST_VALUE
        for form in (value, quote(value, safe=""), json.dumps(value)[1:-1])
    }
    # The longest first: one may be a part of another.
    return tuple(sorted(forms, key=len, reverse=True))


def _secrets_of(settings: Settings) -> set[str]:
    found: set[str] = set()
    for key in settings.kalshi_keys():
        found |= {key.key_id, *_lines_of_key(key.private_key_path)}
    if settings.polygon_api_key is not None:
        found.add(settings.polygon_api_key.get_secret_value())
    for address in (settings.redis_url, settings.database_url):
        password = urlsplit(address.get_secret_value()).password
        if password:
            found |= {password, unquote(password)}
    return found


def _lines_of_key(path: Path) -> list[str]:
    """A private key's lines: one may be quoted without what makes it known for a key."""
    try:
        lines = path.read_text().splitlines()
    except (OSError, ValueError):
        return []  # who uses the key says what is wrong with it
    return [line for line in lines if len(line) >= _SHORTEST_KEY_LINE and "-----" not in line]
