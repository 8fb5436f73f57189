"""Reading values out of decoded frames: exact numbers, checked text, times by magnitude.

Frames are decoded by jiter, which keeps the text of every JSON number (pydantic's own JSON mode
goes through binary floats and loses digits). Each function takes the value and its place in the
frame, and raises MalformedFrame with that place.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Clamped, Context, Decimal, DecimalException, Inexact, Overflow, Subnormal
from functools import lru_cache
from typing import Any

import jiter

from hadron_tasks.errors import MalformedFrame

MAX_TEXT = 255
MAX_DIGITS = 40
"""Digits of a number, and places before or after its point; no price or size comes near."""
MAX_LISTED = 100
"""Entries of a list of codes (conditions, indicators) that are kept."""

# Market data is younger than the exchanges, and a time centuries ahead is a unit misread.
EARLIEST_US = 1_262_304_000_000_000  # 2010-01-01
LATEST_US = 4_102_444_800_000_000  # 2100-01-01
EARLIEST_MS = EARLIEST_US // 1_000
LATEST_MS = LATEST_US // 1_000

_INT64 = 2**63
_TOO_LARGE = 10**MAX_DIGITS
_NUMBER = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?")
_PLAIN_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
"""Of at most MAX_DIGITS characters it needs no other check."""
_SANE = Context(
    prec=MAX_DIGITS,
    Emin=-MAX_DIGITS,
    Emax=MAX_DIGITS - 1,
    traps=[Clamped, Inexact, Overflow, Subnormal],
)
"""Takes numbers of at most MAX_DIGITS digits as they are and refuses all others."""
_MAX_UNIX_TEXT = 20
_NUL = b"\\u0000"
_MAX_SHOWN = 60

# Unix times by magnitude: seconds until the year 5138, then milliseconds, and so on.
_SECONDS_BELOW = 10**11
_MILLISECONDS_BELOW = 10**14
_MICROSECONDS_BELOW = 10**17


def decode(data: bytes) -> Any:
    """A frame's JSON, with non-integers as Decimal.

    Raises:
        MalformedFrame: It is no JSON, no UTF-8, or nested too deeply.
    """
    try:
        return jiter.from_json(data, float_mode="decimal", allow_inf_nan=False, cache_mode="keys")
    except ValueError as error:
        raise MalformedFrame(f"no JSON: {error}") from None


def may_hold_nul(data: bytes) -> bool:
    """Whether a frame is worth looking through with :func:`reject_nul`: few are."""
    # A single byte is found ten times as quickly, and few frames hold a backslash.
    return b"\\" in data and _NUL in data


def reject_nul(document: Any, place: str = "") -> None:
    """Raise where a text of a decoded document holds a NUL, which PostgreSQL cannot store."""
    if type(document) is str:
        if "\x00" in document:
            raise MalformedFrame("holds a NUL character", place=place)
    elif type(document) is list:
        for item in document:
            reject_nul(item, place)
    elif type(document) is dict:
        for key, item in document.items():
            reject_nul(key, place)
            # The field and no deeper: a place names a fault, it does not repeat the frame.
            reject_nul(item, place if "." in place else f"{place}.{key[:64]}".removeprefix("."))


def shown(value: object) -> str:
    """A value for an error message, shortened."""
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


def is_absent(value: Any) -> bool:
    """Whether a field says nothing: left out, null or an empty text."""
    # Truth first: it is quick, and comparing a Decimal with a text is not.
    return not value and (value is None or value == "")


def text(value: Any, place: str) -> str:
    """A non-empty text of at most 255 characters."""
    if type(value) is not str or not value or len(value) > MAX_TEXT:
        raise MalformedFrame(f"should be a short text, is {shown(value)}", place=place)
    if "\x00" in value:
        raise MalformedFrame("holds a NUL character", place=place)
    return value


def optional_text(value: Any, place: str) -> str | None:
    """A text, or None where there is none or an empty one."""
    return None if is_absent(value) else text(value, place)


def number(value: Any, place: str) -> Decimal:
    """A number, however it is written: as text or as a JSON number; every digit is kept."""
    kind = type(value)
    if kind is str:
        written = _written(value)
        found = None if written is None else written[0]
    elif kind is int:
        found = Decimal(value) if -_TOO_LARGE < value < _TOO_LARGE else None
    elif kind is Decimal:
        found = value if _is_sane(value) else None
    else:
        found = None
    if found is None:
        raise MalformedFrame(f"should be a number, is {shown(value)}", place=place)
    return found


def optional_number(value: Any, place: str) -> Decimal | None:
    """A number, or None where there is none (null or an empty text)."""
    return None if is_absent(value) else number(value, place)


def quantity(value: Any, place: str) -> Decimal | None:
    """A number that is not negative, or None where there is none."""
    # Texts first: they are what the busiest messages send.
    if type(value) is str and (written := _written_quantity(value)) is not None:
        return written[0]
    return _quantity(value, place)


def total(value: Any, place: str) -> str | None:
    """The same as Decimal writes it: for what is only kept, and grows, so no cache would help."""
    # Decimal writes digits as they are unless they begin with a zero, so there is no need of one
    # for most: a third of the time.
    if type(value) is str:
        if (
            "1" <= value < ":"
            and len(value) <= MAX_DIGITS
            and value[-1] != "."
            and value.isascii()
            and value.replace(".", "", 1).isdigit()
        ):
            return value
    elif type(value) is int and 0 <= value < _TOO_LARGE:
        return str(value)
    found = quantity(value, place)
    return None if found is None else str(found)


Written = tuple[Decimal | None, str]
"""A number and how Decimal writes it, which is what identities are made of."""

_NOTHING_WRITTEN: Written = (None, "None")


def written_quantity(words: str | None, place: str) -> Written:
    """What :func:`quantity` says of a text, and how that is written."""
    if not words:
        return _NOTHING_WRITTEN
    found = _written_quantity(words)
    if found is None:
        quantity = _quantity(words, place)  # says what is wrong
        return quantity, str(quantity)
    return found


def written_number(words: str, place: str) -> tuple[Decimal, str]:
    """What :func:`number` says of a text, and how that is written."""
    found = _written(words)
    if found is None:
        value = number(words, place)
        return value, str(value)
    return found


def _quantity(value: Any, place: str) -> Decimal | None:
    if is_absent(value):
        return None
    found = number(value, place)
    if found < 0:
        raise MalformedFrame(f"should not be negative, is {shown(value)}", place=place)
    return found


def optional_integer(value: Any, place: str) -> int | None:
    """A whole number that fits 64 bits, or None."""
    if value is None:
        return None
    if type(value) is not int or not -_INT64 <= value < _INT64:
        raise MalformedFrame(f"should be a whole number, is {shown(value)}", place=place)
    return value


def flag(value: Any, place: str) -> bool | None:
    """True or false, or None where nothing is said."""
    if value is None or type(value) is bool:
        return value
    raise MalformedFrame(f"should be true or false, is {shown(value)}", place=place)


def plain(value: Any, place: str) -> Any:
    """A number, short text, truth value, or a list of such: what metadata keeps as it was sent."""
    if type(value) is int and -_TOO_LARGE < value < _TOO_LARGE:
        return value
    if type(value) is list:
        if len(value) > MAX_LISTED:
            raise MalformedFrame(f"should have at most {MAX_LISTED} entries", place=place)
        for item in value:
            _check_scalar(item, place)
    else:
        _check_scalar(value, place)
    return value


def time_us(value: Any, place: str) -> int:
    """A time in microseconds since the Unix epoch, from whatever form it is sent in.

    A number is seconds, milliseconds, microseconds or nanoseconds by its magnitude; a text is ISO
    8601, with up to nine digits of a second (Kalshi since April 2026), or a number.
    """
    found: int | None = None
    if type(value) is int:
        if EARLIEST_MS <= value < LATEST_MS:  # what nearly every message sends
            return value * 1_000
        found = _unix_us(value)
    elif type(value) is str and value:
        found = _text_us(value)
    elif type(value) is Decimal and _is_sane(value):
        found = int(value * 1_000_000) if value < _SECONDS_BELOW else _unix_us(int(value))
    if found is None or not EARLIEST_US <= found < LATEST_US:
        raise MalformedFrame(f"should be a time since 2010, is {shown(value)}", place=place)
    return found


def _parse(words: str) -> Decimal | None:
    if len(words) <= MAX_DIGITS and _PLAIN_NUMBER.fullmatch(words):
        return Decimal(words)
    if not _NUMBER.fullmatch(words):
        return None
    value = Decimal(words)
    return value if _is_sane(value) else None


# Prices and sizes repeat from message to message; a hit costs a third of parsing.
@lru_cache(maxsize=16_384)
def _written(words: str) -> tuple[Decimal, str] | None:
    found = _parse(words)
    return None if found is None else (found, str(found))


@lru_cache(maxsize=16_384)
def _written_quantity(words: str) -> tuple[Decimal, str] | None:
    found = _written.__wrapped__(words)
    return None if found is None or found[0] < 0 else found


def _is_sane(value: Decimal) -> bool:
    try:
        _SANE.plus(value)
    except DecimalException:
        return False
    return value.is_finite()


def _check_scalar(value: Any, place: str) -> None:
    kind = type(value)
    if kind is int:
        sane = -_TOO_LARGE < value < _TOO_LARGE
    elif kind is str:
        sane = len(value) <= MAX_TEXT
    else:
        sane = kind is bool or (kind is Decimal and _is_sane(value))
    if not sane:
        raise MalformedFrame(f"should be a code or a number, is {shown(value)}", place=place)


def _text_us(value: str) -> int | None:
    if not (value.isascii() and value.isdecimal()):
        return _iso_us(value)
    return _unix_us(int(value)) if len(value) <= _MAX_UNIX_TEXT else None


def _unix_us(value: int) -> int:
    if value < _SECONDS_BELOW:
        return value * 1_000_000
    if value < _MILLISECONDS_BELOW:
        return value * 1_000
    if value < _MICROSECONDS_BELOW:
        return value
    return value // 1_000


def _iso_us(value: str) -> int | None:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        elapsed = moment - datetime(1970, 1, 1, tzinfo=UTC)
    except OverflowError:
        return None
    return elapsed.days * 86_400_000_000 + elapsed.seconds * 1_000_000 + elapsed.microseconds
